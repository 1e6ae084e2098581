"""What the tables share: events of a type, weeks, running sums."""

from __future__ import annotations

import polars as pl

from events import EVENTS


def events(log: pl.LazyFrame, kind: str) -> pl.LazyFrame:
    """Events of one type with `seq`, `day`, `actor` and the columns that the type fills."""
    return log.filter(pl.col("type") == kind).select("seq", "day", "actor", *EVENTS[kind].__struct_fields__)


def only(log: pl.LazyFrame, *kinds: str) -> pl.LazyFrame:
    """Keep events of some types. A table of several does so first: the log is read once and no more kept.

    Texts are copied, by appending nothing: what a filter leaves of them would keep the texts of every event in memory.
    """
    texts = [name for name, dtype in log.collect_schema().items() if dtype == pl.String]
    kept = log.filter(pl.col("type").is_in(kinds))
    return kept.with_columns(pl.concat_str(name, pl.lit("")).alias(name) for name in texts)


def week_ends(log: pl.LazyFrame) -> pl.LazyFrame:
    """Weeks closed: `day` of the last day, and `week` from 0."""
    return log.filter(pl.col("type") == "WeekClosed").select("day", "week").sort("day")


def running(changes: pl.LazyFrame, by: list[str], columns: list[str], weeks: pl.LazyFrame) -> pl.LazyFrame:
    """Sum integer changes up to the end of each week: one row for each week and each key seen by then.

    changes : `day`, the keys `by` and integer `columns`. Gives `day`, `week`, keys, columns, sorted by day and keys.
    """
    places = weeks.with_row_index("place")
    daily = changes.group_by("day", *by).agg(pl.col(c).sum() for c in columns).sort("day")
    weekly = daily.join_asof(places.select("day", "place"), on="day", strategy="forward").drop_nulls("place")
    steps = weekly.group_by("place", *by).agg(pl.col(c).sum() for c in columns)
    counted = steps.join(places.select(pl.len().alias("places")), how="cross").sort(*by, "place")
    levels = counted.with_columns(
        *(pl.col(c).cum_sum().over(by) for c in columns),
        pl.int_ranges("place", pl.col("place").shift(-1).over(by).fill_null(pl.col("places")), dtype=pl.UInt32),
    )  # each level holds until the next one of its key
    held = levels.explode("place").sort("place", maintain_order=True)
    return held.join(places, on="place", how="left", maintain_order="left").select("day", "week", *by, *columns)


def chips(log: pl.LazyFrame) -> pl.LazyFrame:
    """H100 equivalents and IT power of one GPU of each chip."""
    columns = ("chip", "supplier", pl.col("h100e").alias("h100e_per_gpu"), "power_kw_it_per_gpu")
    return events(log, "ChipAnnounced").select(*columns).unique("chip", keep="last", maintain_order=True)
