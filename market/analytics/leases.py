"""Leases from signature to end."""

from __future__ import annotations

import polars as pl

from market.analytics.base import events, only

HOURS_PER_DAY = 24
KINDS = ("LeaseSigned", "GpusHandedOver", "LeaseEnded")


def leases(log: pl.LazyFrame) -> pl.LazyFrame:
    """One row a lease: its terms, worth over the term, GPUs handed over now, end and why.

    worth_usd : GPUs x price x hours of the term. gpus_delivered : handed over less taken back; 0 once ended.
    """
    log = only(log, *KINDS)
    signed = events(log, "LeaseSigned").drop("actor").rename({"seq": "signed_seq", "day": "signed_day"})
    handed = events(log, "GpusHandedOver").select("lease_id", "gpus")
    moved = handed.group_by("lease_id").agg(pl.col("gpus").sum().alias("gpus_delivered"))
    ended = events(log, "LeaseEnded").select(
        "lease_id", pl.col("day").alias("ended_day"), pl.col("reason").alias("end_reason")
    )
    hours = (pl.col("end_day") - pl.col("start_day")) * HOURS_PER_DAY
    delivered = pl.when(pl.col("ended_day").is_null()).then(pl.col("gpus_delivered").fill_null(0)).otherwise(0)
    return (
        signed.join(moved, on="lease_id", how="left")
        .join(ended, on="lease_id", how="left")
        .with_columns(
            (pl.col("gpus") * pl.col("price_usd_per_gpu_hour") * hours).alias("worth_usd"),
            delivered.alias("gpus_delivered"),
        )
        .sort("signed_seq")
    )
