"""What must be true of every run, week by week, derived from the log alone.

    audit(open_log(folder).scan()) -> []

The auditor shares no code with the rules that make events or with the code that applies them: it reads the wide table
with Polars, rebuilds stocks as running totals, and says where they cannot be. A stock that breaks a rule is reported
at each event after which it is broken (or at the first close of a week, where the order of a week allows it to be
broken for a moment); a stock holds between its changes, so every week is covered.

It passes over the log once, in parts of whole months, and carries totals from part to part; a part takes memory, and
so does each contract, not each event (`kept.py`). What it finds does not depend on the size of the parts.
"""

from __future__ import annotations

import polars as pl

from market.analytics.audit import (
    chips,
    clauses,
    clearing,
    contracts,
    due,
    estates,
    fleet,
    leases,
    money,
    plant,
    sequence,
    sites,
    training,
)
from market.analytics.audit.book import COLUMNS, Book, Check, Finding, months

BY_PART: tuple[Check, ...] = (
    *sequence.BY_PART, *chips.BY_PART, *clearing.BY_PART, *sites.BY_PART, *fleet.BY_PART, *leases.BY_PART,
    *clauses.BY_PART, *training.BY_PART, *money.BY_PART, *due.BY_PART, *estates.BY_PART,
)  # fmt: skip
AT_END: tuple[Check, ...] = (
    *sites.AT_END, *plant.AT_END, *leases.AT_END, *contracts.AT_END, *clauses.AT_END, *training.AT_END,
    *estates.AT_END,
)  # fmt: skip
PART_EVENTS = 98_304  # of three years of the default scenario a half


class Auditor:
    """Takes a log piece by piece and says in the end what in it cannot be.

    part_events : a part ends with the first month at whose end it has so many events.
    """

    def __init__(self, part_events: int = PART_EVENTS) -> None:
        self._part_events, self._rows = part_events, 0
        self._book, self._findings = Book(), list[Finding]()

    def take(self, frame: pl.DataFrame) -> None:
        """Take the next events of a log, in the wide schema."""
        frame = self._book.dated(frame)
        is_short = self._rows + frame.height < self._part_events
        for piece, ends_month in [(frame, False)] if is_short else months(frame):
            self._book.take(piece)
            self._rows += piece.height
            if ends_month and self._rows >= self._part_events:
                self._end_part()
                self._book.turn()

    def _end_part(self) -> None:
        self._findings += [finding for check in BY_PART for finding in check(self._book)]
        self._rows = 0

    def findings(self) -> list[Finding]:
        """Check what is left, then what is asked once; findings in the order of the log, none when all holds."""
        if not self._book.is_empty():
            self._end_part()
        if self._book.has_begun:
            self._findings += [finding for check in AT_END for finding in check(self._book)]
        return sorted(self._findings, key=lambda found: (found.seq, found.rule, found.what))


def audit(log: pl.LazyFrame, part_events: int = PART_EVENTS) -> list[Finding]:
    """Check a log of the wide schema; findings in the order of the log, none when all holds."""
    auditor = Auditor(part_events)
    for frame in log.select(COLUMNS).collect_batches(maintain_order=True):
        auditor.take(frame)
    return auditor.findings()


__all__ = ["AT_END", "BY_PART", "Auditor", "Book", "Finding", "audit"]
