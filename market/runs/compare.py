"""Where two runs part. Positions (seq, commit and the causes that name them) do not count."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from market.runs.reading import Run

if TYPE_CHECKING:
    import polars as pl

POSITIONS = ("seq", "commit", "cause_seq", "root_seq")


@dataclass(frozen=True)
class Difference:
    """What sets two runs apart.

    first : seq of the first event that is not the same in both, -1 when all are.
    events : that event in either run, None past the end of one.
    counts : events of each type in either run.
    """

    first: int
    events: tuple[dict[str, Any] | None, dict[str, Any] | None]
    counts: dict[str, dict[str, int]]

    @property
    def same(self) -> bool:
        """Whether both say the same."""
        return self.first < 0


def compare(a: Run, b: Run) -> Difference:
    """Find the first event that differs between two runs, and count events by type."""
    one, two = a.log.collect(), b.log.collect()
    first = _first(one, two)
    events = tuple(frame.row(first, named=True) if 0 <= first < frame.height else None for frame in (one, two))
    return Difference(first, (events[0], events[1]), _counts(one, two))


def _first(one: pl.DataFrame, two: pl.DataFrame) -> int:
    import polars as pl

    length = min(one.height, two.height)
    names = [name for name in one.columns if name in two.columns and name not in POSITIONS]
    differs = pl.zeros(length, pl.Boolean, eager=True)
    for name in names:
        differs |= one[name].head(length).ne_missing(two[name].head(length))
    found = differs.arg_max()
    if found is not None and length and differs[found]:
        return found
    return -1 if one.height == two.height else length


def _counts(one: pl.DataFrame, two: pl.DataFrame) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for side, frame in (("a", one), ("b", two)):
        for kind, count in frame["type"].value_counts().iter_rows():
            found.setdefault(kind, {"a": 0, "b": 0})[side] = count
    return dict(sorted(found.items()))
