"""Facts and the one wide table: entries and column batches to an Arrow record batch, and back.

Every column is built from buffers that are defined to the last bit, so equal facts give equal bytes in every process.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import cache
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from events.errors import FactInvalid
from events.facts import FACTS
from events.facts.base import Entry, Fact
from events.rows import Rows
from events.vocabulary import ENVELOPE, VOCABULARY, Field

type Chunk = list[Entry] | Rows

ARROW: dict[str, pa.DataType] = {
    "utf8": pa.utf8(),
    "int16": pa.int16(),
    "int32": pa.int32(),
    "int64": pa.int64(),
    "float64": pa.float64(),
    "bool": pa.bool_(),
}
NUMPY: dict[str, type[np.generic]] = {
    "int16": np.int16,
    "int32": np.int32,
    "int64": np.int64,
    "float64": np.float64,
    "bool": np.bool_,
}


@cache
def log_schema() -> pa.Schema:
    """Build the wide schema: envelope, then vocabulary; unit and meaning are field metadata."""
    columns = {**ENVELOPE, **VOCABULARY}
    return pa.schema([_arrow_field(name, field, name not in ENVELOPE) for name, field in columns.items()])


def _arrow_field(name: str, field: Field, nullable: bool) -> pa.Field:
    return pa.field(name, ARROW[field.type], nullable, {"unit": field.unit, "meaning": field.meaning})


@cache
def _fields(kind: type[Fact]) -> tuple[str, ...]:
    """Names of a fact's fields, after a check that the record can hold them."""
    if FACTS.get(kind.__name__) is not kind:
        raise FactInvalid(f"{kind.__name__} is not a fact of events.facts")
    unknown = [name for name in kind.__struct_fields__ if name not in VOCABULARY]
    if unknown:
        raise FactInvalid(f"{kind.__name__}: fields not in the vocabulary: {', '.join(unknown)}")
    return kind.__struct_fields__


@cache
def optional_fields(kind: type[Fact]) -> frozenset[str]:
    """Names of the fields that may be null."""
    hints = {field.name: field.type for field in msgspec.structs.fields(kind)}
    return frozenset(name for name, hint in hints.items() if type(None) in getattr(hint, "__args__", ()))


# --- facts to columns -------------------------------------------------------------------------------------------


class _Pieces:
    """Values of one column and the rows [n] where they go, from several fact types."""

    __slots__ = ("parts", "rows", "values")

    def __init__(self) -> None:
        self.rows: list[np.ndarray] = []
        self.values: list[Any] = []  # of entries, in the order of `rows`
        self.parts: list[tuple[slice, Any]] = []  # of column batches


def encode(chunks: Sequence[Chunk], first_seq: int, commit: int) -> pa.RecordBatch:
    """Lay facts out as one record batch of the wide schema.

    Raises FactInvalid when a value does not fit its column, is null where it may not be, or is nan.
    """
    envelope, pieces = _Envelope(), defaultdict[str, _Pieces](_Pieces)
    start = 0
    for chunk in chunks:
        if isinstance(chunk, Rows):
            _take_rows(chunk, start, envelope, pieces)
        else:
            _take_entries(chunk, start, envelope, pieces)
        start += len(chunk)
    arrays = envelope.arrays(first_seq, start, commit)
    for name, field in VOCABULARY.items():
        arrays.append(_column(name, field, pieces.get(name), start))
    return pa.RecordBatch.from_arrays(arrays, schema=log_schema())


def _take_entries(entries: list[Entry], start: int, envelope: _Envelope, pieces: dict[str, _Pieces]) -> None:
    groups: dict[type[Fact], tuple[list[int], list[Fact]]] = {}
    for row, entry in enumerate(entries, start):
        fact = entry.fact
        group = groups.get(type(fact))
        if group is None:
            group = groups[type(fact)] = ([], [])
        group[0].append(row)
        group[1].append(fact)
    envelope.day += [entry.day for entry in entries]
    envelope.actor += [entry.actor for entry in entries]
    envelope.cause += [entry.cause_seq for entry in entries]
    envelope.root += [entry.root_seq for entry in entries]
    for kind, (rows, facts) in groups.items():
        where = np.array(rows, dtype=np.int64)
        envelope.kinds.append((kind, where))
        astuple = msgspec.structs.astuple
        for name, values in zip(_fields(kind), zip(*map(astuple, facts), strict=True), strict=True):
            if name not in optional_fields(kind) and None in values:
                raise FactInvalid(f"{kind.__name__}.{name} is null")
            piece = pieces[name]
            piece.rows.append(where)
            piece.values += values


def _take_rows(rows: Rows, start: int, envelope: _Envelope, pieces: dict[str, _Pieces]) -> None:
    count, where = len(rows), slice(start, start + len(rows))
    envelope.day += [rows.day] * count
    envelope.actor += rows.actor
    envelope.cause += rows.cause_seq
    envelope.root += rows.root_seq
    envelope.kinds.append((rows.kind, np.arange(start, start + count)))
    if set(_fields(rows.kind)) != set(rows.columns):
        raise FactInvalid(f"columns of {rows.kind.__name__} are {sorted(rows.columns)}")
    for name, values in rows.columns.items():
        if len(values) != count:
            raise FactInvalid(f"{rows.kind.__name__}.{name} has {len(values)} values for {count} rows")
        if name not in optional_fields(rows.kind) and isinstance(values, list) and None in values:
            raise FactInvalid(f"{rows.kind.__name__}.{name} is null")
        pieces[name].parts.append((where, values))


class _Envelope:
    """The envelope columns of a commit in the making."""

    def __init__(self) -> None:
        self.day: list[int] = []
        self.actor: list[str] = []
        self.cause: list[int] = []
        self.root: list[int] = []
        self.kinds: list[tuple[type[Fact], np.ndarray]] = []

    def arrays(self, first_seq: int, count: int, commit: int) -> list[pa.Array]:
        """Envelope columns in the order of ENVELOPE, after a check of the order of days and causes."""
        seq = np.arange(first_seq, first_seq + count)
        day = _numbers("day", "int32", self.day)
        cause, root = _numbers("cause_seq", "int64", self.cause), _numbers("root_seq", "int64", self.root)
        fault = envelope_fault(seq, day, cause, root)
        if fault:
            raise FactInvalid(fault)
        code, version = np.empty(count, np.int32), np.empty(count, np.int16)
        for index, (kind, where) in enumerate(self.kinds):
            code[where] = index
            version[where] = kind.version
        names = pa.array([kind.__name__ for kind, _ in self.kinds], pa.utf8()).take(pa.array(code))
        columns = {
            "seq": _fixed(seq, "int64"),
            "day": _fixed(day, "int32"),
            "commit": _fixed(np.full(count, commit, np.int32), "int32"),
            "type": _text(names, None),
            "version": _fixed(version, "int16"),
            "actor": _text(_strings("actor", self.actor), None),
            "cause_seq": _fixed(cause, "int64"),
            "root_seq": _fixed(root, "int64"),
        }
        return [columns[name] for name in ENVELOPE]


def envelope_fault(seq: np.ndarray, day: np.ndarray, cause: np.ndarray, root: np.ndarray) -> str:
    """Say what is wrong with the envelope of consecutive facts (all [n]), or nothing.

    Days never fall; a cause comes before its fact; a root has cause -1 and is its own root.
    """
    if (np.diff(day) < 0).any():
        return f"day falls after seq {seq[int((np.diff(day) < 0).argmax())]}"
    bad = (cause < -1) | (cause >= seq) | (root < 0) | (root > seq) | ((cause < 0) & (root != seq))
    if bad.any():
        at = int(bad.argmax())
        return f"fact {seq[at]} has cause_seq {cause[at]} and root_seq {root[at]}"
    return ""


def _column(name: str, field: Field, pieces: _Pieces | None, count: int) -> pa.Array:
    if field.type == "utf8":
        return _string_column(name, pieces, count)
    data, valid = np.zeros(count, NUMPY[field.type]), np.zeros(count, np.bool_)
    if pieces is not None:
        if pieces.values:
            _scatter(name, field, np.concatenate(pieces.rows), pieces.values, (data, valid))
        for where, values in pieces.parts:
            _scatter(name, field, where, values, (data, valid))
        if field.type == "float64" and np.isnan(data).any():
            raise FactInvalid(f"{name} is nan; say it with null or with another fact")
    return _fixed(data, field.type, valid)


def _scatter(
    name: str, field: Field, where: np.ndarray | slice, values: Any, into: tuple[np.ndarray, np.ndarray]
) -> None:
    """Put values into rows `where` of data and valid, both [n]."""
    data, valid = into
    if isinstance(values, np.ndarray) and values.dtype == data.dtype:
        data[where], valid[where] = values, True
        return
    array = _typed(name, field.type, values)
    if array.null_count:
        valid[where] = array.is_valid().to_numpy(zero_copy_only=False)
        array = array.fill_null(0)
    else:
        valid[where] = True
    data[where] = array.to_numpy(zero_copy_only=False)


def _typed(name: str, kind: str, values: Any) -> pa.Array:
    """Convert to Arrow without loss, or say which column refused."""
    try:
        if isinstance(values, list):
            return pa.array(values, ARROW[kind])
        return (values if isinstance(values, pa.Array) else pa.array(values)).cast(ARROW[kind])
    except (pa.ArrowInvalid, pa.ArrowTypeError, TypeError, OverflowError) as error:
        raise FactInvalid(f"{name}: {str(error).splitlines()[0]}") from None


def _numbers(name: str, kind: str, values: list[int]) -> np.ndarray:
    array = _typed(name, kind, values)
    if array.null_count:
        raise FactInvalid(f"{name} is null")
    numbers: np.ndarray = array.to_numpy()
    return numbers


def _strings(name: str, values: Any) -> pa.Array:
    return _typed(name, "utf8", values)


def _string_column(name: str, pieces: _Pieces | None, count: int) -> pa.Array:
    if pieces is None:
        empty = pa.py_buffer(bytes(4 * (count + 1)))
        nothing = [_bitmap(np.zeros(count, np.bool_)), empty, pa.py_buffer(b"")]
        return pa.Array.from_buffers(pa.utf8(), count, nothing, count)
    parts = [_strings(name, pieces.values)] if pieces.values else []
    rows = list(pieces.rows)
    for where, values in pieces.parts:
        parts.append(_strings(name, values))
        rows.append(np.arange(where.start, where.stop))
    dense = parts[0] if len(parts) == 1 else pa.concat_arrays(parts)
    source = np.full(count, -1, np.int64)
    source[np.concatenate(rows)] = np.arange(len(dense))
    valid = source >= 0
    if dense.null_count:
        valid[valid] = dense.is_valid().to_numpy(zero_copy_only=False)[source[valid]]
    return _text(dense.take(pa.array(source, mask=~valid)), valid)


def _text(array: pa.Array, valid: np.ndarray | None) -> pa.Array:
    """Rebuild a string array with a validity bitmap of ours and no byte beyond its text."""
    if array.null_count and valid is None:
        raise FactInvalid("actor is null")
    _, offsets, data = array.buffers()
    if array.offset:
        raise FactInvalid("a sliced string array cannot be written")
    end = int(np.frombuffer(offsets, np.int32, len(array) + 1)[-1])
    text = data.slice(0, end) if data is not None else pa.py_buffer(b"")
    bitmap = None if valid is None else _bitmap(valid)
    nulls = 0 if valid is None else int(len(valid) - np.count_nonzero(valid))
    return pa.Array.from_buffers(pa.utf8(), len(array), [bitmap, offsets.slice(0, 4 * (len(array) + 1)), text], nulls)


def _fixed(data: np.ndarray, kind: str, valid: np.ndarray | None = None) -> pa.Array:
    """An Arrow array of fixed width over data [n] and valid [n]; rows not valid hold zero."""
    bits = np.packbits(data, bitorder="little") if kind == "bool" else data
    bitmap = None if valid is None else _bitmap(valid)
    nulls = 0 if valid is None else int(len(valid) - np.count_nonzero(valid))
    return pa.Array.from_buffers(ARROW[kind], len(data), [bitmap, pa.py_buffer(bits)], nulls)


def _bitmap(valid: np.ndarray) -> pa.Buffer | None:
    return None if valid.all() else pa.py_buffer(np.packbits(valid, bitorder="little"))
