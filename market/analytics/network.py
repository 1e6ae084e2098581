"""The web of who buys from, leases to and invests in whom."""

from __future__ import annotations

import polars as pl

from market.analytics.base import events, only
from market.analytics.leases import KINDS as LEASES
from market.analytics.leases import leases

KINDS = ("ChipsAllocated", "RoundClosed", "LoanGranted")
COLUMNS = ("kind", "source", "target", "start_day", "end_day", "gpus", "amount_usd", "id", "seq")


def network(log: pl.LazyFrame) -> pl.LazyFrame:
    """One row a tie, with the days between which it holds; filter on a day to see the web of that date.

    kind : leases (lessor to lessee; where a party passed its place on, those of now), sells (chips allocated; holds
    that week), invests, lends. end_day is null for what does not end. amount_usd : worth over the term, price of the
    chips, equity, loan.
    """
    log = only(log, *KINDS, *LEASES)
    ties = [_leases(log), _sales(log), _invests(log), _loans(log)]
    return pl.concat([tie.select(COLUMNS) for tie in ties]).sort("start_day", "seq")


def _leases(log: pl.LazyFrame) -> pl.LazyFrame:
    return leases(log).select(
        pl.lit("leases").alias("kind"), pl.col("lessor").alias("source"), pl.col("lessee").alias("target"), "start_day",
        pl.coalesce("ended_day", "last_day").alias("end_day"), "gpus", pl.col("worth_usd").alias("amount_usd"),
        pl.col("lease_id").alias("id"), pl.col("signed_seq").alias("seq"),
    )  # fmt: skip


def _sales(log: pl.LazyFrame) -> pl.LazyFrame:
    return events(log, "ChipsAllocated").select(
        pl.lit("sells").alias("kind"), pl.col("supplier").alias("source"), pl.col("org").alias("target"),
        pl.col("day").alias("start_day"), (pl.col("day") + 7).alias("end_day"), "gpus",
        (pl.col("gpus") * pl.col("price_usd_per_gpu")).alias("amount_usd"), pl.col("order_id").alias("id"), "seq",
    )  # fmt: skip


def _invests(log: pl.LazyFrame) -> pl.LazyFrame:
    return events(log, "RoundClosed").select(
        pl.lit("invests").alias("kind"), pl.col("counterparty").alias("source"), pl.col("org").alias("target"),
        pl.col("day").alias("start_day"), pl.lit(None, pl.Int32).alias("end_day"), pl.lit(None, pl.Int64).alias("gpus"),
        (pl.col("amount_usd_cents") / 100).alias("amount_usd"), pl.col("deal_id").alias("id"), "seq",
    )  # fmt: skip


def _loans(log: pl.LazyFrame) -> pl.LazyFrame:
    return events(log, "LoanGranted").select(
        pl.lit("lends").alias("kind"), pl.col("counterparty").alias("source"), pl.col("org").alias("target"),
        pl.col("day").alias("start_day"), "end_day", pl.lit(None, pl.Int64).alias("gpus"),
        (pl.col("amount_usd_cents") / 100).alias("amount_usd"), pl.col("deal_id").alias("id"), "seq",
    )  # fmt: skip
