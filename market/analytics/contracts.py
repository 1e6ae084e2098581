"""Contracts for capacity, what is still owed under them, and the terms of decisions."""

from __future__ import annotations

import polars as pl

from market.analytics.base import events, only, week_ends

HOURS_PER_DAY = 24
OWED = ("ContractSigned", "ContractEnded", "TrancheScheduled", "TrancheDrawn", "LeaseSigned", "LeaseEnded")


def contracts(log: pl.LazyFrame) -> pl.LazyFrame:
    """One row a contract: its terms, worth over the term, GPUs drawn so far, end and why.

    worth_usd : GPUs x price x hours of the term. gpus_drawn : taken by leases, in the contract's chip.
    """
    log = only(log, "ContractSigned", "TrancheDrawn", "ContractEnded")
    signed = events(log, "ContractSigned").drop("actor").rename({"seq": "signed_seq", "day": "signed_day"})
    drawn = events(log, "TrancheDrawn").group_by("contract_id").agg(pl.col("gpus").sum().alias("gpus_drawn"))
    ended = events(log, "ContractEnded").select(
        "contract_id", pl.col("day").alias("ended_day"), pl.col("reason").alias("end_reason")
    )
    return (
        signed.join(drawn, on="contract_id", how="left")
        .join(ended, on="contract_id", how="left")
        .with_columns(pl.col("gpus_drawn").fill_null(0), worth_usd=_worth("start_day"))
        .sort("signed_seq")
    )


def _worth(first: str) -> pl.Expr:
    return pl.col("gpus") * pl.col("price_usd_per_gpu_hour") * (pl.col("end_day") - pl.col(first)) * HOURS_PER_DAY


def _periods(log: pl.LazyFrame) -> pl.LazyFrame:
    """What is owed as periods: undrawn tranches and leases, each with its parties, rent and days in force.

    `since`, `until` : days on which the period is an obligation; a tranche becomes leases as it is drawn.
    """
    signed = events(log, "ContractSigned").select("contract_id", "price_usd_per_gpu_hour")
    ended = events(log, "ContractEnded").select("contract_id", pl.col("day").alias("over"))
    tranches = events(log, "TrancheScheduled").join(signed, on="contract_id").join(ended, on="contract_id", how="left")
    columns = ["lessor", "lessee", "gpus", "price_usd_per_gpu_hour", "start_day", "end_day", "since", "until"]
    last = pl.col("over").fill_null(pl.col("end_day"))
    whole = tranches.with_columns(since=pl.col("day"), until=last)
    places = tranches.select("contract_id", "tranche", "price_usd_per_gpu_hour", "start_day", "end_day", until=last)
    taken = events(log, "TrancheDrawn").join(places, on=["contract_id", "tranche"])
    taken = taken.with_columns(gpus=-pl.col("gpus"), since=pl.col("day"))
    leases = events(log, "LeaseSigned").filter(pl.col("kind") != "internal")
    stopped = events(log, "LeaseEnded").select("lease_id", pl.col("day").alias("over"))
    leases = leases.join(stopped, on="lease_id", how="left").with_columns(since=pl.col("day"), until=last)
    return pl.concat([part.select(columns) for part in (whole, taken, leases)])


def obligations(log: pl.LazyFrame) -> pl.LazyFrame:
    """Weekly by lessor and lessee: rent still to come under leases and undrawn tranches, USD, and GPUs not begun yet.

    remaining_usd : what is left of every term (a lessor's remaining performance obligations, take-or-pay assumed).
    backlog_usd, backlog_gpus : of that, what has not begun.
    """
    log = only(log, *OWED, "WeekClosed")
    weeks = week_ends(log)
    rows = _periods(log).join(weeks, how="cross")
    rows = rows.filter((pl.col("since") <= pl.col("day")) & (pl.col("day") < pl.col("until")))
    begun = pl.max_horizontal("start_day", "day")
    days = (pl.col("end_day") - begun).clip(lower_bound=0)
    rent = pl.col("gpus") * pl.col("price_usd_per_gpu_hour") * days * HOURS_PER_DAY
    ahead = pl.col("start_day") > pl.col("day")
    return (
        rows.with_columns(cents=(rent * 100).round().cast(pl.Int64))  # integers: sums do not depend on threads
        .group_by("day", "week", "lessor", "lessee")
        .agg(
            (pl.col("cents").sum() / 100).alias("remaining_usd"),
            (pl.col("cents").filter(ahead).sum() / 100).alias("backlog_usd"),
            pl.col("gpus").filter(ahead).sum().alias("backlog_gpus"),
        )
        .sort("day", "lessor", "lessee")
    )


def options(log: pl.LazyFrame) -> pl.LazyFrame:
    """One row an option of a decision: its terms, whether it was taken, and why it was left.

    decision_seq : seq of the option taken; the options left stand before it in the log.
    """
    log = only(log, "OptionChosen", "OptionRejected")
    chosen, left = events(log, "OptionChosen"), events(log, "OptionRejected")
    both = pl.concat([
        chosen.with_columns(is_chosen=pl.lit(True), decision_seq=pl.col("seq")),
        left.with_columns(is_chosen=pl.lit(False), decision_seq=pl.lit(None, pl.Int64)),
    ], how="diagonal").sort("seq")  # fmt: skip
    score = pl.sum_horizontal("term_price", "term_time", "term_control", "term_risk", "term_noise")
    return both.with_columns(pl.col("decision_seq").backward_fill(), score=score).drop("actor")
