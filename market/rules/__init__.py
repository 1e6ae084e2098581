"""(state, command) -> events: every rule of the world, and no effect.

`CLOCK` turns time into events, `CLEARING` and `SETTLING` allot what is scarce at the end of a week, `measures` tells
prices, serving and payments.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from events.commands import Command
from events.types import Batch, Event
from events.types.training import FrontierMeasured
from market.rules import allocation, chips, finance, leases, letters, prices, serving, sites, training
from market.rules.base import Deciders, Happening
from market.rules.start import calibrate
from market.state import State
from market.units import MONTH_WEEKS

Step = Callable[[State, int], Iterable[Happening]]

DECIDERS: Deciders = {}
for _family in (chips, sites, leases, letters, training, finance):
    DECIDERS.update(_family.DECIDE)


def decide(state: State, command: Command, day: int) -> list[Event]:
    """Answer one command with events; a refusal is an event with a reason."""
    return DECIDERS[type(command)](state, command, day)


def _quarterly(step: Step) -> Step:
    def every_quarter(state: State, day: int) -> Iterable[Happening]:
        return step(state, day) if (state.run.week + 1) % 13 == 12 else ()

    return every_quarter


def _monthly(step: Step) -> Step:
    def every_month(state: State, day: int) -> Iterable[Happening]:
        return step(state, day) if (state.run.week + 1) % MONTH_WEEKS == MONTH_WEEKS - 1 else ()

    return every_month


CLOCK: tuple[Callable[[State, int, int], Iterator[Happening]], ...] = (
    chips.due, sites.due, leases.due, letters.due, training.due, finance.due,
)  # fmt: skip
CLEARING: tuple[Step, ...] = (
    leases.terms_over, sites.grant, sites.energise, _monthly(chips.expand_slots), chips.end_of_life, chips.output,
)  # fmt: skip
SETTLING: tuple[Step, ...] = (
    allocation.install, _quarterly(allocation.retire), _monthly(finance.defaults), leases.hand_over, training.replan,
    training.shed_projects, training.clusters, prices.move, finance.loans_repaid,
)  # fmt: skip


def measures(state: State, day: int) -> Iterator[Batch | Happening | None]:
    """Measure serving every week and pay every month; each step sees what the one before it did."""
    week = state.run.week + 1
    yield Happening(day, FrontierMeasured(capability=serving.frontier(state)), "world", "world")
    yield serving.measure(state, week)
    if week % MONTH_WEEKS == MONTH_WEEKS - 1:
        rented = prices.on_demand(state, day)
        if rented is not None:
            yield rented
            yield finance.on_demand_revenue(state, rented)
        yield finance.monthly(state, day)


__all__ = ["CLEARING", "CLOCK", "SETTLING", "allocation", "calibrate", "chips", "decide", "measures"]
