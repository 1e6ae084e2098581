"""Leases from signature to end."""

from __future__ import annotations

import polars as pl

from market.analytics.base import events, only

HOURS_PER_DAY = 24
KINDS = ("LeaseSigned", "GpusHandedOver", "LeaseEnded", "CapacityShed", "OptionExercised", "LeaseAssigned")


def leases(log: pl.LazyFrame) -> pl.LazyFrame:
    """One row a lease: its terms as signed, worth over the term, GPUs handed over now, end and why.

    lessor, lessee : those of now, where a party passed its place on. last_day : `end_day`, or that of the renewal that
    the lessee took. gpus_added : by an option to expand, less what the lessee gave back before the end. worth_usd :
    GPUs x price x hours of the term. gpus_delivered : handed over less taken back; 0 once ended.
    """
    log = only(log, *KINDS)
    signed = events(log, "LeaseSigned").drop("actor").rename({"seq": "signed_seq", "day": "signed_day"})
    shed = events(log, "CapacityShed").select("lease_id", gpus=-pl.col("gpus"))
    taken = events(log, "OptionExercised")
    more = taken.filter(pl.col("kind") == "expand").select("lease_id", "gpus")
    renewals = taken.filter(pl.col("kind") == "renew").sort("seq")
    renewed = renewals.group_by("lease_id").agg(pl.col("end_day").last().alias("last_day"))
    handed = events(log, "GpusHandedOver").select("lease_id", "gpus")
    moved = _summed([handed, shed], "gpus_delivered")
    added = _summed([more, shed], "gpus_added")
    ended = events(log, "LeaseEnded").select(
        "lease_id", pl.col("day").alias("ended_day"), pl.col("reason").alias("end_reason")
    )
    hours = (pl.col("end_day") - pl.col("start_day")) * HOURS_PER_DAY
    delivered = pl.when(pl.col("ended_day").is_null()).then(pl.col("gpus_delivered").fill_null(0)).otherwise(0)
    return (
        signed.join(moved, on="lease_id", how="left")
        .join(added, on="lease_id", how="left")
        .join(_assigned(log, "lessor"), on="lease_id", how="left")
        .join(_assigned(log, "lessee"), on="lease_id", how="left")
        .join(renewed, on="lease_id", how="left")
        .join(ended, on="lease_id", how="left")
        .with_columns(
            pl.coalesce("last_day", "end_day").alias("last_day"),
            (pl.col("gpus") * pl.col("price_usd_per_gpu_hour") * hours).alias("worth_usd"),
            delivered.alias("gpus_delivered"),
            pl.col("gpus_added").fill_null(0),
            *(pl.coalesce(f"new_{side}", side).alias(side) for side in ("lessor", "lessee")),
        )
        .drop("new_lessor", "new_lessee")
        .sort("signed_seq")
    )


def _summed(parts: list[pl.LazyFrame], name: str) -> pl.LazyFrame:
    return pl.concat(parts).group_by("lease_id").agg(pl.col("gpus").sum().alias(name))


def _assigned(log: pl.LazyFrame, side: str) -> pl.LazyFrame:
    """Who last took the place of a party."""
    passed = events(log, "LeaseAssigned").filter(pl.col("kind") == side)
    return passed.group_by("lease_id").agg(pl.col("counterparty").sort_by("seq").last().alias(f"new_{side}"))
