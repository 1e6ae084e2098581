"""Contracts for capacity, what is still owed under them, and the terms of decisions."""

from __future__ import annotations

import polars as pl

from market.analytics.base import events, only, running, week_ends

HOURS_PER_DAY = 24
OWED = (
    "ContractSigned", "ContractEnded", "TrancheScheduled", "TrancheDrawn", "LeaseSigned", "LeaseAssigned",
    "LeaseRenewed", "RentStepped", "OptionExercised", "CapacityShed", "LeaseEnded",
)  # fmt: skip
TERMS = ("end_day", "price_usd_per_gpu_hour")
CHANGE = ("seq", "day", "lease_id")
PERIOD = ("lessor", "lessee", "gpus", "rented", "price_usd_per_gpu_hour", "start_day", "end_day", "since", "until")


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

    since, until : days on which the period is an obligation; a tranche becomes leases as it is drawn. rented : GPUs
    that are paid for, with the take-or-pay share of those given back.
    """
    signed = events(log, "ContractSigned").select("contract_id", "price_usd_per_gpu_hour")
    ended = events(log, "ContractEnded").select("contract_id", pl.col("day").alias("over"))
    tranches = events(log, "TrancheScheduled").join(signed, on="contract_id").join(ended, on="contract_id", how="left")
    last = pl.col("over").fill_null(pl.col("end_day"))
    whole = tranches.with_columns(since=pl.col("day"), until=last)
    places = tranches.select("contract_id", "tranche", "price_usd_per_gpu_hour", "start_day", "end_day", until=last)
    taken = events(log, "TrancheDrawn").join(places, on=["contract_id", "tranche"])
    taken = taken.with_columns(gpus=-pl.col("gpus"), since=pl.col("day"))
    parts = [part.with_columns(rented=pl.col("gpus").cast(pl.Float64)) for part in (whole, taken)]
    return pl.concat([part.select(PERIOD) for part in (*parts, _leases(log))])


def _leases(log: pl.LazyFrame) -> pl.LazyFrame:
    """Leases as periods: one for each stretch in which parties, GPUs, rent and last day of a lease stay the same."""
    signed = events(log, "LeaseSigned").filter(pl.col("kind") != "internal")
    clauses = signed.select("lease_id", "start_day", "take_or_pay_share")
    moved = events(log, "LeaseAssigned")
    sides = [pl.when(pl.col("kind") == x).then(pl.col("counterparty")).alias(x) for x in ("lessor", "lessee")]
    more = events(log, "OptionExercised").filter(pl.col("kind") == "expand")
    changes = [
        signed.select(*CHANGE, "lessor", "lessee", *TERMS, added="gpus"),
        moved.select(*CHANGE, *sides),
        events(log, "LeaseRenewed").select(*CHANGE, *TERMS),
        events(log, "RentStepped").select(*CHANGE, "price_usd_per_gpu_hour"),
        more.select(*CHANGE, added="gpus"),
        events(log, "CapacityShed").select(*CHANGE, shed="gpus"),
        events(log, "LeaseEnded").select(*CHANGE, is_over=pl.lit(True)),
    ]
    rows = pl.concat(changes, how="diagonal").sort("seq").join(clauses, on="lease_id", maintain_order="left")
    known = rows.with_columns(
        pl.col("lessor", "lessee", *TERMS).forward_fill().over("lease_id"),
        pl.col("added", "shed").fill_null(0).cum_sum().over("lease_id"),
        since=pl.col("day"), until=pl.col("day").shift(-1).over("lease_id"),
    ).filter(pl.col("is_over").is_null())  # fmt: skip
    gpus = pl.col("added") - pl.col("shed")
    rented = gpus + pl.col("take_or_pay_share") * pl.col("shed")
    until = pl.col("until").fill_null(pl.col("end_day"))
    return known.with_columns(gpus=gpus, rented=rented, until=until)


def obligations(log: pl.LazyFrame) -> pl.LazyFrame:
    """Weekly by lessor and lessee: rent still to come under leases and undrawn tranches, USD, and GPUs not begun yet.

    remaining_usd : what is left of every term (a lessor's remaining performance obligations, take-or-pay assumed).
    backlog_usd, backlog_gpus : of that, what has not begun.
    """
    log = only(log, *OWED, "WeekClosed")
    keys, sums = ["lessor", "lessee"], ["periods", "ahead_cents", "backlog_gpus", "end_cents", "rate_cents"]
    levels = running(_steps(_periods(log)), keys, sums, week_ends(log)).filter(pl.col("periods") > 0)
    begun = pl.col("end_cents") - pl.col("rate_cents") * pl.col("day")  # of each: rate x (last day - day)
    return levels.select(
        "day", "week", *keys,
        ((pl.col("ahead_cents") + begun) / 100).alias("remaining_usd"),
        (pl.col("ahead_cents") / 100).alias("backlog_usd"),
        "backlog_gpus",
    ).sort("day", *keys)  # fmt: skip


def _steps(periods: pl.LazyFrame) -> pl.LazyFrame:
    """Turn periods into changes of what is owed on a day, in whole cents, whose sums do not depend on threads.

    Until a period's term begins its whole rent is owed: `ahead_cents`. From then on it is the rent of a day times the
    days left, which two sums give for any day: `end_cents`, rate x last day, and `rate_cents`.
    """
    rate = (pl.col("rented") * pl.col("price_usd_per_gpu_hour") * HOURS_PER_DAY * 100).round().cast(pl.Int64)
    stop = pl.min_horizontal("until", "end_day")
    rows = periods.filter(pl.col("since") < pl.col("until")).with_columns(
        rate=rate, stop=stop, begins=pl.max_horizontal("since", "start_day"), ahead=pl.min_horizontal("start_day", stop)
    )
    whole = pl.col("rate") * (pl.col("end_day") - pl.col("start_day"))
    parts = (
        ("since", "until", {"periods": pl.lit(1, pl.Int64)}),
        ("since", "ahead", {"ahead_cents": whole, "backlog_gpus": pl.col("gpus")}),
        ("begins", "stop", {"end_cents": pl.col("rate") * pl.col("end_day"), "rate_cents": pl.col("rate")}),
    )
    changes = {"day": pl.concat_list(*(pl.col(edge) for first, last, _ in parts for edge in (first, last)))}
    for at, (first, last, sums) in enumerate(parts):
        for name, amount in sums.items():
            held = pl.when(pl.col(first) < pl.col(last)).then(amount).otherwise(0)
            edges = [held, -held]
            zeros = [pl.lit(0, pl.Int64)] * 2
            changes[name] = pl.concat_list(*(edge for i in range(len(parts)) for edge in (edges if i == at else zeros)))
    return rows.select("lessor", "lessee", **changes).explode(*changes)


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
