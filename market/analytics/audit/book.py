"""The log as the auditor reads it: events by type, each with its week; running totals; what a finding is."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import polars as pl

COLUMNS = (
    "seq", "day", "type", "actor", "cause_seq", "root_seq", "week", "org", "counterparty", "parent_org", "supplier",
    "chip", "site", "building_id", "order_id", "shipment_id", "request_id", "quote_id", "lease_id", "parent_lease_id",
    "lessor", "lessee", "run_id", "deal_id", "contract_id", "policy", "parameter", "reason", "kind", "gpus",
    "start_day", "end_day", "due_day", "depth", "amount_usd_cents", "price_usd_per_gpu", "price_usd_per_gpu_hour",
    "revenue_usd_per_year", "power_kw_it", "power_kw_it_per_gpu", "value", "h100e", "lead_time_weeks",
)  # fmt: skip
WHEN = ("seq", "closing", "day")
NEVER = 2**62  # seq of what has not happened


class Finding(NamedTuple):
    """One thing that cannot be: when, against which rule, what, and the event that shows it."""

    week: int
    day: int
    rule: str
    what: str
    seq: int


Check = Callable[["Book"], list[Finding]]


class Book:
    """The events of one log. `closing` is the week that an event belongs to, counted by the weeks closed before it."""

    def __init__(self, log: pl.LazyFrame) -> None:
        closed = (pl.col("type") == "WeekClosed").cast(pl.Int32)
        frame = log.select(COLUMNS).with_columns(closing=closed.cum_sum() - closed)
        self.events = frame.collect()
        self._kinds = self.events["type"].cast(pl.Categorical)
        self._by_kind: dict[str, pl.DataFrame] = {}
        self._memo: dict[str, pl.DataFrame] = {}
        self.weeks = self.of("WeekClosed").height  # closed; an event of a later week may still be answered
        first = self.of("RunStarted")
        self.start_day = int(first["start_day"][0]) if len(first) else 0

    def of(self, *kinds: str) -> pl.DataFrame:
        """Events of these types, in the order of the log."""
        name = " ".join(kinds)
        if name not in self._by_kind:
            self._by_kind[name] = self.events.filter(self._kinds.is_in(kinds))
        return self._by_kind[name]

    def once(self, make: Callable[[Book], pl.DataFrame]) -> pl.DataFrame:
        """A table that several checks read, made once."""
        name = f"{make.__module__}.{make.__qualname__}"
        if name not in self._memo:
            self._memo[name] = make(self)
        return self._memo[name]

    def watts(self) -> pl.DataFrame:
        """IT power of one GPU of each chip, in whole watts."""
        chips = self.of("ChipAnnounced")
        watts = [round(kw * 1000) for kw in chips["power_kw_it_per_gpu"]]
        return pl.DataFrame({"chip": chips["chip"], "watts": watts}, schema={"chip": pl.String, "watts": pl.Int64})

    def closed_by(self, frame: pl.DataFrame, day: str) -> pl.DataFrame:
        """Add `latest`: seq of the first week's end on or after `day`, by which a thing due then must have happened."""
        ends = self.of("WeekClosed").select(pl.col("day").alias("_end"), pl.col("seq").alias("latest")).sort("_end")
        joined = frame.sort(day).join_asof(ends, left_on=day, right_on="_end", strategy="forward")
        return joined.with_columns(pl.col("latest").fill_null(NEVER))

    def at_close(self, totals: pl.DataFrame, key: str | list[str]) -> pl.DataFrame:
        """The totals that stand at the end of each week in which they changed: they stand until the next change."""
        keys = [key] if isinstance(key, str) else key
        closed = totals.filter(pl.col("closing") < self.weeks)
        return closed.unique([*keys, "closing"], keep="last", maintain_order=True)


def found(frame: pl.DataFrame, rule: str, text: str, *names: str) -> list[Finding]:
    """Turn the rows of a table into findings; `text` has a {} for each column named."""
    if frame.is_empty():
        return []
    findings = []
    for row in frame.select(*dict.fromkeys((*WHEN, *names))).to_dicts():
        what = text.format(*(row[name] for name in names))
        findings.append(Finding(row["closing"], row["day"], rule, what, row["seq"]))
    return findings


def running(changes: pl.DataFrame, key: str | list[str], *amounts: str) -> pl.DataFrame:
    """Cumulate amounts over a key in the order of the log; keep one row a key and event, with the totals behind it."""
    keys = [key] if isinstance(key, str) else key
    totals = changes.sort("seq", maintain_order=True).with_columns(
        pl.col(amount).fill_null(0).cum_sum().over(keys) for amount in amounts
    )
    return totals.unique([*keys, "seq"], keep="last", maintain_order=True)


def stacked(*parts: pl.DataFrame) -> pl.DataFrame:
    """One table of changes from several; an amount that a part lacks is null."""
    return pl.concat(parts, how="diagonal_relaxed")
