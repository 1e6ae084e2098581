"""How events of the run change the state."""

from __future__ import annotations

from events.kinds import roles_of
from events.types import run as events
from market.state import State
from market.state.finance import Books
from market.state.run import Entrant, Org, Region


def run_started(state: State, event: events.RunStarted, day: int) -> None:
    run = state.run
    run.scenario, run.seed = event.kind, event.seed
    run.start_day, run.end_day = event.start_day, event.end_day


def parameter_set(state: State, event: events.ParameterSet, day: int) -> None:
    state.run.parameters[event.parameter] = event.value
    if state.run.week < 0 and not state.run.policies:  # what a policy sets is no baseline, not even on the first day
        state.run.baseline[event.parameter] = event.value


def org_announced(state: State, event: events.OrgAnnounced, day: int) -> None:
    state.run.entrants[event.org] = Entrant(
        event.org, roles_of(event.role), event.country, event.kind, event.parent_org, event.due_day,
        event.amount_usd_cents, event.valuation_usd_cents, event.value,
    )  # fmt: skip


def org_registered(state: State, event: events.OrgRegistered, day: int) -> None:
    state.run.entrants.pop(event.org, None)
    state.run.orgs[event.org] = Org(event.org, roles_of(event.role), event.country, event.kind, event.parent_org)
    state.finance.books[event.org] = Books(event.org)


def region_registered(state: State, event: events.RegionRegistered, day: int) -> None:
    state.run.regions[event.region] = Region(event.region, event.country)


def exogenous_shock(state: State, event: events.ExogenousShock, day: int) -> None:
    state.run.shocks[event.kind] = event.value


def week_closed(state: State, event: events.WeekClosed, day: int) -> None:
    state.run.week = event.week
    state.leases.broken.clear()
    for estate in state.finance.estates.values():
        for lot in estate.lots.values():
            lot.bids.clear()


def run_ended(state: State, event: events.RunEnded, day: int) -> None:
    state.run.ended = True


APPLY = {
    events.RunStarted: run_started,
    events.ParameterSet: parameter_set,
    events.OrgAnnounced: org_announced,
    events.OrgRegistered: org_registered,
    events.RegionRegistered: region_registered,
    events.ExogenousShock: exogenous_shock,
    events.WeekClosed: week_closed,
    events.RunEnded: run_ended,
}
INERT = (events.OptionChosen, events.OptionRejected)
