"""The events of a run that weigh most, of many kinds.

What weighs cannot be put on one scale, so each kind has its own measure: the worth of a contract, IT power, compute,
money. An event's weight is its part of all that happened of its kind; the list takes the heaviest of each kind first.
"""

from __future__ import annotations

import polars as pl

from market.analytics.base import events, only
from market.analytics.signatures import signatures

KINDS = (
    "PolicyEnacted", "PolicyRepealed", "ContractSigned", "LeaseSigned", "TrainingFinished", "PowerEnergised",
    "BuildingSlipped", "LeaseTalksFailed", "OrgDefaulted", "RoundClosed", "ClusterFormed", "GpusWaitForPower",
    "OrderPlaced", "VolumeSlipped", "LoanGranted", "LotSold", "LoanWrittenOff", "EstateClosed",
)  # fmt: skip
"""Kinds in the order in which the list takes them: policies, compute, power, money, chips."""
POLICIES = KINDS[:2]
MIN_DAYS = 1  # a slip of no length still has a weight


def consequence(log: pl.LazyFrame) -> pl.LazyFrame:
    """Weigh events: `seq`, `day`, `type`, `amount` in its `unit`, `weight` (part of its kind), `rank` within its kind.

    Contracts and leases (`signatures`) weigh GPUs x price x hours of the term; talks that failed H100e asked for x
    reference price x hours asked for; energised power and slips kW and kW x days; trained models FLOP; clusters GPUs;
    rounds, loans, defaults, what estates sell and come to and what lenders lose USD.
    The start of the run is left out: it is what was known, not what happened.
    """
    log = only(log, "RunStarted", "LeaseRequested", "BuildingStarted", *KINDS)
    start = events(log, "RunStarted").select(pl.col("seq").alias("zero"), pl.col("start_day").alias("first_day"))
    parts = [_signed(log), _talks(log), _policies(log)]
    parts += [_plain(log, *row) for row in PLAIN]
    weighed = pl.concat(part.select("seq", "day", "type", "amount", "unit") for part in parts)
    by_kind = pl.col("amount").rank("ordinal", descending=True).over("type").cast(pl.Int64)
    return (
        weighed.join(start, how="cross")
        .filter(pl.col("day") > pl.col("first_day"))
        .sort("seq")
        .with_columns((pl.col("amount") / pl.col("amount").sum().over("type")).alias("weight"), by_kind.alias("rank"))
        .drop("zero", "first_day")
        .sort("rank", pl.col("type").cast(pl.Enum(KINDS)), "seq")
    )


def most_consequential(log: pl.LazyFrame, count: int = 10) -> pl.DataFrame:
    """The first `count` of `consequence`, in the order in which they happened."""
    return consequence(log).collect().head(count).sort("seq")


def _signed(log: pl.LazyFrame) -> pl.LazyFrame:
    worth = pl.col("worth_usd").cast(pl.Float64).alias("amount")
    return signatures(log).select("seq", "day", "type", worth, pl.lit("USD").alias("unit"))


def _talks(log: pl.LazyFrame) -> pl.LazyFrame:
    asked = events(log, "LeaseRequested").select("request_id", "duration_days", "price_usd_per_h100e_hour")
    worth = pl.col("h100e") * pl.col("duration_days") * 24 * pl.col("price_usd_per_h100e_hour")
    failed = events(log, "LeaseTalksFailed").join(asked, on="request_id", how="inner")
    return _weigh(failed, "LeaseTalksFailed", worth, "USD")


def _policies(log: pl.LazyFrame) -> pl.LazyFrame:
    both = pl.concat([events(log, kind).with_columns(pl.lit(kind).alias("type")) for kind in POLICIES])
    return both.with_columns(pl.lit(1.0).alias("amount"), pl.lit("").alias("unit"))


PLAIN: tuple[tuple[str, pl.Expr, str], ...] = (
    ("TrainingFinished", pl.col("flop"), "FLOP"),
    ("PowerEnergised", pl.col("power_kw_it"), "kW"),
    ("BuildingSlipped", pl.col("power_kw_it") * pl.max_horizontal("duration_days", MIN_DAYS), "kW days"),
    ("ClusterFormed", pl.col("gpus"), "GPUs"),
    ("GpusWaitForPower", pl.col("gpus"), "GPUs"),
    ("OrderPlaced", pl.col("gpus") * pl.col("price_usd_per_gpu"), "USD"),
    ("RoundClosed", pl.col("amount_usd_cents") / 100, "USD"),
    ("LoanGranted", pl.col("amount_usd_cents") / 100, "USD"),
    ("OrgDefaulted", pl.col("amount_usd_cents") / 100, "USD"),
    ("LotSold", pl.col("amount_usd_cents") / 100, "USD"),
    ("LoanWrittenOff", pl.col("amount_usd_cents") / 100, "USD"),
    ("EstateClosed", pl.col("amount_usd_cents") / 100, "USD"),
    ("VolumeSlipped", pl.col("duration_days"), "days"),
)


def _plain(log: pl.LazyFrame, kind: str, amount: pl.Expr, unit: str) -> pl.LazyFrame:
    happened = events(log, kind)
    if kind == "BuildingSlipped":
        size = events(log, "BuildingStarted").select("building_id", "power_kw_it").unique("building_id", keep="last")
        happened = happened.join(size, on="building_id", how="inner")
    return _weigh(happened, kind, amount, unit)


def _weigh(happened: pl.LazyFrame, kind: str, amount: pl.Expr, unit: str) -> pl.LazyFrame:
    return happened.with_columns(
        pl.lit(kind).alias("type"), amount.cast(pl.Float64).alias("amount"), pl.lit(unit).alias("unit")
    )
