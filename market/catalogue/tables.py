"""Read the catalogue: long tables of sourced numbers, checked as they are read.

One row states one field of one entity: `id, field, value, unit, low, high, kind, as_of, published, source,
confidence, note`. `as_of` is the date that the figure describes, `published` the date on which it was said where that
is later. The standard library reads them: no data frame is worth its import here.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
COLUMNS = ("id", "field", "value", "unit", "low", "high", "kind", "as_of", "published", "source", "confidence", "note")
OBSERVED = ("series", "milestones")  # what validation compares with; a scenario never reads them
VINTAGES = (
    "fleets",
    "sites",
    "leases",
    "orders",
    "models",
    "books",
    "parameters",
    "chips",
    "investments",
    "rules",
    "guidance",
)
SPLITS = frozenset({"calibration", "backtest"})
TABLES = ("parameters", "roadmap", "orgs", "regions", "sites", "fleets", "deals", "models", "runs")

KINDS = frozenset({"source", "derived", "assumption", "engineering", "target"})
CONFIDENCES = frozenset({"high", "medium", "low", "memory"})
WORDS = frozenset({"text", "ids", "date", "bool"})  # units of values that are no number
NUMBERS = frozenset({
    "1", "1/week", "1/month", "1/year", "days", "weeks", "years", "slots/week", "slots/week/year", "slots/GPU",
    "GPUs", "GPUs/week", "H100e", "H100e/GPU", "kW/GPU", "MW", "MW/year", "FLOP",
    "USD", "USD B", "USD/year", "USD/MWh", "USD/MMBtu", "MMBtu/MWh",
    "USD/GPU", "USD/GPU-hour", "USD/H100e", "USD/H100e-hour",
    "index", "1/index", "GB/week", "racks/week", "t/MWh",
    "k wafers/month", "kW", "USD/kW", "USD/kW-year", "USD/MW-day",
})  # fmt: skip
TIMELESS = frozenset({"engineering", "assumption"})  # kinds that may stand without a date


class CatalogueError(ValueError):
    """A table of the catalogue breaks its own schema; the text names file, line and rule."""


class Row(NamedTuple):
    """One figure with where it comes from. `value` is text as written; `number` reads it."""

    id: str
    field: str
    value: str
    unit: str
    low: float | None
    high: float | None
    kind: str
    as_of: date | None
    published: date | None
    source: str
    confidence: str
    note: str
    where: str  # file:line

    @property
    def number(self) -> float:
        return float(self.value)

    def known_on(self, day: date) -> bool:
        """True when the figure describes nothing after `day`; engineering constants always are."""
        return self.kind == "engineering" or self.as_of is None or self.as_of <= day


def _fail(where: str, message: str) -> CatalogueError:
    return CatalogueError(f"{where} {message}")


def _number(text: str, where: str, column: str) -> float | None:
    if not text:
        return None
    try:
        return float(text)
    except ValueError:
        raise _fail(where, f"{column}: must be a number, was {text!r}") from None


def _date(text: str, where: str, column: str) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise _fail(where, f"{column}: must be a date such as 2024-07-15, was {text!r}") from None


def _check_value(row: Row) -> None:
    if row.unit in WORDS:
        if not row.value:
            raise _fail(row.where, "value: must not be empty")
        if row.unit == "date":
            _date(row.value, row.where, "value")
        return
    if row.unit not in NUMBERS:
        raise _fail(
            row.where, f"unit: {row.unit!r} is no unit of the catalogue (market/catalogue/tables.py lists them)"
        )
    value = _number(row.value, row.where, "value")
    if value is None:
        raise _fail(row.where, "value: must not be empty")
    if (row.low is not None and value < row.low) or (row.high is not None and value > row.high):
        raise _fail(row.where, f"value: {row.value} lies outside its own range {row.low} to {row.high}")


def _check_origin(row: Row) -> None:
    if row.kind not in KINDS:
        raise _fail(row.where, f"kind: must be one of {', '.join(sorted(KINDS))}, was {row.kind!r}")
    if row.confidence not in CONFIDENCES:
        raise _fail(row.where, f"confidence: must be one of {', '.join(sorted(CONFIDENCES))}, was {row.confidence!r}")
    if not row.source:
        raise _fail(row.where, "source: must not be empty; write `assumption` and say why in note")
    if row.kind == "assumption" and not row.note:
        raise _fail(row.where, "note: an assumption says its reason")
    if row.as_of is None and row.kind not in TIMELESS:
        raise _fail(row.where, f"as_of: a {row.kind} row says which date it describes")
    if row.as_of and row.published and row.published < row.as_of:
        raise _fail(row.where, f"published: {row.published} is before as_of {row.as_of}")


def _row(cells: list[str], where: str) -> Row:
    id_, field, value, unit, low, high, kind, as_of, published, source, confidence, note = cells
    if not id_ or not field:
        raise _fail(where, "id and field must not be empty")
    row = Row(
        id_, field, value, unit, _number(low, where, "low"), _number(high, where, "high"),
        kind, _date(as_of, where, "as_of"), _date(published, where, "published"), source, confidence, note, where,
    )  # fmt: skip
    _check_value(row)
    _check_origin(row)
    return row


def lines_of(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[list[str], str]]:
    """Cells of each line with the line's place."""
    with path.open(newline="", encoding="utf-8") as handle:
        reader = csv.reader(handle)
        if tuple(next(reader, ())) != columns:
            raise _fail(f"{path.name}:1", f"columns must be {', '.join(columns)}")
        for cells in reader:
            where = f"{path.name}:{reader.line_num}"
            if len(cells) != len(columns):
                raise _fail(where, f"has {len(cells)} cells, must have {len(columns)}: {', '.join(columns)}")
            yield cells, where


def read(path: Path, *, is_bitemporal: bool = False) -> tuple[Row, ...]:
    """Read and check one table; the same figure of the same day twice is refused.

    A bitemporal table may say a day's figure anew: there the same (id, field, as_of, published) twice is refused.
    """
    rows = tuple(_row(cells, where) for cells, where in lines_of(path, COLUMNS))
    seen: dict[tuple[str, str, date | None, date | None], str] = {}
    for row in rows:
        key = (row.id, row.field, row.as_of, row.published if is_bitemporal else None)
        first = seen.setdefault(key, row.where)
        if first != row.where:
            raise _fail(row.where, f"{row.id} {row.field}: stands already at {first} with the same as_of")
    return rows


@cache
def table(name: str) -> tuple[Row, ...]:
    """Rows of a table of the project, read once a process."""
    if name not in TABLES:
        raise CatalogueError(f"{name}: no table of the catalogue; there are {', '.join(TABLES)}")
    rows = read(HERE / f"{name}.csv")
    return rows if name != "roadmap" else (*rows, *_of_data_sheets({row.id for row in rows}))


def data_sheets() -> Iterator[tuple[dict[str, str], str]]:
    """Lines of `chips.csv` as text fields, with file:line."""
    with (HERE / "chips.csv").open(newline="", encoding="utf-8") as handle:
        for cells in (reader := csv.DictReader(handle)):
            yield cells, f"chips.csv:{reader.line_num}"


def h100e(sheet: Mapping[str, str]) -> float:
    """H100 equivalents of a chip: the geometric mean of its dense BF16 and FP8 rates over an H100's 989 and 1,979.

    A chip without FP8 multiplies 8-bit numbers at its BF16 rate: its BF16 ratio alone counts.
    """
    bf16, fp8 = float(sheet["bf16_tflop_per_s"]) / 989, float(sheet["fp8_tflop_per_s"] or 0) / 1979
    return float(f"{(bf16 * fp8) ** 0.5 if fp8 else bf16:.3g}")


def _of_data_sheets(known: set[str]) -> Iterator[Row]:
    """What the roadmap's chips draw and do, from the one table of chips."""
    for sheet, where in data_sheets():
        if sheet["market_id"] not in known:
            continue
        for field, unit, value in (
            ("power_kw_it_per_gpu", "kW/GPU", sheet["it_kw_per_gpu"]), ("h100e", "H100e/GPU", f"{h100e(sheet):g}"),
        ):  # fmt: skip
            yield Row(sheet["market_id"], field, value, unit, None, None, "engineering", None, None, sheet["source"],
                      sheet["confidence"], sheet["notes"], where)  # fmt: skip


class Observation(NamedTuple):
    """A figure that the world showed, and whether it may be fitted (`calibration`) or is only looked at."""

    row: Row
    split: str


@cache
def observed(name: str) -> tuple[Observation, ...]:
    """Rows of a table of what was observed: quarterly `series` (field is the quarter) or dated `milestones`."""
    if name not in OBSERVED:
        raise CatalogueError(f"{name}: no observed table; there are {', '.join(OBSERVED)}")
    found = []
    for cells, where in lines_of(HERE / "observed" / f"{name}.csv", (*COLUMNS, "split")):
        if cells[-1] not in SPLITS:
            raise _fail(where, f"split: must be one of {', '.join(sorted(SPLITS))}, was {cells[-1]!r}")
        found.append(Observation(_row(cells[:-1], where), cells[-1]))
    return tuple(found)


@cache
def vintages(name: str) -> tuple[Row, ...]:
    """Rows of a table from which the start of any date is built: a figure may be said anew later (`published`)."""
    if name not in VINTAGES:
        raise CatalogueError(f"{name}: no table of vintages; there are {', '.join(VINTAGES)}")
    return read(HERE / "observed" / "vintages" / f"{name}.csv", is_bitemporal=True)


def latest(rows: Iterable[Row], day: date) -> dict[str, dict[str, Row]]:
    """For each id and field the newest row that was true by `day`: {id: {field: row}}, in file order."""
    known: dict[str, dict[str, Row]] = {}
    for row in rows:
        if not row.known_on(day):
            continue
        fields = known.setdefault(row.id, {})
        before = fields.get(row.field)
        if before is None or (before.as_of or date.min) <= (row.as_of or date.min):
            fields[row.field] = row
    return known


def everything() -> Iterator[tuple[str, Row]]:
    """Every row of every table with the table's name."""
    for name in TABLES:
        for row in table(name):
            yield name, row
    for name in VINTAGES:
        for row in vintages(name):
            yield f"observed/vintages/{name}", row
