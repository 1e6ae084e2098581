"""Bounds of every parameter and trait: outside them the equations do not hold, and a scenario is refused.

`low` and `high` of a row in `parameters.csv` are what is plausible, and what experiments draw from; the bounds here are
wider and say what can be computed and means anything. A row of `bounds.csv` names a parameter, or a pattern that the
naming grammar gives a meaning (`*_share`); the longest that fits counts.
"""

from __future__ import annotations

import math
from fnmatch import fnmatchcase
from functools import cache
from typing import NamedTuple

from market.catalogue.tables import HERE, CatalogueError, lines_of


class Bounds(NamedTuple):
    """Least and most value, both allowed, and why."""

    min: float
    max: float
    reason: str

    def fault(self, value: float) -> str:
        """Say what is wrong with a value; empty when it lies within."""
        if value < self.min:
            return f"must be >= {self.min:g}, was {value:g} ({self.reason})"
        return f"must be <= {self.max:g}, was {value:g} ({self.reason})" if value > self.max else ""


UNBOUNDED = Bounds(-math.inf, math.inf, "")
COLUMNS = ("id", "min", "max", "reason")


@cache
def _table() -> dict[str, Bounds]:
    found: dict[str, Bounds] = {}
    for (id_, low, high, reason), where in lines_of(HERE / "bounds.csv", COLUMNS):
        if id_ in found:
            raise CatalogueError(f"{where} {id_}: stands already")
        found[id_] = Bounds(float(low), float(high), reason)
        if not reason or found[id_].min > found[id_].max:
            raise CatalogueError(f"{where} {id_}: min <= max, and a reason")
    return found


@cache
def bounds_of(parameter: str) -> Bounds:
    """Find the bounds of a parameter, or of a trait as `traits.name`; none where no row fits (a test asks for one)."""
    fits = [id_ for id_ in _table() if fnmatchcase(parameter, id_)]
    return _table()[max(fits, key=lambda id_: ("*" not in id_, len(id_), id_))] if fits else UNBOUNDED


def traits() -> list[str]:
    """Names of the traits that the project's own behaviours and rules read."""
    return sorted(id_.removeprefix("traits.") for id_ in _table() if id_.startswith("traits."))
