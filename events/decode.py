"""Record batches back to entries, column by column, old versions lifted on the way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from events.columns import fixed
from events.registry import known_shapes, retired
from events.types import EVENTS
from events.types.base import Entry, Event, by_position
from events.unpack import Slabs
from events.upcast import gaps, lift
from events.validate import Group, groups, raw_values, valid_rows
from events.vocabulary import ENVELOPE


class _Column:
    """One column as NumPy: values [n], and which rows are valid [n] where some are not."""

    __slots__ = ("valid", "values")

    def __init__(self, column: pa.Array) -> None:
        self.valid: np.ndarray | None = None
        if pa.types.is_string(column.type):
            self.values = _texts(column)
        else:
            self.values = raw_values(column)
            self.valid = valid_rows(column) if column.null_count else None

    def take(self, rows: np.ndarray, is_optional: bool) -> list[Any]:
        """Python values of `rows` [m], None where null; only an optional field is asked whether it is."""
        values: list[Any] = self.values[rows].tolist()
        if self.valid is None or not is_optional:
            return values
        return [value if good else None for value, good in zip(values, self.valid[rows].tolist(), strict=True)]


def _texts(column: pa.Array) -> np.ndarray:
    """The texts of a column [n], None where null; equal texts are one object."""
    encoded = column.dictionary_encode()
    words = np.array([*encoded.dictionary.to_pylist(), None], object)
    places = raw_values(encoded.indices)
    found: np.ndarray = words[places if not column.null_count else np.where(valid_rows(column), places, -1)]
    return found


class _Table:
    """The columns of one commit, converted when first asked for."""

    def __init__(self, batch: pa.RecordBatch) -> None:
        self._batch = batch
        self._columns: dict[str, _Column] = {}

    def values(self, name: str, rows: np.ndarray, is_optional: bool) -> list[Any]:
        """Python values of a column in `rows` [m]; None in a log whose vocabulary lacks it."""
        column = self._columns.get(name)
        if column is None:
            at = self._batch.schema.get_field_index(name)
            if at < 0:
                return [None] * len(rows)
            column = self._columns[name] = _Column(self._batch.column(at))
        return column.take(rows, is_optional)


PART_ROWS = 8_192

if _gaps := gaps():  # an old log would stop half-way
    raise ImportError("; ".join(_gaps))


def entries(slabs: Slabs) -> Iterator[Entry]:
    """Turn one commit into entries as `decode` does; a large one part by part, so that it takes little memory."""
    if slabs.num_rows <= PART_ROWS:
        return iter(decode(slabs.whole))
    return chain.from_iterable(map(in_order, parts(by_type(slabs), PART_ROWS)))


class Typed(NamedTuple):
    """Events of one type and version, ascending by seq: the envelope and the columns that they fill."""

    type: str
    version: int
    batch: pa.RecordBatch


def by_type(slabs: Slabs) -> list[Typed]:
    """Split a commit by type. The wide table is mostly null: this takes a fifth of its memory."""
    found = groups(slabs.envelope)
    columns: list[dict[str, pa.Array]] = [{} for _ in found]
    for batch in slabs:
        for group, held in zip(found, columns, strict=True):
            fields = (*ENVELOPE, *known_shapes()[group.type, group.version])
            if here := [name for name in fields if name in batch.schema.names]:
                held |= zip(here, batch.select(here).take(fixed(group.rows, "int64")).columns, strict=True)
    return [
        Typed(group.type, group.version, pa.RecordBatch.from_pydict(held))
        for group, held in zip(found, columns, strict=True)
    ]


def parts(typed: list[Typed], size: int) -> Iterator[list[Typed]]:
    """Cut a commit that was split by type into parts of `size` events that follow each other."""
    seqs = [raw_values(each.batch.column("seq")) for each in typed]
    first, end = min(seq[0] for seq in seqs), max(seq[-1] for seq in seqs) + 1
    for start in range(first, end, size):
        spans = [np.searchsorted(seq, (start, start + size)) for seq in seqs]
        yield [
            each._replace(batch=each.batch.take(fixed(np.arange(*span), "int64")))
            for each, span in zip(typed, spans, strict=True)
            if span[0] < span[1]
        ]


def in_order(part: list[Typed]) -> list[Entry]:
    """Entries of a part in order of seq, all of the present version."""
    found: list[Entry] = []
    for each in part:
        table, rows = _Table(each.batch), np.arange(each.batch.num_rows)
        found += _entries(table, rows, _events(table, Group(each.type, each.version, rows)))
    return sorted(found, key=attrgetter("seq"))


def decode(batch: pa.RecordBatch) -> list[Entry]:
    """Turn one commit, checked by `events.validate`, into entries in order of seq, all of the present version."""
    table = _Table(batch)
    events: list[Event] = []
    places = []
    for group in groups(batch):
        events += _events(table, group)
        places.append(group.rows)
    every = np.arange(batch.num_rows)
    back = np.empty_like(every)
    back[np.concatenate(places)] = every
    return _entries(table, every, map(events.__getitem__, back.tolist()))


def _entries(table: _Table, rows: np.ndarray, events: Iterable[Event]) -> list[Entry]:
    envelope = [table.values(name, rows, False) for name in ("seq", "day", "actor", "cause_seq", "root_seq")]
    return list(map(Entry, *envelope, events))


def _events(table: _Table, group: Group) -> list[Event]:
    """Build the events of one type and version."""
    key = group.type, group.version
    fields = known_shapes()[key]
    columns = {name: table.values(name, group.rows, is_optional) for name, is_optional in fields.items()}
    (name, version), columns = lift(key, columns)
    kind = EVENTS.get(name) or retired(name, version)
    return list(map(by_position(kind), *(columns[field] for field in kind.__struct_fields__)))
