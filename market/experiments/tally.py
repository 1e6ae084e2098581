"""A log that counts facts as they pass: what a run's metrics need beside its state, and nothing kept."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from events.facts import Entry, Fact
from events.facts.finance import LoanGranted, RoundClosed
from events.facts.leases import LeaseSigned
from events.facts.policy import LevyCharged
from events.memory import Log, check_seq
from events.rows import Rows

SUMMED: dict[type[Fact], str] = {
    LeaseSigned: "gpus",
    LevyCharged: "amount_usd_cents",
    LoanGranted: "amount_usd_cents",
    RoundClosed: "amount_usd_cents",
}
"""Facts whose amounts are added up, and the field that holds the amount."""


class Tally:
    """Counts the facts of a run by type, those of its start apart, and passes them on to a log if there is one.

    Without a log behind it a run needs no memory for its facts.

    Attributes
    ----------
    counts : facts so far by type, without those of the start.
    sums : what they add up to, for the types in `SUMMED`.
    """

    def __init__(self, behind: Log | None = None) -> None:
        self.head = ""
        self.next_seq = 0
        self.behind = behind
        self.is_kept = behind is not None
        self.counts: dict[type[Fact], int] = defaultdict(int)
        self.sums: dict[type[Fact], int] = defaultdict(int)

    def append(self, entry: Entry) -> None:
        """Take one fact."""
        check_seq(entry.seq, self.next_seq)
        self.next_seq += 1
        if entry.cause_seq >= 0:  # facts of the start have no cause
            self._count(type(entry.fact), 1, (entry.fact,))
        if self.behind is not None:
            self.behind.append(entry)

    def append_rows(self, rows: Rows) -> None:
        """Take many facts of one type."""
        check_seq(rows.first_seq, self.next_seq)
        self.next_seq += len(rows)
        self._count(rows.kind, len(rows), (entry.fact for entry in rows.entries()) if rows.kind in SUMMED else ())
        if self.behind is not None:
            self.behind.append_rows(rows)

    def _count(self, kind: type[Fact], number: int, facts: Iterable[Fact]) -> None:
        self.counts[kind] += number
        field = SUMMED.get(kind)
        if field is not None:
            self.sums[kind] += sum(getattr(fact, field) for fact in facts)

    def close_week(self) -> None:
        """Say that the facts so far are whole weeks."""
        if self.behind is not None:
            self.behind.close_week()
            self.head = self.behind.head

    def finish(self) -> None:
        """Say that the run is over."""
        if self.behind is not None:
            self.behind.finish()
            self.head = self.behind.head
