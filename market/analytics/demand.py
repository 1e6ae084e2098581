"""Prices signed by class and term, segments of end users, and what held makers and builders back."""

from __future__ import annotations

import polars as pl

from market.analytics.base import chips, events, only
from market.analytics.signatures import KINDS, signatures

MONTH_DAYS, YEAR_DAYS = 28, 365


def signed(log: pl.LazyFrame) -> pl.LazyFrame:
    """Signed prices by month of 28 days, chip and term in years: how many, of how many lessors, median and spread.

    Leases and contracts of capacity, as `signatures` tells them, and the tail that rents, which signs for any chip, a
    year at a time.
    """
    log = only(log, "RunStarted", "ChipAnnounced", "TailSigned", *KINDS)
    start = events(log, "RunStarted").select(pl.col("start_day").alias("first_day"))
    term = (pl.col("end_day") - pl.col("start_day")) / YEAR_DAYS
    priced = signatures(log).join(chips(log), on="chip", how="left").select(
        "day", "chip", "lessor", term.alias("term"),
        (pl.col("price_usd_per_gpu_hour") / pl.col("h100e_per_gpu")).alias("price_usd_per_h100e_hour"),
    )  # fmt: skip
    tail = events(log, "TailSigned").select(
        "day", pl.lit("any").alias("chip"), "lessor", (pl.col("duration_days") / YEAR_DAYS).alias("term"),
        "price_usd_per_h100e_hour",
    )  # fmt: skip
    both = pl.concat([priced, tail]).join(start, how="cross").filter(pl.col("day") > pl.col("first_day"))
    month = (pl.col("day") - pl.col("first_day")) // MONTH_DAYS
    price = pl.col("price_usd_per_h100e_hour")
    return (
        both.with_columns(month.alias("month"), pl.col("term").round().clip(1).cast(pl.Int64).alias("term_years"))
        .group_by("month", "chip", "term_years")
        .agg(
            pl.col("day").max(),
            pl.len().cast(pl.Int64).alias("contracts"),
            pl.col("lessor").n_unique().cast(pl.Int64).alias("lessors"),
            price.median().alias("median_usd_per_h100e_hour"),
            price.quantile(0.1, "linear").alias("low_usd_per_h100e_hour"),
            price.quantile(0.9, "linear").alias("high_usd_per_h100e_hour"),
        )
        .sort("month", "chip", "term_years")
    )


def segments(log: pl.LazyFrame) -> pl.LazyFrame:
    """Weekly: what end users of each segment spend, and what the models of the day would bring once adopted."""
    return events(log, "SegmentMeasured").drop("seq", "actor").sort("day", "segment")


def constraints(log: pl.LazyFrame) -> pl.LazyFrame:
    """What held makers of chips and builders back, each time it was said.

    Makers: the scarcest shared input, from then on, and the part of their needs that it meets. Works: whether
    contractors finish a builder's shells, in the same way. Builders: what held their budget down in the month: demand,
    finance, power or no cash.
    """
    log = only(log, "InputBound", "BudgetSet")
    makers = events(log, "InputBound").select(
        "day", pl.col("supplier").alias("org"),
        pl.when(pl.col("kind") == "shells").then(pl.lit("works")).otherwise(pl.lit("maker")).alias("side"),
        pl.col("kind").alias("held_by"), "share",
    )  # fmt: skip
    builders = events(log, "BudgetSet").select(
        "day", "org", pl.lit("builder").alias("side"), pl.col("reason").alias("held_by"),
        pl.lit(None, pl.Float64).alias("share"),
    )  # fmt: skip
    return pl.concat([makers, builders]).sort("day", "side", "org", maintain_order=True)
