"""What the clearings of markets amounted to."""

from __future__ import annotations

import polars as pl

from market.analytics.base import events, only


def clearings(log: pl.LazyFrame) -> pl.LazyFrame:
    """Each clearing of a chip on sale, or of what is open to rent of a chip in a region.

    Prices and worths are USD a GPU where chips are sold and USD a GPU-hour where they are rented; the price is null
    where each order keeps its own.
    """
    log = only(log, "ChipsCleared", "RentsCleared")
    prices = ("price_usd_per_gpu", "marginal_usd_per_gpu", "excluded_usd_per_gpu")
    rents = tuple(f"{name}_hour" for name in prices)
    counts = ("offered_gpus", "wanted_gpus", "gpus")
    sold = events(log, "ChipsCleared").select(
        "day", pl.lit("chips").alias("market"), "mechanism", pl.lit(None, pl.String).alias("region"), "chip", *counts,
        "surplus_usd", *prices,
    )  # fmt: skip
    let = events(log, "RentsCleared").select(
        "day", pl.col("kind").alias("market"), "mechanism", "region", "chip", *counts, "surplus_usd", *rents
    )
    unserved = (pl.col("wanted_gpus") - pl.col("gpus")).alias("unserved_gpus")
    return pl.concat([sold, let], how="diagonal").with_columns(unserved).sort("day", "market", "region", "chip")
