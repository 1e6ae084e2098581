"""Waits for power: works, and all who asked before; what an energised kW costs."""

from __future__ import annotations

import math

import pytest
from given import FIELD, LAB, START, YEAR, given
from hypothesis import given as draws
from hypothesis import strategies as st

from events.types import sites as events
from events.types.chips import InputExpanded
from market.rules import energy, power, sites


def begun(world, n=1, kw=1_000, own_power=False, region="texas", day=START):
    name = f"{FIELD}/building/{n}"
    world.happened(
        events.BuildingStarted(
            building_id=name, site=FIELD, org=LAB, region=region, kind="greenfield", on_site_power=own_power,
            power_kw_it=kw, start_day=day, due_day=day + 100,
        ),
        events.PowerQueued(
            building_id=name, site=FIELD, org=LAB, region=region, power_kw_it=kw, power_kw_facility=kw
        ),
    )  # fmt: skip
    return world.state.sites.buildings[name]


def new_days(world, kw=1_000, own_power=False):
    return power.days_of_new(world.state, "texas", "greenfield", kw, own_power, START)


def test_a_load_waits_for_its_works_where_nobody_waits():
    world = given(sites__power_lead_days=200)
    assert new_days(world) == 300


def test_a_load_waits_longer_the_more_has_asked_before_it():
    world = given(sites__grid_growth_per_year=0)
    waits = []
    for n in range(1, 5):
        waits.append(new_days(world))
        begun(world, n, kw=400_000)
    assert waits == sorted(waits)
    assert waits[3] > waits[1] + 300  # 800 MW more before it, at 500 MW a year


def test_own_plant_that_others_have_ordered_is_counted():
    world = given(sites__on_site_mw_per_year=100, sites__on_site_growth_per_year=0, sites__on_site_days=300)
    alone = new_days(world, own_power=True)
    begun(world, kw=200_000, own_power=True)
    assert alone == 300
    assert new_days(world, own_power=True) == pytest.approx(2.01 * 365.25)


def test_turbines_that_can_be_moved_pass_plant_that_has_still_to_be_made():
    world = given(sites__on_site_mw_per_year=100, sites__on_site_growth_per_year=0, sites__on_site_days=540)
    begun(world, kw=200_000, own_power=True)
    waits = [power.days_of_new(world.state, "texas", kind, 1_000, True, START) for kind in ("brownfield", "greenfield")]
    assert waits == [pytest.approx(90), pytest.approx(2.01 * 365.25)]


def leases(world, kw, n=1):
    name = f"{FIELD}/building/{n}"
    world.happened(
        events.BuildingStarted(
            building_id=name, site=FIELD, org=LAB, region="texas", kind="leased", power_kw_it=kw, start_day=START,
            due_day=START + 365,
        ),
        events.PowerQueued(
            building_id=name, site=FIELD, org=LAB, region="texas", power_kw_it=kw, power_kw_facility=kw
        ),
    )  # fmt: skip
    return world.state.sites.buildings[name]


def test_the_more_developers_have_leased_out_the_later_comes_the_next_shell():
    world = given(sites__leased_grid_share=0.2, sites__grid_growth_per_year=0)
    waits = []
    for n in range(1, 4):
        waits.append(power.days_of_new(world.state, "texas", "leased", 100_000, False, START))
        leases(world, 100_000, n)
    assert waits[0] == 0  # a year's are free at once
    assert waits == sorted(waits)
    assert waits[2] > waits[1] + 300  # 100 MW more, at a fifth of 500 MW a year


def test_without_developers_no_shell_can_be_leased():
    world = given(sites__leased_grid_share=0)
    assert power.days_of_new(world.state, "texas", "leased", 1, False, START) == power.NEVER_DAYS


def test_a_developers_shell_is_served_before_all_who_asked_after_it():
    world = given(sites__queue_sd=0, sites__power_lead_days=0, sites__grid_growth_per_year=0)
    begun(world, kw=400_000, day=START - 1_000)
    shell = leases(world, 400_000, n=2)
    granted = [happening.event.building_id for happening in power.grant(world.state, START)]
    assert granted == [shell.building_id]  # of 500 MW


def test_power_goes_to_the_shell_that_can_use_it_before_one_that_is_planned_for_later():
    world = given(sites__queue_sd=0, regions__texas__queue_days=0, sites__grid_growth_per_year=0)
    later, sooner = begun(world, 1, kw=400_000, day=START - 20), begun(world, 2, kw=400_000, day=START - 10)
    shell = events.ShellReady(building_id=sooner.building_id, site=FIELD, org=LAB, power_kw_it=400_000)
    assert world.after(power.grant(world.state, START)) == [], "neither shell is planned to stand yet"
    world.happened(shell)
    granted = world.after(power.grant(world.state, START))
    assert [event.building_id for event in granted] == [sooner.building_id]  # of 500 MW
    assert power.power_day(world.state, later) == START + 80


def test_what_waits_for_own_plant_is_not_before_a_load_on_the_grid():
    world = given(sites__power_lead_days=0)
    begun(world, kw=4_000_000, own_power=True)
    assert new_days(world) == 500


def test_paused_work_is_before_nobody():
    world = given(sites__power_lead_days=0)
    first, second = begun(world, kw=4_000_000), begun(world, 2)
    assert new_days(world) > 1_000
    assert power.expected_day(world.state, second, START) > START + 1_000
    world.happened(events.BuildingPaused(building_id=first.building_id, site=FIELD, org=LAB, power_kw_it=4_000_000))
    assert new_days(world) == 500
    assert power.expected_day(world.state, second, START) == START + 500
    assert power.expected_day(world.state, first, START) > START + 1_000, "its own power counts for itself"


def test_makers_of_plant_serve_first_who_came_first_in_whatever_region():
    world = given(
        sites__queue_sd=0, sites__on_site_days=0, sites__on_site_mw_per_year=60, sites__on_site_growth_per_year=0
    )
    begun(world, 1, kw=1_000, own_power=True, region="beijing", day=START - 110)
    begun(world, 2, kw=1_000, own_power=True, day=START - 120)
    world.happened(InputExpanded(kind="plant", value=300.0))
    (granted,) = world.after(power.grant(world.state, START))
    assert granted.region == "texas"


def test_a_promise_of_power_reckons_with_those_before():
    world = given(sites__power_lead_days=0, sites__grid_growth_per_year=0)
    first, last = begun(world, 1, kw=1_000_000), begun(world, 2, kw=1_000_000)
    assert power.expected_day(world.state, first, START) == START + 500
    assert power.expected_day(world.state, last, START) == pytest.approx(START + 3 * 365.25, abs=10)


def test_a_building_is_promised_no_sooner_than_its_power():
    world = given(sites__on_site_mw_per_year=100, sites__on_site_growth_per_year=0)
    begun(world, kw=500_000, own_power=True)
    queued = begun(world, 2, kw=1_000, own_power=True)
    assert power.expected_day(world.state, queued, START) > START + 4 * YEAR
    world.happened(events.ShellReady(building_id=queued.building_id, site=FIELD, org=LAB, power_kw_it=1_000))
    slipped = [x.event for x in sites.due(world.state, START + 98, START + 104) if x.cause == queued.building_id]
    assert [(one.reason, one.due_day > START + 4 * YEAR) for one in slipped] == [("power", True)]


@draws(st.floats(0.01, 30), st.sampled_from((-0.5, -0.01, 0.0, 1e-6, 0.25, 0.8)))
def test_a_flow_reaches_what_it_adds_up_to_when_it_adds_up_to_it(years, growth):
    assert power.years_to(power.added_up(years, growth), growth) == pytest.approx(years, rel=1e-6)


def test_makers_of_plant_grow_the_faster_the_longer_they_are_waited_for():
    def grown(kw):
        world = given(sites__on_site_mw_per_year=100, sites__on_site_days=365)
        if kw:
            begun(world, kw=kw, own_power=True)
        (said,) = energy.expand_plant(world.state, START)
        return said.event.value

    made = [grown(kw) for kw in (0, 100_000, 150_000, 200_000, 250_000, 10**7)]
    assert made == sorted(made)
    assert made[0] < made[2] < made[3] < made[-1]
    assert grown(10**8) == made[-1], "no order makes lines grow beyond a bound"


@pytest.mark.parametrize(("ordered", "kept"), [(0, 0), (3_000, 3_000), (50_000, 4_000)])
def test_plant_that_nobody_ordered_is_not_kept_for_who_comes_later(ordered, kept):
    world = given(sites__on_site_factor=1)
    if ordered:
        begun(world, kw=ordered, own_power=True)
    for _ in range(2):
        world.happened(InputExpanded(kind="plant", value=1_000.0))
    assert world.state.run.plant_kw == kept + 4_000


def test_what_makers_deliver_never_exceeds_what_they_made():
    world, granted = given(sites__queue_sd=0, sites__on_site_days=0, sites__on_site_factor=1), 0
    for number in range(1, 30):
        begun(world, number, kw=900, own_power=True, day=START - 200)
    for month in range(1, 8):
        world.happened(InputExpanded(kind="plant", value=1_000.0))
        granted += sum(event.power_kw_it for event in world.after(power.grant(world.state, START + 28 * month)))
        assert 4_000 * month - 900 < granted <= 4_000 * month or granted == 29 * 900
    assert granted == 29 * 900


def test_the_price_of_plant_rises_as_its_makers_fall_behind():
    world = given(sites__on_site_mw_per_year=100, sites__on_site_growth_per_year=0, sites__on_site_days=365)
    idle = energy.plant_usd_per_kw(world.state)
    begun(world, kw=200_000, own_power=True)
    assert energy.plant_usd_per_kw(world.state) / idle == pytest.approx(2, rel=0.03)


# --- what energy and capacity cost


def energised(world, kw, region="texas"):
    site = world.state.sites.sites[FIELD]
    assert site.region == region
    site.energised_kw += kw


def test_energy_is_dearer_where_more_is_energised_and_says_so():
    world = given(power__price_per_load=0.05)
    world.after(energy.tariffs(world.state, START))
    before = energy.energy_usd_per_mwh(world.state, "texas")
    energised(world, 1_000_000)
    (priced,) = world.after(energy.tariffs(world.state, START + 28))
    assert (priced.region, priced.value) == ("texas", pytest.approx(math.exp(0.05 * 2)))
    assert energy.energy_usd_per_mwh(world.state, "texas") == pytest.approx(before * priced.value)
    assert energy.energy_usd_per_mwh(world.state, "beijing") == before
    assert world.after(energy.tariffs(world.state, START + 56)) == []


@pytest.mark.parametrize("grid_mw", [0.001, 0.0])
def test_energy_rises_a_hundredfold_at_most_where_the_grid_connects_next_to_nothing(grid_mw):
    world = given(power__price_per_load=0.05, regions__texas__grid_mw_per_year=grid_mw)
    world.after(energy.tariffs(world.state, START))
    assert world.after(energy.tariffs(world.state, START + 28)) == [], "no load has been added yet"
    energised(world, 1_000_000)
    (priced,) = world.after(energy.tariffs(world.state, START + 28))
    assert priced.value == 100.0
    energised(world, 1_000_000)
    assert world.after(energy.tariffs(world.state, START + 56)) == []


def auctions(load_kw, **more):
    world = given(regions__texas__capacity_market=1.0, power__capacity_reserve_mw=1_000, **more)
    world.after(energy.tariffs(world.state, START))
    first = world.after(energy.auction(world.state, START))
    energised(world, load_kw)
    return first, world.after(energy.auction(world.state, START + 28)), world


def test_capacity_is_dearer_as_load_eats_the_reserve_and_never_beyond_the_cap():
    prices = []
    for load_kw in (0, 200_000, 400_000, 4_000_000):
        (start,), (cleared,), world = auctions(load_kw, power__capacity_cap_usd_per_mw_day=300.0)
        prices.append(cleared.value)
        assert world.after(energy.auction(world.state, START + 56)) == []  # once a year
    assert prices[0] == start.value == pytest.approx(28.92)
    assert prices == sorted(prices)
    assert prices[1] < prices[2] < prices[3] == 300.0


def test_capacity_is_paid_from_the_year_of_delivery_on_and_only_where_there_is_a_market():
    _, (cleared,), world = auctions(4_000_000)
    before = energy.capacity_usd_per_mwh(world.state, "texas")
    world.state.run.week = last = (cleared.start_day - START - 1) // 7 - 1  # the week before it begins
    assert energy.capacity_usd_per_mwh(world.state, "texas") == before
    world.state.run.week = last + 1
    assert energy.capacity_usd_per_mwh(world.state, "texas") > 10 * before > 0
    assert energy.capacity_usd_per_mwh(world.state, "beijing") == 0.0


@pytest.mark.parametrize(("kind", "grid_mw"), [("grid", 15.0), ("non-firm", 1.0), ("on-site", 1.0)])
def test_the_power_of_a_building_that_is_given_up_goes_to_those_who_wait(kind, grid_mw):
    room = {"regions__texas__non_firm_mw": 30.0, "regions__texas__grid_mw_per_year": grid_mw}
    world, day = given(**room, sites__queue_sd=0), START + 600
    world.happened(InputExpanded(kind="plant", value=7_500.0))  # a month's are 30 MW

    def granted():
        return [event.building_id for event in world.after(power.grant(world.state, day)) if event.kind == kind]

    for n in (1, 2):
        building = begun(world, n, kw=30_000, own_power=kind == "on-site")
        building.planned_days, building.is_firm = 0, kind != "non-firm"
    assert granted() == ["field/building/1"]
    assert granted() == []
    world.state.sites.buildings["field/building/1"].paused_day = START
    (gone,) = world.after(sites.give_up(world.state, day))
    assert (gone.building_id, granted()) == ("field/building/1", ["field/building/2"])
