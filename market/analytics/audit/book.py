"""The log as the auditor reads it: events by type, each with its week; running totals; what a finding is."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import NamedTuple

import polars as pl
from polars import selectors

from events.terms import DEFAULTS

COLUMNS = (
    "seq", "day", "type", "actor", "cause_seq", "root_seq", "week", "org", "counterparty", "parent_org", "supplier",
    "chip", "site", "building_id", "order_id", "shipment_id", "request_id", "quote_id", "lease_id", "parent_lease_id",
    "lessor", "lessee", "run_id", "deal_id", "contract_id", "policy", "parameter", "reason", "kind", "gpus",
    "start_day", "end_day", "due_day", "depth", "amount_usd_cents", "price_usd_per_gpu", "price_usd_per_gpu_hour",
    "form", "tranche",
    "revenue_usd_per_year", "usd_per_year", "power_kw_it", "power_kw_it_per_gpu", "value", "h100e", "lead_time_weeks",
    "flop", "mfu", "goodput", "estate_id", "claim_id", "lot_id", "rank", "gpus_let",
    "offered_gpus", "wanted_gpus", "surplus_usd", "price_usd_per_h100e_hour", "work_h100e", "work_per_h100e",
    *DEFAULTS,
)  # fmt: skip
WHEN = ("seq", "closing", "day")
SPINE = (*WHEN, "type", "cause_seq", "root_seq")
MONTH_WEEKS = 4
NEVER = 2**62  # seq of what has not happened
PIECES_MAX = 32  # of one type, before they are joined: many small tables take more memory than one


class Finding(NamedTuple):
    """One thing that cannot be: when, against which rule, what, and the event that shows it."""

    week: int
    day: int
    rule: str
    what: str
    seq: int


Check = Callable[["Book"], list[Finding]]


class Book:
    """The events of one log, taken in pieces. `closing` is the week of an event, counted by the weeks closed before it.

    Each type is kept in a table of the columns that it fills, every text once: an event takes some 70 bytes.
    """

    def __init__(self) -> None:
        self.weeks = 0  # closed so far; an event of a later week may still be answered
        self._empty = pl.DataFrame()  # of all columns, once there are events
        self._spines: list[pl.DataFrame] = []
        self._parts: dict[str, list[pl.DataFrame]] = {}
        self._memo: dict[str, pl.DataFrame] = {}

    def take(self, frame: pl.DataFrame) -> None:
        """Take the next events of a log, in the wide schema."""
        closed = (pl.col("type") == "WeekClosed").cast(pl.Int32)
        frame = frame.select(COLUMNS).with_columns(closing=self.weeks + closed.cum_sum() - closed)
        if self._empty.is_empty():
            self._empty = frame.clear()
        self._spines.append(frame.select(*SPINE).with_columns(pl.col("type").cast(pl.Categorical)))
        for (kind,), part in frame.partition_by("type", as_dict=True, maintain_order=True).items():
            filled = [column.name for column in part.iter_columns() if column.null_count() < part.height]
            kept = part.select(filled).with_columns(selectors.string().cast(pl.Categorical))
            parts = self._parts.setdefault(str(kind), [])
            parts.append(kept)
            if len(parts) >= PIECES_MAX:
                self._table(str(kind))
        self.weeks += int((frame["type"] == "WeekClosed").sum())

    def is_empty(self) -> bool:
        """Whether no event was taken."""
        return not self._parts

    @cached_property
    def events(self) -> pl.DataFrame:
        """All events by place, type, cause and root, once the last piece is taken."""
        spines, self._spines = self._spines, []
        return pl.concat(spines, rechunk=True)

    @cached_property
    def start_day(self) -> int:
        """First day of the run."""
        started = self.of("RunStarted")["start_day"]
        return int(started[0]) if len(started) else 0

    def of(self, *kinds: str) -> pl.DataFrame:
        """Events of these types, in the order of the log, with all columns."""
        tables = [table for kind in kinds if (table := self._table(kind)) is not None]
        if not tables:
            return self._empty
        found = tables[0] if len(tables) == 1 else pl.concat(tables, how="diagonal").sort("seq")
        found = found.with_columns(selectors.categorical().cast(pl.String))
        schema = self._empty.schema
        return found.with_columns(
            pl.lit(None, schema[name]).alias(name) for name in schema.names() if name not in found.columns
        )

    def _table(self, kind: str) -> pl.DataFrame | None:
        parts = self._parts.get(kind, [])
        if len(parts) > 1:
            parts[:] = [pl.concat(parts, how="diagonal", rechunk=True)]
        return parts[0] if parts else None

    def with_reasons(self) -> pl.DataFrame:
        """Events of every type that gives reasons."""
        return self.of(
            *(kind for kind, parts in self._parts.items() if any("reason" in part.columns for part in parts))
        )

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
