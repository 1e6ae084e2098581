"""Cash, week by week, and what creditors recover of estates."""

from __future__ import annotations

import polars as pl

from market.analytics.base import events, only, running, week_ends

RANKS = ("secured", "administrative", "unsecured", "equity")


def finance(log: pl.LazyFrame) -> pl.LazyFrame:
    """Weekly by account: all that came in and went out since the start, and the balance, in USD cents.

    Accounts of the world outside (customers, staff, utilities) bear `world/`; the balances of a week sum to zero.
    """
    log = only(log, "PaymentMade", "WeekClosed")
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


def estates(log: pl.LazyFrame) -> pl.LazyFrame:
    """One row an estate and rank of claims: what was claimed and what was recovered, in what, USD cents.

    claimed_usd_cents, recovered_usd_cents : sums over the claims of the rank; of it cash_usd_cents, loan_usd_cents,
    equity_usd_cents. outcome : restructured, liquidated or unsold, null while the estate is open.
    """
    log = only(log, "EstateOpened", "EstateClosed", "ClaimFiled", "ClaimSettled")
    opened = events(log, "EstateOpened").select("estate_id", "org", opened_day="day", plan_kind="kind",
                                                appraised_usd_cents="amount_usd_cents")  # fmt: skip
    ended = events(log, "EstateClosed").select("estate_id", ended_day="day", outcome="kind")
    filed = events(log, "ClaimFiled").group_by("estate_id", "rank").agg(
        claims=pl.len().cast(pl.Int64), claimed_usd_cents=pl.col("amount_usd_cents").sum()
    )  # fmt: skip
    cents = pl.col("amount_usd_cents")
    forms = {f"{kind}_usd_cents": cents.filter(pl.col("kind") == kind).sum() for kind in ("cash", "loan", "equity")}
    paid = events(log, "ClaimSettled").group_by("estate_id", "rank").agg(recovered_usd_cents=cents.sum(), **forms)
    order = pl.col("rank").replace_strict(RANKS, range(len(RANKS)), return_dtype=pl.Int64)
    return (
        opened.join(filed, on="estate_id", how="left")
        .join(paid, on=["estate_id", "rank"], how="left")
        .join(ended, on="estate_id", how="left")
        .with_columns(pl.col("recovered_usd_cents", *forms).fill_null(0))
        .sort("opened_day", "estate_id", order)
    )
