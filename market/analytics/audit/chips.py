"""From the line to the warehouse: made, ordered, allocated, shipped, delivered; nothing appears or is lost."""

from __future__ import annotations

import polars as pl

from market.analytics.audit.book import NEVER, WHEN, Book, Check, Finding, found, running, stacked


def orders(book: Book) -> list[Finding]:
    """GPUs ordered are allocated, cancelled or still open; open ones are never negative, in events of the order."""
    placed = book.of("OrderPlaced")
    taken = book.of("ChipsAllocated", "OrderCancelled")
    terms = placed.select("order_id", of="org", by="supplier", what="chip", since="seq")
    known = taken.join(terms, on="order_id", how="left", maintain_order="left")
    stray = known.filter(
        pl.col("since").is_null() | (pl.col("since") > pl.col("seq")) | (pl.col("org") != pl.col("of"))
        | (pl.col("chip") != pl.col("what")) | (pl.col("supplier").fill_null(pl.col("by")) != pl.col("by"))
    )  # fmt: skip
    open_gpus = running(
        stacked(
            placed.select(*WHEN, "order_id", open="gpus"),
            taken.select(*WHEN, "order_id", open=-pl.col("gpus")),
        ),
        "order_id", "open",
    )  # fmt: skip
    twice = placed.filter(pl.col("order_id").is_duplicated())
    few = book.of("OrderPlaced", "ChipsAllocated", "OrderCancelled").filter(pl.col("gpus") < 1)
    return [
        *found(stray, "orders", "{} of {} is not in the terms of an order", "type", "order_id"),
        *found(open_gpus.filter(pl.col("open") < 0), "orders", "{}: {} GPUs open", "order_id", "open"),
        *found(twice, "orders", "{} is placed twice", "order_id"),
        *found(few, "orders", "{} of {} GPUs", "type", "gpus"),
    ]


def backlog(book: Book) -> list[Finding]:
    """The lead time that a supplier states is its backlog over its output."""
    made = book.of("OutputMade").filter(pl.col("day") > book.start_day)
    changes = stacked(
        book.of("OrderPlaced").select(*WHEN, "chip", backlog="gpus"),
        book.of("ChipsAllocated", "OrderCancelled").select(*WHEN, "chip", backlog=-pl.col("gpus")),
        made.select(*WHEN, "chip", "lead_time_weeks", made="gpus", backlog=pl.lit(0, pl.Int64)),
    )
    stated = running(changes, "chip", "backlog").filter(pl.col("made") > 0)
    off = (pl.col("lead_time_weeks") * pl.col("made") - pl.col("backlog")).abs()
    wrong = stated.filter(off > 0.5 + 1e-6 * pl.col("made"))
    return found(
        wrong, "orders", "{}: a backlog of {}, but {} weeks of {} made", "chip", "backlog", "lead_time_weeks", "made"
    )


def output(book: Book) -> list[Finding]:
    """No chip is allocated that was not made."""
    stock = running(
        stacked(
            book.of("OutputMade").select(*WHEN, "chip", stock="gpus"),
            book.of("ChipsAllocated").select(*WHEN, "chip", stock=-pl.col("gpus")),
        ),
        "chip", "stock",
    )  # fmt: skip
    return found(stock.filter(pl.col("stock") < 0), "output", "{}: {} GPUs in stock", "chip", "stock")


def shipments(book: Book) -> list[Finding]:
    """All that is allocated is shipped in the same week, and each shipment arrives once, whole, and when due."""
    sent, came = book.of("ShipmentSent"), book.of("ShipmentDelivered")
    way = running(
        stacked(
            book.of("ChipsAllocated").select(*WHEN, "order_id", waiting="gpus"),
            sent.select(*WHEN, "order_id", waiting=-pl.col("gpus")),
        ),
        "order_id", "waiting",
    )  # fmt: skip
    idle = book.at_close(way, "order_id").filter(pl.col("waiting") != 0)
    keys = ["shipment_id", "order_id", "org", "chip", "gpus"]
    unsent = came.join(sent.select(*keys, since="seq"), on=keys, how="left", maintain_order="left").filter(
        pl.col("since").is_null() | (pl.col("since") > pl.col("seq"))
    )
    arrivals = came.group_by("shipment_id").agg(arrived=pl.col("seq").min(), times=pl.len())
    awaited = book.closed_by(sent, "due_day").join(arrivals, on="shipment_id", how="left", maintain_order="left")
    lost = awaited.filter(pl.col("arrived").fill_null(NEVER) > pl.col("latest"))
    return [
        *found(idle, "shipments", "{}: {} GPUs allocated and not shipped", "order_id", "waiting"),
        *found(unsent, "shipments", "{} arrives with {} GPUs and was not sent so", "shipment_id", "gpus"),
        *found(lost, "shipments", "{} of {} GPUs did not arrive by its day {}", "shipment_id", "gpus", "due_day"),
        *found(awaited.filter(pl.col("times") > 1), "shipments", "{} arrives {} times", "shipment_id", "times"),
        *found(sent.filter(pl.col("shipment_id").is_duplicated()), "shipments", "{} is sent twice", "shipment_id"),
    ]


def warehouse(book: Book) -> list[Finding]:
    """No GPU is installed that was not delivered to its owner."""
    store = running(
        stacked(
            book.of("ShipmentDelivered").select(*WHEN, "org", "chip", store="gpus"),
            book.of("GpusInstalled", "StockTransferred").select(*WHEN, "org", "chip", store=-pl.col("gpus")),
            book.of("StockTransferred").select(*WHEN, "chip", org="counterparty", store="gpus"),
        ),
        ["org", "chip"], "store",
    )  # fmt: skip
    return found(store.filter(pl.col("store") < 0), "warehouse", "{}: {} {} in the warehouse", "org", "store", "chip")


CHECKS: tuple[Check, ...] = (orders, backlog, output, shipments, warehouse)
