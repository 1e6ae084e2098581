"""Bytes below the log: disks that take a part, numbers in heads of commits, sizes that a forger declares."""

from __future__ import annotations

import errno
import os
import struct
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from events import segment
from events.disk import Disk
from events.flat import Batch, Malformed
from events.layout import write_all
from events.segment import _count
from events.unpack import _plain_sizes
from tests.events.sample import feed, run
from tests.events.test_log_writer import files, writer


class Sips(Disk):
    """A disk that takes a few bytes of each write, as one that is interrupted may."""

    def write(self, descriptor: int, data: bytes | memoryview) -> int:
        return super().write(descriptor, bytes(data[:999]))


class Full(Disk):
    """A disk that takes no more."""

    def write(self, descriptor: int, data: bytes | memoryview) -> int:
        return 0


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
