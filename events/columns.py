"""Columns of a commit: what events of many types hold under one name, as one Arrow array.

Every column is built from buffers that are defined to the last bit, so equal events give equal bytes in every process.
"""

from __future__ import annotations

from array import array
from itertools import compress
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from events.errors import EventInvalid
from events.field import Field
from events.rows import plain
from events.types.base import Event, optional_fields
from events.vocabulary import DAYS, day_fault

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


class Piece(NamedTuple):
    """Values [m] of one column from one event type, and the rows [m] where they go, ascending."""

    kind: type[Event]
    where: np.ndarray
    values: Any  # tuple, list, NumPy or Arrow array


def number_column(name: str, field: Field, pieces: list[Piece], count: int) -> pa.Array:
    """Numbers of one name from all event types; EventInvalid when one does not fit, is nan, or is no day."""
    data, valid = np.zeros(count, NUMPY[field.type]), np.zeros(count, np.bool_)
    listed: list[Any] = []  # of all types together: a call of NumPy costs more than a few values
    places: list[np.ndarray] = []
    for kind, where, values in pieces:
        if name in optional_fields(kind):
            values, present = _split_nulls(values)
            where, values = (where, values) if present.all() else (where[present], list(compress(values, present)))
        if isinstance(values, (list, tuple)):
            listed += values
            places.append(where)
        else:
            data[where], valid[where] = plain_numbers(f"{kind.__name__}.{name}", field.type, values), True
    if listed:
        rows = np.concatenate(places)
        data[rows], valid[rows] = _listed_numbers(name, field.type, listed, pieces), True
    if field.type == "float64" and np.isnan(data).any():
        raise EventInvalid(f"{name} is nan; say it with null or with another event")
    if name in DAYS and count and (fault := day_fault(name, int(data.min()), int(data.max()))):
        raise EventInvalid(fault)
    return fixed(data, field.type, valid)


def _listed_numbers(name: str, kind: str, listed: list[Any], pieces: list[Piece]) -> np.ndarray:
    """Numbers of several types as NumPy [m]; where one does not fit, EventInvalid names the type that holds it."""
    try:
        return plain_numbers(name, kind, listed)
    except EventInvalid:
        for of, _, values in pieces:
            missing = name in optional_fields(of)
            plain_numbers(f"{of.__name__}.{name}", kind, _split_nulls(values)[0] if missing else values)
        raise


def _split_nulls(values: Any) -> tuple[Any, np.ndarray]:
    """Numbers [m] with 0 for null, and which were present [m]."""
    if isinstance(values, np.ndarray) and values.dtype != object:
        return values, np.ones(len(values), np.bool_)
    listed = plain(values)
    present = np.array([value is not None for value in listed], np.bool_)
    return [0 if value is None else value for value in listed], present


def plain_numbers(name: str, kind: str, values: Any) -> np.ndarray:
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


def text_column(name: str, field: Field, pieces: list[Piece], count: int) -> pa.Array:
    """Texts of one name from all event types; EventInvalid when one is no text or null where it may not be."""
    if len(pieces) == 1 and len(pieces[0].where) == count and name not in optional_fields(pieces[0].kind):
        text, ends = joined(f"{pieces[0].kind.__name__}.{name}", pieces[0].values)
        return text_of(ends, text)
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
        return text_of(np.zeros(count, np.int32), b"", np.zeros(count, np.bool_))
    rows, valid = np.concatenate(places), np.zeros(count, np.bool_)
    valid[rows] = True
    if len(places) > 1:
        placed = np.empty(count, object)
        placed[rows] = listed
        listed = placed[valid].tolist()
    text, ends = joined(name, listed)
    if len(listed) == count:
        return text_of(ends, text)
    lengths = np.zeros(count, np.int32)
    lengths[valid] = np.diff(ends, prepend=0)
    return text_of(np.cumsum(lengths, dtype=np.int32), text, valid)


def joined(name: str, values: Any) -> tuple[bytes | pa.Buffer, np.ndarray]:
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


def text_of(ends: np.ndarray, text: bytes | pa.Buffer, valid: np.ndarray | None = None) -> pa.Array:
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
