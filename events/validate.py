"""What must hold of every commit, whoever wrote it: envelope, types, and which columns a type fills."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from events.facts import FACTS
from events.schema import envelope_fault, optional_fields
from events.upcast import UPCASTS
from events.vocabulary import ENVELOPE

VERSIONS = 2**15  # versions are int16


class Seen(NamedTuple):
    """Where the commits so far ended: their last day, and whether the run did."""

    day: int = -(2**31)
    ended: bool = False


class Group(NamedTuple):
    """Rows [m], ascending, that hold facts of one type and version."""

    type: str
    version: int
    rows: np.ndarray


def fault(batch: pa.RecordBatch, number: int, first_seq: int, seen: Seen) -> str:
    """Say what is wrong with a commit whose bytes hold, or nothing."""
    if any(batch.column(name).null_count for name in ENVELOPE):
        return "null in the envelope"
    seq, day = batch.column("seq").to_numpy(), batch.column("day").to_numpy()
    if not np.array_equal(seq, np.arange(first_seq, first_seq + len(seq))):
        return "seq has a gap"
    if (batch.column("commit").to_numpy() != number).any():
        return "the commit column holds another number"
    if day[0] < seen.day:
        return f"day falls before seq {first_seq}"
    cause, root = batch.column("cause_seq").to_numpy(), batch.column("root_seq").to_numpy()
    return envelope_fault(seq, day, cause, root) or _type_fault(batch, seen)


def after(batch: pa.RecordBatch) -> Seen:
    """Where a commit ends."""
    last = batch.num_rows - 1
    return Seen(batch.column("day")[last].as_py(), batch.column("type")[last].as_py() == "RunEnded")


def groups(batch: pa.RecordBatch) -> list[Group]:
    """Rows of every (type, version) in a commit."""
    types = batch.column("type").dictionary_encode()
    key = types.indices.to_numpy().astype(np.int64) * VERSIONS + batch.column("version").to_numpy()
    order = np.argsort(key, kind="stable")
    found, first = np.unique(key[order], return_index=True)
    names = types.dictionary.to_pylist()
    parts = np.split(order, first[1:])
    return [Group(names[k // VERSIONS], k % VERSIONS, rows) for k, rows in zip(found.tolist(), parts, strict=True)]


def _type_fault(batch: pa.RecordBatch, seen: Seen) -> str:
    found, names = groups(batch), tuple(batch.schema.names)
    for group in found:
        fields = shape(group.type, group.version)
        if fields is None:
            return f"{group.type[:40]!r} version {group.version} is no fact of this program"
        lacking = [name for name, fills in fields.items() if fills == REQUIRED and name not in names]
        if lacking:
            return f"{group.type}.{lacking[0]} is not in this vocabulary"
    ends = [group.rows[0] for group in found if group.type == "RunEnded"]
    if seen.ended or (ends and ends[0] != batch.num_rows - 1):
        return "facts after RunEnded"
    code = np.empty(batch.num_rows, np.intp)
    for index, group in enumerate(found):
        code[group.rows] = index
    fills = np.stack([_fills(group.type, group.version, names) for group in found], axis=1)
    for name, column, wanted in zip(names, batch.columns, fills, strict=True):
        if name not in ENVELOPE and (reason := _column_fault(column, wanted, code)):
            at, why = reason
            return f"{found[int(code[at])].type}.{name} {why}"
    return ""


def _column_fault(column: pa.Array, fills: np.ndarray, code: np.ndarray) -> tuple[int, str] | None:
    """Row and reason where a column is filled otherwise than the types of its rows call for.

    fills : [types], of NEVER, MAYBE, REQUIRED.  code : [n], the type of each row.
    """
    if column.null_count == len(column) and not (fills == REQUIRED).any():
        return None
    filled, wanted = valid_rows(column), fills[code]
    wrong = np.where(filled, wanted == NEVER, wanted == REQUIRED)
    if wrong.any():
        at = int(wrong.argmax())
        return at, "is filled" if filled[at] else "is null"
    if pa.types.is_floating(column.type):
        nan = np.isnan(raw_values(column)) & filled
        return (int(nan.argmax()), "is nan") if nan.any() else None
    return None


NEVER, MAYBE, REQUIRED = 0, 1, 2


@cache
def _fills(name: str, version: int, columns: tuple[str, ...]) -> np.ndarray:
    """How a fact type fills each of `columns` [n]."""
    fields = shape(name, version) or {}
    return np.array([fields.get(column, NEVER) for column in columns], np.int8)


@cache
def shape(name: str, version: int) -> Mapping[str, int] | None:
    """Fields of a fact type in a version, each MAYBE or REQUIRED; None when there is no such version."""
    kind = FACTS.get(name)
    if kind is not None and version == kind.version:
        optional = optional_fields(kind)
        return {field: MAYBE if field in optional else REQUIRED for field in kind.__struct_fields__}
    old = UPCASTS.get((name, version))
    return None if old is None else dict.fromkeys(old.fields, REQUIRED)


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
