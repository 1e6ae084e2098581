"""The table of rules, the order of a week, and the events of the start."""

from __future__ import annotations

import pytest
from given import CLOUD, LAB, SITE, START, given

from events.commands import COMMANDS
from events.types import Batch, chips, finance, leases, run, sites, training
from market import rules
from market.evolve import evolve
from market.rules import demand, standing, start, uses
from market.rules.base import fleets_h100e, trait
from market.state import State
from market.state.chips import Place
from market.units import clip, digits, finite
from market.week import WEEK, Interval, Phase, outcomes, steps


def test_every_command_of_an_org_has_a_rule():
    assert set(rules.DECIDERS) == set(COMMANDS.values())


def test_steps_of_a_month_and_a_quarter_come_then_and_not_otherwise():
    weeks = {interval: [n for n in range(26) if interval.is_due(n)] for interval in Interval}
    assert weeks[Interval.MONTH] == [3, 7, 11, 15, 19, 23]
    assert weeks[Interval.QUARTER] == [12, 25]
    assert weeks[Interval.WEEK] == list(range(26))


def measured(world):
    """Types of what the last phase of the coming week measures, each step behind the one before it."""
    state = world.state
    found = [x for step in steps(Phase.MEASURE, week=state.run.week + 1) for x in outcomes(step.rule(state, world.day))]
    return [x.kind.__name__ if isinstance(x, Batch) else type(x.event).__name__ for x in found]


def test_payments_are_measured_in_the_last_week_of_a_month():
    world = given()
    assert measured(world) == ["FrontierMeasured", "SegmentMeasured", "ServingMeasured"]
    world.close_weeks(3)
    every_month = [
        "ShareMeasured",
        "ResearchersMeasured",
        "UseMeasured",
        "TailSigned",
        "OnDemandRented",
        "PaymentMade",
        "PaymentMade",
    ]
    assert measured(world) == ["FrontierMeasured", "SegmentMeasured", "ServingMeasured", *every_month]


def test_every_step_has_a_name_of_its_own_says_what_it_does_and_follows_the_phases():
    phases = list(Phase)
    assert [step.phase for step in WEEK] == sorted((step.phase for step in WEEK), key=phases.index)
    assert len({step.name for step in WEEK}) == len(WEEK)
    assert all(step.does.endswith(".") for step in WEEK)


def test_helpers_bound_and_round():
    assert (clip(5, 0, 1), clip(-5, 0, 1), clip(0.5, 0, 1)) == (1, 0, 0.5)
    assert digits(1.23456789012345) == 1.23456789
    assert (finite(float("nan")), finite(float("-inf")), finite(2.0)) == (0.0, 0.0, 2.0)
    assert trait(given().state, LAB, "no such trait", 3.0) == 3.0


# --- the start


@pytest.fixture(scope="module")
def begun(frontier):
    """The events of the start of the default world, and the state behind them."""
    events, state = [event for _, event in start.opening(frontier, 0)], State()
    for event in events:
        evolve(state, event, start.to_day(frontier.start))
    return events, state


def of(events, kind):
    return [event for event in events if isinstance(event, kind)]


def test_the_start_says_the_scenario_and_whole_weeks(frontier, begun):
    events, state = begun
    (started,) = of(events, run.RunStarted)
    assert started.start_day == start.to_day(frontier.start)
    assert (started.end_day - started.start_day) % 7 == 0
    assert set(state.run.orgs) == set(frontier.orgs)
    assert set(state.run.regions) == set(frontier.regions)
    assert set(state.chips.chips) == set(frontier.chips)
    assert state.run.baseline == state.run.parameters


def test_the_start_is_within_power_and_holdings(begun):
    _, state = begun
    assert all(site.spare_w >= 0 for site in state.sites.sites.values())
    assert all(h.held >= 0 for h in state.chips.holdings.values())
    assert sum(state.finance.ledger.accounts.values()) == 0
    for training_run in state.training.runs.values():
        held = state.chips.holdings[Place(training_run.org, training_run.chip, training_run.site)].held
        assert training_run.gpus <= held


def test_leases_of_the_start_come_parents_first_and_hand_over_what_has_begun(begun):
    events, _ = begun
    signed = of(events, leases.LeaseSigned)
    known = set()
    for one in signed:
        assert one.parent_lease_id is None or one.parent_lease_id in known
        known.add(one.lease_id)
    assert {f.lease_id for f in of(events, leases.GpusHandedOver)} == {
        f.lease_id for f in signed if f.start_day <= START
    }


def test_calibration_reproduces_spending_revenue_and_shares_of_the_start(frontier, begun):
    _, opened = begun
    import copy

    state = copy.deepcopy(opened)
    for happening in standing.calibrate(state):
        evolve(state, happening.event, START)
    p = state.run.parameters
    assert p["demand.frontier_start"] == pytest.approx(demand.seen_frontier(state))
    sold = sum(lab.revenue_usd_per_year for lab in state.training.labs.values())
    assert sum(s.usd_per_year for s in state.demand.segments.values()) == pytest.approx(sold)
    assert all(sum(s.shares.values()) == pytest.approx(1.0) for s in state.demand.segments.values())
    assert sum(p.get(f"orgs.{org}.merchant_share", 0.0) for org in state.run.orgs) == pytest.approx(1.0)
    wanted = uses.wanted_h100e(
        state, uses.streams(state, fleets_h100e(state)), state.demand.clearing_usd_per_h100e_hour
    )
    held = {org: fleets_h100e(state)[org] for org in state.training.labs if not uses.is_in_house(state, org)}
    installed = sum(h.owned * state.chips.chips[h.chip].h100e for h in state.chips.holdings.values())
    assert wanted + sum(held.values()) == pytest.approx(installed, rel=0.01)  # labs have adopted no plan yet
    assert state.chips.orders
    assert state.chips.shipments
    pools = [s for s in state.sites.sites.values() if s.kind == "pool" and s.energised_kw]
    assert all(any(b.site == pool.name for b in state.sites.buildings.values()) for pool in pools)
    for pool in pools:  # the first tranche is a quarter's growth, with a margin
        growth = p.get(f"orgs.{pool.owner}.pool_growth_per_year", p["sites.pool_growth_per_year"])
        kw = pool.energised_kw * p["sites.pool_margin"] * ((1 + growth) ** 0.25 - 1)
        first = state.sites.buildings[f"{pool.name}/building/1"]
        assert first.power_kw == pytest.approx(p[f"orgs.{pool.owner}.shells_factor"] * kw, abs=1)


def test_a_start_says_every_family(begun):
    events, _ = begun
    kinds = {type(event) for event in events}
    assert {
        chips.ChipAnnounced, chips.FleetRegistered, sites.SitePlanned, sites.PowerEnergised, finance.PaymentMade,
        training.ModelReleased, training.TrainingStarted, training.ServingMeasured,
    } <= kinds  # fmt: skip


def test_the_small_world_of_these_tests_stands():
    world = given()
    assert world.state.chips.holdings[Place(CLOUD, "H100", SITE)].held == 10_000
