"""How concentrated compute is."""

from __future__ import annotations

import polars as pl

from market.analytics.capacity import capacity


def concentration(log: pl.LazyFrame) -> pl.LazyFrame:
    """Weekly: H100 equivalents held by all, shares of the first, first three and first ten holders, and the HHI.

    hhi : sum of squared percentage shares, from 0 to 10,000 (US merger guidelines of 2023: above 1,800 is highly
    concentrated). largest : the org that holds most.
    """
    exact = (pl.col("h100e") * 1000).round().cast(pl.Int64)  # sums of integers do not depend on the order of threads
    held = capacity(log).group_by("day", "org").agg(exact.sum() / 1000)
    ranked = held.sort(["day", "h100e", "org"], descending=[False, True, False])
    share = pl.col("h100e") / pl.col("h100e").sum()
    return ranked.group_by("day", maintain_order=True).agg(
        pl.col("h100e").sum(),
        pl.col("org").first().alias("largest"),
        share.first().alias("share_of_first"),
        share.head(3).sum().alias("share_of_three"),
        share.head(10).sum().alias("share_of_ten"),
        ((share * 100) ** 2).sum().alias("hhi"),
    )
