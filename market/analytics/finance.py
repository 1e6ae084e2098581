"""Cash, week by week."""

from __future__ import annotations

import polars as pl

from market.analytics.base import events, running, week_ends


def finance(log: pl.LazyFrame) -> pl.LazyFrame:
    """Weekly by account: all that came in and went out since the start, and the balance, in USD cents.

    Accounts of the world outside (customers, staff, utilities) bear `world/`; the balances of a week sum to zero.
    """
    paid = events(log, "PaymentMade")
    out = paid.select(
        "day", pl.col("org").alias("account"), pl.lit(0, pl.Int64).alias("received_usd_cents"),
        pl.col("amount_usd_cents").alias("paid_usd_cents"),
    )  # fmt: skip
    into = paid.select(
        "day", pl.col("counterparty").alias("account"), pl.col("amount_usd_cents").alias("received_usd_cents"),
        pl.lit(0, pl.Int64).alias("paid_usd_cents"),
    )  # fmt: skip
    sums = ["received_usd_cents", "paid_usd_cents"]
    weekly = running(pl.concat([out, into]), ["account"], sums, week_ends(log))
    return weekly.with_columns((pl.col(sums[0]) - pl.col(sums[1])).alias("balance_usd_cents"))
