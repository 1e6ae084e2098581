"""What readers refuse although the chain holds: a log that breaks the rules of the event log."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pytest

from events import EVENTS, LogWriter, Rows, WriteFailed, open_log, segment, unpack
from events.columns import ARROW, NUMPY, fixed
from events.disk import Disk
from events.layout import write_all
from events.schema import encode
from events.validate import raw_values, valid_rows
from tests.events.sample import SCENARIO, START_DAY, feed, manifest, run
from tests.faults.campaigns import LOG, copy
from tests.faults.forge import Forger, outcome, rechain

WEEKS = run(3, 20)
WHOLE = encode([[entry for week in WEEKS for entry in week]], 0, 0)
FORGER = Forger()

type Change = Callable[[dict[str, list[object]]], object]


def changed(change: Change, batch: pa.RecordBatch = WHOLE) -> pa.RecordBatch:
    columns = {name: batch.column(name).to_pylist() for name in batch.schema.names}
    change(columns)
    arrays = [pa.array(columns[field.name], field.type) for field in batch.schema]
    return pa.RecordBatch.from_arrays(arrays, schema=batch.schema)


def read(*batches: pa.RecordBatch) -> str:
    """The message of the refusal of a log of these commits, each given the numbers that it should have."""
    data, place = FORGER.head, segment.Place(segment.link(FORGER.place.chain, FORGER.head), 0, 0)
    for batch in batches:
        message, commit = segment.write_commit(batch, place, len(data))
        data += rechain(message, place.chain)
        place = segment.Place(commit.chain, commit.number + 1, commit.first_seq + commit.rows)
    return outcome(copy(FORGER.disk, LOG / "00000000.arrow.live", data))


def test_a_log_that_keeps_the_rules_is_read() -> None:
    assert read(changed(lambda columns: None)) == ""


def put(name: str, at: int, value: object) -> Change:
    return lambda columns: columns[name].__setitem__(at, value)


FILLED = WHOLE.column("type").to_pylist().index("ChipAnnounced")

BROKEN: list[tuple[Change, str]] = [
    (put("seq", 3, 7), "seq has a gap"),
    (put("commit", 3, 1), "commit column"),
    (put("day", 3, START_DAY + 400), "day falls after seq 3"),
    (put("cause_seq", 3, 3), "event 3 has cause_seq 3"),
    (put("root_seq", 3, 4), "root_seq 4"),
    (put("type", 3, "Rumour"), "'Rumour' version 1 is no event"),
    (put("version", 3, 9), "version 9 is no event"),
    (put("type", 3, "RunEnded"), "events after RunEnded"),
    (put("chip", FILLED, None), "ChipAnnounced.chip is null"),
    (put("gpus", FILLED, 8), "ChipAnnounced.gpus is filled"),
    (put("h100e", FILLED, float("nan")), "h100e is nan"),
    (put("end_day", FILLED, 2**31 - 1), "end_day 2147483647 is no day from 1900 to 2200"),
    (put("start_day", FILLED, -(2**31)), "start_day -2147483648 is no day from 1900 to 2200"),
    (lambda columns: columns["day"].__setitem__(slice(None), [2**31 - 1] * len(WHOLE)), "day 2147483647 is no day"),
]


@pytest.mark.parametrize(("change", "said"), BROKEN, ids=[said for _, said in BROKEN])
def test_a_log_that_breaks_a_rule_is_refused(change: Change, said: str) -> None:
    assert said in read(changed(change))


def test_a_null_in_the_envelope_is_refused() -> None:
    arrays = [WHOLE.column(name) for name in WHOLE.schema.names]
    arrays[5] = pa.array([None, *WHOLE.column("actor").to_pylist()[1:]], pa.utf8())
    assert "null in the envelope" in read(pa.RecordBatch.from_arrays(arrays, schema=WHOLE.schema))


def second(**columns: object) -> pa.RecordBatch:
    after = run(1, 3, seed=1)[0][1:2]
    moved = [msgspec.structs.replace(one, seq=len(WHOLE), day=START_DAY + 14, cause_seq=0, root_seq=0) for one in after]
    return changed(lambda kept: kept.update({name: [value] for name, value in columns.items()}), encode([moved], 61, 1))


def test_days_do_not_fall_and_runs_do_not_go_on_after_their_end_from_commit_to_commit() -> None:
    ended = WHOLE
    going = WHOLE.slice(0, 60)
    assert len(ended) == 61
    assert "events after RunEnded" in read(ended, second())
    assert "day falls before seq 60" in read(compact(going), second(seq=60, day=1))
    assert read(compact(going), second(seq=60)) == ""


def test_commits_that_unpack_to_far_more_than_their_bytes_are_refused_by_their_sum(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each commit is within the limits of one; all rows are alike, so that they take few bytes."""
    monkeypatch.setattr(unpack, "PLAIN_TOTAL_MIN", 2**20)
    kind, rows, commits = EVENTS["VolumeReached"], 10_000, []
    for number in range(9):
        columns, first = {"chip": ["c"] * rows, "supplier": ["s"] * rows}, number * rows
        batch = Rows(kind, first, START_DAY, ["world"] * rows, [-1] * rows, list(range(first, first + rows)), columns)
        commits.append(encode([batch], first, number))
    assert read(commits[0]) == ""
    monkeypatch.setattr(unpack, "PLAIN_RATIO_MAX", 20)
    assert "when decompressed (at most 20x)" in read(*commits)


@pytest.mark.parametrize("slab_bytes", [unpack.SLAB_BYTES, 2_000])
def test_columns_that_cannot_be_decompressed_are_refused_however_many_are_decoded_together(
    slab_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpack, "SLAB_BYTES", slab_bytes)
    assert outcome(FORGER.run(FORGER.message)) == ""
    first = FORGER.commit.meta_bytes + 8  # behind the declared size of the first column
    assert "ZSTD" in outcome(FORGER.run(FORGER.patched(first, "<I", 0)))


def compact(batch: pa.RecordBatch) -> pa.RecordBatch:
    return changed(lambda columns: None, batch)


def test_booleans_keep_their_bits() -> None:
    data, valid = np.array([True, False, True]), np.array([True, True, False])
    column = fixed(data, "bool", valid)
    assert column.to_pylist() == [True, False, None]
    assert raw_values(column)[valid_rows(column)].tolist() == [True, False]
    assert set(ARROW) - {"utf8"} == set(NUMPY)


def test_a_writer_takes_rows_and_events_alike(tmp_path: Path) -> None:
    payments = [
        one for one in (entry for week in run(30, 40) for entry in week) if type(one.event).__name__ == "PaymentMade"
    ]
    heads = []
    for name in ("events", "rows"):
        with LogWriter.create(tmp_path / name, manifest(), SCENARIO) as log:
            log.commit_events = 5
            first, *rest = WEEKS[0]
            log.append(first)
            placed = [
                msgspec.structs.replace(one, seq=seq, day=START_DAY, cause_seq=0, root_seq=0)
                for seq, one in enumerate(payments, 1)
            ]
            if name == "events":
                for one in placed:
                    log.append(one)
            else:
                kind = EVENTS["PaymentMade"]
                columns = {field: [getattr(one.event, field) for one in placed] for field in kind.__struct_fields__}
                actors, zeros = [one.actor for one in placed], [0] * len(placed)
                log.append_rows(Rows(kind, 1, START_DAY, actors, zeros, zeros, columns))
            for seq, one in enumerate(rest, log.next_seq):
                log.append(msgspec.structs.replace(one, seq=seq, cause_seq=0, root_seq=0))
            log.close_week()
            log.finish()
        heads.append(open_log(tmp_path / name).head)
    assert heads[0] == heads[1]


def test_a_disk_that_takes_nothing_is_full() -> None:
    class Full(Disk):
        def write(self, descriptor: int, data: bytes) -> int:
            return 0

    with pytest.raises(OSError, match="no more bytes"):
        write_all(Full(), -1, b"data")


def test_the_manifest_must_describe_the_scenario(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="another scenario"):
        LogWriter.create(tmp_path / "r", manifest(), "name: other\n")


def test_a_run_that_cannot_be_sealed_can_be_taken_up(tmp_path: Path) -> None:
    class NoNames(Disk):
        def rename(self, old: Path, new: Path) -> None:
            if new.suffix == ".arrow":
                raise OSError(5, "Input/output error")
            super().rename(old, new)

    log = LogWriter.create(tmp_path / "r", manifest(), SCENARIO, NoNames())
    with pytest.raises(WriteFailed, match=r"Input/output error; what was acknowledged is safe \(commits: 1\), resume"):
        feed(log, WEEKS)
    with pytest.raises(WriteFailed, match="is safe"):
        log.finish()


def test_more_type_names_than_a_short_number_counts_are_refused() -> None:
    rows = 40_000
    wide = pa.Table.from_batches([WHOLE.slice(0, 1)] * rows).combine_chunks().to_batches()[0]
    columns = {name: wide.column(name) for name in wide.schema.names}
    columns |= {
        "seq": pa.array(range(rows)),
        "root_seq": pa.array(range(rows)),
        "type": pa.array([f"Rumour{n}" for n in range(rows)]),
    }
    batch = pa.RecordBatch.from_arrays([columns[name] for name in wide.schema.names], schema=wide.schema)
    assert "'Rumour0' version 1 is no event" in read(batch)
