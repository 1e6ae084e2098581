"""Buildings and power: ready in every layer before use, used once, and never drawn on beyond what is energised."""

from __future__ import annotations

import polars as pl

from market.analytics.audit.book import NEVER, WHEN, Book, Check, Finding, found, stacked

STEPS = ("BuildingStarted", "PowerQueued", "ShellReady", "PowerGranted", "PowerEnergised")


def owners(book: Book) -> pl.DataFrame:
    """Who owns each site from which event on: as planned, and as estates sell."""
    sold = book.of("LotSold", only=("site", "counterparty", "kind")).filter(pl.col("kind") == "site")
    planned = book.of("SitePlanned", only=("site", "org"))
    rows = [planned.select("site", "seq", owner="org"), sold.select("site", "seq", owner="counterparty")]
    return pl.concat(rows).sort("seq")


def owned_by(book: Book, frame: pl.DataFrame, name: str) -> pl.DataFrame:
    """Add who owned the site of each event at that time; null before it was planned."""
    now = book.once(owners).rename({"owner": name})
    return frame.sort("seq").join_asof(now, on="seq", by="site", strategy="backward", check_sortedness=False)


def buildings(book: Book) -> list[Finding]:
    """A building passes each step once, with the power it began with, and is energised after shell and grid."""
    steps = book.of(*STEPS)
    begun = book.of("BuildingStarted").select("building_id", at="site", kw="power_kw_it", since="seq")
    known = owned_by(book, steps.join(begun, on="building_id", how="left", maintain_order="left"), "of")
    standing = (pl.col("type") == "PowerEnergised") & (pl.col("cause_seq") < 0)
    stray = known.filter(
        ~standing,
        pl.col("since").is_null() | (pl.col("since") > pl.col("seq")) | (pl.col("site") != pl.col("at"))
        | (pl.col("org") != pl.col("of")) | (pl.col("power_kw_it") != pl.col("kw")),
    )  # fmt: skip
    twice = steps.filter(pl.struct("building_id", "type").is_duplicated())
    first = steps.group_by("building_id").agg(
        shell=pl.col("seq").filter(pl.col("type") == "ShellReady").min().fill_null(NEVER),
        grid=pl.col("seq").filter(pl.col("type") == "PowerGranted").min().fill_null(NEVER),
    )
    live = book.of("PowerEnergised").join(first, on="building_id", how="left", maintain_order="left")
    early = live.filter(~standing, pl.max_horizontal("shell", "grid") > pl.col("seq"))
    return [
        *found(stray, "buildings", "{} of {} does not match the building that was begun", "type", "building_id"),
        *found(twice, "buildings", "{} of {} comes twice", "type", "building_id"),
        *found(early, "buildings", "{} is energised without shell or grid", "building_id"),
    ]


def power(book: Book) -> list[Finding]:
    """The GPUs that run at a site draw no more IT power than is energised there."""
    gpus = book.part("FleetRegistered", "GpusInstalled", "GpusRetired")
    sign = pl.when(pl.col("type") == "GpusRetired").then(-1).otherwise(1)
    drawn = gpus.join(book.watts(), on="chip", how="left", maintain_order="left")
    is_known = pl.col("announced") < pl.col("seq")
    drawn = drawn.with_columns(watts=pl.when(is_known).then(pl.col("watts")))
    changes = stacked(
        book.part("PowerEnergised").select(*WHEN, "site", spare=1000 * pl.col("power_kw_it")),
        drawn.select(*WHEN, "site", spare=-sign * pl.col("gpus") * pl.col("watts")),
    )
    totals = book.lately(book.running("power", changes, "site", "spare"))
    stated = drawn.filter((1000 * pl.col("power_kw_it") - pl.col("gpus") * pl.col("watts")).abs() > 1000)
    return [
        *found(totals.filter(pl.col("spare") < 0), "power", "{}: {} W of energised power to spare", "site", "spare"),
        *found(drawn.filter(pl.col("watts").is_null()), "power", "{} is a chip without a power", "chip"),
        *found(stated, "power", "{} {} state {} kW", "gpus", "chip", "power_kw_it"),
    ]


def places(book: Book) -> list[Finding]:
    """Every site that an event names was planned before, and belongs to who builds there."""
    kinds = (*STEPS, "FleetRegistered", "GpusInstalled", "GpusRetired", "LeaseSigned", "QuoteGiven")
    named = book.part(*kinds, only=("type", "org", "site", "form"))
    known = owned_by(book, named, "owner")
    owned = pl.col("type").is_in([*STEPS, "GpusInstalled", "FleetRegistered"])
    known = known.filter((pl.col("site") != "") | (pl.col("form") != "contract"))  # a contract may leave it open
    return [
        *found(known.filter(pl.col("owner").is_null()), "sites", "{} names {}, which was not planned", "type", "site"),
        *found(known.filter(owned, pl.col("org") != pl.col("owner")), "sites", "{} of {} on a site of {}",
               "type", "org", "owner"),
    ]  # fmt: skip


BY_PART: tuple[Check, ...] = (power, places)
AT_END: tuple[Check, ...] = (buildings,)
