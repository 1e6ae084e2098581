"""Who holds how much compute, week by week."""

from __future__ import annotations

import polars as pl

from market.analytics.base import chips, events, only, running, week_ends

MOVES = (
    "FleetRegistered", "GpusInstalled", "GpusRetired", "GpusHandedOver", "LeaseEnded", "CapacityShed", "LeaseAssigned",
    "GpusTransferred",
)  # fmt: skip
COUNTS = ["gpus_owned", "gpus_leased_in", "gpus_leased_out"]


def capacity(log: pl.LazyFrame) -> pl.LazyFrame:
    """Weekly by org and chip: GPUs installed and owned, leased in, leased out; held = owned + in - out.

    h100e, power_kw_it : of the GPUs held, in H100 equivalents and kW of IT power.
    """
    log = only(log, *MOVES, "WeekClosed", "ChipAnnounced")
    changes = running(_changes(log), ["org", "chip"], COUNTS, week_ends(log))
    held = pl.col("gpus_owned") + pl.col("gpus_leased_in") - pl.col("gpus_leased_out")
    return (
        changes.with_columns(held.alias("gpus_held"))
        .join(chips(log), on="chip", how="left", maintain_order="left")
        .with_columns(
            (pl.col("gpus_held") * pl.col("h100e_per_gpu")).alias("h100e"),
            (pl.col("gpus_held") * pl.col("power_kw_it_per_gpu")).alias("power_kw_it"),
        )
        .drop("h100e_per_gpu", "power_kw_it_per_gpu", "supplier")
    )


def _changes(log: pl.LazyFrame) -> pl.LazyFrame:
    """Every event that moves installed GPUs, as changes of the three counts of one org and chip."""
    parts = []
    for kind, sign in (("FleetRegistered", 1), ("GpusInstalled", 1), ("GpusRetired", -1)):
        parts.append(_change(events(log, kind), "org", owned=sign))
    for kind, sign in (("GpusHandedOver", 1), ("LeaseEnded", -1), ("CapacityShed", -1)):
        moved = events(log, kind)
        parts += [_change(moved, "lessee", leased_in=sign), _change(moved, "lessor", leased_out=sign)]
    passed = events(log, "LeaseAssigned").filter(pl.col("kind") == "lessee")
    sold = events(log, "GpusTransferred")
    let = sold.with_columns(gpus=pl.col("gpus_let"))
    for org, sign in (("org", -1), ("counterparty", 1)):
        parts += [
            _change(passed, org, leased_in=sign),
            _change(sold, org, owned=sign),
            _change(let, org, leased_out=sign),
        ]
    return pl.concat(parts)


def _change(moved: pl.LazyFrame, org: str, *, owned: int = 0, leased_in: int = 0, leased_out: int = 0) -> pl.LazyFrame:
    signs = zip(COUNTS, (owned, leased_in, leased_out), strict=True)
    counts = [(pl.col("gpus") * sign).alias(name) for name, sign in signs]
    return moved.select("day", pl.col(org).alias("org"), "chip", *counts)
