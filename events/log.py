"""The one writer of a run folder: commits of whole weeks, written, synced, then acknowledged.

LogWriter.create(folder, manifest, scenario_text)    a new run
events.resume(folder)                                one that was cut short, from its last commit (events/recovery.py)
MemoryLog()                                          the same protocol without a disk
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import msgspec

from events import schema, segment
from events.disk import Disk
from events.errors import EventInvalid, LogExists, WriteFailed
from events.layout import (
    LIVE,
    LOCK,
    LOG,
    MANIFEST,
    SCENARIO,
    file_name,
    make_folders,
    replace_file,
    strangers,
    write_all,
)
from events.manifest import Manifest, listing
from events.memory import check_seq
from events.rows import Rows
from events.segment import Commit, Place
from events.types.base import Entry
from events.vocabulary import DAY_MIN

COMMIT_EVENTS = 4096
SEGMENT_COMMITS = 64
SEGMENT_BYTES = 63 * 1024**2  # with one more commit (at most 64 MiB) a reader still takes it whole


class LogWriter:
    """The writer of one run folder. It holds the folder's lock until `close`."""

    is_kept = True

    def __init__(self, folder: Path, manifest: Manifest, lock: int, disk: Disk) -> None:
        self._folder, self._disk, self._lock = folder, disk, lock
        self.manifest = manifest
        self._commits: list[Commit] = []  # of the open segment
        self._opening = b""  # of the open segment
        self._live = -1  # descriptor of the open segment
        self._failed = ""
        self._pending: list[list[Entry] | Rows] = []
        self._events: list[Entry] = []  # the last chunk, while it grows
        self.commit_events = COMMIT_EVENTS
        self.segment_commits = SEGMENT_COMMITS
        self.next_seq = 0
        self.commits = 0
        self.head = manifest.genesis()
        self.last_day = DAY_MIN  # of what is committed

    @classmethod
    def create(cls, folder: Path | str, manifest: Manifest, scenario_text: str, disk: Disk | None = None) -> LogWriter:
        """Make a run folder and its log. LogExists when something else is there, LogLocked when it is being made."""
        folder, disk = Path(folder), disk or Disk()
        if hashlib.sha256(scenario_text.encode()).hexdigest() != manifest.scenario:
            raise ValueError("the manifest describes another scenario")
        try:
            return cls._create(folder, manifest, scenario_text, disk)
        except OSError as error:
            raise WriteFailed(f"{folder}: cannot make a run here: {error.strerror or error}") from error

    @classmethod
    def _create(cls, folder: Path, manifest: Manifest, scenario_text: str, disk: Disk) -> LogWriter:
        if disk.exists(folder) and not disk.is_folder(folder):
            raise LogExists(f"{folder}: a file of this name is in the way")
        make_folders(disk, folder / LOG)
        disk.sync_folder(folder.parent)  # again: an earlier attempt may have failed at it
        disk.sync_folder(folder)
        if not disk.exists(folder / LOCK):  # which the lock makes
            _check_free(folder, disk)
        lock = disk.lock(folder / LOCK)
        try:
            _check_free(folder, disk)  # another may have been quicker
            disk.sync_folder(folder)  # the lock comes before the files that it shows to be a run's
            replace_file(disk, folder / SCENARIO, scenario_text.encode())
            replace_file(disk, folder / MANIFEST, manifest.to_json())
        except BaseException:
            disk.close(lock)
            raise
        return cls(folder, manifest, lock, disk)

    def adopt(self, commits: list[Commit], opening: bytes = b"") -> None:
        """Stand behind commits that are on disk; `opening` is the preface of their segment when that is still open."""
        last = commits[-1]
        self.head, self.commits, self.next_seq = last.chain, last.number + 1, last.first_seq + last.rows
        self._opening, self._commits = (opening, commits) if opening else (b"", [])

    def reopen(self) -> None:
        """Open the live segment to write behind its last byte."""
        self._live = self._disk.open_end(self._live_path())
        self._disk.sync_folder(self._folder / LOG)

    # --- appending

    def append(self, entry: Entry) -> None:
        """Take one event; nothing is written before a week closes."""
        if entry.seq != self.next_seq:
            check_seq(entry.seq, self.next_seq)
        self._events.append(entry)
        self.next_seq += 1

    def append_rows(self, rows: Rows) -> None:
        """Take many events of one type; nothing is written before a week closes."""
        check_seq(rows.first_seq, self.next_seq)
        self._close_chunk()
        self._pending.append(rows)
        self.next_seq += len(rows)

    def _close_chunk(self) -> None:
        if self._events:
            self._pending.append(self._events)
            self._events = []

    @property
    def pending(self) -> int:
        """Events taken and not yet acknowledged."""
        return sum(map(len, self._pending)) + len(self._events)

    def close_week(self) -> None:
        """Commit when enough events are pending."""
        if self.pending >= self.commit_events:
            self._commit()

    def finish(self) -> None:
        """Commit the rest, seal the last segment and let go of the folder."""
        if self.pending:
            self._commit()
        if self._commits:
            self._guard(self._seal)
        self.close()

    def close(self) -> None:
        """Let go of the folder; what is pending is dropped."""
        for descriptor in (self._live, self._lock):
            if descriptor >= 0:
                self._disk.close(descriptor)
        self._live = self._lock = -1

    def __enter__(self) -> LogWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- committing

    def _place(self) -> Place:
        return Place(self.head, self.commits, self.next_seq - self.pending)

    def _commit(self) -> None:
        """Write one commit, sync it, then take it as acknowledged."""
        self._check_open()
        if self._is_full():
            self._guard(self._seal)
        self._close_chunk()
        place = self._place()
        batch = schema.encode(self._pending, place.seq, place.commit)
        if batch.column("day")[0].as_py() < self.last_day:
            raise EventInvalid(f"day falls before seq {place.seq}")
        opening = b""
        if not self._commits:
            opening = segment.preface(batch.schema)
            place = place._replace(chain=segment.link(place.chain, opening))
        offset = self._commits[-1].end if self._commits else len(opening)
        data, commit = segment.write_commit(batch, place, offset)
        self._guard(lambda: self._put(opening + data))
        self._opening = opening or self._opening
        self._commits.append(commit)
        self._pending = []
        self.last_day = batch.column("day")[-1].as_py()
        self.head, self.commits = commit.chain, self.commits + 1

    def _is_full(self) -> bool:
        """Whether the open segment takes no further commit; it depends on nothing but the events."""
        return len(self._commits) >= self.segment_commits or (
            bool(self._commits) and self._commits[-1].end >= SEGMENT_BYTES
        )

    def _check_open(self) -> None:
        if self._failed or self._lock < 0:
            raise WriteFailed(self._failed or f"{self._folder}: the writer is closed")

    def _guard(self, action: Callable[[], None]) -> None:
        """Do something to the disk; after a failure nothing more is ever written."""
        self._check_open()
        self._failed = f"{self._folder}: the last write was interrupted; resume the run"
        try:
            action()
        except OSError as error:
            self._failed = (
                f"{self._folder}: {error.strerror or error}; what was acknowledged is safe (commits: {self.commits}), "
                "resume the run when the disk is well"
            )
            self.close()
            raise WriteFailed(self._failed) from error
        self._failed = ""

    def _put(self, data: bytes) -> None:
        """Append bytes to the open segment, which begins with its first commit."""
        if self._live < 0:
            self._live = self._disk.open_new(self._live_path())
            write_all(self._disk, self._live, data)
            self._disk.sync(self._live)
            self._disk.sync_folder(self._folder / LOG)
            return
        write_all(self._disk, self._live, data)
        self._disk.sync(self._live)

    def _live_path(self) -> Path:
        return self._folder / LOG / (file_name(len(self.manifest.segments)) + LIVE)

    def _seal(self) -> None:
        """Close the open segment: footer, sync, rename, sync, and last the manifest."""
        write_all(self._disk, self._live, segment.tail(self._opening, self._commits))
        self._disk.sync(self._live)
        self._disk.close(self._live)
        self._live = -1
        self.enlist()

    def enlist(self) -> None:
        """Give a live segment whose footer is on disk its sealed name and list it in the manifest."""
        live = self._live_path()
        sealed = live.with_suffix("")
        if self._disk.exists(live):
            self._disk.rename(live, sealed)
        self._disk.sync_folder(self._folder / LOG)
        data = self._disk.read(sealed, 2**31)
        chain_in = self.manifest.segments[-1].chain_out if self.manifest.segments else self.manifest.genesis()
        entry = listing(sealed.name, data, self._commits, chain_in)
        manifest = msgspec.structs.replace(self.manifest, segments=[*self.manifest.segments, entry])
        replace_file(self._disk, self._folder / MANIFEST, manifest.to_json())
        self.manifest, self._commits = manifest, []


def _check_free(folder: Path, disk: Disk) -> None:
    """Raise LogExists where something lies that making a run would overwrite, or that is left of another run."""
    names, log = disk.names(folder), disk.names(folder / LOG)
    if MANIFEST in names:
        raise LogExists(f"{folder}: holds a run; choose another folder, or resume the run")
    if others := strangers(names, log):
        raise LogExists(f"{folder}: contains other files, such as {others[0]}; choose another folder")
    if log:
        raise LogExists(f"{folder}: holds what is left of a run that was being cleared; --force clears it")
