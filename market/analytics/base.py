"""What the tables share: events of a type, weeks, running sums."""

from __future__ import annotations

import polars as pl

from events import EVENTS


def events(log: pl.LazyFrame, kind: str) -> pl.LazyFrame:
    """Events of one type with `seq`, `day`, `actor` and the columns that the type fills."""
    return log.filter(pl.col("type") == kind).select("seq", "day", "actor", *EVENTS[kind].__struct_fields__)


def week_ends(log: pl.LazyFrame) -> pl.LazyFrame:
    """Weeks closed: `day` of the last day, and `week` from 0."""
    return log.filter(pl.col("type") == "WeekClosed").select("day", "week").sort("day")


def running(changes: pl.LazyFrame, by: list[str], columns: list[str], weeks: pl.LazyFrame) -> pl.LazyFrame:
    """Sum integer changes up to the end of each week: one row for each week and each key seen by then.

    changes : `day`, the keys `by` and integer `columns`. Gives `day`, `week`, keys, columns.
    """
    daily = changes.group_by("day", *by).agg(pl.col(c).sum() for c in columns).sort(*by, "day")
    levels = daily.with_columns(pl.col(c).cum_sum().over(by) for c in columns).sort("day")
    grid = weeks.join(changes.select(by).unique(), how="cross").sort("day")
    found = grid.join_asof(levels, on="day", by=by, strategy="backward", check_sortedness=False)
    return found.drop_nulls(columns).sort("day", *by)


def chips(log: pl.LazyFrame) -> pl.LazyFrame:
    """H100 equivalents and IT power of one GPU of each chip."""
    columns = ("chip", "supplier", pl.col("h100e").alias("h100e_per_gpu"), "power_kw_it_per_gpu")
    return events(log, "ChipAnnounced").select(*columns).unique("chip", keep="last", maintain_order=True)
