"""Events and the one wide table: entries and column batches to an Arrow record batch, and back.

Every column is built from buffers that are defined to the last bit, so equal events give equal bytes in every process.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Sequence
from functools import cache
from itertools import chain
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa

from events.errors import EventInvalid
from events.field import Field
from events.rows import Rows, plain
from events.types import EVENTS
from events.types.base import Entry, Event, optional_fields
from events.vocabulary import DAYS, ENVELOPE, VOCABULARY, day_fault

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
CODES = {"int16": "h", "int32": "i", "int64": "q", "float64": "d", "bool": "b"}  # of `array`: refuse what does not fit


@cache
def log_schema() -> pa.Schema:
    """Build the wide schema: envelope, then vocabulary; unit and meaning are field metadata."""
    columns = {**ENVELOPE, **VOCABULARY}
    return pa.schema([_arrow_field(name, field, name not in ENVELOPE) for name, field in columns.items()])


def _arrow_field(name: str, field: Field, nullable: bool) -> pa.Field:
    return pa.field(name, ARROW[field.type], nullable, {"unit": field.unit, "meaning": field.meaning})


@cache
def _fields(kind: type[Event]) -> tuple[str, ...]:
    """Names of an event's fields, after a check that the log can hold them."""
    if EVENTS.get(kind.__name__) is not kind:
        raise EventInvalid(f"{kind.__name__} is not an event of events.types")
    unknown = [name for name in kind.__struct_fields__ if name not in VOCABULARY]
    if unknown:
        raise EventInvalid(f"{kind.__name__}: fields not in the vocabulary: {', '.join(unknown)}")
    return kind.__struct_fields__


# --- events to columns -------------------------------------------------------------------------------------------


def encode(chunks: Sequence[Chunk], first_seq: int, commit: int) -> pa.RecordBatch:
    """Lay events out as one record batch of the wide schema.

    Raises EventInvalid when a value does not fit its column, is null where it may not be, or is nan, and when days
    fall or a cause does not come first.
    """
    envelope, pieces = _Envelope(), defaultdict[str, list[_Piece]](list)
    start = 0
    for chunk in chunks:
        if isinstance(chunk, Rows):
            _take_rows(chunk, start, envelope, pieces)
        else:
            _take_entries(chunk, start, envelope, pieces)
        start += len(chunk)
    arrays = envelope.arrays(first_seq, start, commit)
    for name, field in VOCABULARY.items():
        fill = _text_column if field.type == "utf8" else _number_column
        arrays.append(fill(name, field, pieces.get(name, []), start))
    return pa.RecordBatch.from_arrays(arrays, schema=log_schema())


def _take_entries(entries: list[Entry], start: int, envelope: _Envelope, pieces: dict[str, list[_Piece]]) -> None:
    envelope.day.append(_plain_numbers("day", "int32", [entry.day for entry in entries]))
    envelope.actor.append([entry.actor for entry in entries])
    envelope.cause.append(_plain_numbers("cause_seq", "int64", [entry.cause_seq for entry in entries]))
    envelope.root.append(_plain_numbers("root_seq", "int64", [entry.root_seq for entry in entries]))
    events = [entry.event for entry in entries]
    groups: dict[type[Event], list[int]] = defaultdict(list)
    for row, kind in enumerate(map(type, events)):
        groups[kind].append(row)
    for kind, rows in groups.items():
        where = np.array(rows, dtype=np.int64) + start
        envelope.kinds.append((kind, where))
        columns = zip(*map(msgspec.structs.astuple, map(events.__getitem__, rows)), strict=True)
        for name, values in zip(_fields(kind), columns, strict=True):
            pieces[name].append(_Piece(kind, where, values))


def _take_rows(rows: Rows, start: int, envelope: _Envelope, pieces: dict[str, list[_Piece]]) -> None:
    count, where = len(rows), np.arange(start, start + len(rows))
    envelope.day.append(np.full(count, rows.day, np.int32))
    envelope.actor.append(rows.actor)
    envelope.cause.append(_plain_numbers("cause_seq", "int64", rows.cause_seq))
    envelope.root.append(_plain_numbers("root_seq", "int64", rows.root_seq))
    envelope.kinds.append((rows.kind, where))
    if set(_fields(rows.kind)) != set(rows.columns):
        raise EventInvalid(f"columns of {rows.kind.__name__} are {sorted(rows.columns)}")
    for name, values in rows.columns.items():
        if len(values) != count:
            raise EventInvalid(f"{rows.kind.__name__}.{name} has {len(values)} values for {count} rows")
        pieces[name].append(_Piece(rows.kind, where, values))


class _Piece(NamedTuple):
    """Values [m] of one column from one event type, and the rows [m] where they go, ascending."""

    kind: type[Event]
    where: np.ndarray
    values: Any  # tuple, list, NumPy or Arrow array


class _Envelope:
    """The envelope columns of a commit in the making."""

    def __init__(self) -> None:
        self.day: list[np.ndarray] = []
        self.actor: list[list[str]] = []
        self.cause: list[np.ndarray] = []
        self.root: list[np.ndarray] = []
        self.kinds: list[tuple[type[Event], np.ndarray]] = []

    def arrays(self, first_seq: int, count: int, commit: int) -> list[pa.Array]:
        """Envelope columns in the order of ENVELOPE, after a check of the order of days and causes."""
        seq = np.arange(first_seq, first_seq + count)
        day, cause, root = np.concatenate(self.day), np.concatenate(self.cause), np.concatenate(self.root)
        fault = envelope_fault(seq, day, cause, root)
        if fault:
            raise EventInvalid(fault)
        names, version = np.empty(count, object), np.empty(count, np.int16)
        for kind, where in self.kinds:
            names[where] = kind.__name__
            version[where] = kind.version
        name, name_ends = _joined("type", names.tolist())
        actors = self.actor[0] if len(self.actor) == 1 else list(chain.from_iterable(self.actor))
        actor, actor_ends = _joined("actor", actors)
        columns = {
            "seq": fixed(seq, "int64"),
            "day": fixed(day, "int32"),
            "commit": fixed(np.full(count, commit, np.int32), "int32"),
            "type": _text(name_ends, name),
            "version": fixed(version, "int16"),
            "actor": _text(actor_ends, actor),
            "cause_seq": fixed(cause, "int64"),
            "root_seq": fixed(root, "int64"),
        }
        return [columns[name] for name in ENVELOPE]


def envelope_fault(seq: np.ndarray, day: np.ndarray, cause: np.ndarray, root: np.ndarray) -> str:
    """Say what is wrong with the envelope of consecutive events (all [n]), or nothing.

    Days never fall and lie from 1900 to 2200; a cause comes before its event; a root has cause -1 and is its own root.
    """
    if (np.diff(day) < 0).any():
        return f"day falls after seq {seq[int((np.diff(day) < 0).argmax())]}"
    if len(day) and (fault := day_fault("day", int(day[0]), int(day[-1]))):
        return fault
    bad = (cause < -1) | (cause >= seq) | (root < 0) | (root > seq) | ((cause < 0) & (root != seq))
    if bad.any():
        at = int(bad.argmax())
        return f"event {seq[at]} has cause_seq {cause[at]} and root_seq {root[at]}"
    return ""


def _number_column(name: str, field: Field, pieces: list[_Piece], count: int) -> pa.Array:
    data, valid = np.zeros(count, NUMPY[field.type]), np.zeros(count, np.bool_)
    for kind, where, values in pieces:
        if name in optional_fields(kind):
            values, present = _split_nulls(values)
            valid[where] = present
        else:
            valid[where] = True
        data[where] = _plain_numbers(f"{kind.__name__}.{name}", field.type, values)
    if field.type == "float64" and np.isnan(data).any():
        raise EventInvalid(f"{name} is nan; say it with null or with another event")
    if name in DAYS and count and (fault := day_fault(name, int(data.min()), int(data.max()))):
        raise EventInvalid(fault)
    return fixed(data, field.type, valid)


def _split_nulls(values: Any) -> tuple[Any, np.ndarray]:
    """Numbers [m] with 0 for null, and which were present [m]."""
    if isinstance(values, np.ndarray) and values.dtype != object:
        return values, np.ones(len(values), np.bool_)
    listed = plain(values)
    present = np.array([value is not None for value in listed], np.bool_)
    return [0 if value is None else value for value in listed], present


def _plain_numbers(name: str, kind: str, values: Any) -> np.ndarray:
    """Values without null as NumPy [m] of the column's type; EventInvalid when one does not fit."""
    wanted = NUMPY[kind]
    if isinstance(values, np.ndarray) and values.dtype != object:
        given = values.astype(wanted, copy=False)
        if not np.array_equal(given.astype(values.dtype), values, equal_nan=given.dtype.kind == "f"):
            raise EventInvalid(f"{name}: {values.dtype} values do not fit {kind}")
        return given
    try:
        return np.frombuffer(array(CODES[kind], plain(values)), np.bool_ if kind == "bool" else wanted)
    except (TypeError, OverflowError) as error:
        raise EventInvalid(f"{name}: {error}") from None


def _text_column(name: str, field: Field, pieces: list[_Piece], count: int) -> pa.Array:
    if len(pieces) == 1 and len(pieces[0].where) == count and name not in optional_fields(pieces[0].kind):
        text, ends = _joined(f"{pieces[0].kind.__name__}.{name}", pieces[0].values)
        return _text(ends, text)
    listed: list[str] = []
    places: list[np.ndarray] = []
    for kind, where, values in pieces:
        values = plain(values)
        if name in optional_fields(kind):
            where = where[[value is not None for value in values]]
            values = [value for value in values if value is not None]
        listed += values
        places.append(where)
    if not listed:
        return _text(np.zeros(count, np.int32), b"", np.zeros(count, np.bool_))
    rows, valid = np.concatenate(places), np.zeros(count, np.bool_)
    valid[rows] = True
    if len(places) > 1:
        placed = np.empty(count, object)
        placed[rows] = listed
        listed = placed[valid].tolist()
    text, ends = _joined(name, listed)
    if len(listed) == count:
        return _text(ends, text)
    lengths = np.zeros(count, np.int32)
    lengths[valid] = np.diff(ends, prepend=0)
    return _text(np.cumsum(lengths, dtype=np.int32), text, valid)


def _joined(name: str, values: Any) -> tuple[bytes | pa.Buffer, np.ndarray]:
    """The texts one after the other in UTF-8, and where each ends [m]."""
    if isinstance(values, pa.Array):
        return _joined_arrow(name, values)
    try:
        text = "".join(values)
        data = text.encode()
        sizes = map(len, values) if len(data) == len(text) else (len(value.encode()) for value in values)
        return data, np.cumsum(np.fromiter(sizes, np.int32, len(values)), dtype=np.int32)
    except (TypeError, UnicodeEncodeError) as error:
        raise EventInvalid(f"{name} is null" if None in values else f"{name}: {error}") from None


def _joined_arrow(name: str, values: pa.Array) -> tuple[pa.Buffer, np.ndarray]:
    try:
        texts = values.cast(pa.utf8())
    except pa.ArrowException as error:
        raise EventInvalid(f"{name}: {str(error).splitlines()[0]}") from None
    if texts.null_count:
        raise EventInvalid(f"{name} is null")
    _, offsets, data = texts.buffers()
    places = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    start, end = int(places[0]), int(places[-1])
    return (data or pa.py_buffer(b"")).slice(start, end - start), places[1:] - places[0]


def _text(ends: np.ndarray, text: bytes | pa.Buffer, valid: np.ndarray | None = None) -> pa.Array:
    """A string array whose value i ends at byte `ends[i]` of `text`."""
    offsets = np.zeros(len(ends) + 1, np.int32)
    offsets[1:] = ends
    buffers = [_bitmap(valid), pa.py_buffer(offsets), pa.py_buffer(text)]
    return pa.Array.from_buffers(pa.utf8(), len(ends), buffers, _nulls(valid))


def fixed(data: np.ndarray, kind: str, valid: np.ndarray | None = None) -> pa.Array:
    """An Arrow array of fixed width over data [n] and valid [n]; rows not valid hold zero."""
    bits = np.packbits(data, bitorder="little") if kind == "bool" else data
    return pa.Array.from_buffers(ARROW[kind], len(data), [_bitmap(valid), pa.py_buffer(bits)], _nulls(valid))


def _nulls(valid: np.ndarray | None) -> int:
    return 0 if valid is None else len(valid) - int(np.count_nonzero(valid))


def _bitmap(valid: np.ndarray | None) -> pa.Buffer | None:
    return pa.py_buffer(np.packbits(valid, bitorder="little")) if _nulls(valid) and valid is not None else None
