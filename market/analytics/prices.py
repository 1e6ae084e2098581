"""The path of prices."""

from __future__ import annotations

import polars as pl

from market.analytics.base import events, only
from market.analytics.signatures import KINDS, signatures


def prices(log: pl.LazyFrame) -> pl.LazyFrame:
    """Weekly: one-year contract and posted on-demand price, tightness, lead time, and what was signed.

    signed_gpus : GPUs of the week's `signatures`, leases and contracts. signed_usd_per_h100e_hour : their mean price,
    weighted by H100 equivalents; null where none was signed.
    h100_usd_per_hour, h100_on_demand_usd_per_hour : rent of an H100 for a year and on demand: the prices of an H100e of
    the mean work over that mean work. h100e : signed compute that the index rests on.
    """
    log = only(log, "PriceMoved", "ChipAnnounced", *KINDS)
    moved = events(log, "PriceMoved").drop("seq", "actor").sort("day")
    work = pl.col("work_per_h100e").fill_null(1.0)
    moved = moved.with_columns(
        (pl.col("price_usd_per_h100e_hour") / work).alias("h100_usd_per_hour"),
        (pl.col("spot_usd_per_h100e_hour") / work).alias("h100_on_demand_usd_per_hour"),
    )
    h100e = events(log, "ChipAnnounced").select("chip", pl.col("h100e").alias("each")).unique("chip", keep="last")
    signed = signatures(log).join(h100e, on="chip", how="left")
    spent = (pl.col("gpus") * pl.col("price_usd_per_gpu_hour")).sum()
    weekly = (
        signed.sort("seq")
        .join_asof(moved.select("day", pl.col("day").alias("week_day")), on="day", strategy="forward")
        .group_by("week_day")
        .agg(
            pl.col("gpus").sum().alias("signed_gpus"),
            (spent / (pl.col("gpus") * pl.col("each")).sum()).alias("signed_usd_per_h100e_hour"),
        )
    )
    joined = moved.join(weekly, left_on="day", right_on="week_day", how="left")
    return joined.with_columns(pl.col("signed_gpus").fill_null(0)).sort("day")
