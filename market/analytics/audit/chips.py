"""From the line to the warehouse: made, ordered, allocated, shipped, delivered; nothing appears or is lost."""

from __future__ import annotations

import polars as pl

from market.analytics.audit.book import NEVER, WHEN, Book, Check, Finding, found, stacked
from market.analytics.audit.money import made_before

LEAD_WEEKS_MAX = 1_040.0  # twenty years: the longest wait that is told


def orders(book: Book) -> list[Finding]:
    """GPUs ordered are allocated, cancelled or still open; open ones are never negative, in events of the order."""
    placed, taken = book.part("OrderPlaced"), book.part("ChipsAllocated", "OrderCancelled")
    terms = book.of("OrderPlaced", only=("order_id", "org", "supplier", "chip")).unique("order_id", keep="first")
    terms = terms.select("order_id", of="org", by="supplier", what="chip", since="seq")
    known = taken.join(terms, on="order_id", how="left", maintain_order="left")
    stray = known.filter(
        pl.col("since").is_null() | (pl.col("since") > pl.col("seq")) | (pl.col("org") != pl.col("of"))
        | (pl.col("chip") != pl.col("what")) | (pl.col("supplier").fill_null(pl.col("by")) != pl.col("by"))
    )  # fmt: skip
    open_gpus = book.running(
        "open orders", stacked(
            placed.select(*WHEN, "order_id", open="gpus"),
            taken.select(*WHEN, "order_id", open=-pl.col("gpus")),
        ),
        "order_id", "open",
    )  # fmt: skip
    again = placed.join(terms, on="order_id", how="inner").filter(pl.col("since") < pl.col("seq"))
    few = book.part("OrderPlaced", "ChipsAllocated", "OrderCancelled").filter(pl.col("gpus") < 1)
    return [
        *found(stray, "orders", "{} of {} is not in the terms of an order", "type", "order_id"),
        *found(book.lately(open_gpus).filter(pl.col("open") < 0), "orders", "{}: {} GPUs open", "order_id", "open"),
        *found(again, "orders", "{} is placed twice", "order_id"),
        *found(few, "orders", "{} of {} GPUs", "type", "gpus"),
    ]


def backlog(book: Book) -> list[Finding]:
    """The lead time that a supplier states is its backlog over its output; of twenty years, that or more."""
    made = book.part("OutputMade").filter(pl.col("day") > book.start_day)
    changes = stacked(
        book.part("OrderPlaced").select(*WHEN, "chip", backlog="gpus"),
        book.part("ChipsAllocated", "OrderCancelled").select(*WHEN, "chip", backlog=-pl.col("gpus")),
        made.select(*WHEN, "chip", "lead_time_weeks", made="gpus", backlog=pl.lit(0, pl.Int64)),
    )
    stated = book.lately(book.running("backlog", changes, "chip", "backlog")).filter(pl.col("made") > 0)
    off = (pl.col("lead_time_weeks") * pl.col("made") - pl.col("backlog")).abs()
    is_long = (pl.col("lead_time_weeks") == LEAD_WEEKS_MAX) & (pl.col("backlog") > LEAD_WEEKS_MAX * pl.col("made"))
    wrong = stated.filter(off > 0.5 + 1e-6 * pl.col("made"), ~is_long)
    return found(
        wrong, "orders", "{}: a backlog of {}, but {} weeks of {} made", "chip", "backlog", "lead_time_weeks", "made"
    )


def output(book: Book) -> list[Finding]:
    """No chip is allocated that was not made."""
    changes = stacked(
        book.part("OutputMade").select(*WHEN, "chip", stock="gpus"),
        book.part("ChipsAllocated").select(*WHEN, "chip", stock=-pl.col("gpus")),
    )
    stock = book.lately(book.running("output", changes, "chip", "stock"))
    return found(stock.filter(pl.col("stock") < 0), "output", "{}: {} GPUs in stock", "chip", "stock")


def shipments(book: Book) -> list[Finding]:
    """All that is allocated is shipped in the same week, and each shipment arrives once, whole, and when due."""
    sent = book.part("ShipmentSent")
    changes = stacked(
        book.part("ChipsAllocated").select(*WHEN, "order_id", waiting="gpus"),
        sent.select(*WHEN, "order_id", waiting=-pl.col("gpus")),
    )
    way = book.lately(book.running("allocated", changes, "order_id", "waiting"))
    idle = book.at_close(way, "order_id").filter(pl.col("waiting") != 0)
    first = made_before(book, sent["shipment_id"]).filter(pl.col("family") == "shipment")
    again = sent.join(first, left_on="shipment_id", right_on="contract_id", how="inner", maintain_order="left")
    again = again.filter(pl.col("since") < pl.col("seq"))
    return [
        *found(idle, "shipments", "{}: {} GPUs allocated and not shipped", "order_id", "waiting"),
        *found(again, "shipments", "{} is sent twice", "shipment_id"),
        *_arrivals(book, sent.join(again, on="seq", how="anti", maintain_order="left")),
    ]


def _arrivals(book: Book, sent: pl.DataFrame) -> list[Finding]:
    """Follow shipments from their sending to their arrival; those under way are carried on."""
    keys = ["shipment_id", "order_id", "org", "chip", "gpus"]
    terms = [sent.select(*WHEN, *keys, "due_day", is_lost=pl.lit(False))]
    if "under way" in book.carried:
        terms.insert(0, book.carried["under way"])
    away = pl.concat(terms, how="vertical_relaxed")
    came = book.part("ShipmentDelivered")
    since = away.select(*keys, since="seq")
    unsent = came.join(since, on=keys, how="left", maintain_order="left").filter(
        pl.col("since").is_null() | (pl.col("since") > pl.col("seq")) | ~pl.col("shipment_id").is_first_distinct()
    )
    arrivals = came.group_by("shipment_id").agg(arrived=pl.col("seq").min())
    awaited = book.closed_by(away, "due_day").join(arrivals, on="shipment_id", how="left", maintain_order="left")
    is_late = pl.col("arrived").fill_null(NEVER) > pl.col("latest")
    lost = awaited.filter(is_late, ~pl.col("is_lost"))
    still = awaited.with_columns(is_lost=is_late).filter(pl.col("arrived").is_null()).sort("seq")
    book.carried["under way"] = still.select(*WHEN, *keys, "due_day", "is_lost")
    return [
        *found(unsent, "shipments", "{} arrives with {} GPUs and is not under way so", "shipment_id", "gpus"),
        *found(lost, "shipments", "{} of {} GPUs did not arrive by its day {}", "shipment_id", "gpus", "due_day"),
    ]


def warehouse(book: Book) -> list[Finding]:
    """No GPU is installed that was not delivered to its owner."""
    moved = book.part("StockTransferred")
    changes = stacked(
        book.part("ShipmentDelivered").select(*WHEN, "org", "chip", store="gpus"),
        book.part("GpusInstalled", "StockTransferred").select(*WHEN, "org", "chip", store=-pl.col("gpus")),
        moved.select(*WHEN, "chip", org="counterparty", store="gpus"),
    )
    store = book.lately(book.running("warehouse", changes, ["org", "chip"], "store"))
    return found(store.filter(pl.col("store") < 0), "warehouse", "{}: {} {} in the warehouse", "org", "store", "chip")


BY_PART: tuple[Check, ...] = (orders, backlog, output, shipments, warehouse)
