"""The order of a week: what happens, in which phase, how often. The kernel runs this table; docs/odd.md prints it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from typing import Any, NamedTuple

from events.types import Batch
from events.types.chips import ChipsAllocated
from events.types.training import FrontierMeasured
from market.rules import (
    allocation,
    books,
    chips,
    clauses,
    contracts,
    credit,
    demand,
    duties,
    energy,
    entry,
    estates,
    finance,
    handover,
    index,
    insolvency,
    leases,
    letters,
    plant,
    power,
    prices,
    projects,
    roadmap,
    serving,
    settlement,
    shells,
    sites,
    spot,
    training,
    uses,
    vendors,
)
from market.rules import base as rules
from market.rules.base import Happening
from market.state import State
from market.units import ends_month, ends_quarter

type Outcome = Happening | Batch
type Rule = Callable[..., Any]  # an iterable of happenings; after the clock also of batches, or one batch, or None


class Phase(StrEnum):
    """Parts of a week, in their order."""

    CLOCK = "clock"  # what fell due between two days; each rule takes (state, first day, last day)
    ASK = "ask"  # every org sees the same moment and answers with commands
    DECIDE = "decide"  # commands become events, in a keyed order of orgs
    CLEAR = "clear"  # what is scarce is shared out; each rule takes (state, day) and sees what those before it did
    MEASURE = "measure"  # serving, and money
    CLOSE = "close"  # the state is hashed


class Interval(StrEnum):
    """How often a step is taken."""

    WEEK = "week"
    MONTH = "month"  # the last of four weeks
    QUARTER = "quarter"  # the last of thirteen

    def is_due(self, week: int) -> bool:
        """Whether a step of this interval is taken in a week."""
        if self is Interval.MONTH:
            return ends_month(week)
        return ends_quarter(week) if self is Interval.QUARTER else True


class Step(NamedTuple):
    """One step of a week."""

    phase: Phase
    interval: Interval
    rule: Rule

    @property
    def name(self) -> str:
        """Module and function."""
        return f"{self.rule.__module__.rpartition('.')[2]}.{self.rule.__name__}"

    @property
    def does(self) -> str:
        """First line of what the rule says of itself."""
        return (self.rule.__doc__ or "").strip().partition("\n")[0]


def allocate_and_ship(state: State, day: int) -> Iterator[Outcome]:
    """Share each chip's stock among the orgs that wait for it; rack, ship and bill what they get."""
    given = list(allocation.allocate(state, day))
    yield from given
    allocated = [happening.event for happening in given if isinstance(happening.event, ChipsAllocated)]
    yield from allocation.ship(state, allocated, day)


def frontier(state: State, day: int) -> Iterator[Happening]:
    """Measure the capability of the best released model."""
    yield Happening(day, FrontierMeasured(capability=rules.frontier(state)), "world", "world")


def serve(state: State, day: int) -> Batch | None:
    """Serve what customers ask of labs, within their fleets, and growing no faster than a provider can."""
    return serving.measure(state, day)


def rent_on_demand(state: State, day: int) -> Iterator[Outcome]:
    """Rent out to the tail what is free, and pay clouds for four weeks of it."""
    is_posted = books.mechanism_of(state, "on_demand") == "posted"
    for outcome in outcomes(index.on_demand(state, day) if is_posted else spot.auctioned(state, day)):
        yield outcome
        if isinstance(outcome, Batch):
            yield finance.on_demand_revenue(state, outcome)


WEEK: tuple[Step, ...] = (
    Step(Phase.CLOCK, Interval.WEEK, chips.due),
    Step(Phase.CLOCK, Interval.WEEK, sites.due),
    Step(Phase.CLOCK, Interval.WEEK, plant.due),
    Step(Phase.CLOCK, Interval.WEEK, leases.due),
    Step(Phase.CLOCK, Interval.WEEK, letters.due),
    Step(Phase.CLOCK, Interval.WEEK, training.due),
    Step(Phase.CLOCK, Interval.WEEK, projects.due),
    Step(Phase.CLOCK, Interval.WEEK, finance.due),
    Step(Phase.CLEAR, Interval.WEEK, entry.enter),
    Step(Phase.CLEAR, Interval.WEEK, leases.terms_over),
    Step(Phase.CLEAR, Interval.WEEK, clauses.steps),
    Step(Phase.CLEAR, Interval.WEEK, power.grant),
    Step(Phase.CLEAR, Interval.WEEK, sites.energise),
    Step(Phase.CLEAR, Interval.MONTH, energy.tariffs),
    Step(Phase.CLEAR, Interval.MONTH, energy.auction),
    Step(Phase.CLEAR, Interval.MONTH, shells.expand),
    Step(Phase.CLEAR, Interval.MONTH, energy.expand_plant),
    Step(Phase.CLEAR, Interval.MONTH, roadmap.succeed),
    Step(Phase.CLEAR, Interval.MONTH, chips.expand_slots),
    Step(Phase.CLEAR, Interval.WEEK, chips.end_of_life),
    Step(Phase.CLEAR, Interval.WEEK, chips.output),
    Step(Phase.CLEAR, Interval.WEEK, allocation.convert),
    Step(Phase.CLEAR, Interval.WEEK, allocate_and_ship),
    Step(Phase.CLEAR, Interval.WEEK, allocation.install),
    Step(Phase.CLEAR, Interval.MONTH, allocation.retire),
    Step(Phase.CLEAR, Interval.MONTH, sites.give_up),
    Step(Phase.CLEAR, Interval.MONTH, credit.covenants),
    Step(Phase.CLEAR, Interval.MONTH, vendors.vest),
    Step(Phase.CLEAR, Interval.MONTH, insolvency.defaults),
    Step(Phase.CLEAR, Interval.WEEK, insolvency.forced),
    Step(Phase.CLEAR, Interval.WEEK, estates.sell),
    Step(Phase.CLEAR, Interval.WEEK, settlement.close),
    Step(Phase.CLEAR, Interval.WEEK, estates.offer),
    Step(Phase.CLEAR, Interval.WEEK, contracts.draw),
    Step(Phase.CLEAR, Interval.WEEK, contracts.settled),
    Step(Phase.CLEAR, Interval.WEEK, handover.hand_over),
    Step(Phase.CLEAR, Interval.WEEK, clauses.rebates),
    Step(Phase.CLEAR, Interval.WEEK, clauses.prepaid_back),
    Step(Phase.CLEAR, Interval.WEEK, training.replan),
    Step(Phase.CLEAR, Interval.MONTH, duties.curtail),
    Step(Phase.CLEAR, Interval.WEEK, projects.operate),
    Step(Phase.CLEAR, Interval.WEEK, training.clusters),
    Step(Phase.CLEAR, Interval.WEEK, prices.clear),
    Step(Phase.CLEAR, Interval.WEEK, index.publish),
    Step(Phase.CLEAR, Interval.WEEK, credit.loans_repaid),
    Step(Phase.MEASURE, Interval.WEEK, frontier),
    Step(Phase.MEASURE, Interval.WEEK, demand.segments),
    Step(Phase.MEASURE, Interval.WEEK, serve),
    Step(Phase.MEASURE, Interval.MONTH, demand.shares),
    Step(Phase.MEASURE, Interval.MONTH, projects.people),
    Step(Phase.MEASURE, Interval.MONTH, uses.grow),
    Step(Phase.MEASURE, Interval.MONTH, index.tail_contracts),
    Step(Phase.MEASURE, Interval.MONTH, rent_on_demand),
    Step(Phase.MEASURE, Interval.MONTH, finance.monthly),
)


def steps(*phases: Phase, week: int) -> Iterator[Step]:
    """The steps of some phases that are due in a week, in order."""
    return (step for step in WEEK if step.phase in phases and step.interval.is_due(week))


def fell_due(state: State, first: int, last: int, week: int) -> list[Happening]:
    """What fell due between two days of a week, by day, type and what led to it."""
    found = (happening for step in steps(Phase.CLOCK, week=week) for happening in step.rule(state, first, last))
    return sorted(found, key=lambda h: (h.day, type(h.event).__name__, h.cause))


def outcomes(answer: Iterable[Outcome] | Batch | None) -> list[Outcome]:
    """What a rule answered, as a list: before any of it is applied, for a rule reads the state as it goes."""
    if answer is None:
        return []
    return [answer] if isinstance(answer, Batch) else list(answer)


def table() -> str:
    """The week as a table in Markdown, for the documentation."""
    rows = [f"| {step.phase} | {step.interval} | `{step.name}()` | {step.does} |" for step in WEEK]
    return "\n".join(("| phase | every | step | what it does |", "|---|---|---|---|", *rows))
