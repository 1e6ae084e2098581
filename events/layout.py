"""What lies in a run folder: names of its files, and how folders and files come to be there for good."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterable
from pathlib import Path

from events.disk import Disk

MANIFEST, SCENARIO, LOCK, LOG = "run.json", "scenario.yaml", "LOCK", "log"
LIVE, NEW, TORN = ".live", ".new", ".torn-"
SEGMENT = re.compile(r"\d{8}\.arrow")
TORN_PART = re.compile(r"\d{8}\.arrow\.live\.torn-\d+-[0-9a-f]{16}")
AT_WORK = {LOCK, LOG, SCENARIO, SCENARIO + NEW, MANIFEST + NEW}  # before there is a manifest


def file_name(index: int) -> str:
    """File name of a sealed segment."""
    return f"{index:08d}.arrow"


def strangers(names: Iterable[str], log: Iterable[str]) -> list[str]:
    """Those of the names in a run folder and in its `log/` that are none of a run's, sorted.

    A run folder holds LOCK before anything else: without it and a manifest, a `scenario.yaml` is the user's own.
    """
    names = list(names)
    ours = {*AT_WORK, MANIFEST} if LOCK in names or MANIFEST in names else {LOG}
    others = [name for name in names if name not in ours]
    return sorted(others + [f"{LOG}/{name}" for name in log if not _is_of_log(name)])


def in_run(path: Path) -> Path | None:
    """The run folder that a file of this path would lie in, if any."""
    above = path.resolve().parents
    return next((folder for folder in above if (folder / MANIFEST).exists() and (folder / LOG).is_dir()), None)


def _is_of_log(name: str) -> bool:
    stem = name.removesuffix(NEW)
    return SEGMENT.fullmatch(stem.removesuffix(LIVE)) is not None or TORN_PART.fullmatch(stem) is not None


def make_folders(disk: Disk, path: Path) -> None:
    """Make a folder and those above it, on disk when this returns."""
    if disk.is_folder(path):
        return
    if path.parent != path:
        make_folders(disk, path.parent)
    try:
        disk.mkdir(path)
    except FileExistsError:
        if not disk.is_folder(path):  # not that of another process that was quicker
            raise
    disk.sync_folder(path.parent)


def write_all(disk: Disk, descriptor: int, data: bytes) -> None:
    """Write all bytes; a disk that takes only a part and then nothing is full."""
    done = 0
    while done < len(data):
        taken = disk.write(descriptor, data[done:] if done else data)
        if taken <= 0:
            raise OSError(errno.ENOSPC, "the disk took no more bytes")
        done += taken


def replace_file(disk: Disk, path: Path, data: bytes) -> None:
    """Put a file in place of another in one step, on disk when this returns."""
    temporary = path.with_name(path.name + NEW)
    disk.remove(temporary)
    descriptor = disk.open_new(temporary)
    try:
        write_all(disk, descriptor, data)
        disk.sync(descriptor)
    finally:
        disk.close(descriptor)
    disk.rename(temporary, path)
    disk.sync_folder(path.parent)
