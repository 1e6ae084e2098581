"""Bytes below the log: disks that take a part, numbers in heads of commits, sizes that a forger declares."""

from __future__ import annotations

import errno
import os
import struct
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from events import (
    EVENTS,
    Entry,
    EventInvalid,
    LogExists,
    MemoryLog,
    clear,
    disk,
    flat,
    open_log,
    resume,
    segment,
    verify,
)  # fmt: skip
from events.disk import Disk
from events.flat import Batch, Malformed
from events.layout import write_all
from events.rows import Rows
from events.segment import _count
from events.unpack import _plain_sizes
from tests.events.sample import START_DAY, feed, manifest, run
from tests.events.test_log_writer import files, writer


class Sips(Disk):
    """A disk that takes a few bytes of each write, as one that is interrupted may."""

    def write(self, descriptor: int, data: bytes | memoryview) -> int:
        return super().write(descriptor, bytes(data[:999]))


class Full(Disk):
    """A disk that takes no more."""

    def write(self, descriptor: int, data: bytes | memoryview) -> int:
        return 0


class Watched(Disk):
    """A disk that knows which bytes and which names a power cut could still take away."""

    def __init__(self) -> None:
        self.paths: dict[int, Path] = {}
        self.bytes: set[Path] = set()
        self.names_in: set[Path] = set()

    def mkdir(self, path: Path) -> None:
        super().mkdir(path)
        self.names_in.add(path.parent)

    def open_new(self, path: Path) -> int:
        descriptor = super().open_new(path)
        self.paths[descriptor] = path
        self.names_in.add(path.parent)
        return descriptor

    def open_end(self, path: Path) -> int:
        descriptor = super().open_end(path)
        self.paths[descriptor] = path
        self.names_in.add(path.parent)  # nobody knows whether its name reached the disk
        return descriptor

    def write(self, descriptor: int, data: bytes) -> int:
        self.bytes.add(self.paths[descriptor])
        return super().write(descriptor, data)

    def sync(self, descriptor: int) -> None:
        super().sync(descriptor)
        self.bytes.discard(self.paths[descriptor])

    def sync_folder(self, path: Path) -> None:
        super().sync_folder(path)
        self.names_in.discard(path)

    def rename(self, old: Path, new: Path) -> None:
        assert old not in self.bytes, "a name before its content"
        super().rename(old, new)
        self.names_in.add(new.parent)


def test_what_is_acknowledged_is_on_disk_with_its_name(tmp_path: Path) -> None:
    disk = Watched()
    log = writer(tmp_path / "runs" / "r", disk)
    assert (disk.bytes, disk.names_in) == (set(), set())
    acknowledged = []

    def check() -> None:
        assert (disk.bytes, disk.names_in) == (set(), set())
        acknowledged.append(log.commits)

    feed(log, run(weeks=20, events_a_week=40), check)
    assert acknowledged[-1] > 4  # commits, in more than two segments
    assert len(log.manifest.segments) > 2


def test_a_run_that_is_taken_up_has_the_name_of_its_open_segment_on_disk(tmp_path: Path) -> None:
    weeks = run(weeks=20, events_a_week=40)
    with writer(tmp_path / "r") as log:
        feed(log, weeks[:4], finish=False)
    disk = Watched()
    with resume(tmp_path / "r", disk) as log:
        assert disk.paths
        assert (disk.bytes, disk.names_in) == (set(), set())
        feed(log, weeks)
    assert (disk.bytes, disk.names_in) == (set(), set())


def test_what_was_logged_is_never_changed() -> None:
    entry = run(1, 5)[0][0]
    for name in Entry.__struct_fields__:
        with pytest.raises(AttributeError):
            setattr(entry, name, None)


def test_a_disk_that_takes_a_part_of_each_write_holds_the_same_run(tmp_path: Path) -> None:
    weeks = run(weeks=6, events_a_week=40)
    feed(writer(tmp_path / "gulps"), weeks)
    feed(writer(tmp_path / "sips", Sips()), weeks)
    assert files(tmp_path / "gulps") == files(tmp_path / "sips")


def test_a_disk_that_takes_nothing_is_full(tmp_path: Path) -> None:
    descriptor = os.open(tmp_path / "file", os.O_CREAT | os.O_WRONLY)
    with pytest.raises(OSError, match="took no more") as caught:
        write_all(Full(), descriptor, b"data")
    assert caught.value.errno == errno.ENOSPC
    write_all(Full(), descriptor, b"")
    os.close(descriptor)


@pytest.mark.parametrize("text", ["0", "17", "9" * 18])
def test_a_number_in_the_head_of_a_commit_is_read(text: str) -> None:
    head = cast(Batch, SimpleNamespace(meta={"rows": (text, 0)}))
    assert _count(head, "rows") == int(text)


@pytest.mark.parametrize("text", ["", "-1", "1e3", "1.0", " 1", "9" * 19, "0" * 19])
def test_what_is_no_number_of_18_digits_is_refused(text: str) -> None:
    head = cast(Batch, SimpleNamespace(meta={"rows": (text, 0)}))
    with pytest.raises(Malformed, match="rows is missing"):
        _count(head, "rows")
    with pytest.raises(Malformed, match="commit is missing"):
        _count(head, "commit")


def sizes(*parts: tuple[int, int]) -> Any:
    """Sizes of buffers that follow each other: what each declares, and how many bytes it has behind that."""
    body, buffers = b"", []
    for declared, length in parts:
        buffers.append((len(body), 8 + length))
        body += struct.pack("<q", declared) + bytes(length)
    return _plain_sizes(body, buffers).tolist()


def test_a_buffer_has_the_size_that_it_declares_or_its_own_where_it_is_not_compressed() -> None:
    assert sizes((1000, 24), (-1, 24), (0, 8)) == [1000, 24, 0]
    assert _plain_sizes(b"", [(0, 0)]).tolist() == [0]
    with pytest.raises(Malformed, match="negative size"):
        sizes((-2, 8))


@pytest.mark.parametrize("buffers", [[(0, 7)], [(0, 33)], [(-8, 16)], [(40, 8)], [(0, 24), (16, 8)], [(0, -8)]])
def test_a_buffer_outside_its_body_is_refused(buffers: list[tuple[int, int]]) -> None:
    with pytest.raises(Malformed, match="outside its body"):
        _plain_sizes(bytes(32), buffers)


def test_the_search_for_a_commit_behind_a_fault_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of nothing but marks of messages is refused after a number of looks that goes with its length."""
    looks: list[int] = []

    def look(data: bytes, offset: int) -> None:
        looks.append(offset)
        raise Malformed("its hash does not hold" if is_dear else "no message")

    monkeypatch.setattr(segment, "read_commit", look)
    monkeypatch.setattr(segment, "BODY_BYTES_MAX", 0)
    is_dear, data = False, b"\xff" * 2**18
    assert segment._whole_commit_after(data, 0)
    assert looks == [8 * n for n in range(2 * 2**18 // 4096)]
    is_dear = True
    looks.clear()
    assert segment._whole_commit_after(data, 100)
    assert looks == [96, 104]
    assert not segment._whole_commit_after(bytes(2**18), 0)


def test_a_lock_that_was_replaced_by_a_link_to_it_is_not_the_one_that_is_held(tmp_path: Path) -> None:
    lock, other = tmp_path / "LOCK", tmp_path / "other"
    descriptor = os.open(lock, os.O_CREAT | os.O_RDWR)
    assert disk._is_still(lock, descriptor)
    lock.rename(other)
    assert not disk._is_still(lock, descriptor)
    lock.symlink_to(other)
    assert not disk._is_still(lock, descriptor)
    os.close(descriptor)


@pytest.mark.parametrize("where", [".", "log"])
def test_a_run_is_cleared_whole_or_not_at_all(tmp_path: Path, where: str) -> None:
    folder = tmp_path / "r"
    feed(writer(folder), run(weeks=6, events_a_week=40))
    before = files(folder)
    (folder / where / "letter.txt").write_text("mine")
    with pytest.raises(LogExists, match=r"letter\.txt"):
        clear(folder)
    assert files(folder).items() > before.items()
    (folder / where / "letter.txt").unlink()
    clear(folder)
    assert list(files(folder)) == ["LOCK"]
    clear(folder, lock_too=True)
    assert files(folder) == {}
    feed(writer(folder), run(weeks=6, events_a_week=40))
    assert files(folder) == before


def test_a_footer_that_is_not_whole_is_torn_unless_a_whole_commit_lies_behind_it(tmp_path: Path) -> None:
    folder = tmp_path / "r"
    feed(writer(folder), run(weeks=8, events_a_week=40))
    first, second = sorted((folder / "log").iterdir())[:2]
    data, place = first.read_bytes(), segment.Place(manifest().genesis(), 0, 0)
    whole = segment.scan(data, first.name, place)
    assert (whole.sealed, whole.problem, whole.good_bytes) == (True, None, len(data))
    ends = whole.commits[-1].end
    for length in (*range(ends + 8, len(data), 97), len(data) - 1):
        cut = segment.scan(data[:length], first.name, place)
        assert cut.problem is not None
        assert (cut.sealed, cut.is_torn, cut.good_bytes, cut.commits) == (False, True, ends, whole.commits)
    behind = data + bytes(-len(data) % 8) + second.read_bytes()
    assert not segment.scan(behind, first.name, place).is_torn
    between = data[:ends] + bytes(8) + data[ends - whole.commits[-1].body_bytes - whole.commits[-1].meta_bytes :]
    found = segment.scan(between, first.name, place)
    assert (found.is_torn, found.commits) == (False, whole.commits)


def rows(first_seq: int, day: int = START_DAY) -> Rows:
    kind = EVENTS["VolumeReached"]
    return Rows(kind, first_seq, day, ["a", "b"], [-1, 0], [first_seq, 0], {"chip": ["x", "y"], "supplier": ["s", "t"]})


def test_rows_are_events_wherever_they_are_kept(tmp_path: Path) -> None:
    disk_log, memory = writer(tmp_path / "r"), MemoryLog()
    for log in (disk_log, memory):
        log.append_rows(rows(0))
        log.append_rows(rows(2))
        with pytest.raises(EventInvalid, match="seq 3 where 4 comes next"):
            log.append_rows(rows(3))
        assert log.next_seq == 4
        log.close_week()
    disk_log.finish()
    kept = list(memory.entries())
    assert [entry.seq for entry in kept] == [0, 1, 2, 3]
    assert [(entry.actor, entry.cause_seq, entry.event.chip) for entry in kept[:2]] == [("a", -1, "x"), ("b", 0, "y")]  # type: ignore[attr-defined]
    assert list(open_log(tmp_path / "r").entries()) == kept
    memory.append_rows(rows(4, START_DAY + 1))
    with pytest.raises(EventInvalid, match="days never fall"):
        memory.append_rows(rows(6, START_DAY))


@pytest.mark.parametrize("codec", ["lz4", "zstd"])
def test_commits_of_both_compressions_of_arrow_are_read(
    tmp_path: Path, codec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segment, "CODEC", codec)
    weeks = run(weeks=6, events_a_week=40)
    feed(writer(tmp_path / "r"), weeks)
    monkeypatch.undo()
    assert list(open_log(tmp_path / "r").entries()) == [entry for week in weeks for entry in week]
    assert verify(tmp_path / "r").ok
    assert (flat.LZ4_FRAME, flat.ZSTD) == (0, 1)  # as Arrow's `CompressionType` numbers them
