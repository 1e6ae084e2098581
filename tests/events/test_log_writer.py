"""A run folder: one writer, many readers, the same bytes every time."""

from __future__ import annotations

import hashlib
import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import msgspec
import polars as pl
import pyarrow as pa
import pytest

from events import (
    CodeChanged,
    EventInvalid,
    LogComplete,
    LogExists,
    LogLocked,
    LogMissing,
    LogWriter,
    Manifest,
    MemoryLog,
    Parent,
    WriteFailed,
    open_log,
    verify,
)
from events import (
    resume as recover,
)
from events.disk import Disk
from events.flat import Malformed, Table
from events.segment import read_preface
from market.commands.errors import code_of
from tests.events.sample import SCENARIO, START_DAY, entries, feed, manifest, run

WEEKS = run(weeks=20, events_a_week=40)
COUNT = sum(map(len, WEEKS))


def writer(folder: Path, disk: Disk | None = None) -> LogWriter:
    made = LogWriter.create(folder, manifest(), SCENARIO, disk)
    made.commit_events, made.segment_commits = 100, 2
    return made


def resume(folder: Path) -> LogWriter:
    made = recover(folder)
    made.commit_events, made.segment_commits = 100, 2
    return made


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("log") / "runs" / "whole"
    feed(writer(folder), WEEKS)
    return folder


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_run_reads_as_it_was_written(whole: Path) -> None:
    log = open_log(whole)
    assert list(log.entries()) == list(entries(WEEKS))
    assert log.complete
    assert log.summary.events == COUNT
    assert log.scenario_text == SCENARIO


def test_the_scenario_of_thousands_of_orgs_is_read_back(tmp_path: Path) -> None:
    text = "# " + "x" * 25_000_000
    LogWriter.create(tmp_path / "run", Manifest.describe(text, 0), text).close()
    assert open_log(tmp_path / "run").scenario_text == text


def test_reading_until_a_day_stops_there(whole: Path) -> None:
    day = START_DAY + 7 * 9
    assert list(open_log(whole).entries(until_day=day + 6)) == [e for e in entries(WEEKS) if e.day <= day]
    assert list(open_log(whole).entries(until_day=START_DAY - 1)) == []


def test_a_commit_closes_at_the_first_week_with_enough_events(whole: Path) -> None:
    table = pl.scan_ipc(whole / "log" / "*.arrow").collect()
    ends = table.group_by("commit").agg(pl.col("seq").max(), pl.len()).sort("commit")
    assert ends["seq"].to_list()[:-1] == [WEEKS[n][-1].seq for n in (2, 5, 8, 11, 14, 17)]
    assert all(size >= 100 for size in ends["len"].to_list()[:-1])


def test_sealed_segments_open_in_polars_and_pyarrow_without_our_code(whole: Path) -> None:
    table = pl.scan_ipc(whole / "log" / "*.arrow").filter(pl.col("type") == "LeaseSigned").collect()
    wanted = [e for e in entries(WEEKS) if type(e.event).__name__ == "LeaseSigned"]
    assert table["seq"].to_list() == [e.seq for e in wanted]
    assert table["lease_id"].to_list() == [e.event.lease_id for e in wanted]  # type: ignore[attr-defined]
    file = pa.ipc.open_file(whole / "log" / "00000000.arrow")
    assert file.num_record_batches == 2
    assert file.schema.field("gpus").metadata[b"meaning"]


def test_scan_holds_sealed_and_live_segments(tmp_path: Path) -> None:
    log = writer(tmp_path / "r")
    assert open_log(tmp_path / "r").scan().collect().height == 0
    feed(log, WEEKS[:9], finish=False)
    assert open_log(tmp_path / "r").scan().collect()["seq"].to_list() == list(range(log.next_seq - log.pending))


def test_the_chain_is_what_the_documentation_says(whole: Path) -> None:
    """An independent reading of the bytes: pyarrow for the metadata, hashlib for the chain."""
    asked = json.loads((whole / "run.json").read_bytes())
    origin = {"format": 2, "parent": None, "policies": [], "scenario": asked["scenario"], "seed": 0}
    chain = hashlib.sha256(json.dumps(origin, separators=(",", ":"), sort_keys=True).encode()).hexdigest()
    for listed in asked["segments"]:
        assert listed["chain_in"] == chain
        data = (whole / "log" / listed["file"]).read_bytes()
        assert hashlib.sha256(data).hexdigest() == listed["sha256"]
        reader = pa.ipc.open_file(pa.py_buffer(data))
        schema_end = 16 + int.from_bytes(data[12:16], "little")
        chain, offset = hashlib.sha256(chain.encode() + data[:schema_end]).hexdigest(), schema_end
        for index in range(reader.num_record_batches):
            meta = reader.get_batch_with_custom_metadata(index).custom_metadata
            source = pa.BufferReader(data[offset:])
            pa.ipc.read_message(source)
            message = data[offset : offset + source.tell()]
            stored = meta[b"chain"]
            assert message.count(stored) == 1
            chain = hashlib.sha256(chain.encode() + message.replace(stored, b"0" * 64)).hexdigest()
            assert stored.decode() == chain
            offset += len(message)
        assert listed["chain_out"] == chain
    assert open_log(whole).head == chain


@pytest.mark.parametrize("stop", [0, 1, 2, 3, 8, 9, 19])
def test_a_run_taken_up_again_ends_in_the_same_bytes(whole: Path, tmp_path: Path, stop: int) -> None:
    folder = tmp_path / "r"
    with writer(folder) as log:
        feed(log, WEEKS[:stop], finish=False)
    with resume(folder) as log:
        feed(log, WEEKS)
    assert files(folder) == files(whole)


PROGRAM = """
import sys
from pathlib import Path
from tests.events.test_log_writer import WEEKS, writer
from tests.events.sample import feed
log = writer(Path(sys.argv[1])); feed(log, WEEKS); print(log.head)
"""


@pytest.mark.parametrize(("hash_seed", "threads"), [("1", "1"), ("2", "4")])
def test_another_process_writes_the_same_bytes(whole: Path, tmp_path: Path, hash_seed: str, threads: str) -> None:
    env = os.environ | {"PYTHONHASHSEED": hash_seed, "OMP_NUM_THREADS": threads, "PYTHONPATH": os.getcwd()}
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "r")]
    head = subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout.strip()
    assert head == open_log(whole).head
    assert files(tmp_path / "r" / "log") == files(whole / "log")


def test_a_second_writer_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "r"
    with writer(folder):
        with pytest.raises(LogLocked, match="another process writes"):
            recover(folder)
        with pytest.raises(LogLocked):
            writer(folder)
    recover(folder).close()


def test_a_writer_that_makes_the_folder_in_the_same_instant_is_told_of_the_other(tmp_path: Path) -> None:
    folder, others = tmp_path / "r", []

    class Slow(Disk):
        def mkdir(self, path: Path) -> None:
            if not others:
                others.append(writer(folder))
            super().mkdir(path)

    with pytest.raises(LogLocked, match="another process writes a run here; wait until it is over, or take another"):
        LogWriter.create(folder, manifest(), SCENARIO, Slow())
    others[0].close()


def test_a_folder_with_something_in_it_is_not_taken(whole: Path, tmp_path: Path) -> None:
    before = files(whole)
    with pytest.raises(LogExists, match="holds a run"):
        writer(whole)
    assert files(whole) == before
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(LogExists, match="contains other files"):
        writer(tmp_path)
    with pytest.raises(LogExists, match="in the way"):
        writer(tmp_path / "notes.txt")


def test_where_nothing_can_be_written_one_line_says_so(tmp_path: Path) -> None:
    with pytest.raises(WriteFailed, match="cannot make a run here") as caught:
        writer(Path("/proc/run"))
    assert code_of(caught.value) == 1


def test_a_finished_run_is_not_taken_up(whole: Path) -> None:
    before = files(whole)
    with pytest.raises(LogComplete):
        recover(whole)
    assert files(whole) == before


def test_other_code_or_libraries_cannot_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "r"
    writer(folder).close()
    monkeypatch.setattr("events.manifest.packages", lambda: {"numpy": "1.0"})
    with pytest.raises(CodeChanged, match="numpy"):
        recover(folder)
    monkeypatch.setattr("events.manifest.code_hash", lambda: "f" * 64)
    with pytest.raises(CodeChanged, match="other code"):
        recover(folder)
    assert verify(folder).ok


def test_a_closed_or_failed_writer_writes_no_more(tmp_path: Path) -> None:
    log = writer(tmp_path / "r")
    log.close()
    log.close()
    for entry in WEEKS[0]:
        log.append(entry)
    with pytest.raises(WriteFailed, match="closed"):
        log.finish()


def test_an_event_out_of_order_is_refused(tmp_path: Path) -> None:
    for log in (writer(tmp_path / "r"), MemoryLog()):
        with pytest.raises(EventInvalid, match="seq 1 where 0 comes next"):
            log.append(WEEKS[0][1])


@pytest.mark.parametrize(("day", "holds"), [(2, False), (3, True)])
def test_a_commit_begins_on_no_day_before_the_last_of_the_one_before(tmp_path: Path, day: int, holds: bool) -> None:
    log = writer(tmp_path / "r")
    log.commit_events = 1
    for at, later in enumerate((0, 3)):
        log.append(msgspec.structs.replace(WEEKS[0][at], day=START_DAY + later))
    log.close_week()
    assert log.last_day == START_DAY + 3
    log.append(msgspec.structs.replace(WEEKS[0][2], day=START_DAY + day))
    if holds:
        log.close_week()
        assert log.last_day == START_DAY + 3
    else:
        with pytest.raises(EventInvalid, match="day falls before seq 2"):
            log.close_week()
    log.close()


def test_events_that_cannot_be_written_leave_the_log_as_it_was(tmp_path: Path) -> None:
    log = writer(tmp_path / "r")
    feed(log, WEEKS[:3], finish=False)
    log.append(msgspec.structs.replace(WEEKS[3][0], day=0))
    with pytest.raises(EventInvalid):
        log.finish()
    log.close()
    assert verify(tmp_path / "r").ok
    assert open_log(tmp_path / "r").summary.events == WEEKS[2][-1].seq + 1


def test_a_fork_has_another_chain_and_the_same_code_asks_the_same(tmp_path: Path) -> None:
    parent = Parent("base", 10, "ab" * 32)
    fork = Manifest.describe(SCENARIO, 0, parent=parent)
    assert fork.genesis() != manifest().genesis()
    assert Manifest.describe(SCENARIO, 1).genesis() != manifest().genesis()
    assert Manifest.describe(SCENARIO, 0, ["moratorium"]).genesis() != manifest().genesis()
    LogWriter.create(tmp_path / "f", fork, SCENARIO).close()
    assert open_log(tmp_path / "f").manifest == fork


def test_the_memory_log_keeps_what_it_is_given() -> None:
    log = MemoryLog()
    feed(log, WEEKS)
    assert list(log.entries()) == list(entries(WEEKS))


FOLLOWER = """
import sys
from events import open_log, verify
for _ in sys.stdin:
    found = [entry.seq for entry in open_log(sys.argv[1]).entries()]
    assert found == list(range(len(found)))
    print(len(found), verify(sys.argv[1]).ok, flush=True)
"""


def test_another_process_sees_what_is_committed_and_nothing_else(tmp_path: Path) -> None:
    log = writer(tmp_path / "r")
    command = [sys.executable, "-c", FOLLOWER, str(tmp_path / "r")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as follower:
        assert follower.stdin is not None
        assert follower.stdout is not None
        for count in (1, 3, 8, 12):
            feed(log, WEEKS[:count], finish=False)
            follower.stdin.write("look\n")
            follower.stdin.flush()
            assert follower.stdout.readline().split() == [str(log.next_seq - log.pending), "True"]
        follower.stdin.close()


def test_an_unfinished_write_of_a_writer_at_work_is_no_damage(tmp_path: Path) -> None:
    log = writer(tmp_path / "r")
    feed(log, WEEKS[:3], finish=False)
    with (tmp_path / "r/log/00000000.arrow.live").open("ab") as live:
        live.write(b"\xff\xff\xff\xff half a commit")
    assert verify(tmp_path / "r").ok
    log.close()
    assert not verify(tmp_path / "r").ok
    assert open_log(tmp_path / "r").summary.commits == 1


def test_no_run_is_said_so(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(LogMissing, match=r"no run here|no such run"):
            open_log(folder)
        with pytest.raises(LogMissing):
            verify(folder)
        with pytest.raises(LogMissing):
            recover(folder)


def test_a_runs_files_are_written_by_their_owner_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with LogWriter.create(tmp_path / "run", manifest(), SCENARIO) as writer:
            feed(writer, run(3, 5))
    finally:
        os.umask(before)
    files = [path for path in (tmp_path / "run").rglob("*") if path.is_file()]
    assert {path.name for path in files} >= {"LOCK", "run.json", "scenario.yaml", "00000000.arrow"}
    assert {path.stat().st_mode & 0o777 for path in files} == {0o644}


def test_a_file_cut_before_its_schema_is_told_from_one_that_is_no_arrow_file(whole: Path) -> None:
    data = min((whole / "log").iterdir()).read_bytes()
    for length in range(64):
        said = "no Arrow file begins here" if length < 16 else "the schema is cut off"
        with pytest.raises(Malformed, match=said):
            read_preface(data[:length])
    preface = read_preface(data)
    assert read_preface(preface) == preface
    with pytest.raises(Malformed, match="the schema is cut off"):
        read_preface(preface[:-1])


def test_a_vector_that_says_it_is_longer_than_its_message_is_refused() -> None:
    vtable, root, vector = struct.pack("<HHHxx", 6, 8, 4), struct.pack("<iI", 8, 4), struct.pack("<I", 5) + b"12345"
    whole = vtable + root + vector
    assert Table(whole, 8).vector(0, 1, 64) == (20, 5)
    for data, width, limit in ((whole[:-1], 1, 64), (whole, 2, 64), (whole, 1, 4)):
        with pytest.raises(Malformed, match="a vector is too long"):
            Table(data, 8).vector(0, width, limit)
