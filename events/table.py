"""The log as a Polars table in the columns of today, whatever columns and versions its bytes have."""

from __future__ import annotations

import polars as pl

from events.registry import Key, known_columns, known_shapes
from events.terms import DEFAULTS
from events.upcast import PAPERS, UPCASTS, lift
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


def present(log: pl.LazyFrame) -> pl.LazyFrame:
    """Lift a log's old events and add the columns that it lacks, as null.

    Columns and event types that are written no more stay: the columns last, the types as they are.
    """
    keys = [key for key in log.select("type", "version").unique().collect().rows() if key in UPCASTS]
    if keys:
        log = _all_lifted(log, sorted(keys))
    found = log.collect_schema().names()
    if found == list(COLUMNS):
        return log
    log = log.with_columns(_missing(name) for name in COLUMNS if name not in found)
    return log.select(*COLUMNS, *(name for name in found if name not in COLUMNS))


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


def _all_lifted(log: pl.LazyFrame, keys: list[Key]) -> pl.LazyFrame:
    """Lift the old events, which alone are read at once: all others stay lazy."""
    is_old = pl.any_horizontal(_of(key) for key in keys)
    old = log.filter(is_old).collect()
    parts = [log.filter(~is_old), *(_lifted(old.filter(_of(key)), key).lazy() for key in keys)]
    return pl.concat(parts, how="diagonal").sort("seq")


def _of(key: Key) -> pl.Expr:
    return (pl.col("type") == key[0]) & (pl.col("version") == key[1])


def _dtype(name: str) -> pl.DataType:
    return POLARS[known_columns()[name]]


def _lifted(rows: pl.DataFrame, key: Key) -> pl.DataFrame:
    """Rows [n] of one type and version as those of the present one."""
    none = [None] * rows.height  # of a field that may be null, and came after this log
    old = {field: rows[field].to_list() if field in rows.columns else none for field in known_shapes()[key]}
    (name, version), columns = lift(key, old)
    fields = [pl.Series(field, values, _dtype(field)) for field, values in columns.items()]
    kept = rows.select(*ENVELOPE).with_columns(type=pl.lit(name), version=pl.lit(version, pl.Int16))
    return kept.with_columns(fields)
