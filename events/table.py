"""The log as a Polars table in the columns of today, whatever columns and versions its bytes have."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

import polars as pl

from events.registry import Key, known_columns, known_shapes
from events.terms import DEFAULTS
from events.upcast import PAPERS, UPCASTS, Columns, lift
from events.vocabulary import ENVELOPE, VOCABULARY

POLARS: dict[str, pl.DataType] = {
    "utf8": pl.String(),
    "int16": pl.Int16(),
    "int32": pl.Int32(),
    "int64": pl.Int64(),
    "float64": pl.Float64(),
    "bool": pl.Boolean(),
}
COLUMNS = (*ENVELOPE, *VOCABULARY)


def present(log: pl.LazyFrame, keys: Iterable[Key]) -> pl.LazyFrame:
    """Lift a log's old events where they stand and add the columns that it lacks, as null.

    keys : types and versions that may be in the log.
    Columns and event types that are written no more stay: the columns last, the types as they are. What is not asked
    of the table is not lifted.
    """
    found = log.collect_schema().names()
    names = [*COLUMNS, *(name for name in found if name not in COLUMNS)]
    if found != names:
        log = log.with_columns(_missing(name) for name in COLUMNS if name not in found).select(names)
    for key in sorted(set(keys) & set(UPCASTS)):
        log = log.with_columns(_lifted(key, name, names) for name in _changed_by(key) if name in names)
    return log


def keys_of(log: pl.DataFrame) -> list[Key]:
    """Types and versions of the events of a table."""
    return log.select("type", "version").unique().rows()


def _missing(name: str) -> pl.Expr:
    """A column that a log lacks: null, but for a clause, which papers say as its default."""
    nothing = pl.lit(None, _dtype(name))
    if name not in DEFAULTS:
        return nothing.alias(name)
    return (
        pl.when(pl.col("type").is_in(PAPERS)).then(pl.lit(DEFAULTS[name], _dtype(name))).otherwise(nothing).alias(name)
    )


def empty() -> pl.LazyFrame:
    """A log without events."""
    return pl.LazyFrame(schema={name: _dtype(name) for name in COLUMNS})


def _dtype(name: str) -> pl.DataType:
    return POLARS[known_columns()[name]]


def _changed_by(key: Key) -> list[str]:
    """Columns to which lifting events of this type and version gives other values: seen by lifting none of them."""
    old: Columns = {field: [] for field in known_shapes()[key]}
    now, new = lift(key, dict(old))
    kept = {field for field, values in new.items() if values is old.get(field)}
    changed = (old.keys() | new.keys()) - kept | {"version"}
    return sorted(
        changed | (DEFAULTS.keys() if now[0] in PAPERS else set()) | ({"type"} if now[0] != key[0] else set())
    )


def _lifted(key: Key, name: str, names: list[str]) -> pl.Expr:
    """A column in which events of one type and version have what the present one has there; the others stay."""
    wanted = {"type", "version", name, *known_shapes()[key]}
    read = pl.struct(*(each for each in names if each in wanted))
    return read.map_batches(partial(_lift_rows, key, name), _dtype(name), is_elementwise=True).alias(name)


def _lift_rows(key: Key, name: str, rows: pl.Series) -> pl.Series:
    """Lift those of the rows [n] that are of one type and version, and give one column of all."""
    log = rows.struct.unnest()
    at = ((log["type"] == key[0]) & (log["version"] == key[1])).arg_true()
    if at.is_empty():
        return log[name]
    none = [None] * len(at)  # of a field that may be null, and came after this log
    old = {field: log[field].gather(at).to_list() if field in log else none for field in known_shapes()[key]}
    now, columns = lift(key, old)
    values = (columns | {"type": [now[0]] * len(at), "version": [now[1]] * len(at)}).get(name, none)
    return log[name].scatter(at, pl.Series(values, dtype=_dtype(name)))
