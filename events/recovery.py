"""Bring a run folder that was cut short to its last acknowledged commit, and hand it to a writer."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path

from events.disk import Disk
from events.errors import LogComplete, LogExists, WriteFailed
from events.layout import LIVE, LOCK, LOG, MANIFEST, NEW, SCENARIO, TORN, replace_file, strangers
from events.log import LogWriter
from events.reader import Found, LogReader, load_manifest
from events.segment import read_preface


def clear(folder: Path | str, disk: Disk | None = None, *, lock_too: bool = False) -> None:
    """Remove a run, whole or in any state that a kill left it in, so that it can be made again; the folder stays.

    The lock stays too, unless `lock_too`: it goes last, while it is held.

    Raises LogLocked while it is written, LogExists where files lie that are none of a run's; then nothing is touched.
    """
    folder, disk = Path(folder), disk or Disk()
    try:
        if others := _strangers(folder, disk):
            raise LogExists(f"{folder}: contains other files, such as {others[0]}; move them, or choose another folder")
        lock = disk.lock(folder / LOCK)
        try:
            _remove(folder, disk)
            if lock_too:
                disk.remove(folder / LOCK)
        finally:
            disk.close(lock)
    except OSError as error:
        raise WriteFailed(f"{folder}: cannot be cleared: {error.strerror or error}; clear it again") from error


def _strangers(folder: Path, disk: Disk) -> list[str]:
    log = disk.names(folder / LOG) if disk.exists(folder / LOG) else []
    return strangers(disk.names(folder), log)


def _remove(folder: Path, disk: Disk) -> None:
    """Remove the manifest first: what a kill leaves behind it is no run, and can be cleared again."""
    disk.remove(folder / MANIFEST)
    disk.sync_folder(folder)
    if disk.exists(folder / LOG):
        for name in disk.names(folder / LOG):
            disk.remove(folder / LOG / name)
        disk.sync_folder(folder / LOG)
    for name in (SCENARIO, SCENARIO + NEW, MANIFEST + NEW):
        disk.remove(folder / name)
    disk.sync_folder(folder)


def seal(folder: Path | str, disk: Disk | None = None) -> None:
    """Seal the log of a complete run whose writer ended before it could. Raises as `resume`."""
    with suppress(LogComplete):
        resume(folder, disk).close()


def resume(folder: Path | str, disk: Disk | None = None) -> LogWriter:
    """Recover a run that was cut short and stand where its last commit ended.

    The good prefix is kept and the bytes of an unfinished write are set aside. Raises LogDamaged when the fault is not
    an unfinished write, CodeChanged when other code wrote the run, LogLocked when it is being written.
    """
    folder, disk = Path(folder), disk or Disk()
    load_manifest(folder, disk).check_same_code("resume")
    try:
        lock = disk.lock(folder / LOCK)
        try:
            manifest = load_manifest(folder, disk)  # another writer may have been at work until now
        except BaseException:
            disk.close(lock)
            raise
        return _recover(LogWriter(folder, manifest, lock, disk), folder, disk)
    except OSError as error:
        raise WriteFailed(f"{folder}: {error.strerror or error}; nothing was lost, resume again") from error


def _recover(writer: LogWriter, folder: Path, disk: Disk) -> LogWriter:
    try:
        _stand_at_the_end(writer, folder, disk)
        found = LogReader(folder, writer.manifest, disk).summary
        writer.last_day = found.day
        if found.complete:
            writer.finish()
            raise LogComplete(f"{folder}: the run is complete; there is nothing to resume")
    except BaseException:
        writer.close()
        raise
    return writer


def _stand_at_the_end(writer: LogWriter, folder: Path, disk: Disk) -> None:
    reader = LogReader(folder, writer.manifest, disk)
    _ = reader.scenario_text  # raises when it is not the run's own
    for names in (folder.parent, folder, folder / LOG):  # a sync that failed may have left names in memory only
        disk.sync_folder(names)
    found: Found | None = None
    for index, found in enumerate(reader.walk()):
        if found.name.endswith(LIVE):
            _write_again(folder / LOG, found, disk)
        if not found.scan.commits:
            continue
        is_listed = index < len(writer.manifest.segments)
        writer.adopt(found.scan.commits, b"" if is_listed else read_preface(found.data))
        if found.scan.sealed and not is_listed:
            writer.enlist()
    if found is not None and not found.scan.sealed:
        writer.reopen()


def _write_again(log: Path, found: Found, disk: Disk) -> None:
    """Keep the good prefix of the live segment and set the bytes of an unfinished write aside, in a file of their own.

    The prefix is written anew: after a failed sync a file can read well that never reached the disk.
    """
    good, torn = found.data[: found.scan.good_bytes], found.data[found.scan.good_bytes :]
    if torn:
        name = f"{found.name}{TORN}{len(good)}-{hashlib.sha256(torn).hexdigest()[:16]}"
        replace_file(disk, log / name, torn)
    replace_file(disk, log / found.name, good)
