"""A log that counts events as they pass: what a run's metrics need beside its state, and nothing kept."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from events.memory import Log, check_seq
from events.rows import Rows
from events.types import Entry, Event
from events.types.finance import LoanGranted, RoundClosed
from events.types.leases import LeaseSigned
from events.types.policy import LevyCharged, SubsidyPaid
from events.types.run import OptionRejected

SUMMED: dict[type[Event], str] = {
    LeaseSigned: "gpus",
    LevyCharged: "amount_usd_cents",
    SubsidyPaid: "amount_usd_cents",
    LoanGranted: "amount_usd_cents",
    RoundClosed: "amount_usd_cents",
}
"""Events whose amounts are added up, and the field that holds the amount."""


class Tally:
    """Counts the events of a run by type, those of its start apart, and passes them on to a log if there is one.

    Without a log behind it a run needs no memory for its events.

    Attributes
    ----------
    counts : events so far by type, without those of the start.
    sums : what they add up to, for the types in `SUMMED`.
    foreseen : candidates of decisions that were left because a policy stood in the way.
    """

    def __init__(self, behind: Log | None = None) -> None:
        self.head = ""
        self.next_seq = 0
        self.behind = behind
        self.is_kept = behind is not None
        self.counts: dict[type[Event], int] = defaultdict(int)
        self.sums: dict[type[Event], int] = defaultdict(int)
        self.foreseen = 0

    def append(self, entry: Entry) -> None:
        """Take one event."""
        check_seq(entry.seq, self.next_seq)
        self.next_seq += 1
        if entry.cause_seq >= 0:  # events of the start have no cause
            self._count(type(entry.event), 1, (entry.event,))
        if self.behind is not None:
            self.behind.append(entry)

    def append_rows(self, rows: Rows) -> None:
        """Take many events of one type."""
        check_seq(rows.first_seq, self.next_seq)
        self.next_seq += len(rows)
        self._count(rows.kind, len(rows), (entry.event for entry in rows.entries()) if rows.kind in SUMMED else ())
        if self.behind is not None:
            self.behind.append_rows(rows)

    def _count(self, kind: type[Event], number: int, events: Iterable[Event]) -> None:
        self.counts[kind] += number
        if kind is OptionRejected:
            self.foreseen += sum(getattr(event, "policy", None) is not None for event in events)
        field = SUMMED.get(kind)
        if field is not None:
            self.sums[kind] += sum(getattr(event, field) for event in events)

    def close_week(self) -> None:
        """Say that the events so far are whole weeks."""
        if self.behind is not None:
            self.behind.close_week()
            self.head = self.behind.head

    def finish(self) -> None:
        """Say that the run is over."""
        if self.behind is not None:
            self.behind.finish()
            self.head = self.behind.head
