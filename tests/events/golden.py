"""Golden logs, one folder for each released version of the event log, all of the same small run.

`python -m tests.events.golden` writes the one of the present version anew; those of earlier versions never change.
(`golden/world-*` are runs of the market itself: see `golden_world`.)
"""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa

from events import EVENTS, Disk, Entry, LogWriter, Manifest, segment
from events.columns import ARROW
from events.manifest import schema_hash
from events.schema import encode, log_schema
from tests.events.sample import SCENARIO, START_DAY, event

HOME = Path(__file__).parent / "golden"
FIRST, PRESENT = HOME / "1", HOME / "2"
KINDS = ("RunStarted", "OutputMade", "OutputMade", "WeekClosed", "OutputMade", "WeekClosed", "RunEnded")


def golden_entries() -> list[Entry]:
    """The events of the golden run; lead times are whole days, which version 1 can say."""
    draw, found = random.Random(20240715), []
    for seq, name in enumerate(KINDS):
        one = event(EVENTS[name], draw)
        if name == "OutputMade":
            one = msgspec.structs.replace(one, lead_time_weeks=draw.randrange(1, 400) / 7)
        found.append(Entry(seq, START_DAY + 7 * (seq > 3), "world", seq - 1, 0, one))
    return found


def write_present() -> None:
    """Write the golden log of the present version."""
    shutil.rmtree(PRESENT, ignore_errors=True)
    with LogWriter.create(PRESENT, Manifest.describe(SCENARIO, 20240715), SCENARIO) as writer:
        for entry in golden_entries():
            writer.append(entry)
        writer.finish()


def write_first() -> None:
    """Write the log as version 1 did: without the terms of decisions, and with lead times in whole days."""
    shutil.rmtree(FIRST, ignore_errors=True)
    batch = encode([golden_entries()], 0, 0)
    kept = [name for name in batch.schema.names if not name.startswith("term_")]
    schema = pa.schema(
        [pa.field(name, log_schema().field(name).type, log_schema().field(name).nullable) for name in kept]
    )
    columns = [(field.name, _type_name(field.type)) for field in schema]
    manifest = msgspec.structs.replace(Manifest.describe(SCENARIO, 20240715), vocabulary=schema_hash(columns))
    LogWriter.create(FIRST, manifest, SCENARIO).close()
    head = segment.preface(schema)
    place = segment.Place(segment.link(manifest.genesis(), head), 0, 0)
    data, commit = segment.write_commit(_as_version_1(batch, schema), place, len(head))
    (FIRST / "log" / "00000000.arrow.live").write_bytes(head + data + segment.tail(head, [commit]))
    writer = LogWriter(FIRST, manifest, Disk().lock(FIRST / "LOCK"), Disk())
    writer.adopt([commit], head)
    writer.enlist()
    writer.close()


def _as_version_1(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    is_output = np.array([name == "OutputMade" for name in batch.column("type").to_pylist()])
    weeks = batch.column("lead_time_weeks").to_pylist()
    days = [round(value * 7) if found else None for value, found in zip(weeks, is_output, strict=True)]
    changed = {
        "version": pa.array(np.where(is_output, 1, batch.column("version").to_numpy()).astype(np.int16)),
        "duration_days": pa.array(days, pa.int32()),
        "lead_time_weeks": pa.nulls(len(days), pa.float64()),
    }
    return pa.record_batch([changed.get(name, batch.column(name)) for name in schema.names], schema=schema)


def _type_name(kind: pa.DataType) -> str:
    return next(name for name, arrow in ARROW.items() if arrow == kind)


if __name__ == "__main__":
    write_present()
