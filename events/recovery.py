"""Bring a run folder that was cut short to its last acknowledged commit, and hand it to a writer."""

from __future__ import annotations

import hashlib
from pathlib import Path

from events.disk import Disk
from events.errors import LogComplete, WriteFailed
from events.log import LOCK, LOG, LogWriter, write_all
from events.reader import Found, LogReader, is_torn, load_manifest
from events.segment import read_preface


def recover(folder: Path, disk: Disk) -> LogWriter:
    """See `LogWriter.resume`."""
    manifest = load_manifest(folder, disk)
    manifest.check_same_code("resume")
    lock = disk.lock(folder / LOCK)
    try:
        manifest = load_manifest(folder, disk)  # another writer may have been at work until now
        return _recover(LogWriter(folder, manifest, lock, disk), folder, disk)
    except OSError as error:
        disk.close(lock)
        raise WriteFailed(f"{folder}: {error.strerror or error}; nothing was lost, resume again") from error
    except BaseException:
        disk.close(lock)
        raise


def _recover(writer: LogWriter, folder: Path, disk: Disk) -> LogWriter:
    reader = LogReader(folder, writer.manifest, disk)
    reader.scenario_text  # noqa: B018 - raises when it is not the run's own
    found: Found | None = None
    for index, found in enumerate(reader.walk()):
        if is_torn(found):
            _set_aside(folder, found, disk)
        if not found.scan.commits:
            continue
        is_listed = index < len(writer.manifest.segments)
        writer.adopt(found.scan.commits, b"" if is_listed else read_preface(found.data))
        if found.scan.sealed and not is_listed:
            writer.enlist()
    if LogReader(folder, writer.manifest, disk).complete:
        raise LogComplete(f"{folder}: the run is complete; there is nothing to resume")
    if found is not None and not found.scan.sealed:
        writer.reopen()
    return writer


def _set_aside(folder: Path, found: Found, disk: Disk) -> None:
    """Copy the bytes of an unfinished write to a file of their own, then cut them off."""
    torn = found.data[found.scan.good_bytes :]
    live = folder / LOG / found.name
    name = f"{found.name}.torn-{found.scan.good_bytes}-{hashlib.sha256(torn).hexdigest()[:16]}"
    _write_aside(live.with_name(name), torn, disk)
    descriptor = disk.open_end(live)
    try:
        disk.truncate(descriptor, found.scan.good_bytes)
        disk.sync(descriptor)
    finally:
        disk.close(descriptor)


def _write_aside(path: Path, data: bytes, disk: Disk) -> None:
    disk.remove(path)
    descriptor = disk.open_new(path)
    try:
        write_all(disk, descriptor, data)
        disk.sync(descriptor)
    finally:
        disk.close(descriptor)
    disk.sync_folder(path.parent)
