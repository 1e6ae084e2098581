"""A disk in memory that fails on call and forgets, when the power goes, what was not synced.

The model: a write reaches the platter in blocks of 512 bytes, in any order, at the latest with the file's sync. A
name (new, changed, gone) reaches it in the order of changes of its folder, or in any order where a test says so, at the
latest with the folder's sync. After
a failed sync the file reads as written, but what the sync should have saved is never on the platter.
"""

from __future__ import annotations

import errno
import random
from dataclasses import dataclass, field
from pathlib import Path

from events.disk import Disk
from events.errors import LogLocked

BLOCK = 512


@dataclass
class Fault:
    """Fail the `at`-th call that changes the disk (from 1), and all after it when it is for good.

    `code` is an errno; 0 is a short write: half of the bytes are taken and no error is given.
    """

    at: int
    code: int = errno.EIO
    for_good: bool = False


class PowerCut(BaseException):
    """The machine stops: no handler runs after it."""


@dataclass
class File:
    """Bytes as they read, as they are on the platter, and the writes between."""

    data: bytearray = field(default_factory=bytearray)
    platter: bytes = b""
    pending: list[tuple[int, bytes]] = field(default_factory=list)

    def after_power_cut(self, draw: random.Random) -> File:
        """What is left: any of the blocks not synced."""
        left = bytearray(self.platter)
        for offset, data in self.pending:
            for start in range(offset - offset % BLOCK, offset + len(data), BLOCK):
                if draw.random() < 0.5:
                    first, last = max(start, offset), min(start + BLOCK, offset + len(data))
                    left.extend(bytes(max(0, last - len(left))))
                    left[first:last] = data[first - offset : last - offset]
        return File(bytearray(left), bytes(left))


@dataclass(frozen=True)
class Change:
    """One change of names: `file` (None: a folder) appears as `new`, and `old` is gone."""

    old: Path | None
    new: Path | None
    file: File | None = None


class MemoryDisk(Disk):
    """See the module. `calls` counts the calls that change something."""

    def __init__(self, files: dict[Path, File] | None = None, folders: set[Path] | None = None) -> None:
        self.files, self.folders = dict(files or {}), {Path("/"), *(folders or ())}
        self._files, self._folders = dict(self.files), set(self.folders)  # on the platter
        self._changes: list[Change] = []
        self._open: dict[int, File] = {}
        self._locks: dict[int, Path] = {}
        self._next = 3
        self.calls = 0
        self.fault: Fault | None = None
        self.cut_at = 0
        self.any_order = False  # names reach the platter in any order

    # --- faults

    def _call(self, is_write: bool = False) -> bool:
        """Count a call; raise as planned, or say that this write is short."""
        self.calls += 1
        if self.cut_at and self.calls >= self.cut_at:
            raise PowerCut
        plan = self.fault
        if plan is None or self.calls < plan.at or (self.calls > plan.at and not plan.for_good):
            return False
        if plan.code == 0 and (self.calls == plan.at or not plan.for_good):
            return is_write
        raise OSError(plan.code or errno.ENOSPC, "planned by the test")

    def power_cut(self, draw: random.Random) -> MemoryDisk:
        """The disk as the next start of the machine finds it, with any of the names that were not synced."""
        files, folders, stopped = dict(self._files), set(self._folders), set[Path]()
        for change in self._changes:
            parent = _parent(change)
            if parent in stopped or draw.random() < 0.5:
                if not self.any_order:
                    stopped.add(parent)
                continue
            _apply(change, files, folders)
        folders = {path for path in folders if folders >= set(path.parents)}
        left = {path: file.after_power_cut(draw) for path, file in files.items() if folders >= set(path.parents)}
        return MemoryDisk(left, folders)

    def restart(self) -> MemoryDisk:
        """The disk after its process was killed: all that was written reads as written."""
        again = MemoryDisk(self.files, self.folders)
        again._files, again._folders, again._changes = self._files, self._folders, self._changes
        return again

    # --- names

    def mkdir(self, path: Path) -> None:
        self._call()
        self._change(Change(None, path))

    def rename(self, old: Path, new: Path) -> None:
        self._call()
        self._change(Change(old, new, self.files[old]))

    def remove(self, path: Path) -> None:
        if path in self.files:
            self._call()
            self._change(Change(path, None))

    def sync_folder(self, path: Path) -> None:
        self._call()
        waiting, self._changes = self._changes, []
        for change in waiting:
            if _parent(change) == path:
                _apply(change, self._files, self._folders)
            else:
                self._changes.append(change)

    def _change(self, change: Change) -> None:
        self._changes.append(change)
        _apply(change, self.files, self.folders)

    # --- bytes

    def open_new(self, path: Path) -> int:
        self._call()
        if path in self.files:
            raise FileExistsError(errno.EEXIST, "exists")
        self._change(Change(None, path, File()))
        return self._descriptor(self.files[path])

    def open_end(self, path: Path) -> int:
        self._call()
        return self._descriptor(self.files[path])

    def _descriptor(self, file: File) -> int:
        self._next += 1
        self._open[self._next] = file
        return self._next

    def write(self, descriptor: int, data: bytes) -> int:
        taken = data[: len(data) // 2] if self._call(is_write=True) else data
        file = self._open[descriptor]
        file.pending.append((len(file.data), bytes(taken)))
        file.data += taken
        return len(taken)

    def sync(self, descriptor: int) -> None:
        file = self._open[descriptor]
        try:
            self._call()
        except OSError:
            file.pending = []  # reads well, and will never be on the platter
            raise
        for offset, data in file.pending:
            whole = bytearray(file.platter.ljust(offset, b"\0"))
            whole[offset : offset + len(data)] = data
            file.platter = bytes(whole)
        file.pending = []

    def close(self, descriptor: int) -> None:
        if self._open.pop(descriptor, None) is None:
            raise OSError(errno.EBADF, "closed twice")
        self._locks.pop(descriptor, None)

    # --- locks and reading

    def lock(self, path: Path) -> int:
        if path in self._locks.values():
            raise LogLocked(
                f"{path.parent}: another process writes a run here; wait until it is over, or take another folder"
            )
        descriptor = self.open_end(path) if path in self.files else self.open_new(path)
        self._locks[descriptor] = path
        return descriptor

    def is_locked(self, path: Path) -> bool:
        return path in self._locks.values()

    def read(self, path: Path, limit: int) -> bytes:
        if path not in self.files:
            raise FileNotFoundError(errno.ENOENT, "no such file")
        return bytes(self.files[path].data)

    def names(self, path: Path) -> list[str]:
        if path not in self.folders:
            raise FileNotFoundError(errno.ENOENT, "no such folder")
        return sorted(found.name for found in (*self.files, *self.folders) if found.parent == path and found != path)

    def exists(self, path: Path) -> bool:
        return path in self.files or path in self.folders

    def is_folder(self, path: Path) -> bool:
        return path in self.folders


def _parent(change: Change) -> Path:
    path = change.new or change.old
    assert path is not None
    return path.parent


def _apply(change: Change, files: dict[Path, File], folders: set[Path]) -> None:
    if change.old is not None:
        files.pop(change.old, None)
    if change.new is not None and change.file is not None:
        files[change.new] = change.file
    elif change.new is not None:
        folders.add(change.new)
