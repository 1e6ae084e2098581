"""Clearings: no more is allotted than was offered and asked for, and it is what the buyers got."""

from __future__ import annotations

import polars as pl

from market.analytics.audit.book import WHEN, Book, Check, Finding, found, stacked


def clearings(book: Book) -> list[Finding]:
    """A clearing allots what was offered and wanted, at most, and says what was allotted; surplus is never negative."""
    said = book.part("ChipsCleared", "RentsCleared")
    over = said.filter(pl.col("gpus") > pl.min_horizontal("offered_gpus", "wanted_gpus"))
    negative = said.filter(pl.col("surplus_usd") < -0.01)
    return [
        *found(over, "clearing", "{}: {} GPUs of {} offered and {} wanted",
               "chip", "gpus", "offered_gpus", "wanted_gpus"),
        *found(negative, "clearing", "{}: a surplus of {} USD", "chip", "surplus_usd"),
    ]  # fmt: skip


def allotted(book: Book) -> list[Finding]:
    """Buyers get in a week what its clearing says, and no more where a log stops before the week is closed."""
    said = book.part("ChipsCleared").select(*WHEN, "chip", told="gpus")
    got = book.part("ChipsAllocated").filter(pl.col("day") > book.start_day).select(*WHEN, "chip", got="gpus")
    sums = (
        stacked(said, got)
        .group_by("closing", "chip", maintain_order=True)
        .agg(pl.col("seq").max(), pl.col("day").max(), pl.col("told").sum(), pl.col("got").sum())
    )
    wrong = sums.filter(
        (pl.col("got") > pl.col("told")) | (pl.col("got") < pl.col("told")) & (pl.col("closing") < book.weeks)
    )
    return found(wrong, "clearing", "{}: {} GPUs cleared, {} allotted", "chip", "told", "got")


def priced(book: Book) -> list[Finding]:
    """Where a clearing sets a price, no chip of that week costs more."""
    price = book.part("ChipsCleared").select("closing", "chip", cap="price_usd_per_gpu").drop_nulls()
    sold = book.part("ChipsAllocated").join(price, on=["closing", "chip"], how="inner", maintain_order="left")
    dear = sold.filter(pl.col("price_usd_per_gpu") > pl.col("cap") * (1 + 1e-6))
    return found(dear, "clearing", "{} costs {} USD, cleared at {}", "order_id", "price_usd_per_gpu", "cap")


def offered(book: Book) -> list[Finding]:
    """All that is in stock is offered, and nothing else."""
    changes = stacked(
        book.part("OutputMade").select(*WHEN, "chip", stock="gpus"),
        book.part("ChipsAllocated").select(*WHEN, "chip", stock=-pl.col("gpus")),
        book.part("ChipsCleared").select(*WHEN, "chip", "offered_gpus", stock=pl.lit(0, pl.Int64)),
    )
    stock = book.lately(book.running("offered", changes, "chip", "stock"))
    off = stock.filter(pl.col("offered_gpus") != pl.col("stock"))
    return found(off, "clearing", "{}: {} GPUs offered of {} in stock", "chip", "offered_gpus", "stock")


BY_PART: tuple[Check, ...] = (clearings, allotted, priced, offered)
