"""Answer definitions and questions over the tables of one run."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal

import polars as pl

from market.runs.reading import Usage
from market.truth.definitions import Definition
from market.truth.quarters import first_day, last_day, quarter_of, shifted
from market.truth.queryable import Queryable
from market.units import EPOCH, to_date

Quarterly = dict[str, float]
SETTLED_DIGITS = 11  # a data frame adds floats in any order; this many digits are the same whatever the order
STALE_DAYS = 100  # a level is not carried further than this into quarters without a value


def settled(value: float) -> float:
    """Round away what depends on the order of a sum."""
    return float(f"{value:.{SETTLED_DIGITS}g}")


def quarterly(run: Queryable, definition: Definition, start: date, end: date) -> Quarterly:
    """Answer one series by quarter, for the quarters that the run covers whole.

    Events of the first day are the start said as events: they count as stock, not as flow.
    """
    frame = run.query(definition.query).select(pl.col("day").cast(pl.Int64), pl.col("value").cast(pl.Float64))
    rows = frame.drop_nulls().sort("day", maintain_order=True).group_by("day", maintain_order=True)
    how, first = definition.how, (start - EPOCH).days
    if how == "flow":
        daily = rows.agg(pl.col("value").sum()).filter(pl.col("day") > first)
        return _flows(daily, definition, start, end)
    daily = rows.agg(pl.col("value").max() if how == "maximum" else pl.col("value").sum())
    if how == "cumulative":
        daily = daily.with_columns(pl.col("value").cum_sum())
    if how == "maximum":
        daily = daily.with_columns(pl.col("value").cum_max())
    is_stock = how in ("cumulative", "maximum")
    return _levels(daily, definition, start, end, is_stock=is_stock)


def _covered(start: date, end: date, shift: int, *, is_flow: bool) -> Iterable[tuple[str, int, int]]:
    """Quarters that lie in a run, with the first and last day of each."""
    quarter = quarter_of(start)
    while True:
        first, last = first_day(quarter) + timedelta(shift), last_day(quarter) + timedelta(shift)
        if last > end:
            return
        if (first >= start) if is_flow else (last >= start):
            yield quarter, (first - EPOCH).days, (last - EPOCH).days
        quarter = shifted(quarter, 1)


def _flows(daily: pl.DataFrame, definition: Definition, start: date, end: date) -> Quarterly:
    days, values = daily["day"].to_numpy(), daily["value"].to_numpy()
    found = {}
    for quarter, first, last in _covered(start, end, definition.shift_days, is_flow=True):
        inside = values[(days >= first) & (days <= last)]
        found[quarter] = settled(definition.factor * math.fsum(settled(value) for value in inside))
    return found


def _levels(daily: pl.DataFrame, definition: Definition, start: date, end: date, *, is_stock: bool) -> Quarterly:
    days, values = daily["day"].to_numpy(), daily["value"].to_numpy()
    found = {}
    for quarter, _, last in _covered(start, end, definition.shift_days, is_flow=False):
        at = int((days <= last).sum()) - 1
        if at >= 0 and (is_stock or last - days[at] <= STALE_DAYS):
            found[quarter] = settled(definition.factor * settled(values[at]))
    return found


def dates(run: Queryable, definition: Definition) -> dict[str, date]:
    """Answer a date, or a date for each id; what did not happen in the run is left out."""
    frame = run.query(definition.query)
    if definition.how == "day":
        day = frame["day"][0] if frame.height else None
        return {} if day is None else {definition.id: to_date(int(day))}
    rows = frame.drop_nulls().sort("id").iter_rows(named=True)
    return {f"{definition.id}.{row['id']}": to_date(int(row["day"])) for row in rows}


def number(run: Queryable, sql: str) -> float | None:
    """Answer a question that asks for one number; None where the run has none.

    Raises
    ------
    Usage : the SQL cannot be answered, or gives more than one number.
    """
    frame = run.query(sql)
    if frame.width != 1 or frame.height > 1:
        raise Usage(f"must give one number, gave {frame.height} rows of {frame.width} columns")
    if frame.height == 0 or frame.item() is None:
        return None
    value = frame.item()
    if not isinstance(value, int | float | Decimal):
        raise Usage(f"must give a number, gave {type(value).__name__}")
    return settled(float(value)) if math.isfinite(value) else None
