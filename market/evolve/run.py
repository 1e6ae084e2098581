"""How facts of the run change the state."""

from __future__ import annotations

from events.facts import run as facts
from market.state import State
from market.state.finance import Books
from market.state.run import Org, Region


def run_started(state: State, fact: facts.RunStarted, day: int) -> None:
    run = state.run
    run.scenario, run.seed = fact.kind, fact.seed
    run.start_day, run.end_day = fact.start_day, fact.end_day


def parameter_set(state: State, fact: facts.ParameterSet, day: int) -> None:
    state.run.parameters[fact.parameter] = fact.value
    if state.run.week < 0 and not state.run.policies:  # what a policy sets is no baseline, not even on the first day
        state.run.baseline[fact.parameter] = fact.value


def org_registered(state: State, fact: facts.OrgRegistered, day: int) -> None:
    roles = tuple(fact.role.split("+"))
    state.run.orgs[fact.org] = Org(fact.org, roles, fact.country, fact.kind, fact.parent_org)
    state.finance.books[fact.org] = Books(fact.org)


def region_registered(state: State, fact: facts.RegionRegistered, day: int) -> None:
    state.run.regions[fact.region] = Region(fact.region, fact.country)


def exogenous_shock(state: State, fact: facts.ExogenousShock, day: int) -> None:
    state.run.shocks[fact.kind] = fact.value


def week_closed(state: State, fact: facts.WeekClosed, day: int) -> None:
    state.run.week = fact.week


def run_ended(state: State, fact: facts.RunEnded, day: int) -> None:
    state.run.ended = True


APPLY = {
    facts.RunStarted: run_started,
    facts.ParameterSet: parameter_set,
    facts.OrgRegistered: org_registered,
    facts.RegionRegistered: region_registered,
    facts.ExogenousShock: exogenous_shock,
    facts.WeekClosed: week_closed,
    facts.RunEnded: run_ended,
}
INERT = (facts.OptionChosen, facts.OptionRejected)
