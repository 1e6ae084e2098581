"""Events and the one wide table: entries and column batches to an Arrow record batch, and back.

Every column is built from buffers that are defined to the last bit, so equal events give equal bytes in every process.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import cache
from itertools import chain

import msgspec
import numpy as np
import pyarrow as pa

from events.columns import ARROW, Piece, fixed, joined, number_column, plain_numbers, text_column, text_of
from events.errors import EventInvalid
from events.field import Field
from events.rows import Rows
from events.types import EVENTS
from events.types.base import Entry, Event
from events.vocabulary import ENVELOPE, VOCABULARY, day_fault

type Chunk = list[Entry] | Rows


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
    envelope, pieces = _Envelope(), defaultdict[str, list[Piece]](list)
    start = 0
    for chunk in chunks:
        if isinstance(chunk, Rows):
            _take_rows(chunk, start, envelope, pieces)
        else:
            _take_entries(chunk, start, envelope, pieces)
        start += len(chunk)
    arrays = envelope.arrays(first_seq, start, commit)
    for name, field in VOCABULARY.items():
        fill = text_column if field.type == "utf8" else number_column
        arrays.append(fill(name, field, pieces.get(name, []), start))
    return pa.RecordBatch.from_arrays(arrays, schema=log_schema())


def _take_entries(entries: list[Entry], start: int, envelope: _Envelope, pieces: dict[str, list[Piece]]) -> None:
    envelope.day.append(plain_numbers("day", "int32", [entry.day for entry in entries]))
    envelope.actor.append([entry.actor for entry in entries])
    envelope.cause.append(plain_numbers("cause_seq", "int64", [entry.cause_seq for entry in entries]))
    envelope.root.append(plain_numbers("root_seq", "int64", [entry.root_seq for entry in entries]))
    events = [entry.event for entry in entries]
    groups: dict[type[Event], list[int]] = defaultdict(list)
    for row, kind in enumerate(map(type, events)):
        groups[kind].append(row)
    for kind, rows in groups.items():
        where = np.array(rows, dtype=np.int64) + start
        envelope.kinds.append((kind, where))
        columns = zip(*map(msgspec.structs.astuple, map(events.__getitem__, rows)), strict=True)
        for name, values in zip(_fields(kind), columns, strict=True):
            pieces[name].append(Piece(kind, where, values))


def _take_rows(rows: Rows, start: int, envelope: _Envelope, pieces: dict[str, list[Piece]]) -> None:
    count, where = len(rows), np.arange(start, start + len(rows))
    envelope.day.append(np.full(count, rows.day, np.int32))
    envelope.actor.append(rows.actor)
    envelope.cause.append(plain_numbers("cause_seq", "int64", rows.cause_seq))
    envelope.root.append(plain_numbers("root_seq", "int64", rows.root_seq))
    envelope.kinds.append((rows.kind, where))
    if set(_fields(rows.kind)) != set(rows.columns):
        raise EventInvalid(f"columns of {rows.kind.__name__} are {sorted(rows.columns)}")
    for name, values in rows.columns.items():
        if len(values) != count:
            raise EventInvalid(f"{rows.kind.__name__}.{name} has {len(values)} values for {count} rows")
        pieces[name].append(Piece(rows.kind, where, values))


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
        name, name_ends = joined("type", names.tolist())
        actors = self.actor[0] if len(self.actor) == 1 else list(chain.from_iterable(self.actor))
        actor, actor_ends = joined("actor", actors)
        columns = {
            "seq": fixed(seq, "int64"),
            "day": fixed(day, "int32"),
            "commit": fixed(np.full(count, commit, np.int32), "int32"),
            "type": text_of(name_ends, name),
            "version": fixed(version, "int16"),
            "actor": text_of(actor_ends, actor),
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
