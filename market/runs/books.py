"""The book of a market in a week of a run: what was offered, who bid, before it was cleared."""

from __future__ import annotations

from events.types import Event
from events.types.chips import ChipsAllocated
from events.types.clearing import ChipsCleared, RentsCleared
from events.types.leases import OnDemandRented
from events.types.run import WeekClosed
from market.clearing import Book
from market.evolve import evolve
from market.kernel import remember
from market.rules import offers
from market.runs.reading import Run, Usage, unknown
from market.state import State

CLEARS: dict[str, tuple[type[Event], ...]] = {
    "chips": (ChipsCleared, ChipsAllocated), "on_demand": (RentsCleared, OnDemandRented), "leases": (WeekClosed,),
    "shells": (WeekClosed,),
}  # fmt: skip
"""Events with which a market's clearing begins; leases and shells have none, their books are those of a week's end."""


def book_of(run: Run, market: str, week: int) -> Book:
    """Rebuild the state of a run up to the clearing of a market in a week, and write its book.

    Raises Usage for a market that has no book, a week that did not close, and one in which nothing was cleared.
    """
    if market not in offers.MAKE:
        raise Usage(unknown("market", market, offers.MAKE))
    state = State()
    for entry in run.reader.entries(None):
        begins = isinstance(entry.event, CLEARS[market]) and entry.day > state.run.start_day
        if begins and state.run.week == week - 1:
            found = offers.MAKE[market](state, entry.day)
            if found.bids and found.lots:
                return found
            break
        evolve(state, entry.event, entry.day)
        remember(state, entry.event, entry.seq, entry.root_seq)
        if state.run.week >= week:
            break
    if state.run.week < week - 1:
        raise Usage(f"week {week}: the run closed its last week, {state.run.week}, before that")
    raise Usage(f"week {week}: nobody bid for {market}, or nothing was offered; name another week")
