"""What a start may know: figures of days up to it, and under a strict vintage only those published by then."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import NamedTuple

from market.catalogue.tables import Row

Entries = dict[str, dict[str, Row]]
"""Rows by id and field."""


class Knowledge(NamedTuple):
    """A day, and whether later estimates of earlier days are left out (`strict`) or used (`revised`)."""

    day: date
    is_strict: bool = False

    def has(self, row: Row) -> bool:
        """Tell whether a row may be used; engineering constants always may."""
        if row.kind == "engineering":
            return True
        said = row.published or row.as_of
        if row.as_of is not None and row.as_of > self.day:
            return False
        return not self.is_strict or said is None or said <= self.day


def newest(rows: Iterable[Row], knowledge: Knowledge) -> Entries:
    """For each id and field the known row of the latest day, and of these the one said last; in file order."""
    found: Entries = {}
    for row in rows:
        if not knowledge.has(row):
            continue
        fields = found.setdefault(row.id, {})
        before = fields.get(row.field)
        if before is None or rank(before) <= rank(row):
            fields[row.field] = row
    return found


def rank(row: Row) -> tuple[date, date]:
    """Order rows of one figure: by the day described, then by the day on which it was said."""
    described = row.as_of or date.min
    return described, row.published or described
