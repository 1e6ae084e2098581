"""Schemas of the vocabularies of earlier versions, by hash: which columns a log may have.

`events/schemas/HASH.json` lists names and types. Columns are only ever appended; unit and meaning may change.
`python -m events.vintage` writes the present one, once, when a version is released.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import msgspec
import pyarrow as pa

from events.errors import LogForeign, Problem
from events.manifest import Manifest, schema_hash, vocabulary_hash
from events.schema import ARROW, log_schema
from events.segment import preface
from events.vocabulary import ENVELOPE, VOCABULARY

SCHEMAS = Path(__file__).parent / "schemas"


@cache
def released(digest: str) -> pa.Schema | None:
    """Schema of the vocabulary with this hash; None when no version had it."""
    if digest == vocabulary_hash():
        return log_schema()
    path = SCHEMAS / f"{digest}.json"
    if not (len(digest) == 64 and digest.isalnum() and path.is_file()):
        return None
    columns = msgspec.json.decode(path.read_bytes(), type=list[tuple[str, str]])
    if schema_hash(columns) != digest:
        raise ValueError(f"{path.name}: not the columns that its name says")
    return pa.schema([pa.field(name, ARROW[kind], name not in ENVELOPE) for name, kind in columns])


def schema_of(head: bytes, manifest: Manifest) -> pa.Schema:
    """Schema of a segment that begins with `head`, which must be the one that the run's vocabulary hash names."""
    schema = released(manifest.vocabulary)
    if schema is None:
        raise LogForeign(Problem("run.json", -1, -1, f"vocabulary {manifest.vocabulary[:12]} is unknown"))
    if head == preface(log_schema()) and manifest.vocabulary == vocabulary_hash():
        return schema
    try:
        found = pa.ipc.read_schema(pa.py_buffer(head[8:]))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        raise LogForeign(Problem("log", -1, 8, f"its schema cannot be read: {str(error).splitlines()[0]}")) from None
    if not found.equals(schema, check_metadata=False):
        raise LogForeign(Problem("log", -1, 8, f"its columns are not those of vocabulary {manifest.vocabulary[:12]}"))
    return schema


def release() -> Path:
    """Write the present vocabulary's columns under its hash."""
    columns = [(name, field.type) for name, field in {**ENVELOPE, **VOCABULARY}.items()]
    path = SCHEMAS / f"{vocabulary_hash()}.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(columns), indent=1) + b"\n")
    return path


if __name__ == "__main__":
    print(release().name)
