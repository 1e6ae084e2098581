"""Own plant runs under a permit that ends: it is asked for anew in time, or what the plant feeds is off."""

from __future__ import annotations

from types import SimpleNamespace

import polars as pl
import pytest
from given import CLOUD, FIELD, LAB, START, given
from worlds import simulate

from agents import resources
from agents.permission import to_build
from agents.siting import renewals
from events.commands.sites import ConnectToGrid, RenewPermit
from events.types import sites as events
from market.analytics.audit import audit
from market.policies.load import load_policy
from market.policies.schema import Policy
from market.rules import base, books, duties, letters, plant, power, sites, worth
from market.rules.policy import policy_hooks
from market.view import MarketView, Shared

NAME = f"{FIELD}/building/1"


def in_use(kind="brownfield", **parameters):
    """The small world with own plant of as much as its site had, in use since START."""
    world = given(**parameters)
    kw = world.state.sites.sites[FIELD].energised_kw
    world.happened(
        events.BuildingStarted(
            building_id=NAME, site=FIELD, org=LAB, region="texas", kind=kind, on_site_power=True, power_kw_it=kw,
            start_day=START, due_day=START,
        ),
        events.ShellReady(building_id=NAME, site=FIELD, org=LAB, power_kw_it=kw),
        events.PowerGranted(
            building_id=NAME, site=FIELD, org=LAB, region="texas", kind="on-site", power_kw_it=kw, due_day=START
        ),
    )  # fmt: skip
    told = world.after(sites.energise(world.state, START))
    return world, next(event for event in told if isinstance(event, events.PlantPermitted))


def ask(world):
    return world.when(RenewPermit(actor=LAB, because=NAME, building_id=NAME))[0]


def view_of(world):
    return MarketView(Shared(world.state), LAB)


def on(world, day):
    return world.after(plant.due(world.state, day, day + 6))


@pytest.mark.parametrize(
    ("kind", "word", "days"), [("brownfield", "temporary", 364), ("greenfield", "operating", 1826)]
)
def test_turbines_that_can_be_moved_have_a_year_and_other_plant_five(kind, word, days):
    _, permit = in_use(kind)
    assert (permit.kind, permit.end_day) == (word, START + days)


def test_a_plant_whose_permit_ends_stops_and_what_it_fed_is_off():
    world, permit = in_use()
    site = world.state.sites.sites[FIELD]
    site.installed_w = 1000 * site.energised_kw - 7_000
    before = site.spare_w
    assert on(world, permit.end_day - 7) == []
    (stopped,) = on(world, permit.end_day)
    assert isinstance(stopped, events.PlantStopped)
    assert site.stopped_share == pytest.approx(0.5, rel=1e-3)
    assert (before, site.spare_w) == (7_000, 0)
    assert duties.hours_off(world.state, site) == pytest.approx(8760 / 2, rel=1e-3)
    fleet = duties.usable(world.state, dict.fromkeys(world.state.run.orgs, 1e6))
    assert fleet[LAB] < 1e6 == fleet[CLOUD]
    assert on(world, permit.end_day + 7) == [], "it stops once"


@pytest.mark.parametrize("part", [0.1, 0.5, 0.6, 0.8, 1.0])
def test_what_runs_behind_a_stop_and_what_is_free_are_all_the_power_that_is_left(part):
    world, permit = in_use()
    site = world.state.sites.sites[FIELD]
    site.installed_w = round(1000 * part * site.energised_kw)
    on(world, permit.end_day)
    running = site.installed_w * (1 - site.stopped_share)
    assert running + site.spare_w == pytest.approx(1000 * site.running_kw)
    assert (site.stopped_share == 0) == (part <= 0.5)
    assert duties.billed_w(world.state, site) == pytest.approx(running)


def test_who_asks_in_time_runs_on_until_the_answer():
    world, permit = in_use(power__permit_granted_share=1.0)
    world.state.run.week = 40
    sought = ask(world)
    assert isinstance(sought, events.PermitSought)
    world.state.sites.permits[NAME].end_day = sought.due_day - 30
    assert on(world, sought.due_day - 30) == []
    (granted,) = on(world, sought.due_day)
    assert granted.end_day == sought.due_day + 1826
    assert world.state.sites.sites[FIELD].stopped_kw == 0
    assert permit.end_day < granted.end_day


def test_a_plant_that_is_refused_stops_at_its_end_and_starts_again_with_a_permit():
    world, permit = in_use(power__permit_granted_share=0.0)
    sought = ask(world)
    assert ask(world).reason == "no permit to renew", "one application at a time"
    assert [type(e) for e in on(world, sought.due_day)] == [events.PermitRefused]
    assert [type(e) for e in on(world, permit.end_day)] == [events.PlantStopped]
    again = ask(world)
    world.state.run.parameters["power.permit_granted_share"] = 1.0
    assert [type(e) for e in on(world, again.due_day)] == [events.PlantPermitted]
    assert world.state.sites.sites[FIELD].stopped_kw == 0


def test_a_refusal_after_the_end_stops_the_plant_on_that_day():
    world, permit = in_use(power__permit_granted_share=0.0)
    sought = ask(world)
    world.state.sites.permits[NAME].end_day = sought.due_day - 1
    assert {type(e) for e in on(world, sought.due_day)} == {events.PermitRefused, events.PlantStopped}
    assert permit.end_day > sought.due_day


def test_nobody_renews_the_permit_of_another_or_connects_its_plant():
    world, _ = in_use()
    for command in (RenewPermit, ConnectToGrid):
        (refused,) = world.when(command(actor=CLOUD, because=NAME, building_id=NAME))
        assert isinstance(refused, events.SiteRefused)


def test_the_grid_takes_over_from_a_plant_that_stands_still():
    world, permit = in_use()
    on(world, permit.end_day)
    site, region = world.state.sites.sites[FIELD], world.state.run.regions["texas"]
    off, granted = site.stopped_kw, region.granted_kw
    (sought,) = world.when(ConnectToGrid(actor=LAB, because=NAME, building_id=NAME))
    assert isinstance(sought, events.ConnectionSought)
    assert NAME in region.queue
    assert [building.building_id for building in view_of(world).buildings()].count(NAME) == 1, "power to come"
    (again,) = world.when(ConnectToGrid(actor=LAB, because=NAME, building_id=NAME))
    assert again.reason == "nothing to connect"
    assert world.after(power.grant(world.state, START)) == [], "studies and works come first"
    world.state.run.week = 520
    (connected,) = world.after(power.grant(world.state, START + 3640))
    assert isinstance(connected, events.GridConnected)
    assert (site.stopped_kw, region.granted_kw) == (0, granted + off)
    assert NAME not in region.queue
    assert NAME not in world.state.sites.permits | world.state.sites.buildings


def test_a_hall_in_use_whose_plant_the_grid_is_to_relieve_adds_power_only_once_it_stands_still():
    world, permit = in_use(sites__greenfield_days=1e5, sites__slip_median=1.5)
    state, kw = world.state, permit.power_kw_it

    def powered():
        due, each = state.sites.buildings[NAME].due_day if NAME in state.sites.buildings else START, 1.4
        letters_for = [SimpleNamespace(counterparty=LAB, h100e=kw / each, due_day=day) for day in (due, due - 1)]
        return [letters.powered_share(state, letter, START) for letter in letters_for]

    def to_let():
        return sum(b.power_kw for b in base.to_come(state, base.buildings_at(state, FIELD)))

    before, worth_before = powered(), worth.site_cents(state, state.sites.sites[FIELD], START)
    (sought,) = world.when(ConnectToGrid(actor=LAB, because=NAME, building_id=NAME))
    assert (powered(), to_let(), books.Waiting(state, START).due) == (before, 0, {})
    assert view_of(world).buildings() == ()
    on(world, permit.end_day)
    standing = powered()
    assert standing[0] - standing[1] == pytest.approx(1.0), "from the day on which the grid is to serve it, not before"
    assert (to_let(), books.Waiting(state, START).due) == (kw, {LAB: sought.due_day})
    assert resources.expected_kw(view_of(world)) == ([sought.due_day], [0, kw]), "it has no works that could slip"
    assert worth.site_cents(state, state.sites.sites[FIELD], START) == worth_before, "its shell stands, and counts once"


def test_an_owner_asks_the_grid_once_when_its_plant_stands_still():
    world, permit = in_use()
    on(world, permit.end_day)
    asked = []
    for week in range(60, 70):
        world.state.run.week = week
        for command in renewals(view_of(world)):
            asked.append(type(command))
            world.when(command)
    assert asked.count(ConnectToGrid) == 1
    assert RenewPermit in asked, "it asks for a permit as well"


def test_an_owner_asks_half_a_year_before_the_end_and_once():
    world, permit = in_use()
    asked = []
    for week in range(52):
        world.state.run.week = week
        for command in renewals(view_of(world)):
            world.when(command)
            asked.append((week, command))
    ((week, command),) = asked
    assert command.building_id == NAME
    assert permit.end_day - 182 <= START + 7 * (week + 1) + 6 < permit.end_day - 182 + 35


def test_energy_is_not_billed_for_what_stands_still():
    world, permit = in_use()
    site = world.state.sites.sites[FIELD]
    site.installed_w = 1000 * site.energised_kw
    before = site.used_w
    on(world, permit.end_day)
    assert duties.billed_w(world.state, site) == site.used_w == before / 2


@pytest.fixture(scope="module")
def refused(frontier):
    """The default world where no turbine gets an operating permit, for a little longer than an exemption holds."""
    hooks = policy_hooks([load_policy("turbine-exemptions-end:from=2024-07-15")])
    return simulate(frontier, 1, 66, hooks).frame


def test_where_renewals_are_refused_plant_stops_and_the_log_holds(refused):
    log, kinds = refused, refused["type"].value_counts().to_dict(as_series=False)
    count = dict(zip(kinds["type"], kinds["count"], strict=True))
    assert count["PlantPermitted"] > 0
    assert count["PlantStopped"] > 0
    assert count["ConnectionSought"] > 0
    assert count.get("PermitSought", 0) == 0
    told = log.filter((pl.col("type") == "CommandForbidden") & (pl.col("kind") == "RenewPermit"))
    assert told.height > 0
    assert audit(log.lazy()) == []


@pytest.mark.parametrize(
    ("lacking", "said"), [("PlantPermitted", "runs without a permit"), ("PlantStopped", "is not followed in time"),
                          ("WeekClosed", "stops while it may run")],
)  # fmt: skip
def test_the_auditor_finds_plant_whose_permit_and_running_do_not_agree(refused, lacking, said):
    log = refused
    days = pl.when(pl.col("type") == "PlantStopped").then(pl.col("day") - 30).otherwise("day")
    wrong = log.with_columns(day=days) if lacking == "WeekClosed" else log.filter(pl.col("type") != lacking)
    assert any(finding.rule == "plant" and said in finding.what for finding in audit(wrong.lazy()))


def test_policies_tell_firm_service_from_service_that_may_be_switched_off():
    offer = {"regions__texas__non_firm_mw": 500.0}
    rule = {
        "refuse": ["PlanSite", "StartBuilding"],
        "when": {"region": "texas", "is_firm": True},
        "reason": "firm loads",
    }
    policy = Policy.model_validate(
        {"name": "firm", "title": "x", "description": "x", "from": "2024-01-01", "permit": [rule]}
    )
    world, hooks = given(**offer), policy_hooks([policy])
    world.state.run.policies["firm"] = START
    view = MarketView(Shared(world.state, hooks), LAB)
    asked = [to_build(view, "texas", "greenfield", 1_000, on_site=False, is_firm=is_firm) for is_firm in (True, False)]
    assert [may.is_given for may in asked] == [False, True]
