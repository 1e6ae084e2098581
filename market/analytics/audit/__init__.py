"""What must be true of every run, week by week, derived from the log alone.

    audit(open_log(folder).scan()) -> []

The auditor shares no code with the rules that make events or with the code that applies them: it reads the wide table
with Polars, rebuilds stocks as running totals, and says where they cannot be. A stock that breaks a rule is reported
at each event after which it is broken (or at the first close of a week, where the order of a week allows it to be
broken for a moment); a stock holds between its changes, so every week is covered.
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
from market.analytics.audit.book import COLUMNS, Book, Check, Finding

CHECKS: tuple[Check, ...] = (
    *sequence.CHECKS, *chips.CHECKS, *clearing.CHECKS, *sites.CHECKS, *plant.CHECKS, *fleet.CHECKS, *leases.CHECKS,
    *contracts.CHECKS, *clauses.CHECKS, *training.CHECKS, *money.CHECKS, *due.CHECKS, *estates.CHECKS,
)  # fmt: skip


def audit(log: pl.LazyFrame) -> list[Finding]:
    """Check a log of the wide schema; findings in the order of the log, none when all holds."""
    book = Book()
    for frame in log.select(COLUMNS).collect_batches(maintain_order=True):
        book.take(frame)
    return examine(book)


def examine(taken: Book) -> list[Finding]:
    """Check a log that was taken piece by piece; findings in the order of the log."""
    if taken.is_empty():
        return []
    return sorted((finding for check in CHECKS for finding in check(taken)), key=lambda f: (f.seq, f.rule, f.what))


__all__ = ["CHECKS", "Book", "Finding", "audit", "examine"]
