"""What two orgs sign: one meaning for every table that counts or prices it."""

from __future__ import annotations

import polars as pl

from market.analytics.base import events

KINDS = ("LeaseSigned", "ContractSigned")
COLUMNS = (
    "seq", "day", "lessor", "lessee", "chip", "gpus", "start_day", "end_day", "price_usd_per_gpu_hour", "kind",
    "quote_id",
)  # fmt: skip


def signatures(log: pl.LazyFrame) -> pl.LazyFrame:
    """One row a signature on an offer: leases of what stands and contracts of capacity to be built, by `type`.

    Left out is what nobody agrees on then: leases in force at the start, those drawn under a contract, on the terms of
    its signature, and all inside a group of companies. worth_usd : GPUs x price x hours of the term.
    """
    both = pl.concat(events(log, kind).select(*COLUMNS, pl.lit(kind).alias("type")) for kind in KINDS)
    hours = (pl.col("end_day") - pl.col("start_day")) * 24
    worth = pl.col("gpus") * pl.col("price_usd_per_gpu_hour") * hours
    signed = both.filter(pl.col("kind") != "internal", pl.col("quote_id").is_not_null())
    return signed.with_columns(worth.alias("worth_usd")).sort("seq")
