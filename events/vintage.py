"""Which columns a log may have: those of its own schema, each one that some version of the vocabulary named.

A segment names its own columns; `run.json` holds their hash. A column is known by its name, and a name never changes
its type, so a log of any earlier commit is read, whatever columns came since.
"""

from __future__ import annotations

from functools import lru_cache

import pyarrow as pa

from events.columns import ARROW
from events.errors import LogForeign, Problem
from events.manifest import Manifest, schema_hash, vocabulary_hash
from events.registry import known_columns
from events.schema import log_schema
from events.segment import preface
from events.vocabulary import ENVELOPE

NAMES = {kind: name for name, kind in ARROW.items()}


def schema_of(head: bytes, manifest: Manifest) -> pa.Schema:
    """Schema of a segment that begins with `head`; LogForeign unless it is the run's, of columns that are known."""
    if head == preface(log_schema()) and manifest.vocabulary == vocabulary_hash():
        return log_schema()
    return _old_schema(head, manifest.vocabulary)


@lru_cache(16)
def _old_schema(head: bytes, vocabulary: str) -> pa.Schema:
    try:
        found = pa.ipc.read_schema(pa.py_buffer(head[8:]))
        columns = [(field.name, NAMES.get(field.type, str(field.type))) for field in found]
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError, UnicodeError) as error:
        raise _foreign(f"its schema cannot be read: {str(error).splitlines()[0]}") from None
    if reason := columns_fault(columns):
        raise _foreign(reason)
    if schema_hash(columns) != vocabulary:
        raise _foreign(f"its columns are not those of vocabulary {vocabulary[:12]}, which run.json names")
    return pa.schema([pa.field(name, ARROW[kind], name not in ENVELOPE) for name, kind in columns])


def columns_fault(columns: list[tuple[str, str]]) -> str:
    """Say why a log cannot have these (name, type) columns, or nothing."""
    known, names = known_columns(), [name for name, _ in columns]
    if names[: len(ENVELOPE)] != list(ENVELOPE):
        return "its first columns are not the envelope"
    if len(set(names)) < len(names):
        return "it names a column twice"
    for name, kind in columns:
        if known.get(name) != kind:
            return f"column {name[:40]!r} of type {kind[:40]} is not known"
    return ""


def _foreign(reason: str) -> LogForeign:
    return LogForeign(Problem("log", -1, 8, reason))
