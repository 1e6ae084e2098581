"""The world's markets are cleared by the mechanism that the scenario names."""

from __future__ import annotations

from functools import cache

import polars as pl
import pytest
from given import LAB, START, given

from agents.simulation import simulate
from events.schema import encode
from events.types import clearing as events
from market.analytics import table
from market.analytics.audit import audit
from market.clearing import clear
from market.clearing.registry import OURS
from market.rules import books, offers, spot
from market.scenario.errors import ScenarioError
from market.scenario.load import load_scenario


@cache
def world(**mechanisms: str) -> pl.LazyFrame:
    """The log of 20 weeks of the default world under other mechanisms."""
    sets = {f"mechanisms.{market}": name for market, name in mechanisms.items()} | {"years": "0.4"}
    log = simulate(load_scenario("frontier-2024", sets).scenario, 0).log
    frame = pl.from_arrow(encode([list(log.entries())], 0, 0))
    assert isinstance(frame, pl.DataFrame)
    return frame.lazy()


def test_no_choice_of_a_mechanism_is_in_the_log_of_the_default_world_and_its_chips_are_shared_by_the_sellers_weights():
    log = world()
    assert log.filter(pl.col("type") == "MechanismChosen").collect().is_empty()
    assert table("clearings", log).collect()["mechanism"].unique().to_list() == ["strategic"]


@pytest.mark.parametrize("mechanism", sorted(OURS))
def test_the_auditor_agrees_with_a_world_whose_chips_are_cleared_otherwise(mechanism):
    log = world(chips=mechanism)
    assert audit(log) == []
    rows = table("clearings", log).filter(pl.col("market") == "chips").collect()
    assert rows["mechanism"].unique().to_list() == [mechanism]
    assert (rows["gpus"] <= rows["offered_gpus"]).all()
    assert (rows["surplus_usd"] >= 0).all()
    assert rows["gpus"].sum() > 0


def test_the_auction_sets_one_price_where_chips_are_short_and_each_order_keeps_its_own_elsewhere():
    log = world(chips="uniform-price")
    cleared = log.filter(pl.col("type") == "ChipsCleared").select("day", "chip", "price_usd_per_gpu").collect()
    priced = cleared.drop_nulls()
    assert 0 < priced.height < cleared.height
    sold = log.filter(pl.col("type") == "ChipsAllocated").collect().join(priced, on=["day", "chip"], suffix="_set")
    assert (sold["price_usd_per_gpu"] == sold["price_usd_per_gpu_set"]).all()


def test_chips_in_a_warehouse_ask_for_a_shell_until_their_owner_has_power_of_its_own():
    small = given()
    small.state.chips.warehouse[LAB] = {"H100": 1_000}
    (bid,) = offers.shells(small.state, START).bids
    (asked,) = bid.alternatives
    assert (bid.buyer, asked.units, asked.chips) == (LAB, 1_400, (offers.SHELL,))
    assert asked.weeks > 4
    assert asked.value_usd > 0


def test_a_market_or_mechanism_that_there_is_not_is_refused_at_its_place(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("name: mine\ntitle: mine\nextends: frontier-2024\nmechanisms:\n  chps: greedy\n")
    with pytest.raises(ScenarioError, match=r"mine.yaml:5:3 mechanisms.chps: no market .* did you mean 'chips'"):
        load_scenario(file)
    with pytest.raises(ScenarioError, match=r"--set mechanisms.chips: no mechanism 'gredy' .* did you mean 'greedy'"):
        load_scenario("frontier-2024", {"mechanisms.chips": "gredy"})


def test_a_scenario_without_a_choice_has_the_hash_that_it_had_and_one_with_a_choice_another():
    plain, chosen = load_scenario("frontier-2024"), load_scenario("frontier-2024", {"mechanisms.chips": "pro-rata"})
    assert "mechanisms" not in plain.dump()
    assert 'mechanisms:\n  chips: "pro-rata"' in chosen.dump()
    assert plain.sha256 != chosen.sha256


def test_the_mechanism_of_a_market_is_part_of_the_state():
    world = given()
    assert books.mechanism_of(world.state, "chips") == "strategic"
    world.happened(events.MechanismChosen(kind="chips", mechanism="pro-rata"))
    assert books.mechanism_of(world.state, "chips") == "pro-rata"


def test_on_demand_by_auction_costs_no_less_than_running_and_no_more_than_it_is_worth_to_the_last_renter():
    log = world(on_demand="uniform-price")
    assert audit(log) == []
    rows = table("clearings", log).filter(pl.col("market") == "on_demand").collect()
    assert rows["gpus"].sum() > 0
    priced = rows.drop_nulls("price_usd_per_gpu_hour")
    assert (priced["price_usd_per_gpu_hour"] > 0).all()
    assert (priced["price_usd_per_gpu_hour"] <= priced["marginal_usd_per_gpu_hour"] * (1 + 1e-9)).all()
    rented = log.filter(pl.col("type") == "OnDemandRented").collect()
    assert rented["price_usd_per_gpu_hour"].n_unique() > 3


def test_with_less_open_to_rent_the_auction_on_demand_is_dearer():
    """A quarter of the GPUs for the same demand."""
    state = started()
    (few, many) = (auction(state, part) for part in (0.25, 1.0))
    assert few > many > 0


def started():
    from agents.simulation import begin

    model = begin(load_scenario("frontier-2024").scenario, 0)
    for _ in range(3):
        model.step()
    return model.state


def auction(state, part):
    """Price of H100 by auction with a part of what is open."""
    one, share = next((one, share) for one, share in spot.open_classes(state) if one.chip == "H100")
    less = one._replace(open={at: max(1, int(part * gpus)) for at, gpus in one.open.items()})
    return spot.price_of(clear("uniform-price", spot.spot_book(state, less, share, state.run.start_day)))


@pytest.mark.parametrize("market", ["chips", "on_demand", "shells"])
def test_gpus_are_worth_the_rent_of_the_work_that_they_do(market):
    """Were all that is installed to do 1.5 times the work, a GPU would be less of the mean, and worth less."""
    state = started()
    state.chips.warehouse.setdefault("meta", {})["H100"] = 1_000
    state.chips.chips["H100"].stock_gpus = 1_000
    for order in state.chips.orders.values():
        order.price_usd_per_gpu = 1.0

    def worth():
        book = offers.MAKE[market](state, state.run.start_day + 21)
        return sum(bid.alternatives[0].value_usd for bid in book.bids)

    before = worth()
    state.leases.work_per_h100e *= 1.5
    assert 0 < worth() < before
