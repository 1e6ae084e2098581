"""Prices: what moves spot, quotes, the index and posted prices, and within which bounds."""

from __future__ import annotations

import math

import pytest
from given import CLOUD, LAB, SITE, START, given, handed, lease

from events.types import chips as chip_events
from events.types import leases as events
from events.types.demand import MarketCleared, TailSigned, UseMeasured
from events.types.run import ParameterSet
from market.rules import index, prices
from market.state.demand import TAIL
from market.state.leases import Signature
from market.view import MarketView, Shared


def test_the_cost_of_an_hour_follows_the_price_and_power_of_a_chip_per_h100e():
    world = given(price__tco_usd_per_h100e_hour=1.4, price__tco_capital_share=0.5)
    chips = world.state.chips.chips
    assert prices.replacement_cost(world.state, chips["H100"]) == pytest.approx(1.4)
    capital, running = 40_000 / 2.5 / 25_000, 2.0 / 2.5 / 1.4
    assert prices.replacement_cost(world.state, chips["GB200"]) == pytest.approx(1.4 * (capital + running) / 2)


def test_a_levy_enters_the_cost_of_the_buyer_that_pays_it_and_the_mean_that_of_the_market():
    world = given(levy__chips=0.1)
    h100 = world.state.chips.chips["H100"]
    untaxed = prices.replacement_cost(given().state, h100)
    assert prices.replacement_cost(world.state, h100, 0.0) == pytest.approx(untaxed)
    market, payer = (prices.replacement_cost(world.state, h100, levy) for levy in (None, 0.5))
    assert untaxed < market < payer
    carbon = given(levy__energy_usd_per_mwh=100.0)
    kw = h100.power_kw_it_per_gpu
    assert prices.replacement_cost(carbon.state, h100) == pytest.approx(untaxed + kw * 0.1)


def test_the_cost_of_the_mix_does_not_depend_on_what_was_made_this_week():
    world = given()
    before = prices.cost_of_mix(world.state, START)
    world.happened(
        chip_events.OutputMade(
            chip="A100", supplier="nvidia", gpus=10**6, price_usd_per_gpu=1.0, lead_time_weeks=0.0
        )
    )  # fmt: skip
    assert prices.cost_of_mix(world.state, START) == before
    world.happened(chip_events.VolumeReached(chip="GB200", supplier="nvidia"))
    assert prices.cost_of_mix(world.state, START + 400) < before


def spot_after(world, weeks):
    """Spot after some weeks of clearing."""
    for _ in range(weeks):
        world.close_weeks()
        world.after(prices.clear(world.state, world.day))
    return world.state.demand.clearing_usd_per_h100e_hour


def spending(world, usd):
    """What the tail would spend."""
    return world.happened(UseMeasured(org=TAIL, usd_per_year=usd, growth_per_year=0.5, h100e=1.0))


def test_scarcity_lifts_spot_and_plenty_lowers_it_by_no_more_than_a_step_a_week():
    step = given().state.run.parameters["price.clearing_step_max"]
    scarce, slack = spending(given(), 1e10), spending(given(), 1e5)
    assert spot_after(scarce, 1) == pytest.approx(3.0 * math.exp(step), rel=1e-6)
    assert spot_after(slack, 1) == pytest.approx(3.0 * math.exp(-step), rel=1e-6)


def test_spot_falls_to_the_running_cost_and_no_further_and_rises_to_the_worth_of_the_last_user():
    slack, scarce = spending(given(), 1e3), spending(given(), 1e11)
    slack.happened(UseMeasured(org=CLOUD, usd_per_year=1e3, growth_per_year=0.0, h100e=1.0))
    floor = prices._floor(slack.state)
    assert spot_after(slack, 200) == pytest.approx(floor)
    assert 10 < spot_after(scarce, 100) < 100


@pytest.mark.parametrize("what", ["demand.factor", "supply"])
def test_spot_is_monotone_in_demand_and_supply(what):
    found = []
    for factor in (0.5, 1.0, 2.0):
        world = given(demand__factor=factor if what == "demand.factor" else 1.0)
        if what == "supply":
            extra = chip_events.FleetRegistered(
                org=CLOUD, site=SITE, chip="H100", gpus=round(4_000 / factor), power_kw_it=1
            )
            world.happened(extra)
        found.append(spot_after(world, 26))
    assert found == sorted(found)
    assert found[0] < found[-1]


def test_a_quote_fades_from_spot_to_the_price_of_entry():
    world = given()
    entry = prices.entry_price(world.state)
    forwards = [prices.forward(world.state, weeks) for weeks in (0, 26, 104, 1000)]
    assert forwards[0] == pytest.approx(3.0)
    assert forwards == sorted(forwards, reverse=True)
    assert forwards[-1] == pytest.approx(entry, rel=1e-6)
    assert prices.quote(world.state, 364, 0) > prices.quote(world.state, 1460, 0) > 1.1 * 1.5


def test_long_contracts_are_not_sold_below_what_entry_costs():
    world = given().happened(
        MarketCleared(
            clearing_usd_per_h100e_hour=0.2, reference_usd_per_h100e_hour=3.0, cost_usd_per_h100e_hour=1.5,
            h100e=1.0, supply_h100e=1.0,
        )
    )  # fmt: skip
    assert prices.quote(world.state, 1460, 0) == pytest.approx(1.1 * 1.5)
    assert prices.quote(world.state, 364, 0) < 1.5


def test_spot_that_a_one_year_price_means_gives_that_price():
    world = given()
    spot = prices.clearing_for(world.state, 2.5)
    assert prices.reference_quote(world.state, spot) == pytest.approx(2.5)


# --- the index


def published(world):
    """The index after a week."""
    world.close_weeks()
    world.after(index.publish(world.state, world.day))
    return world.state.leases.price_usd_per_h100e_hour


def signed(world, price):
    """The tail signs one contract at a price."""
    return world.happened(
        TailSigned(lessor=CLOUD, h100e=100.0, duration_days=364, price_usd_per_h100e_hour=price)
    )  # fmt: skip


def test_the_index_stands_still_while_nobody_signs_and_follows_who_does():
    assert published(given()) == 2.5
    low, high = published(signed(given(), 1.0)), published(signed(given(), 4.0))
    assert low < 2.5 < high
    assert published(signed(given(), 4.0)) == high


def test_after_two_half_lives_without_a_signature_the_quote_moves_the_index():
    world = given()
    p = world.state.run.parameters
    weeks = p["price.quiet_half_lives"] * p["price.index_half_life_weeks"]
    last = world.state.run.start_day + round(7 * weeks)
    quote, stale = prices.reference_quote(world.state), index.measured(world.state, last)[0]
    moved, counted = index.measured(world.state, last + 1)
    assert counted == index.measured(world.state, last).counted_h100e
    assert stale == 2.5
    assert min(2.5, quote) <= moved <= max(2.5, quote)
    assert moved != stale


def test_the_index_moves_by_how_much_was_signed():
    def moved(h100e):
        world = given()
        sold = TailSigned(lessor=CLOUD, h100e=h100e, duration_days=364, price_usd_per_h100e_hour=1.0)
        return published(world.happened(sold))

    assert 2.5 > moved(10.0) > moved(1_000.0) > moved(100_000.0)


@pytest.mark.parametrize(("chip", "days", "wait_days"), [("H100", 364, 0), ("A100", 700, 56), ("GB200", 364, 84)])
def test_the_index_compares_a_contract_with_the_quote_for_its_like(chip, days, wait_days):
    """What is signed at the rent of the day moves the index to today's quote, whatever its chip, term and wait."""
    state = given().state
    seen = MarketView(Shared(state), CLOUD)
    rent = seen.rent(chip, days, wait_days / 7) / seen.chip(chip).h100e
    state.leases.signed = [Signature(CLOUD, chip, 1e12, days, wait_days, rent)]
    assert index.measured(state, seen.day)[0] == pytest.approx(prices.reference_quote(state), rel=1e-4)


def test_later_capacity_of_a_cheaper_chip_is_sold_nearer_to_its_own_cost():
    world = given()
    cheap, weeks = "A100", 20
    cost = prices.replacement_cost(world.state, world.state.chips.chips[cheap])
    factor = prices.later_factor(world.state, cost, 2 * cost, weeks)
    assert 0.5 < factor < 1 == prices.later_factor(world.state, cost, 2 * cost, 0)
    assert prices.later_factor(world.state, 2 * cost, cost, weeks) == 1  # a dearer one is sold at the quote for all


def test_a_contract_counts_once():
    world = signed(given(), 1.0)
    first = published(world)
    assert world.state.leases.signed == []
    assert published(world) == first


def talks_to_lease(kind):
    """A lease signed on a quote."""
    world = given()
    world.happened(
        events.LeaseRequested(
            request_id="lab/request/1", lessee=LAB, lessor=CLOUD, h100e=9.0, due_day=START, duration_days=364,
            price_usd_per_h100e_hour=3.0, kind=kind,
        ),
        events.QuoteGiven(
            quote_id="cloud/quote/1", request_id="lab/request/1", parent_lease_id=None, lessor=CLOUD, lessee=LAB,
            chip="H100", site=SITE, gpus=9, start_day=START, end_day=START + 364, price_usd_per_gpu_hour=2.0,
        ),
    )  # fmt: skip
    return world.happened(lease(gpus=9, quote_id="cloud/quote/1", price_usd_per_gpu_hour=2.0, kind=kind))


def test_leases_between_strangers_count_and_those_within_a_house_do_not():
    assert talks_to_lease("serving").state.leases.signed[0].price_usd_per_h100e_hour == pytest.approx(2.0)
    assert talks_to_lease("internal").state.leases.signed == []


def test_a_posted_price_is_revised_only_when_the_index_has_left_it_behind():
    near, far = given(price__spot_hazard_weeks=1.0), given(price__spot_hazard_weeks=1.0)
    far.happened(
        events.PriceMoved(
            price_usd_per_h100e_hour=1.0, spot_usd_per_h100e_hour=3.4, tightness=1.0, lead_time_weeks=10.0
        )
    )
    near.state.leases.price_usd_per_h100e_hour = 3.45 / near.state.run.parameters["price.spot_ratio"]
    assert published(near)
    assert near.state.leases.posted == {}
    before = index.posted(far.state, CLOUD)
    published(far)
    assert far.state.leases.posted[CLOUD] < before
    assert far.state.leases.spot_usd_per_h100e_hour < 3.4


def test_clouds_post_prices_of_their_own():
    state = given(orgs__cloud__posted_log_start=0.1).state
    assert index.posted(state, CLOUD) > index.posted(state, "reseller")
    assert index.posted_mean(state, {CLOUD: 1.0, "reseller": 1.0}) == pytest.approx(1.0)


# --- what the tail rents


def rented(world):
    """GPUs by lessor that the tail rents, and the price."""
    batch = index.on_demand(world.state, START)
    return [] if batch is None else world.after(batch)


def test_the_tail_takes_what_is_free_up_to_what_it_wants():
    few, many = rented(spending(given(), 1e6)), rented(spending(given(), 1e10))
    assert [f.lessor for f in many] == [CLOUD]
    assert 0 < few[0].gpus < many[0].gpus == 7_000  # ten thousand, less what its own users want
    let = lease(gpus=5_000)
    assert rented(spending(given().happened(let, handed(let)), 1e10))[0].gpus == 2_000


def test_without_demand_nothing_is_rented():
    assert rented(given().happened(ParameterSet(parameter="demand.factor", value=0.0))) == []


def test_the_tail_pays_between_the_index_and_the_posted_price():
    (told,) = rented(given())
    assert 2.5 < told.price_usd_per_gpu_hour < 3.45


def test_contracts_of_the_tail_are_signed_near_the_quote():
    world = given()
    batch = index.tail_contracts(world.state, START)
    assert batch is not None
    (contract,) = world.after(batch)
    assert contract.price_usd_per_h100e_hour == pytest.approx(prices.reference_quote(world.state), rel=0.2)
    assert 0 < contract.h100e < 7_000
