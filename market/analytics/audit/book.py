"""The log as the auditor reads it: events by type, each with its week; what is carried on; what a finding is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import NamedTuple

import polars as pl
from polars import selectors

from events.terms import DEFAULTS
from market.analytics.audit.kept import KEPT_PAYMENTS, KEPT_TYPES

COLUMNS = (
    "seq", "day", "type", "actor", "cause_seq", "root_seq", "week", "org", "counterparty", "parent_org", "supplier",
    "chip", "site", "building_id", "order_id", "shipment_id", "request_id", "quote_id", "lease_id", "parent_lease_id",
    "lessor", "lessee", "run_id", "deal_id", "contract_id", "policy", "parameter", "reason", "kind", "gpus",
    "start_day", "end_day", "due_day", "depth", "amount_usd_cents", "price_usd_per_gpu", "price_usd_per_gpu_hour",
    "form", "tranche",
    "revenue_usd_per_year", "usd_per_year", "power_kw_it", "power_kw_it_per_gpu", "value", "h100e", "lead_time_weeks",
    "flop", "mfu", "goodput", "estate_id", "claim_id", "lot_id", "rank", "gpus_let",
    "offered_gpus", "wanted_gpus", "surplus_usd", "price_usd_per_h100e_hour", "work_h100e", "work_per_h100e",
    "work_ratio",
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
    """The events of one log, part by part. `closing` is the week of an event, counted by the weeks closed before it.

    A part is whole months, but for the last: what is summed over a week or a month lies within one. `part` gives the
    events of the present part, `of` those of the types in `kept.py` from the first on, and `running` and `standing` go
    on from where the part before ended. `carried` is what they, and checks by themselves, take along.
    """

    def __init__(self) -> None:
        self.carried: dict[str, pl.DataFrame] = {}
        self._closed = 0  # weeks, of all events taken
        self._empty = pl.DataFrame()  # of all columns, once there are events
        self._spines: list[pl.DataFrame] = []
        self._parts: dict[str, list[pl.DataFrame]] = {}  # of the present part
        self._kept: dict[str, list[pl.DataFrame]] = {}
        self._memo: dict[str, pl.DataFrame] = {}

    def dated(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Add `closing` to the next events of a log, in the wide schema."""
        closed = (pl.col("type") == "WeekClosed").cast(pl.Int32)
        frame = frame.select(COLUMNS).with_columns(closing=self._closed + closed.cum_sum() - closed)
        self._closed += int((frame["type"] == "WeekClosed").sum())
        return frame

    def take(self, piece: pl.DataFrame) -> None:
        """Add events that `dated` gave to the present part."""
        self._empty = piece.clear()
        self._spines.append(piece.select(*SPINE))
        for (kind,), rows in piece.partition_by("type", as_dict=True, maintain_order=True).items():
            filled = [column.name for column in rows.iter_columns() if column.null_count() < rows.height]
            rows = rows.select(filled)
            self._parts.setdefault(str(kind), []).append(rows)
            if kind == "PaymentMade":
                rows = rows.filter(pl.col("kind").is_in(KEPT_PAYMENTS))
            if kind in KEPT_TYPES and rows.height:
                kept = self._kept.setdefault(str(kind), [])
                kept.append(rows.with_columns(selectors.string().cast(pl.Categorical)))  # every text once
                if len(kept) >= PIECES_MAX:
                    kept[:] = [pl.concat(kept, how="diagonal", rechunk=True)]

    def turn(self) -> None:
        """End the present part: what is kept or carried stays, all else is left."""
        self._spines, self._parts, self._memo = [], {}, {}
        self.__dict__.pop("events", None)

    def is_empty(self) -> bool:
        """Whether the present part has no event."""
        return not self._parts

    @property
    def has_begun(self) -> bool:
        """Whether there was an event at all."""
        return self._empty.width > 0

    @cached_property
    def events(self) -> pl.DataFrame:
        """All events of the part by place, type, cause and root."""
        return pl.concat(self._spines, rechunk=True)

    @property
    def weeks(self) -> int:
        """Weeks closed by the end of the part; an event of a later week may still be answered."""
        return sum(rows.height for rows in self._kept.get("WeekClosed", []))

    @property
    def start_day(self) -> int:
        """First day of the run."""
        started = self.of("RunStarted", only=("start_day",))["start_day"]
        return int(started[0]) if len(started) else 0

    def part(self, *kinds: str, only: Sequence[str] = COLUMNS) -> pl.DataFrame:
        """Events of these types in the present part, in the order of the log, with some columns."""
        name = f"{kinds} {only if only is not COLUMNS else ''}"
        if name not in self._memo:
            self._memo[name] = self._joined(self._parts, kinds, only)
        return self._memo[name]

    def of(self, *kinds: str, only: Sequence[str] = COLUMNS) -> pl.DataFrame:
        """Events of these types, all of which are kept, from the first on to the end of the part, with some columns."""
        if not KEPT_TYPES.issuperset(kinds):
            raise KeyError(f"not kept: {sorted(set(kinds) - KEPT_TYPES)}")
        return self._joined(self._kept, kinds, only)

    def _joined(self, parts: dict[str, list[pl.DataFrame]], kinds: Sequence[str], only: Sequence[str]) -> pl.DataFrame:
        names = tuple(dict.fromkeys((*WHEN, *only)))
        tables = [table for kind in kinds if (table := _table(parts, kind)) is not None]
        if not tables:
            return self._empty.select(names)
        tables = [table.select(name for name in names if name in table.columns) for table in tables]
        found = tables[0] if len(tables) == 1 else pl.concat(tables, how="diagonal").sort("seq")
        found = found.with_columns(selectors.categorical().cast(pl.String))
        schema = self._empty.schema
        return found.with_columns(
            pl.lit(None, schema[name]).alias(name) for name in names if name not in found.columns
        ).select(names)

    def with_reasons(self) -> pl.DataFrame:
        """Events of the part, of every type that gives reasons."""
        return self.part(
            *(kind for kind, parts in self._parts.items() if any("reason" in part.columns for part in parts)),
            only=("type", "reason"),
        )

    def once(self, make: Callable[[Book], pl.DataFrame]) -> pl.DataFrame:
        """A table that several checks of one part read, made once."""
        name = f"{make.__module__}.{make.__qualname__}"
        if name not in self._memo:
            self._memo[name] = make(self)
        return self._memo[name]

    def lately(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The rows of a table that are events of the present part, without what is kept or carried from before."""
        return frame.filter(pl.col("seq") >= self.events["seq"][0]) if self._spines else frame.clear()

    def running(
        self, name: str, changes: pl.DataFrame, key: str | list[str], *amounts: str, whole: bool = False
    ) -> pl.DataFrame:
        """Cumulate amounts of the part as `running` does, on top of those of the parts before under this name.

        The totals that stood before the part come first, with a seq of -1 and no day: of the keys that change, or all.
        """
        keys = [key] if isinstance(key, str) else key
        before, others = self._recalled(name, changes, keys)
        totals = _cumulated(stacked(*before, changes.sort("seq", maintain_order=True)), keys, *amounts)
        last = totals.unique(keys, keep="last", maintain_order=True).select(*keys, *amounts)
        is_gone = pl.all_horizontal(pl.col(amount) == 0 for amount in amounts)
        self.carried[name] = stacked(*others, last.filter(~is_gone).with_columns(seq=pl.lit(-1, pl.Int64)))
        return stacked(*others, totals) if whole else totals

    def standing(self, name: str, rows: pl.DataFrame, key: str, *, whole: bool = False) -> pl.DataFrame:
        """Rows of the part, in the order of the log, behind the latest from before: of their keys, or of all."""
        before, others = self._recalled(name, rows, [key])
        found = stacked(*before, rows.sort("seq", maintain_order=True))
        self.carried[name] = stacked(*others, found.unique(key, keep="last", maintain_order=True))
        return stacked(*others, found) if whole else found

    def _recalled(self, name: str, rows: pl.DataFrame, keys: list[str]) -> tuple[list[pl.DataFrame], ...]:
        """What is carried under a name of the keys in some rows, and of others; nothing where nothing is."""
        if name not in self.carried:
            return [], []
        every, asked = self.carried[name], rows.select(keys).unique()
        return tuple([every.join(asked, on=keys, how=how, maintain_order="left")] for how in ("semi", "anti"))

    def watts(self) -> pl.DataFrame:
        """IT power of one GPU of each chip, in whole watts, and the seq from which it is known."""
        chips = self.of("ChipAnnounced", only=("chip", "power_kw_it_per_gpu")).unique("chip", keep="first")
        watts = [round(kw * 1000) for kw in chips["power_kw_it_per_gpu"]]
        return chips.select("chip", pl.Series("watts", watts, pl.Int64), announced="seq")

    def closed_by(self, frame: pl.DataFrame, day: str) -> pl.DataFrame:
        """Add `latest`: seq of the first week's end on or after `day`, by which a thing due then must have happened."""
        ends = self.of("WeekClosed", only=()).select(pl.col("day").alias("_end"), pl.col("seq").alias("latest"))
        joined = frame.sort(day).join_asof(ends.sort("_end"), left_on=day, right_on="_end", strategy="forward")
        return joined.with_columns(pl.col("latest").fill_null(NEVER))

    def at_close(self, totals: pl.DataFrame, key: str | list[str]) -> pl.DataFrame:
        """The totals that stand at the end of each week in which they changed: they stand until the next change."""
        keys = [key] if isinstance(key, str) else key
        closed = totals.filter(pl.col("closing") < self.weeks)
        return closed.unique([*keys, "closing"], keep="last", maintain_order=True)


def months(frame: pl.DataFrame) -> Iterator[tuple[pl.DataFrame, bool]]:
    """Cut events that follow each other where months end; tell whether a piece ends one."""
    ends = (frame["type"] == "WeekClosed") & (frame["closing"] % MONTH_WEEKS == MONTH_WEEKS - 1)
    start = 0
    for end in ends.arg_true():
        yield frame[start : end + 1], True
        start = end + 1
    if start < frame.height:
        yield frame[start:], False


def _table(parts: dict[str, list[pl.DataFrame]], kind: str) -> pl.DataFrame | None:
    pieces = parts.get(kind, [])
    if len(pieces) > 1:
        pieces[:] = [pl.concat(pieces, how="diagonal", rechunk=True)]
    return pieces[0] if pieces else None


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
    return _cumulated(changes.sort("seq", maintain_order=True), keys, *amounts)


def _cumulated(changes: pl.DataFrame, keys: list[str], *amounts: str) -> pl.DataFrame:
    totals = changes.with_columns(pl.col(amount).fill_null(0).cum_sum().over(keys) for amount in amounts)
    return totals.unique([*keys, "seq"], keep="last", maintain_order=True)


def stacked(*parts: pl.DataFrame) -> pl.DataFrame:
    """One table of changes from several; an amount that a part lacks is null."""
    return pl.concat(parts, how="diagonal_relaxed")
