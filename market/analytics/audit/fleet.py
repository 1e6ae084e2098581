"""Who holds which GPUs where: owned and rented in, less let out. What is let or trains is held."""

from __future__ import annotations

import polars as pl

from market.analytics.audit.book import WHEN, Book, Check, Finding, found, running, stacked

PLACE = ["org", "chip", "site"]


def training_changes(book: Book) -> pl.DataFrame:
    """Changes of the GPUs that frontier runs occupy, by place: `training`."""
    steps = book.of("TrainingStarted", "TrainingReplanned", "TrainingFinished", "TrainingAbandoned")
    ends = pl.col("type").is_in(["TrainingFinished", "TrainingAbandoned"])
    runs = book.of("TrainingStarted").select("run_id", "chip", "site").unique("run_id", keep="first")
    now = steps.select(*WHEN, "run_id", "org", now=pl.when(ends).then(0).otherwise(pl.col("gpus")))
    change = now.with_columns(training=pl.col("now") - pl.col("now").shift(1, fill_value=0).over("run_id"))
    return change.join(runs, on="run_id", how="left", maintain_order="left").select(*WHEN, *PLACE, "training")


def handed(book: Book) -> pl.DataFrame:
    """Changes of the GPUs handed over under each lease: `gpus`, negative when they go back."""
    moves = book.of("GpusHandedOver", "LeaseEnded", "CapacityShed")
    back = pl.col("type") != "GpusHandedOver"
    return moves.with_columns(gpus=pl.when(back).then(-pl.col("gpus")).otherwise(pl.col("gpus")))


def holdings(book: Book) -> pl.DataFrame:
    """Totals by place behind every event that moves GPUs: `owned`, `rented`, `let`, `training`, and `held` of them.

    Clusters and hourly rents are rows too: `claim` is what they say is there.
    """
    moves = book.once(handed)
    sold = book.of("GpusTransferred")
    passed = book.of("LeaseAssigned").filter(pl.col("kind") == "lessee")
    gone = pl.when(pl.col("type") == "GpusRetired").then(-pl.col("gpus")).otherwise(pl.col("gpus"))
    changes = stacked(
        book.of("FleetRegistered", "GpusInstalled", "GpusRetired").select(*WHEN, *PLACE, owned=gone),
        sold.select(*WHEN, *PLACE, owned=-pl.col("gpus"), let=-pl.col("gpus_let")),
        sold.select(*WHEN, "chip", "site", org="counterparty", owned="gpus", let="gpus_let"),
        moves.select(*WHEN, "chip", "site", org="lessor", let="gpus"),
        moves.select(*WHEN, "chip", "site", org="lessee", rented="gpus"),
        passed.select(*WHEN, *PLACE, rented=-pl.col("gpus")),
        passed.select(*WHEN, "chip", "site", org="counterparty", rented="gpus"),
        training_changes(book),
        book.of("ClusterFormed").select(*WHEN, *PLACE, claim="gpus", claimed="type"),
        book.of("OnDemandRented").select(*WHEN, "chip", "site", org="lessor", claim="gpus", claimed="type"),
    )
    totals = running(changes, PLACE, "owned", "rented", "let", "training")
    return totals.with_columns(held=pl.col("owned") + pl.col("rented") - pl.col("let"))


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


CHECKS: tuple[Check, ...] = (double_sale, training)
