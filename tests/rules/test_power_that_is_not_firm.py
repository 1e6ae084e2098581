"""Service that is not firm comes sooner, within a region's room for it, and is switched off for some hours there."""

from __future__ import annotations

import polars as pl
import pytest
from given import FIELD, LAB, SITE, START, given
from worlds import simulate

from agents.means import Build, queue_days, ways_to_build, works_usd
from events.types import sites as events
from events.types.training import TrainingStarted
from market.policies.load import load_policy
from market.rules import duties, power, sites
from market.rules.policy import policy_hooks
from market.view import MarketView, Shared

OFFER = {
    "regions__texas__non_firm_mw": 30.0, "regions__texas__non_firm_hours_per_year": 876.0,
    "regions__texas__queue_days": 3000.0,
}  # fmt: skip


def begun(world, number, kw, *, is_firm=False):
    name = f"{FIELD}/building/{number}"
    world.happened(
        events.BuildingStarted(
            building_id=name, site=FIELD, org=LAB, region="texas", kind="greenfield", is_firm=is_firm,
            power_kw_it=kw, start_day=START, due_day=START + 100,
        ),
        events.PowerQueued(
            building_id=name, site=FIELD, org=LAB, region="texas", power_kw_it=kw, power_kw_facility=kw
        ),
    )  # fmt: skip
    return world.state.sites.buildings[name]


def granted(world, day):
    return [(e.building_id[-1], e.kind) for e in world.after(power.grant(world.state, day)) if e.region == "texas"]


def test_a_load_that_may_be_switched_off_is_connected_after_its_study_within_the_room_for_it():
    world = given(**OFFER)
    assert power.non_firm_days(world.state, "texas", 5_000) == 90
    assert power.non_firm_days(world.state, "texas", 40_000) == power.NEVER_DAYS
    assert power.non_firm_days(given().state, "texas", 1) == power.NEVER_DAYS
    for number, kw in enumerate((20_000, 20_000, 1_000), 1):
        begun(world, number, kw, is_firm=number == 3)
    assert granted(world, START + 30) == []
    assert granted(world, START + 250) == [("1", "non-firm")], "the second one finds no room, the third waits for works"


def test_who_finds_no_room_waits_for_works_and_is_counted_and_promised_so():
    world = given(**OFFER)
    small, large = begun(world, 1, 20_000), begun(world, 2, 40_000)
    assert power.queued_kw(world.state, world.state.run.regions["texas"].queue) == 40_000
    assert power.expected_day(world.state, small, START) == START + 90
    assert power.expected_day(world.state, large, START) > START + 365


def test_its_hours_are_those_of_its_part_of_a_site():
    world = given(**OFFER)
    site = world.state.sites.sites[FIELD]
    before = site.energised_kw
    building = begun(world, 1, before)
    assert duties.hours_off(world.state, site) == 0
    granted(world, START + 250)
    building.shell_ready = True
    world.after(sites.energise(world.state, START + 250))
    assert site.non_firm_kw == before == site.energised_kw / 2
    assert duties.hours_off(world.state, site) == 0, "firm power carries all that is installed"
    site.installed_w = 2_000 * before
    assert duties.hours_off(world.state, site) == pytest.approx(876 / 2)
    assert duties.hours_off(world.state, world.state.sites.sites[SITE]) == 0
    chips = world.state.chips.chips
    held = sum(h.held * chips[h.chip].h100e for h in world.state.chips.holdings.values() if h.org == LAB)
    assert duties.usable(world.state, dict.fromkeys(world.state.run.orgs, held))[LAB] == pytest.approx(0.95 * held)


def test_no_load_is_off_for_more_than_all_hours():
    world = given(**OFFER | {f"regions__texas__{x}_hours_per_year": 8760.0 for x in ("non_firm", "curtailment")})
    site = world.state.sites.sites[FIELD]
    site.non_firm_kw = site.energised_kw
    assert duties.hours_off(world.state, site) == 8760
    assert MarketView(Shared(world.state), LAB).curtailed_share("texas", is_firm=False) == 1.0


def test_a_builder_weighs_it_as_sooner_and_dearer():
    waits = OFFER | {"regions__texas__queue_days": 600.0}
    view = MarketView(Shared(given(**waits).state), LAB)
    firm, other = (Build("greenfield", "texas", False, is_firm) for is_firm in (True, False))
    assert {firm, other} <= set(ways_to_build(view, halls=(), kw=1_000))
    assert other._replace(kind="brownfield") in set(ways_to_build(view, halls=("texas",), kw=1_000))
    assert queue_days(view, other, 1_000) < queue_days(view, firm, 1_000)
    assert works_usd(view, other, 1_000) > works_usd(view, firm, 1_000)
    assert all(build.is_firm for build in ways_to_build(MarketView(Shared(given().state), LAB), ("texas",), 1_000))


@pytest.mark.parametrize("seed", range(3))
def test_175_hours_a_year_in_texas_lengthen_runs_in_texas_only(frontier, seed):
    hooks = policy_hooks([load_policy("texas-sb6:from=2024-07-15,hours=175")])
    log = simulate(frontier, seed, 40, hooks).frame
    region = dict(log.filter(pl.col("type") == "SitePlanned").select("site", "region").rows())
    off = log.filter(pl.col("type") == "LoadCurtailed")
    assert set(off["region"]) == {"us-texas"}
    assert off["share"].to_numpy() == pytest.approx(175 / 8760, rel=1e-5)
    later = log.filter((pl.col("type") == "TrainingReplanned") & (pl.col("reason") == "curtailed"))
    begun_at = dict(log.filter(pl.col("type") == TrainingStarted.__name__).select("run_id", "site").rows())
    assert later.height > 0
    assert {region[begun_at[run]] for run in later["run_id"]} == {"us-texas"}
