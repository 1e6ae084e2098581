"""Sites, buildings, the queue for power; a building is ready when its last layer is."""

from __future__ import annotations

import copy
from statistics import correlation

import pytest
from given import CLOUD, FIELD, LAB, RIVAL, SITE, START, YEAR, given
from worlds import simulate

from events.commands.sites import PauseBuilding, PlanSite, ResumeBuilding, StartBuilding
from events.types import sites as events
from events.types.chips import InputExpanded
from events.types.finance import PaymentMade
from market.rules import finance, power, sites
from market.rules import shells as contracted
from market.scenario.load import load_scenario


def plan(org=LAB, power=1_000, region="texas", kind="greenfield", **more):
    return PlanSite(actor=org, because=org, region=region, kind=kind, power_kw_it=power, **more)


def build(org=LAB, site=FIELD, power=1_000, kind="next", **more):
    return StartBuilding(actor=org, because=site, site=site, kind=kind, power_kw_it=power, **more)


def refusal(world, command):
    (refused,) = world.when(command)
    assert isinstance(refused, events.SiteRefused)
    return refused.reason


def begun(world, days_ago=0, planned=100, power=1_000, kind="next", n=1, own_power=False):
    """A building under way."""
    name, first = f"{FIELD}/building/{n}", START - days_ago
    world.happened(
        events.BuildingStarted(
            building_id=name,
            site=FIELD,
            org=LAB,
            region="texas",
            kind=kind,
            on_site_power=own_power,
            power_kw_it=power,
            start_day=first,
            due_day=first + planned,
        ),
        events.PowerQueued(
            building_id=name, site=FIELD, org=LAB, region="texas", power_kw_it=power, power_kw_facility=1_250
        ),
    )
    return world.state.sites.buildings[name]


# --- plans


def test_a_site_begins_with_its_first_building_its_place_in_the_queue_and_a_deposit():
    world = given()
    site, building, queued, deposit = world.when(plan())
    assert (site.site, building.building_id) == ("lab/site/1", "lab/site/1/building/1")
    assert site.due_day == building.due_day > START
    assert queued.power_kw_facility == 1_250
    assert deposit == PaymentMade(
        org=LAB,
        counterparty="world/contractors",
        amount_usd_cents=25_000_000,
        kind="shell deposit",
        contract_id=building.building_id,
    )
    assert world.state.run.regions["texas"].queue == [building.building_id]


def test_a_developers_shell_costs_its_tenant_nothing_before_it_is_ready_and_rent_from_then_on():
    world = given(sites__power_factor=1, sites__queue_sd=0, build__leased_usd_per_kw_year=1_000)
    site, building, _ = world.when(plan(RIVAL, kind="leased"))  # who could not pay for a shell
    assert (site.kind, building.kind) == ("leased", "leased")
    assert not any(cents for _, _, cents, *_ in finance.shell_rents(world.state))
    name = building.building_id
    of = {"building_id": name, "site": site.site, "org": RIVAL, "power_kw_it": 1_000}
    world.happened(
        events.ShellReady(**of),
        events.PowerGranted(**of, region="texas", kind="grid", due_day=START),
    )
    (live,) = [happening.event for happening in sites.energise(world.state, START)]
    world.happened(live)
    rents = {payer: (payee, cents) for payer, payee, cents, *_ in finance.shell_rents(world.state) if cents}
    assert rents == {RIVAL: ("world/developers", round(1_000 * 1_000 * 28 / 365.25 * 100))}


def test_halls_of_a_developer_that_run_at_the_start_pay_rent_from_the_first_week():
    scenario = load_scenario("frontier-2025", {}).scenario
    run = simulate(scenario, 0, 1)
    assert scenario.sites["abilene"].leased
    assert run.kernel.state.sites.sites["abilene"].leased_kw == 105_000
    rents = {name: cents for _, _, cents, kind, name in finance.shell_rents(run.kernel.state)}
    assert rents["abilene"] == round(105_000 * scenario.parameters["build.leased_usd_per_kw_year"] * 28 / 365.25 * 100)
    for name, site in scenario.sites.items():
        leased_kw = round(1000 * site.energised_mw_it) if site.kind == "pool" or site.leased else 0
        assert run.kernel.state.sites.sites[name].leased_kw == leased_kw, name


def test_a_developers_shell_that_is_given_up_can_be_leased_by_another():
    world = given()
    building = world.when(plan(kind="leased"))[1]
    before = world.state.run.regions["texas"].leased_kw
    world.happened(
        events.BuildingCancelled(
            building_id=building.building_id, site=building.site, org=LAB, region="texas", power_kw_it=1_000,
            reason="paused too long",
        )
    )  # fmt: skip
    assert (before, world.state.run.regions["texas"].leased_kw) == (1_000, 0)


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (plan(region="atlantis"), "unknown region"),
        (plan(power=0), "no power asked"),
        (plan(power=-5), "no power asked"),
        (plan(RIVAL), "cash"),
        (build(site="nowhere"), "not the actor's site"),
        (build(CLOUD), "not the actor's site"),
        (build(power=0), "no power asked"),
        (build(power=10**9), "cash"),
    ],
)
def test_a_site_that_cannot_go_ahead_is_refused(command, reason):
    assert refusal(given(), command) == reason


def test_an_owner_adds_buildings_to_its_site():
    world = given()
    first, second = world.when(build())[0], world.when(build())[0]
    assert [first.building_id, second.building_id] == ["field/building/1", "field/building/2"]


def test_an_owner_alone_pauses_what_is_not_ready_and_takes_it_up_again():
    world = given()
    name = world.when(build())[0].building_id
    assert world.when(PauseBuilding(actor=CLOUD, because=name, building_id=name))[0].reason == "nothing to pause"
    assert world.when(ResumeBuilding(actor=LAB, because=name, building_id=name))[0].reason == "nothing to resume"
    assert world.when(PauseBuilding(actor=LAB, because=name, building_id="none"))[0].reason == "nothing to pause"
    assert isinstance(world.when(PauseBuilding(actor=LAB, because=name, building_id=name))[0], events.BuildingPaused)
    assert world.when(PauseBuilding(actor=LAB, because=name, building_id=name))[0].reason == "nothing to pause"
    due = world.state.sites.buildings[name].due_day
    world.close_weeks(3)
    (resumed,) = world.when(ResumeBuilding(actor=LAB, because=name, building_id=name))
    assert resumed.due_day == due + resumed.duration_days > due
    assert world.when(ResumeBuilding(actor=CLOUD, because=name, building_id=name))[0].reason == "nothing to resume"


def test_own_generation_does_not_wait_for_the_queue():
    slow = given(sites__turbine_days=0, sites__next_days_min=60, sites__next_days_max=60, sites__power_lead_days=0)
    on_grid = slow.when(build())[0]
    own = slow.when(build(on_site_power=True))[0]
    assert (on_grid.due_day, own.due_day) == (START + 500, START + 60)
    assert (own.kind, own.on_site_power) == ("next", True)


def test_a_greenfield_with_own_plant_waits_for_the_plant():
    world = given(sites__on_site_days=900, sites__greenfield_days=100, sites__greenfield_sd=0)
    assert world.when(plan(on_site_power=True))[0].due_day == START + 900


def test_plans_differ_by_kind():
    world = given(
        sites__brownfield_days=137, sites__greenfield_days=585, sites__brownfield_sd=0, sites__greenfield_sd=0
    )
    assert sites.planned_days(world.state, "brownfield", "a", "texas") == 137
    assert sites.planned_days(world.state, "greenfield", "a", "texas") == 585
    assert 60 <= sites.planned_days(world.state, "next", "a", "texas") <= 180


# --- shells


def shells(world, first, last):
    return list(sites.due(world.state, first, last))


def test_without_slip_a_shell_stands_when_it_was_promised():
    world = given(sites__slip_median=1, sites__slip_sd=0)
    begun(world)
    ready, slipped = shells(world, START + 98, START + 104)
    assert isinstance(ready.event, events.ShellReady)
    assert ready.day == START + 100
    assert (slipped.event.reason, slipped.day) == ("power", START + 100)


def test_a_promise_that_passes_is_made_anew_a_quarter_of_the_plan_later():
    world = given(sites__slip_median=2, sites__slip_sd=0)
    begun(world, planned=200)
    assert shells(world, START + 193, START + 199) == []
    (slipped,) = shells(world, START + 197, START + 203)
    assert (slipped.event.reason, slipped.event.duration_days) == ("shell", 50)
    world.happened(slipped.event)
    assert shells(world, START + 204, START + 210) == []


def test_a_shell_that_was_not_ready_at_the_start_is_ready_after_it():
    for n in range(1, 60):
        world = given()
        building = begun(world, days_ago=130, planned=100, n=n)
        assert contracted.shell_day(world.state, building) >= START


def test_realised_over_planned_has_its_median():
    world = given(sites__slip_median=1.25, sites__slip_sd=0.25, sites__slip_shared=0.0)
    ratios = sorted(
        (contracted.shell_day(world.state, begun(world, planned=1000, n=n)) - START) / 1000 for n in range(1, 400)
    )
    assert ratios[200] == pytest.approx(1.25, rel=0.05)


def test_a_slip_stretches_the_works_of_a_builder_and_not_its_wait_for_power():
    def building(**settings):
        world = given(sites__slip_median=2, sites__slip_sd=0, sites__power_lead_days=0, **settings)
        _, started, *_ = world.when(plan())
        return world, started, world.state.sites.buildings[started.building_id]

    (_, soon, _), (world, late, known) = (
        building(regions__texas__queue_days=0),
        building(regions__texas__queue_days=2_000),
    )
    assert soon.duration_days == soon.due_day - START == late.duration_days < late.due_day - START == 2_000
    assert contracted.shell_day(world.state, known) == START + 2 * late.duration_days
    world.happened(*stands(world, START + 2 * late.duration_days))
    (slipped,) = shells(world, late.due_day - 3, late.due_day)
    assert (slipped.event.reason, slipped.event.duration_days) == ("power", slipped.event.due_day - late.due_day)


def test_of_a_leased_shell_all_that_its_developer_promises_may_slip():
    world = given(sites__slip_median=2, sites__slip_sd=0, sites__leased_grid_share=1e-6)
    _, started, *_ = world.when(plan(RIVAL, kind="leased"))
    (known,) = world.state.sites.buildings.values()
    assert started.due_day > START + 3_000
    assert contracted.shell_day(world.state, known) == START + 2 * (started.due_day - START)


def test_contractors_count_on_a_shell_for_the_day_of_its_works_not_of_its_power():
    world = given(sites__slip_median=1.5, sites__power_lead_days=0, regions__texas__queue_days=2_000)
    world.when(plan(power=1_000))
    (known,) = world.state.sites.buildings.values()
    over = START + round(1.5 * known.planned_days)
    assert (contracted.asked_kw(world.state, over - 1), contracted.asked_kw(world.state, over)) == (0, 1_000)


def test_buildings_of_a_campus_slip_alike_and_those_of_a_pool_or_of_two_sites_do_not():
    def alike(shared, kind="greenfield"):
        world = given(sites__slip_shared=shared)
        world.state.sites.sites[FIELD].kind = kind
        pairs = []
        for seed in range(60):
            world.state.run.seed = seed
            pairs.append([contracted.shell_day(world.state, begun(world, planned=1000, n=n)) for n in (1, 2)])
        return correlation(*zip(*pairs, strict=True))

    assert alike(0.8) > 0.6 > 0.3 > alike(0.0)
    assert alike(0.8, "pool") == alike(0.0)


# --- power


def ready(world, days_ago=600, **more):
    building = begun(world, days_ago=days_ago, **more)
    world.happened(
        events.ShellReady(building_id=building.building_id, site=FIELD, org=LAB, power_kw_it=building.power_kw)
    )
    return building


def certain(**more):
    return given(sites__queue_sd=0, sites__power_lead_days=0, **more)


def test_the_queue_serves_a_building_after_its_wait():
    world = certain()
    building = begun(world, days_ago=499)
    assert world.after(power.grant(world.state, START)) == []
    (granted,) = world.after(power.grant(world.state, START + 1))
    assert (granted.building_id, granted.kind) == (building.building_id, "grid")
    assert world.state.run.regions["texas"].queue == []


def test_a_region_connects_no_more_than_its_power_of_a_year():
    world = certain(regions__texas__grid_mw_per_year=1.5)
    begun(world, days_ago=600)
    begun(world, days_ago=600, n=2)
    assert len(world.after(power.grant(world.state, START))) == 1
    assert world.after(power.grant(world.state, START + 7)) == []
    assert len(world.after(power.grant(world.state, START + YEAR))) == 1


def test_own_plant_needs_no_grid_but_makers_deliver_only_so_much():
    world = certain(regions__texas__grid_mw_per_year=0, sites__turbine_days=10)
    begun(world, days_ago=20, planned=20, kind="next", own_power=True)
    assert world.after(power.grant(world.state, START)) == []
    world.happened(InputExpanded(kind="plant", value=20_000.0))
    (granted,) = world.after(power.grant(world.state, START))
    assert granted.kind == "on-site"


def test_a_shell_without_power_says_once_that_it_waits():
    world = certain(regions__texas__grid_mw_per_year=0)
    ready(world)
    (waits,) = world.after(sites.energise(world.state, START))
    assert isinstance(waits, events.ShellWaitsForPower)
    assert waits.due_day >= START + 28
    assert world.after(sites.energise(world.state, START + 7)) == []


def test_a_building_is_energised_when_shell_and_grid_are_there_and_the_rest_is_paid():
    world = certain()
    building = ready(world)
    before = world.state.sites.sites[FIELD].energised_kw
    world.after(power.grant(world.state, START))
    energised, paid = world.after(sites.energise(world.state, START))
    assert (energised.kind, energised.power_kw_facility) == ("grid", 1_250)
    assert paid == PaymentMade(
        org=LAB,
        counterparty="world/contractors",
        amount_usd_cents=75_000_000,
        kind="shell",
        contract_id=building.building_id,
    )
    assert world.state.sites.sites[FIELD].energised_kw == before + 1_000
    assert world.state.sites.buildings == {}


def test_grid_without_a_shell_energises_nothing():
    world = certain()
    begun(world, days_ago=600)
    world.after(power.grant(world.state, START))
    assert world.after(sites.energise(world.state, START)) == []


def test_deposit_and_rest_make_up_the_price_of_a_shell():
    world = given()
    deposit = world.when(build(power=777))[-1].amount_usd_cents
    assert deposit + round(sites.shell_cents(world.state, 777) * 0.75) == sites.shell_cents(world.state, 777)


def test_the_queue_is_served_in_order_and_a_big_load_does_not_block_a_small_one():
    world = certain(regions__texas__grid_mw_per_year=2)
    begun(world, days_ago=600, power=5_000)
    begun(world, days_ago=600, power=1_500, n=2)
    (granted,) = world.after(power.grant(world.state, START))
    assert granted.building_id == "field/building/2"
    assert world.state.sites.sites[SITE].owner == CLOUD


# --- contractors


def contractors(world, kw_per_week):
    """Contractors who finish so many kW a week, told a month ahead."""
    world.happened(InputExpanded(kind="shells", value=kw_per_week))


def stands(world, day):
    """What happens to shells between yesterday and a day."""
    return [h.event for h in sites.due(world.state, day - 1, day) if isinstance(h.event, events.ShellReady)]


def test_shells_are_finished_within_what_contractors_can_do_in_a_month_the_first_first():
    world = given(**{"sites.slip_sd": 0.0001, "sites.slip_median": 1.0})
    for n in range(1, 4):
        begun(world, days_ago=100 - n, planned=50, power=3_000, n=n)
    contractors(world, 1_600)  # 6,400 kW in a month
    ready = stands(world, START)
    assert [event.building_id[-1] for event in ready] == ["1", "2"]
    world.happened(*ready)
    assert stands(world, START) == []
    contractors(world, 1_600)
    assert len(stands(world, START)) == 1


def test_an_old_hall_takes_contractors_the_works_that_are_left_to_do():
    world = given(**{"sites.slip_sd": 0.0001, "sites.slip_median": 1.0, "sites.hall_works_share": 0.5})
    begun(world, days_ago=100, planned=50, power=6_000, kind="brownfield", n=1)
    assert contracted.asked_kw(world.state, START) == 3_000
    contractors(world, 1_000)
    world.happened(*stands(world, START))
    assert world.state.sites.shell_hands_kw == 1_000, "of 4,000 kW in a month"
    begun(world, days_ago=100, planned=50, power=6_000, n=2)
    assert contracted.asked_kw(world.state, START) == 6_000, "new land takes all of them"


def test_a_shell_larger_than_a_month_of_work_is_taken_on_and_paid_back():
    world = given(**{"sites.slip_sd": 0.0001, "sites.slip_median": 1.0})
    begun(world, days_ago=100, planned=50, power=10_000)
    contractors(world, 1_000)
    world.happened(*stands(world, START))
    assert world.state.sites.shell_hands_kw == pytest.approx(-6_000)


def test_without_hands_no_shell_is_finished():
    world = given(**{"sites.slip_sd": 0.0001, "sites.slip_median": 1.0, "sites.shells_factor": 0.0})
    begun(world, days_ago=100, planned=50, power=3_000)
    contractors(world, 1_600)
    assert stands(world, START) == []


def test_contractors_grow_faster_the_more_is_to_stand_within_half_a_year():
    def grown(buildings):
        world = given()
        for n in range(1, buildings + 1):
            begun(world, planned=100, power=10_000, n=n)
        contractors(world, 1_000)
        return next(h.event.value for h in contracted.expand(world.state, START) if isinstance(h.event, InputExpanded))

    assert 1_000 < grown(1) < grown(5) < grown(10)


def test_a_builder_whose_works_are_over_and_not_finished_is_told_what_holds_it_back():
    world = given(**{"sites.slip_sd": 0.0001, "sites.slip_median": 1.0})
    begun(world, days_ago=100, planned=50, power=4_000)
    contractors(world, 1_000)
    (bound,) = (h.event for h in contracted.binding(world.state, START))
    assert (bound.supplier, bound.kind, bound.share) == (LAB, "shells", 0.5)
    world.happened(bound, *stands(world, START))
    gone = copy.deepcopy(world.state)
    del gone.run.orgs[LAB]
    assert list(contracted.binding(gone, START)) == []
    (freed,) = (h.event for h in contracted.binding(world.state, START))
    assert freed.share == 1.0
