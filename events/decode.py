"""Record batches back to entries, column by column, old versions lifted on the way."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from events.errors import FactInvalid
from events.facts import FACTS
from events.facts.base import Entry, Fact
from events.schema import optional_fields
from events.upcast import UPCASTS, lift

VERSIONS = 2**15  # versions are int16


class _Column:
    """One column as NumPy: values [n] and, where there are nulls, which rows are valid [n]."""

    __slots__ = ("is_text", "valid", "values")

    def __init__(self, column: pa.Array) -> None:
        self.is_text = pa.types.is_string(column.type)
        self.valid: np.ndarray | None = None
        if column.null_count:
            bits = np.frombuffer(column.buffers()[0], np.uint8)
            self.valid = np.unpackbits(bits, count=len(column), bitorder="little").view(np.bool_)
        if self.is_text:
            self.values = column.to_numpy(zero_copy_only=False)  # of str, None where null
        elif pa.types.is_boolean(column.type):
            self.values = column.fill_null(False).to_numpy(zero_copy_only=False)
        else:
            self.values = np.frombuffer(column.buffers()[1], column.type.to_pandas_dtype(), len(column))

    def take(self, rows: np.ndarray, nullable: bool) -> list[Any]:
        """Python values of `rows` [m], None where null; FactInvalid where null is not allowed."""
        values: list[Any] = self.values[rows].tolist()
        if self.valid is None:
            return values
        if self.is_text:
            if not nullable and None in values:
                raise FactInvalid("is null")
            return values
        valid = self.valid[rows]
        if valid.all():
            return values
        if not nullable:
            raise FactInvalid("is null")
        return [value if good else None for value, good in zip(values, valid.tolist(), strict=True)]


class Table:
    """The columns of one commit, converted when first asked for."""

    def __init__(self, batch: pa.RecordBatch) -> None:
        self._batch = batch
        self._columns: dict[str, _Column | None] = {}

    def column(self, name: str) -> _Column | None:
        """A column, or None where the log's vocabulary did not have it yet."""
        if name not in self._columns:
            at = self._batch.schema.get_field_index(name)
            self._columns[name] = _Column(self._batch.column(at)) if at >= 0 else None
        return self._columns[name]

    def __len__(self) -> int:
        return int(self._batch.num_rows)

    def values(self, name: str, rows: np.ndarray, nullable: bool) -> list[Any]:
        """Python values of a column in `rows` [m]."""
        column = self.column(name)
        if column is None:
            if not nullable:
                raise FactInvalid("is not in this log's vocabulary")
            return [None] * len(rows)
        return column.take(rows, nullable)


def decode(batch: pa.RecordBatch) -> list[Entry]:
    """Turn one commit into entries in order of seq, all of the present version."""
    table = Table(batch)
    facts: list[Fact] = []
    places = []
    for (name, version), rows in _groups(batch):
        facts += _facts(table, name, version, rows)
        places.append(rows)
    back = np.argsort(np.concatenate(places))
    envelope = [_whole(batch, name) for name in ("seq", "day", "actor", "cause_seq", "root_seq")]
    return list(map(Entry, *envelope, map(facts.__getitem__, back.tolist())))


def _whole(batch: pa.RecordBatch, name: str) -> list[Any]:
    return _Column(batch.column(name)).take(np.arange(batch.num_rows), False)


def _groups(batch: pa.RecordBatch) -> list[tuple[tuple[str, int], np.ndarray]]:
    """Rows [m], ascending, of every (type, version) in the commit."""
    types = batch.column("type").dictionary_encode()
    key = types.indices.to_numpy().astype(np.int64) * VERSIONS + batch.column("version").to_numpy()
    order = np.argsort(key, kind="stable")
    found, first = np.unique(key[order], return_index=True)
    names = types.dictionary.to_pylist()
    parts = np.split(order, first[1:])
    return [((names[k // VERSIONS], k % VERSIONS), rows) for k, rows in zip(found.tolist(), parts, strict=True)]


def _facts(table: Table, name: str, version: int, rows: np.ndarray) -> list[Fact]:
    """Build the facts of one type and version."""
    kind = FACTS.get(name)
    if kind is None:
        raise FactInvalid(f"no fact is called {name}")
    if version == kind.version:
        return list(map(kind, *_read(table, name, kind.__struct_fields__, rows, optional_fields(kind))))
    if (name, version) not in UPCASTS:
        raise FactInvalid(f"{name} has no version {version}")
    fields = UPCASTS[name, version].fields
    old = dict(zip(fields, _read(table, name, fields, rows, frozenset(fields)), strict=True))
    new = lift(name, version, old)
    return list(map(kind, *(new[field] for field in kind.__struct_fields__)))


def _read(
    table: Table, name: str, fields: tuple[str, ...], rows: np.ndarray, nullable: frozenset[str]
) -> list[list[Any]]:
    columns = []
    for field in fields:
        try:
            columns.append(table.values(field, rows, field in nullable))
        except FactInvalid as fault:
            raise FactInvalid(f"{name}.{field} {fault}") from None
    return columns
