"""Record batches back to entries, column by column, old versions lifted on the way."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
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
from events.upcast import Columns, gaps, lift
from events.validate import Group, groups, raw_values, valid_rows
from events.vocabulary import ENVELOPE

type Table = Mapping[str, pa.Array]
TEXT = pa.string()


def _values(table: Table, name: str, rows: np.ndarray, is_optional: bool) -> list[Any]:
    """Python values of a column in some rows [m]; None where null, or where the log's vocabulary lacks it.

    Only an optional field is asked whether it is null. Equal texts are one object.
    """
    column = table.get(name)
    if column is None:
        return [None] * len(rows)
    if column.type == TEXT:
        return _texts(column.take(fixed(rows, "int64")))
    values: list[Any] = raw_values(column)[rows].tolist()
    if not (is_optional and column.null_count):
        return values
    return [value if good else None for value, good in zip(values, valid_rows(column)[rows].tolist(), strict=True)]


def _texts(column: pa.Array) -> list[Any]:
    encoded = column.dictionary_encode()
    words = np.array([*encoded.dictionary.to_pylist(), None], object)
    places = raw_values(encoded.indices)
    found: list[Any] = words[np.where(valid_rows(column), places, -1) if column.null_count else places].tolist()
    return found


def _fields(table: Table, found: list[Group]) -> list[Columns]:
    """Values of the fields of each group [groups]: a column is read once, in the rows of all that fill it."""
    shapes = [known_shapes()[group.type, group.version] for group in found]
    filled = defaultdict[str, list[int]](list)
    for at, shape in enumerate(shapes):
        for name in shape:
            filled[name].append(at)
    read: list[Columns] = [{} for _ in found]
    for name, who in filled.items():
        rows = np.concatenate([found[at].rows for at in who])
        values, start = _values(table, name, rows, any(shapes[at][name] for at in who)), 0
        for at in who:
            end = start + len(found[at].rows)
            read[at][name], start = values[start:end], end
    return read


PART_ROWS = 8_192  # decoded at a time: a large commit takes little memory

if _gaps := gaps():  # an old log would stop half-way
    raise ImportError("; ".join(_gaps))


class Piece(NamedTuple):
    """A commit or a part of it: record batches as they were written, and their entries as `decode` gives them."""

    batches: list[pa.RecordBatch]
    entries: list[Entry]


def pieces(slabs: Slabs) -> Iterator[Piece]:
    """Decode one commit, a large one part by part."""
    if slabs.num_rows <= PART_ROWS:
        whole = slabs.whole
        yield Piece([whole], decode(whole))
        return
    typed = by_type(slabs)
    del slabs  # wide, and mostly null
    pa.default_memory_pool().release_unused()
    for part in parts(typed, PART_ROWS):
        yield Piece([each.batch for each in part], in_order(part))


def entries(slabs: Slabs) -> Iterator[Entry]:
    """Turn one commit into entries."""
    return chain.from_iterable(piece.entries for piece in pieces(slabs))


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
        group = Group(each.type, each.version, np.arange(each.batch.num_rows))
        table = _table(each.batch)
        found += _entries(table, _events(group, *_fields(table, [group])))
    return sorted(found, key=attrgetter("seq"))


def decode(batch: pa.RecordBatch) -> list[Entry]:
    """Turn one commit, checked by `events.validate`, into entries in order of seq, all of the present version."""
    found, table = groups(batch), _table(batch)
    events = list(chain.from_iterable(map(_events, found, _fields(table, found))))
    back = np.empty(batch.num_rows, np.intp)
    back[np.concatenate([group.rows for group in found])] = np.arange(batch.num_rows)
    return _entries(table, map(events.__getitem__, back.tolist()))


def _table(batch: pa.RecordBatch) -> Table:
    return dict(zip(batch.schema.names, batch.columns, strict=True))


def _entries(table: Table, events: Iterable[Event]) -> list[Entry]:
    every = np.arange(len(table["seq"]))
    envelope = [_values(table, name, every, False) for name in ("seq", "day", "actor", "cause_seq", "root_seq")]
    return list(map(Entry, *envelope, events))


def _events(group: Group, columns: Columns) -> list[Event]:
    """Build the events of one type and version from their columns."""
    (name, version), columns = lift((group.type, group.version), columns)
    kind = EVENTS.get(name) or retired(name, version)
    return list(map(by_position(kind), *(columns[field] for field in kind.__struct_fields__)))
