"""Own plant: it runs under a permit, stops when that ends, and every application for another is answered."""

from __future__ import annotations

import polars as pl

from market.analytics.audit.book import NEVER, Book, Check, Finding, found

STEPS = ("PlantPermitted", "PermitSought", "PermitRefused", "PlantStopped", "GridConnected")


def permits(book: Book) -> list[Finding]:
    """Plant has a permit from its first day, runs no longer than it, and stops no sooner than it ends."""
    plant = book.of("PowerEnergised").filter(pl.col("kind") == "on-site")
    first = book.of("PlantPermitted").select("building_id", "closing", "power_kw_it", permitted="seq")
    bare = plant.join(first, on=["building_id", "closing", "power_kw_it"], how="left", maintain_order="left")
    steps = _steps(book)
    over = pl.col("type").is_in(["PlantStopped", "GridConnected"])
    latest = steps.filter(~over, pl.col("is_running") | (pl.col("type") == "PermitSought"))
    answered = book.closed_by(latest, "until")
    late = answered.filter(pl.col("next").fill_null(NEVER) > pl.col("latest"))
    stopped = steps.filter(pl.col("type") == "PlantStopped")
    early = stopped.filter(
        (pl.col("day") < pl.col("end_day")) | ~pl.col("before").is_in(["PlantPermitted", "PermitRefused"])
    )
    twice = steps.filter((pl.col("type") == "PermitSought") & (pl.col("before") == "PermitSought"))
    return [
        *found(bare.filter(pl.col("permitted").is_null()), "plant", "{} runs without a permit", "building_id"),
        *found(late, "plant", "{} of {} is not followed in time", "type", "building_id"),
        *found(early, "plant", "{} stops while it may run", "building_id"),
        *found(twice, "plant", "{} asks twice", "building_id"),
    ]


def _steps(book: Book) -> pl.DataFrame:
    """Steps of each plant: the end of its permit, whether it runs, what came before, by when the next is due."""
    of = "building_id"
    runs = pl.when(pl.col("type") == "PlantPermitted").then(True).when(pl.col("type") == "PlantStopped").then(False)
    steps = book.of(*STEPS).sort("seq").with_columns(
        pl.col("end_day").forward_fill().over(of), is_running=runs.forward_fill().over(of),
        before=pl.col("type").shift(1).over(of), next=pl.col("seq").shift(-1).over(of),
    )  # fmt: skip
    ends = pl.max_horizontal("end_day", "day")
    return steps.with_columns(until=pl.when(pl.col("type") == "PermitSought").then("due_day").otherwise(ends))


AT_END: tuple[Check, ...] = (permits,)
