"""Power: planned, energised, installed."""

from __future__ import annotations

import polars as pl

from market.analytics.base import events, running, week_ends


def power(log: pl.LazyFrame) -> pl.LazyFrame:
    """Weekly by site: energised IT power, the IT power of the GPUs that run there, and the power planned.

    planned_kw : nameplate as last announced. All in kW of IT load.
    """
    energised = events(log, "PowerEnergised").select("day", "site", pl.col("power_kw_it").alias("energised_kw"))
    installed = []
    for kind, sign in (("FleetRegistered", 1), ("GpusInstalled", 1), ("GpusRetired", -1)):
        installed.append(events(log, kind).select("day", "site", (pl.col("power_kw_it") * sign).alias("installed_kw")))
    changes = pl.concat([energised, *installed], how="diagonal").with_columns(
        pl.col("energised_kw", "installed_kw").fill_null(0)
    )
    planned = events(log, "SitePlanned").select("day", "site", pl.col("org").alias("owner"), "region", "kind",
                                               pl.col("power_kw_it").alias("planned_kw"))  # fmt: skip
    levels = running(changes, ["site"], ["energised_kw", "installed_kw"], week_ends(log))
    grid = week_ends(log).join(planned.select("site").unique(), how="cross").sort("day")
    named = grid.join_asof(planned.sort("day"), on="day", by="site", strategy="backward", check_sortedness=False)
    return (
        named.drop_nulls("owner")
        .join(levels.drop("week"), on=["day", "site"], how="left")
        .with_columns(pl.col("energised_kw", "installed_kw").fill_null(0))
        .sort("day", "site")
    )
