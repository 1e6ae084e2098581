"""Who holds which GPUs where: owned and rented in, less let out. What is let or trains is held."""

from __future__ import annotations

import polars as pl

from market.analytics.audit.book import WHEN, Book, Check, Finding, found, stacked

PLACE = ["org", "chip", "site"]
MOVES = ("GpusHandedOver", "LeaseEnded", "CapacityShed")
HANDED = ("type", "lease_id", "lessor", "lessee", "chip", "site", "gpus")


def training_changes(book: Book) -> pl.DataFrame:
    """Changes of the GPUs that frontier runs occupy in the part, by place: `training`."""
    steps = book.of("TrainingStarted", "TrainingReplanned", "TrainingFinished", "TrainingAbandoned")
    ends = pl.col("type").is_in(["TrainingFinished", "TrainingAbandoned"])
    begun = book.of("TrainingStarted", only=("run_id", "chip", "site")).select("run_id", "chip", "site")
    begun = begun.unique("run_id", keep="first")
    sizes = steps.select(*WHEN, "run_id", "org", now=pl.when(ends).then(0).otherwise(pl.col("gpus")))
    change = sizes.with_columns(training=pl.col("now") - pl.col("now").shift(1, fill_value=0).over("run_id"))
    change = book.lately(change).join(begun, on="run_id", how="left", maintain_order="left")
    return change.select(*WHEN, *PLACE, "training")


def handed(book: Book) -> pl.DataFrame:
    """Changes of the GPUs handed over under each lease: `gpus`, negative when they go back."""
    return _with_signs(book.of(*MOVES, only=HANDED))


def handed_lately(book: Book) -> pl.DataFrame:
    """The same, of the part."""
    return _with_signs(book.part(*MOVES).select(*WHEN, *HANDED))


def _with_signs(steps: pl.DataFrame) -> pl.DataFrame:
    back = pl.col("type") != "GpusHandedOver"
    return steps.with_columns(gpus=pl.when(back).then(-pl.col("gpus")).otherwise(pl.col("gpus")))


def holdings(book: Book) -> pl.DataFrame:
    """Totals by place behind every event of the part that moves GPUs: `owned`, `rented`, `let`, `training`, `held`.

    Clusters and hourly rents are rows too: `claim` is what they say is there. `held_before` and `training_before` are
    those of the event before.
    """
    passed = book.part("LeaseAssigned").filter(pl.col("kind") == "lessee")
    sold = book.part("GpusTransferred")
    given = handed_lately(book)
    gone = pl.when(pl.col("type") == "GpusRetired").then(-pl.col("gpus")).otherwise(pl.col("gpus"))
    changes = stacked(
        book.part("FleetRegistered", "GpusInstalled", "GpusRetired").select(*WHEN, *PLACE, owned=gone),
        sold.select(*WHEN, *PLACE, owned=-pl.col("gpus"), let=-pl.col("gpus_let")),
        sold.select(*WHEN, "chip", "site", org="counterparty", owned="gpus", let="gpus_let"),
        given.select(*WHEN, "chip", "site", org="lessor", let="gpus"),
        given.select(*WHEN, "chip", "site", org="lessee", rented="gpus"),
        passed.select(*WHEN, *PLACE, rented=-pl.col("gpus")),
        passed.select(*WHEN, "chip", "site", org="counterparty", rented="gpus"),
        training_changes(book),
        book.part("ClusterFormed").select(*WHEN, *PLACE, claim="gpus", claimed="type"),
        book.part("OnDemandRented").select(*WHEN, "chip", "site", org="lessor", claim="gpus", claimed="type"),
    )
    totals = book.running("holdings", changes, PLACE, "owned", "rented", "let", "training")
    totals = totals.with_columns(held=pl.col("owned") + pl.col("rented") - pl.col("let"))
    before = pl.col("held", "training").shift(1, fill_value=0).over(PLACE).name.suffix("_before")
    return book.lately(totals.with_columns(before))


def double_sale(book: Book) -> list[Finding]:
    """No org leases out GPUs, by contract or by the hour, that it neither owns nor leases in there."""
    totals = book.once(holdings)
    over = pl.col("claim").fill_null(0) > pl.col("held")
    return [
        *found(totals.filter(pl.col("held") < 0), "double sale", "{} leases out {} {} at {}, owns {} and leases in {}",
               "org", "let", "chip", "site", "owned", "rented"),
        *found(totals.filter(pl.col("owned") < 0), "double sale", "{} owns {} {} at {}", "org", "owned", "chip",
               "site"),
        *found(totals.filter(over), "double sale", "{} of {} GPUs by {}, which holds {} {} at {}", "claimed", "claim",
               "org", "held", "chip", "site"),
    ]  # fmt: skip


def training(book: Book) -> list[Finding]:
    """At the end of every week frontier runs occupy no more GPUs than their lab holds at that place."""
    totals = book.at_close(book.once(holdings), PLACE)
    over = totals.filter(pl.col("training") > pl.col("held").clip(lower_bound=0))
    return found(over, "training", "{} trains on {} {} at {} and holds {}", "org", "training", "chip", "site", "held")


BY_PART: tuple[Check, ...] = (double_sale, training)
