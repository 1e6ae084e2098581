"""Power: announced, under contract, energised, used."""

from __future__ import annotations

import polars as pl

from market.analytics.base import events, only, running, week_ends

MOVES = ("PowerEnergised", "BuildingStarted", "BuildingCancelled", "FleetRegistered", "GpusInstalled", "GpusRetired")
STEPS = ["begun_kw", "energised_kw", "installed_kw"]


def power(log: pl.LazyFrame) -> pl.LazyFrame:
    """Weekly by site, in kW of IT load: announced >= contracted >= energised on every row.

    planned_kw : nameplate as last announced. announced_kw : the nameplate, at least what is under contract.
    contracted_kw : energised, and buildings whose work has begun and that are not given up. energised_kw : may be used.
    installed_kw : of the GPUs that run there.
    """
    log = only(log, *MOVES, "SitePlanned", "LotSold", "WeekClosed")
    planned = events(log, "SitePlanned").select(
        "day", "site", "region", "kind", pl.col("power_kw_it").alias("planned_kw")
    )
    levels = running(_changes(log), ["site"], STEPS, week_ends(log))
    grid = week_ends(log).join(planned.select("site").unique(), how="cross").sort("day")
    named = grid
    for said in (_owners(log), planned):
        named = named.join_asof(said.sort("day", maintain_order=True), on="day", by="site", strategy="backward",
                                check_sortedness=False)  # fmt: skip
    contracted = pl.max_horizontal("begun_kw", "energised_kw").alias("contracted_kw")
    return (
        named.drop_nulls("owner")
        .join(levels.drop("week"), on=["day", "site"], how="left")
        .with_columns(pl.col(STEPS).fill_null(0))
        .with_columns(contracted)
        .with_columns(pl.max_horizontal("planned_kw", "contracted_kw").alias("announced_kw"))
        .drop("begun_kw")
        .sort("day", "site")
    )


def _owners(log: pl.LazyFrame) -> pl.LazyFrame:
    """Who owns a site from which day on: who planned it, and who bought it out of an estate."""
    planned = events(log, "SitePlanned").select("seq", "day", "site", owner="org")
    sold = events(log, "LotSold").filter(pl.col("kind") == "site").select("seq", "day", "site", owner="counterparty")
    return pl.concat([planned, sold]).sort("seq").select("day", "site", "owner")


def _changes(log: pl.LazyFrame) -> pl.LazyFrame:
    """Every event that moves a level of `STEPS` at a site; what stood at the start was never begun in the log."""
    energised, begun = events(log, "PowerEnergised"), events(log, "BuildingStarted")
    standing = energised.join(begun, on="building_id", how="anti")
    parts = [
        energised.select("day", "site", pl.col("power_kw_it").alias("energised_kw")),
        *(some.select("day", "site", pl.col("power_kw_it").alias("begun_kw")) for some in (begun, standing)),
        events(log, "BuildingCancelled").select("day", "site", -pl.col("power_kw_it").alias("begun_kw")),
    ]
    for kind, sign in (("FleetRegistered", 1), ("GpusInstalled", 1), ("GpusRetired", -1)):
        parts.append(events(log, kind).select("day", "site", (pl.col("power_kw_it") * sign).alias("installed_kw")))
    return pl.concat(parts, how="diagonal").with_columns(pl.col(STEPS).fill_null(0))
