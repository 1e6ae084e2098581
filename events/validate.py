"""What must hold of every commit, whoever wrote it: envelope, types, and which columns a type fills."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from events.registry import Key, known_shapes
from events.schema import envelope_fault
from events.unpack import Slabs
from events.vocabulary import DAY_MIN, DAYS, ENVELOPE, day_fault


@dataclass
class Seen:
    """Where the commits so far ended: their last day, and whether the run did; types and versions that they hold."""

    day: int = DAY_MIN
    ended: bool = False
    keys: set[Key] = field(default_factory=set)

    def copy(self) -> Seen:
        """Give another of the same."""
        return Seen(self.day, self.ended, set(self.keys))

    def take(self, batch: pa.RecordBatch) -> None:
        """Go on to the end of a commit."""
        last = batch.num_rows - 1
        self.day = batch.column("day")[last].as_py()
        self.ended = batch.column("type")[last].as_py() == "RunEnded"


class Group(NamedTuple):
    """Rows [m], ascending, that hold events of one type and version."""

    type: str
    version: int
    rows: np.ndarray


def fault(slabs: Slabs, number: int, first_seq: int, seen: Seen) -> str:
    """Say what is wrong with a commit whose bytes hold, or nothing; `seen` goes on to its end."""
    found: list[Group] = []
    for batch in slabs:
        if not found:
            if wrong := _envelope_fault(batch, number, first_seq, seen):
                return wrong
            found = groups(batch)
            if wrong := _type_fault(found, batch.num_rows, slabs.names, seen):
                return wrong
            seen.take(batch)
        if wrong := _column_fault(batch, found):
            return wrong
    return ""


def _envelope_fault(batch: pa.RecordBatch, number: int, first_seq: int, seen: Seen) -> str:
    if any(batch.column(name).null_count for name in ENVELOPE):
        return "null in the envelope"
    numbers = ("seq", "day", "commit", "cause_seq", "root_seq")
    seq, day, commits, cause, root = (raw_values(batch.column(name)) for name in numbers)
    if not np.array_equal(seq, np.arange(first_seq, first_seq + len(seq))):
        return "seq has a gap"
    if (commits != number).any():
        return "the commit column holds another number"
    if day[0] < seen.day:
        return f"day falls before seq {first_seq}"
    return envelope_fault(seq, day, cause, root)


def groups(batch: pa.RecordBatch) -> list[Group]:
    """Rows of every (type, version) in a commit."""
    types = batch.column("type").dictionary_encode()
    names = types.dictionary.to_pylist()
    code = raw_values(types.indices).astype(np.int16 if len(names) < 2**15 else np.int32)  # sorted faster when short
    order = np.argsort(code, kind="stable")
    starts = np.searchsorted(code[order], np.arange(len(names), dtype=code.dtype))
    versions = raw_values(batch.column("version"))
    version = versions[order]
    low, high = np.minimum.reduceat(version, starts).tolist(), np.maximum.reduceat(version, starts).tolist()
    found = []
    for at, (name, rows) in enumerate(zip(names, np.split(order, starts[1:]), strict=True)):
        if low[at] == high[at]:
            found.append(Group(name, low[at], rows))
        else:
            of_rows = versions[rows]
            found += [Group(name, int(one), rows[of_rows == one]) for one in np.unique(of_rows)]
    return found


def _type_fault(found: list[Group], rows: int, names: tuple[str, ...], seen: Seen) -> str:
    for group in found:
        if unknown := _unknown(group.type, group.version, names):
            return unknown
        seen.keys.add((group.type, group.version))
    ends = [group.rows[0] for group in found if group.type == "RunEnded"]
    if seen.ended or (ends and ends[0] != rows - 1):
        return "events after RunEnded"
    return ""


def _column_fault(batch: pa.RecordBatch, found: list[Group]) -> str:
    names, columns = tuple(batch.schema.names), batch.columns
    if wrong := _filling_fault(columns, found, names):
        return wrong
    for at in _days(names):
        if outside := _days_fault(names[at], columns[at]):
            return outside
    return next((f"{name} is nan" for name, column in zip(names, columns, strict=True) if _has_nan(column)), "")


SLAB_CELLS = 2**20  # columns are looked at a few at a time: a large commit takes little memory


def _filling_fault(columns: list[pa.Array], found: list[Group], names: tuple[str, ...]) -> str:
    """Say which type leaves out a column that it fills, or fills one that it does not, or nothing."""
    fills = np.stack([_fills(group.type, group.version, names) for group in found], axis=1)  # [columns, types]
    rows, nulls = len(columns[0]), np.array([column.null_count for column in columns])
    wrong = (fills == REQUIRED) & (nulls == rows)[:, None] | (fills == NEVER) & (nulls == 0)[:, None]
    partly = np.flatnonzero((nulls > 0) & (nulls < rows))
    code, slab = np.empty(rows, np.intp), max(1, SLAB_CELLS // rows)
    for at, group in enumerate(found):
        code[group.rows] = at
    for few in (partly[at : at + slab] for at in range(0, len(partly), slab)):
        bitmaps = [np.frombuffer(columns[at].buffers()[0], np.uint8, (rows + 7) // 8) for at in few.tolist()]
        filled = np.unpackbits(np.stack(bitmaps), axis=1, count=rows, bitorder="little")
        asked = np.ascontiguousarray(fills[few].T)[code].T  # rows of a narrow table are quicker to gather
        is_wrong = asked + filled + filled == REQUIRED  # filled where never, or null where required
        if is_wrong.any():
            column, row = np.unravel_index(is_wrong.argmax(), is_wrong.shape)
            wrong[few[column], code[row]] = True
    if not wrong.any():
        return ""
    column, kind = np.argwhere(wrong)[0].tolist()
    return f"{found[kind].type}.{names[column]} {'is null' if fills[column, kind] else 'is filled'}"


@lru_cache(64)
def _days(names: tuple[str, ...]) -> list[int]:
    """Places of the columns that hold days."""
    return [at for at, name in enumerate(names) if name in DAYS]


def _days_fault(name: str, column: pa.Array) -> str:
    """Say which value of a column of days is out of bounds, or nothing."""
    if column.null_count == len(column):
        return ""
    days = raw_values(column)[valid_rows(column)]
    return day_fault(name, int(days.min()), int(days.max()))


def _has_nan(column: pa.Array) -> bool:
    if not pa.types.is_floating(column.type) or column.null_count == len(column):
        return False
    nan = np.isnan(raw_values(column))
    return bool(nan.any() and (nan & valid_rows(column)).any())


NEVER, MAYBE, REQUIRED = 0, 1, 2


@lru_cache(4096)
def _unknown(name: str, version: int, columns: tuple[str, ...]) -> str:
    """Say why a type cannot be in a log with these columns, or nothing."""
    fields = shape(name, version)
    if fields is None:
        return f"{name[:40]!r} version {version} is no event of this program"
    lacking = [field for field, fills in fields.items() if fills == REQUIRED and field not in columns]
    return f"{name}.{lacking[0]} is not in this vocabulary" if lacking else ""


@lru_cache(4096)
def _fills(name: str, version: int, columns: tuple[str, ...]) -> np.ndarray:
    """How an event type fills each of `columns` [n]."""
    fields = shape(name, version) or {}
    return np.array([REQUIRED if column in ENVELOPE else fields.get(column, NEVER) for column in columns], np.uint8)


@lru_cache(4096)
def shape(name: str, version: int) -> Mapping[str, int] | None:
    """Fields of an event type in a version, each MAYBE or REQUIRED; None when there is no such version."""
    fields = known_shapes().get((name, version))
    return None if fields is None else {field: MAYBE if fields[field] else REQUIRED for field in fields}


def valid_rows(column: pa.Array) -> np.ndarray:
    """Which rows [n] of a column are not null."""
    if not column.null_count:
        return np.ones(len(column), np.bool_)
    bits = np.frombuffer(column.buffers()[0], np.uint8)
    return np.unpackbits(bits, count=len(column), bitorder="little").view(np.bool_)


def raw_values(column: pa.Array) -> np.ndarray:
    """Values [n] of a column of numbers; those of null rows mean nothing."""
    if pa.types.is_boolean(column.type):
        bits = np.frombuffer(column.buffers()[1], np.uint8)
        return np.unpackbits(bits, count=len(column), bitorder="little").view(np.bool_)
    return np.frombuffer(column.buffers()[1], column.type.to_pandas_dtype(), len(column))
