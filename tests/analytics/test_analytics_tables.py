"""The tables, derived from the log alone, agree with the state, derived by evolve."""

from __future__ import annotations

from collections import Counter

import polars as pl
import pytest
from given import CLOUD, LAB, RIVAL, SITE, START, YEAR, given, handed, lease
from polars.testing import assert_series_equal
from worlds import as_table

from events import Entry, MemoryLog
from events.schema import encode
from events.types.clauses import LeaseRenewed, OptionExercised, RentStepped
from events.types.contracts import CapacityShed
from events.types.estates import LeaseAssigned
from events.types.run import WeekClosed
from market.analytics import TABLES, table
from market.analytics.consequence import KINDS, consequence, most_consequential

WEEKS = 30


@pytest.fixture(scope="module")
def world():
    """A kernel after 30 weeks of the default world, and its log as a lazy frame."""
    from agents.simulation import begin
    from market.scenario.load import load_scenario

    log = MemoryLog()
    model = begin(load_scenario("frontier-2024").scenario, 0, log)
    for _ in range(WEEKS):
        model.step()
    frame = pl.from_arrow(encode([list(log.entries())], 0, 0))
    return model.state, frame.lazy()


def last(world, name):
    """The rows of a weekly table in its last week."""
    rows = table(name, world[1]).collect()
    return rows.filter(pl.col("day") == rows["day"].max())


@pytest.mark.parametrize("name", sorted(TABLES.keys() - {"estates"}))  # nobody defaults in these weeks
def test_every_table_has_rows_and_no_column_of_no_type(world, name):
    rows = table(name, world[1]).collect()
    assert rows.height
    assert pl.Null not in rows.dtypes


@pytest.mark.parametrize("name", ["capacity", "power", "finance", "concentration"])
def test_weekly_tables_have_every_week_once(world, name):
    rows = table(name, world[1]).collect()
    assert rows["day"].n_unique() == WEEKS
    keys = [key for key in ("day", "org", "chip", "site", "account") if key in rows.columns]
    assert not rows.select(keys).is_duplicated().any()


def test_capacity_agrees_with_the_state(world):
    expected: Counter[tuple[str, str, str]] = Counter()
    for holding in world[0].chips.holdings.values():
        expected[holding.org, holding.chip, "gpus_owned"] += holding.owned
        expected[holding.org, holding.chip, "gpus_leased_in"] += holding.leased_in
        expected[holding.org, holding.chip, "gpus_leased_out"] += holding.leased_out
    found: Counter[tuple[str, str, str]] = Counter()
    for row in last(world, "capacity").iter_rows(named=True):
        for name in ("gpus_owned", "gpus_leased_in", "gpus_leased_out"):
            found[row["org"], row["chip"], name] += row[name]
    assert +found == +expected
    chips = world[0].chips.chips
    h100e = sum(holding.held * chips[holding.chip].h100e for holding in world[0].chips.holdings.values())
    assert last(world, "capacity")["h100e"].sum() == pytest.approx(h100e)


def test_power_agrees_with_the_state(world):
    found = {row["site"]: row for row in last(world, "power").iter_rows(named=True)}
    for name, site in world[0].sites.sites.items():
        if name in found:
            assert found[name]["energised_kw"] == site.energised_kw
            begun = sum(b.power_kw for b in world[0].sites.buildings.values() if b.site == name)
            assert found[name]["contracted_kw"] == site.energised_kw + begun
            assert found[name]["installed_kw"] == pytest.approx(site.installed_w / 1000, abs=1000)
            assert found[name]["owner"] == site.owner
    assert sum(row["energised_kw"] for row in found.values()) == sum(
        s.energised_kw for s in world[0].sites.sites.values()
    )


def test_finance_agrees_with_the_ledger_and_sums_to_zero(world):
    found = dict(last(world, "finance").select("account", "balance_usd_cents").iter_rows())
    assert found == {name: cents for name, cents in world[0].finance.ledger.accounts.items() if name in found}
    rows = table("finance", world[1]).collect()
    assert rows.group_by("day").agg(pl.col("balance_usd_cents").sum())["balance_usd_cents"].eq(0).all()


def test_leases_agree_with_the_desk(world):
    rows = table("leases", world[1]).collect()
    in_force = rows.filter(pl.col("ended_day").is_null())
    desk = world[0].leases.leases
    assert set(in_force["lease_id"]) == set(desk)
    assert {row["lease_id"]: row["gpus_delivered"] for row in in_force.iter_rows(named=True)} == {
        name: lease.delivered for name, lease in desk.items()
    }
    row = rows.row(0, named=True)
    days = row["end_day"] - row["start_day"]
    assert row["worth_usd"] == pytest.approx(row["gpus"] * row["price_usd_per_gpu_hour"] * 24 * days)


def lease_that_goes_on():
    """The end of a lease of 10 GPUs that takes 2 more, gives 4 back, passes on, steps and is renewed, and its log."""
    world, entries = given(), []

    def said(day, *told):
        world.day = day
        for event in told:
            entries.append(Entry(len(entries), day, CLOUD, -1, len(entries), event))
            world.happened(event)

    signed = lease(gpus=10, take_or_pay_share=0.5, renew_days=YEAR, expand_gpus=2, price_usd_per_gpu_hour=2.0)
    name, last = {"lease_id": signed.lease_id}, START + 2 * YEAR
    both = name | {"lessor": CLOUD, "lessee": LAB}
    there = {"chip": "H100", "site": SITE}
    for week in range(2):
        said(START + 7 * week + 6, WeekClosed(week=week, state_hash=""))
        if week == 0:
            said(START + 8, signed, handed(signed))
            said(START + 9, OptionExercised(**both, kind="expand", gpus=2, start_day=START + 9, end_day=START + YEAR))
            said(START + 10, CapacityShed(**both, **there, gpus=4))
            said(START + 10, LeaseAssigned(**name, **there, org=LAB, counterparty=RIVAL, kind="lessee", gpus=6))
            moved = name | {"lessor": CLOUD, "lessee": RIVAL}
            said(START + 11, RentStepped(**moved, price_usd_per_gpu_hour=2.5, amount_usd_cents=0))
            said(START + 11, OptionExercised(**moved, kind="renew", gpus=8, start_day=START + YEAR, end_day=last))
            renewed = LeaseRenewed(**moved, end_day=last, price_usd_per_gpu_hour=3.0, amount_usd_cents=0)
            said(START + 12, renewed)
    return world.state.leases.leases[signed.lease_id], as_table(entries).lazy()


def test_what_is_still_owed_follows_a_lease_through_all_that_changes_it():
    x, log = lease_that_goes_on()
    assert (x.lessee, x.gpus, x.shed, x.price_usd_per_gpu_hour, x.end_day) == (RIVAL, 8, 4, 3.0, START + 2 * YEAR)
    row = table("obligations", log).collect().row(-1, named=True)
    days = x.end_day - (START + 13)
    assert (row["lessor"], row["lessee"], row["backlog_gpus"]) == (CLOUD, RIVAL, 0)
    assert row["remaining_usd"] == pytest.approx((8 + 0.5 * 4) * 3.0 * 24 * days)


def test_a_tie_of_a_lease_that_was_renewed_holds_until_its_new_end():
    x, log = lease_that_goes_on()
    assert table("leases", log).collect()["last_day"].to_list() == [x.end_day]
    ties = table("network", log).collect()
    assert ties.select("target", "start_day", "end_day").rows() == [(RIVAL, START, x.end_day)]


def test_obligations_agree_with_leases_and_contracts(world):
    state, rows = world[0], last(world, "obligations")
    day, owed = rows["day"][0], Counter()
    for x in state.leases.leases.values():
        if x.kind != "internal":
            rented = x.gpus + x.take_or_pay_share * x.shed
            owed[x.lessor, x.lessee] += rented * x.price_usd_per_gpu_hour * 24 * (x.end_day - max(day, x.start_day))
    for x in state.contracts.open.values():
        for part in x.schedule:
            days = part.end_day - max(day, part.start_day)
            owed[x.lessor, x.lessee] += part.gpus * x.price_usd_per_gpu_hour * 24 * days
    found = {(lessor, lessee): usd for lessor, lessee, usd in rows.select("lessor", "lessee", "remaining_usd").rows()}
    assert found == pytest.approx(dict(owed), rel=1e-5)


def test_training_agrees_with_the_labs(world):
    rows = table("training", world[1]).collect()
    assert rows["run_id"].is_unique().all()
    assert set(rows.filter(outcome="running")["run_id"]) == set(world[0].training.runs)
    trained = rows.filter(outcome="trained")
    assert (trained["ended_day"] >= trained["started_day"]).all()
    released = trained.filter(pl.col("released_day").is_not_null())
    assert released.height
    assert (released["released_day"] >= released["ended_day"]).all()


def test_prices_are_those_of_the_desk(world):
    row = table("prices", world[1]).collect().row(-1, named=True)
    assert row["price_usd_per_h100e_hour"] == pytest.approx(world[0].leases.price_usd_per_h100e_hour, abs=1e-6)


def test_what_is_signed_is_leases_and_contracts_on_an_offer_and_no_draw_of_a_contract(world):
    rows = table("prices", world[1]).collect()
    agreed = pl.col("quote_id").is_not_null(), pl.col("kind") != "internal", pl.col("signed_day") <= rows["day"].max()
    signed = [table(name, world[1]).collect().filter(*agreed) for name in ("leases", "contracts")]
    assert all(part.height for part in signed)
    assert rows["signed_gpus"].sum() == sum(part["gpus"].sum() for part in signed)
    tail = world[1].filter(pl.col("type") == "TailSigned").collect().height
    assert table("signed", world[1]).collect()["contracts"].sum() == tail + sum(part.height for part in signed)
    weighed = consequence(world[1]).collect()
    for kind, part in zip(("LeaseSigned", "ContractSigned"), signed, strict=True):
        assert set(weighed.filter(type=kind)["seq"]) == set(part["signed_seq"])


def test_shares_are_parts_of_one(world):
    row = last(world, "concentration").row(0, named=True)
    assert 0 < row["share_of_first"] < row["share_of_three"] < row["share_of_ten"] <= 1
    assert (100 * row["share_of_first"]) ** 2 < row["hhi"] < 10_000
    assert row["h100e"] == pytest.approx(last(world, "capacity")["h100e"].sum())


def test_the_web_holds_every_kind_of_tie(world):
    ties = table("network", world[1]).collect()
    assert {"leases", "sells"} <= set(ties["kind"])
    day = 19_950
    on_day = ties.filter((pl.col("start_day") <= day) & (pl.col("end_day").is_null() | (pl.col("end_day") > day)))
    openai = on_day.filter(kind="leases", target="openai")
    assert "azure" in openai["source"].to_list()


def test_a_tables_past_does_not_change_with_its_future(world):
    closed = world[1].filter(pl.col("type") == "WeekClosed").select("seq", "day").collect()
    cut = world[1].filter(pl.col("seq") <= closed["seq"][10])
    for name in ("capacity", "power", "finance", "concentration"):
        whole = table(name, world[1]).collect().filter(pl.col("day") <= closed["day"][10])
        early = table(name, cut).collect()
        keys = [key for key in ("day", "org", "chip", "site", "account") if key in whole.columns]
        known = early.join(whole, on=keys, how="inner")
        assert known.height == early.height
        figure = {
            "capacity": "gpus_held",
            "power": "energised_kw",
            "finance": "balance_usd_cents",
            "concentration": "h100e",
        }
        assert_series_equal(known[figure[name]], known[f"{figure[name]}_right"], check_names=False)


def test_what_weighed_most_is_diverse_and_after_the_start(world):
    rows = consequence(world[1]).collect()
    assert set(rows["type"]) <= set(KINDS)
    chosen = most_consequential(world[1], 10)
    assert chosen.height == 10
    assert chosen["type"].n_unique() >= 7
    assert chosen["day"].min() > world[0].run.start_day
    assert chosen["seq"].is_sorted()
    for kind in chosen["type"].unique():
        best = rows.filter(type=kind)
        assert best["amount"].max() == chosen.filter(type=kind)["amount"].max()
        assert best["weight"].sum() == pytest.approx(1.0)


def test_signed_prices_come_with_their_number_and_spread(world):
    rows = table("signed", world[1]).collect()
    assert (rows["contracts"] >= rows["lessors"]).all()
    assert (rows["low_usd_per_h100e_hour"] <= rows["median_usd_per_h100e_hour"]).all()
    assert (rows["median_usd_per_h100e_hour"] <= rows["high_usd_per_h100e_hour"]).all()
    assert rows.filter(pl.col("chip") == "any")["contracts"].min() > 3


def test_segments_stand_every_week_and_constraints_name_who_is_held_by_what(world):
    spent = table("segments", world[1]).collect()
    assert set(spent["segment"]) == {"consumer", "api", "enterprise"}
    assert (spent["usd_per_year"] < spent["market_usd_per_year"]).all()
    held = table("constraints", world[1]).collect()
    assert {"maker", "builder"} <= set(held["side"]) <= {"maker", "builder", "works"}
    assert set(held.filter(pl.col("side") == "works")["held_by"]) <= {"shells"}
    assert set(held.filter(pl.col("side") == "builder")["held_by"]) <= {
        "start",
        "demand",
        "finance",
        "power",
        "no cash",
    }
