"""What each series, campus and milestone is in the record, and the query over a run that answers it.

`market/catalogue/observed/definitions.csv` holds one line each. A series that has no definition is refused: what is
compared must first be said.

how         flow: summed over a quarter. level: last value of it. cumulative: summed since the start. maximum: largest
            so far. day: one date. days: a date for each `id`. none: in the record, but not comparable.
factor      what the log's unit is multiplied by; source and note say why.
shift_days  days by which the quarters of the record end after the calendar's.
scale       log or linear: how errors are measured.
compare     level; growth: relative to the first whole quarter after the start; change: what the record was in that
            quarter and what the log adds to it since, for a record that holds more than the log.
lag_days    days after its own date at which a figure is published; empty: as the row itself says.
"""

from __future__ import annotations

import csv
import math
from functools import cache
from typing import Literal, NamedTuple, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from market.catalogue.tables import HERE
from market.scenario.errors import did_you_mean

COLUMNS = (
    "id", "family", "title", "how", "query", "unit", "factor", "shift_days", "scale", "compare", "comparable_from",
    "lag_days", "source", "note",
)  # fmt: skip
HOWS = ("flow", "level", "cumulative", "maximum", "day", "days", "none")
SERIES = ("flow", "level", "cumulative", "maximum")

T = TypeVar("T", float, NDArray[np.float64])
How = Literal["flow", "level", "cumulative", "maximum", "day", "days", "none"]
Compare = Literal["level", "growth", "change"]


class DefinitionError(ValueError):
    """A series without a definition, or a definition that breaks its own rules."""


class Definition(NamedTuple):
    """One line of `definitions.csv`; the module says what the fields mean."""

    id: str
    family: str
    title: str
    how: How
    query: str
    unit: str
    factor: float
    shift_days: int
    is_log: bool
    compare: Compare
    comparable_from: str
    lag_days: int | None
    source: str
    note: str

    @property
    def is_level(self) -> bool:
        """Whether values stand for themselves: growth and change need a quarter of the record to start from."""
        return self.compare == "level"

    @property
    def of_nothing(self) -> float:
        """What a quarter is in which a run has no row: none of an amount is 0, no price is no number (nan).

        A flow has a number in every quarter that a run covers whole.
        """
        return math.nan if self.how == "flow" or self.family == "prices" else 0.0

    def as_compared(self, value: T, base: T, recorded: float) -> T:
        """Give a value as it is compared, from the value of the base quarter and what the record was in it.

        A future that had nothing in the base quarter grows by nothing.
        """
        if self.compare == "growth":
            is_none = np.less_equal(base, 0)
            grown = np.where(is_none, 0.0, np.divide(value, np.where(is_none, 1.0, base)))
            return cast(T, grown if grown.ndim else float(grown))
        return recorded + (value - base) if self.compare == "change" else value


@cache
def definitions() -> dict[str, Definition]:
    """All definitions by id, in the order of the file."""
    path = HERE / "observed" / "definitions.csv"
    found: dict[str, Definition] = {}
    with path.open(newline="", encoding="utf-8") as handle:
        reader = csv.DictReader(handle)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise DefinitionError(f"{path.name}:1 columns must be {', '.join(COLUMNS)}")
        for line in reader:
            definition = _read(line, f"{path.name}:{reader.line_num}")
            if definition.id in found:
                raise DefinitionError(f"{path.name}:{reader.line_num} id: {definition.id} is defined twice")
            found[definition.id] = definition
    return found


def _read(line: dict[str, str], where: str) -> Definition:
    rules = (("how", HOWS), ("scale", ("log", "linear")), ("compare", ("level", "growth", "change")))
    for column, allowed in rules:
        if line[column] not in allowed:
            raise DefinitionError(f"{where} {column}: must be one of {', '.join(allowed)}, was {line[column]!r}")
    if not line["query"] and line["how"] != "none":
        raise DefinitionError(f"{where} query: must not be empty")
    return Definition(
        line["id"], line["family"], line["title"], cast(How, line["how"]), line["query"], line["unit"],
        float(line["factor"]), int(line["shift_days"]), line["scale"] == "log", cast(Compare, line["compare"]),
        line["comparable_from"], int(line["lag_days"]) if line["lag_days"] else None, line["source"], line["note"],
    )  # fmt: skip


def series() -> list[Definition]:
    """Definitions that answer by quarter."""
    return [found for found in definitions().values() if found.how in SERIES]


def definition_of(name: str) -> Definition:
    """Find a definition, or refuse a series that has none."""
    found = definitions().get(name)
    if found is None:
        hint = did_you_mean(name, definitions()) or "; market/catalogue/observed/definitions.csv lists them"
        raise DefinitionError(f"series {name!r} has no definition{hint}")
    return found
