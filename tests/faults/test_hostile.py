"""Logs from elsewhere: made to crash, to escape, to fill the memory or to hang. One line, and nothing changes."""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec
import pyarrow as pa
import pytest

from events import LogDamaged, LogError, LogForeign, LogWriter, Manifest, open_log, resume, segment, verify
from events.errors import Problem
from events.manifest import Segment, signed
from events.schema import log_schema
from market.commands.errors import code_of
from tests.events.sample import SCENARIO, feed, manifest, run
from tests.faults.forge import BODY_LENGTH, Forger, forgeries, outcome

FORGER = Forger()


def columns(change: Callable[[list[pa.Field]], object]) -> bytes:
    fields = list(log_schema())
    change(fields)
    return segment.preface(pa.schema(fields))


def deep(levels: int) -> pa.DataType:
    kind: pa.DataType = pa.int64()
    for _ in range(levels):
        kind = pa.list_(kind)
    return kind


def test_the_forger_makes_logs_that_read_when_it_changes_nothing() -> None:
    assert outcome(FORGER.run(FORGER.message)) == ""


def node(index: int, *values: int) -> bytes:
    return FORGER.patched(FORGER.vector_at(1) + 16 * index, "<qq", *values)


def buffer(index: int, *values: int) -> bytes:
    return FORGER.patched(FORGER.vector_at(2) + 16 * index, "<qq", *values)


def declared(index: int, size: int) -> bytes:
    at = FORGER.vector_at(2) + 16 * index
    (offset,) = struct.unpack_from("<q", FORGER.message, at)
    return FORGER.patched(FORGER.commit.meta_bytes + offset, "<q", size)


def both_outside() -> bytes:
    return FORGER.patched(FORGER.vector_at(2) + 16 * 3, "<qqqq", 2**48, 8, 2**48 + 8, 8)


HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "a bomb: a buffer that declares a terabyte": (lambda: declared(1, 2**40), "bytes when decompressed"),
    "a bomb: a buffer that declares more than its rows": (lambda: declared(1, 2**20), "do not call for"),
    "a buffer of negative size": (lambda: declared(1, -7), "negative size"),
    "a body longer than the file": (lambda: FORGER.patched(FORGER.field_at(BODY_LENGTH), "<q", 2**40), "body of"),
    "a body of negative length": (lambda: FORGER.patched(FORGER.field_at(BODY_LENGTH), "<q", -8), "body of"),
    "metadata of two gigabytes": (lambda: FORGER.patched(4, "<i", 2**31 - 8), "metadata of"),
    "metadata of negative length": (lambda: FORGER.patched(4, "<i", -8), "metadata of"),
    "a column with 2**60 rows": (lambda: node(0, 2**60, 0), "do not call for"),
    "a column with -1 nulls": (lambda: node(0, len(FORGER.message), -1), "do not call for"),
    "nulls that are not there": (lambda: node(8, FORGER.commit.rows, 1), ""),
    "a buffer outside the body": (lambda: buffer(3, 2**50, 8), "outside its body"),
    "two buffers outside the body": (lambda: both_outside(), "outside its body"),
    "buffers that overlap": (lambda: buffer(3, 0, 16), "outside its body"),
    "a table that points nowhere": (lambda: FORGER.patched(8, "<I", 2**31), "offset points"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_forged_commit_is_refused(name: str) -> None:
    make, said = HOSTILE[name]
    message = outcome(FORGER.run(make()))
    assert message
    assert said in message
    assert "\n" not in message


@pytest.mark.parametrize(
    "head",
    [
        columns(lambda fields: fields.pop()),
        columns(lambda fields: fields.append(pa.field("payload", pa.binary()))),
        columns(lambda fields: fields.__setitem__(8, fields[8].with_type(pa.large_utf8()))),
        columns(lambda fields: fields.__setitem__(8, fields[8].with_type(pa.dictionary(pa.int32(), pa.utf8())))),
        columns(lambda fields: fields.__setitem__(8, fields[8].with_type(deep(60)))),
        columns(lambda fields: fields.__setitem__(8, fields[8].with_type(deep(2000)))),
        columns(lambda fields: fields.reverse()),
        b"PK\x03\x04 no arrow",
        b"",
    ],
    ids=["fewer", "more", "other type", "dictionary", "nested", "nested deeply", "reversed", "zip", "empty"],
)
def test_another_schema_is_refused(head: bytes) -> None:
    message = outcome(FORGER.run(FORGER.message, head))
    assert message
    assert "\n" not in message


def test_forged_bytes_are_refused_or_read_and_never_crash() -> None:
    assert forgeries(600, seed=1).wrong == []


# --- files that are no files ------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    log = LogWriter.create(tmp_path / "r", manifest(), SCENARIO)
    log.commit_events, log.segment_commits = 20, 1
    with log:
        feed(log, run(4, 30)[:3], finish=False)
    return tmp_path / "r"


def refused(folder: Path) -> str:
    """The message of the refusal, the same to readers, verifiers and writers; nothing changes."""
    before = sorted((str(path), os.lstat(path).st_size, os.lstat(path).st_ino) for path in folder.rglob("*"))
    said = []
    for attempt in (lambda: list(open_log(folder).entries()), lambda: resume(folder).close()):
        with pytest.raises(LogError) as caught:
            attempt()
        said.append(str(caught.value))
        assert "\n" not in said[-1]
    with suppress(LogError):
        assert not verify(folder).ok
    assert before == sorted((str(path), os.lstat(path).st_size, os.lstat(path).st_ino) for path in folder.rglob("*"))
    return said[0]


@pytest.mark.parametrize("name", ["run.json", "log/00000000.arrow", "log/00000002.arrow.live"])
def test_a_symbolic_link_in_place_of_a_file_is_refused(folder: Path, name: str) -> None:
    (folder / name).rename(folder.parent / "elsewhere")
    (folder / name).symlink_to(folder.parent / "elsewhere")
    assert "symbolic link" in refused(folder)


def test_a_symbolic_link_in_place_of_the_log_is_refused(folder: Path) -> None:
    (folder / "log").rename(folder.parent / "elsewhere")
    (folder / "log").symlink_to(folder.parent / "elsewhere")
    assert "symbolic link" in refused(folder)


@pytest.mark.parametrize("name", ["run.json", "log/00000002.arrow.live"])
def test_a_pipe_does_not_hang_a_reader(folder: Path, name: str) -> None:
    (folder / name).unlink()
    os.mkfifo(folder / name)
    assert "no plain file" in refused(folder)


@pytest.mark.parametrize(("name", "size"), [("run.json", 2**30), ("log/00000002.arrow.live", 2**31)])
def test_a_file_over_the_limits_is_not_read(folder: Path, name: str, size: int) -> None:
    os.truncate(folder / name, size)
    assert "at most" in refused(folder)


def rewrite(folder: Path, **changes: object) -> None:
    known = open_log(folder).manifest
    (folder / "run.json").write_bytes(msgspec.structs.replace(known, **changes).to_json())


def test_a_path_that_leaves_the_folder_is_refused(folder: Path) -> None:
    first: Segment = open_log(folder).manifest.segments[0]
    rewrite(folder, segments=[msgspec.structs.replace(first, file="../../../etc/passwd")])
    assert "segment 0 is '../../../etc/passwd'" in refused(folder)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[" * 1_000_000,
        b'{"a":' * 100_000,
        b'{"format": 1}',
        b'{"format": "1"}',
        b"[]",
        b"\xff\xfe",
        b'{"format": 1e400}',
        b'{"format": 1, "sha256": "00"}',
    ],
)
def test_a_manifest_that_is_none_is_refused(folder: Path, data: bytes) -> None:
    (folder / "run.json").write_bytes(data)
    assert refused(folder)


@pytest.mark.parametrize(("key", "value"), [("seed", "one"), ("segments", [1]), ("more", 1), ("packages", {"a": 1})])
def test_a_manifest_with_other_content_is_refused(folder: Path, key: str, value: object) -> None:
    content = msgspec.to_builtins(open_log(folder).manifest) | {key: value}
    (folder / "run.json").write_bytes(signed(content))
    assert refused(folder)


# --- damage -----------------------------------------------------------------------------------------------------


def damage(folder: Path, name: str, at: int) -> None:
    data = bytearray((folder / name).read_bytes())
    data[at] ^= 1
    (folder / name).write_bytes(data)


def test_damage_in_a_sealed_segment_names_segment_commit_and_byte(folder: Path) -> None:
    commit = next(iter(open_log(folder).walk())).scan.commits[0]
    damage(folder, "log/00000000.arrow", commit.offset + commit.meta_bytes + 8)
    said = refused(folder)
    assert f"00000000.arrow, commit 0, byte {commit.offset}: its hash does not hold; restore" in said
    with pytest.raises(LogDamaged) as caught:
        open_log(folder).summary  # noqa: B018
    assert code_of(caught.value) == 3


def test_a_missing_segment_is_named(folder: Path) -> None:
    (folder / "log/00000001.arrow").unlink()
    assert "00000001.arrow, commit 1: missing" in refused(folder)


def test_a_segment_of_another_run_does_not_follow(folder: Path, tmp_path: Path) -> None:
    other = LogWriter.create(tmp_path / "o", Manifest.describe(SCENARIO, 1), SCENARIO)
    other.commit_events, other.segment_commits = 20, 1
    with other:
        feed(other, run(4, 30)[:3], finish=False)
    name = "log/00000002.arrow.live"
    (folder / name).write_bytes((tmp_path / "o" / name).read_bytes())
    assert "does not follow" in refused(folder)


def test_another_scenario_is_noticed(folder: Path) -> None:
    (folder / "scenario.yaml").write_text("name: other\n")
    assert "scenario.yaml" in str(verify(folder).problems[0])
    with pytest.raises(LogDamaged, match="not the scenario"):
        resume(folder)


def test_a_zero_tail_is_set_aside(folder: Path) -> None:
    live = folder / "log/00000002.arrow.live"
    good = live.read_bytes()
    live.write_bytes(good + bytes(4096))
    assert not verify(folder).ok
    resume(folder).close()
    assert live.read_bytes() == good
    assert [path.stat().st_size for path in folder.glob("log/*.torn-*")] == [4096]
    assert verify(folder).ok


@pytest.mark.parametrize("tail", [b"\xff" * 2**24, segment.MARK + struct.pack("<i", 64) + bytes(8) * 2**21])
def test_a_tail_made_to_look_like_commits_costs_little(folder: Path, tail: bytes) -> None:
    live = folder / "log/00000002.arrow.live"
    live.write_bytes(live.read_bytes() + tail)
    started = time.process_time()
    assert not verify(folder).ok
    assert time.process_time() - started < 5


def test_foreign_exit_codes_are_1_and_damage_is_3() -> None:
    problem = Problem("00000000.arrow", -1, -1, "what it is")
    assert code_of(LogForeign(problem)) == 1
    assert code_of(LogDamaged(problem)) == 3
