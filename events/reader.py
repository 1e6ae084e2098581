"""Reading a run folder: chain first, then events. Any number of readers, also while a run is being written."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterator
from functools import cached_property
from itertools import chain, takewhile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa

from events import flat, segment, validate
from events.decode import entries
from events.disk import Disk
from events.errors import LogDamaged, LogForeign, LogMissing, Problem
from events.layout import LIVE, LOG, MANIFEST, SCENARIO, SEGMENT, file_name
from events.manifest import Manifest, listing, parse
from events.segment import Commit, Place, Scan
from events.types.base import Entry
from events.unpack import Slabs, Unpacker
from events.validate import Seen
from events.vintage import schema_of

if TYPE_CHECKING:
    import polars as pl

MANIFEST_BYTES_MAX = 16 * 1024**2
SCENARIO_BYTES_MAX = 256 * 1024**2  # 5,000 orgs with 30,000 leases at the start take 25 MB


class Found(NamedTuple):
    """One segment of a log as it is on disk: file name, bytes, what its chain says, and what is wrong with it."""

    name: str
    data: bytes
    scan: Scan
    problem: Problem | None


class Summary(NamedTuple):
    """What a log holds: chain value, commits, events and bytes; day of the last event, whether it is RunEnded; torn.

    sealed : whether every segment has its footer and is listed in `run.json`.
    """

    head: str
    commits: int
    events: int
    bytes: int
    day: int
    complete: bool
    torn: Problem | None
    sealed: bool


def load_manifest(folder: Path, disk: Disk) -> Manifest:
    """Read `run.json`; LogMissing when there is none."""
    try:
        if disk.is_folder(folder) and not disk.exists(folder / MANIFEST):
            raise LogMissing(f"{folder}: no run here (no {MANIFEST})")
        return parse(disk.read(folder / MANIFEST, MANIFEST_BYTES_MAX), str(folder))
    except (FileNotFoundError, NotADirectoryError):
        raise LogMissing(f"{folder}: no such run") from None
    except OSError as error:
        raise LogMissing(f"{folder}: cannot be read: {error.strerror}") from None


def walk(folder: Path, manifest: Manifest, disk: Disk) -> Iterator[Found]:
    """Go through the segments in order and check frames, hashes, chain, footer and list; end after the first fault."""
    place = Place(manifest.genesis(), 0, 0)
    listed = _names(folder, disk)
    index = 0
    while (found := _segment(folder, manifest, disk, index, place)) is not None:
        scan, problem = found.scan, found.problem
        yield found
        del found  # a segment of bytes, before the next is read; so do those who walk
        if problem:
            return
        index, place = index + 1, scan.place
        if not scan.sealed:
            break
    stray = [name for name in listed if SEGMENT.fullmatch(name.removesuffix(LIVE)) and int(name[:8]) >= index]
    if stray or len(manifest.segments) > index:
        name, reason = file_name(index), f"missing, but {stray[0] if stray else MANIFEST} names it or a later one"
        yield Found(name, b"", _nothing(place), Problem(name, place.commit, -1, reason))


def _names(folder: Path, disk: Disk) -> list[str]:
    try:
        return disk.names(folder / LOG)
    except (FileNotFoundError, NotADirectoryError):
        raise LogDamaged(Problem(LOG, -1, -1, "the folder is missing")) from None


def _nothing(place: Place) -> Scan:
    return Scan([], place, 0, False, None, False)


def _segment(folder: Path, manifest: Manifest, disk: Disk, index: int, place: Place) -> Found | None:
    """Read and check one segment, sealed or live; None when there is none."""
    name = file_name(index)
    for candidate in (name, name + LIVE, name):  # it may be sealed between two looks
        try:
            data = disk.read(folder / LOG / candidate, segment.SEGMENT_BYTES_MAX)
        except FileNotFoundError:
            continue
        found = Found(candidate, data, segment.scan(data, candidate, place), None)
        return found._replace(problem=found.scan.problem or _unlisted(manifest, index, place.chain, found))
    return None


def _unlisted(manifest: Manifest, index: int, chain_in: str, found: Found) -> Problem | None:
    """Compare a segment with its name and with what the manifest says of it."""
    name, scan, is_live = found.name, found.scan, found.name.endswith(LIVE)
    if not is_live and not scan.sealed:
        return Problem(name, scan.place.commit, scan.good_bytes, "cut off before its footer")
    if index >= len(manifest.segments):
        return None
    listed = manifest.segments[index]
    entry = None if is_live else listing(name, found.data, scan.commits, chain_in)
    if entry is None or (entry.bytes, entry.sha256) != (listed.bytes, listed.sha256):
        return Problem(name, -1, -1, f"not the bytes that {MANIFEST} lists")
    if entry != listed:
        return Problem(name, -1, -1, f"not the events or the chain values that {MANIFEST} lists")
    return None


def is_torn(found: Found) -> bool:
    """Whether the fault of a segment can be an unfinished write, which recovery may set aside."""
    return found.problem is not None and found.name.endswith(LIVE) and found.scan.is_torn


class LogReader:
    """A run folder to read from.

    Every walk checks the chain of a segment before a byte of it is decoded. The end of a live segment that is not
    whole (yet) is left out; any other fault raises LogDamaged. What was validated once is not validated again for a
    table: its chain says that the bytes are the same.
    """

    def __init__(self, folder: Path, manifest: Manifest, disk: Disk) -> None:
        self.folder, self.manifest, self._disk = folder, manifest, disk
        self._valid: dict[str, Seen] = {}  # by the chain value behind each segment that was validated

    def walk(self) -> Iterator[Found]:
        """Segments in order; LogDamaged at a fault that is no unfinished write."""
        for found in walk(self.folder, self.manifest, self._disk):
            if found.problem and not is_torn(found):
                raise LogDamaged(found.problem)
            yield found
            del found

    def batches(self) -> Iterator[Slabs]:
        """Commits as record batches of their columns, fully validated."""
        seen = Seen()
        for found in self.walk():
            yield from self._validated(found, seen)
            del found

    def _validated(self, found: Found, seen: Seen) -> Iterator[Slabs]:
        yield from decode_segment(found, self.manifest, seen)
        self._valid[found.scan.place.chain] = seen.copy()

    def entries(self, until_day: int | None = None) -> Iterator[Entry]:
        """Events in order of seq, of the present version, up to and including `until_day`."""
        found = chain.from_iterable(map(entries, self.batches()))
        return found if until_day is None else takewhile(lambda entry: entry.day <= until_day, found)

    def scan(self) -> pl.LazyFrame:
        """The log as one lazy table in the columns of today: envelope, then vocabulary."""
        import polars as pl

        from events.table import empty, present  # it imports Polars, which is slow

        parts: list[pl.LazyFrame] = []
        seen = Seen()
        for found in self.walk():
            if (valid := self._valid.get(found.scan.place.chain)) is not None:
                seen = valid.copy()
            else:
                deque(self._validated(found, seen), maxlen=0)  # then Polars reads the same bytes
            if found.scan.commits:
                parts.append(present(pl.scan_ipc(segment.whole(found.data, found.scan)), seen.keys))
        pa.default_memory_pool().release_unused()  # what commits were decompressed into
        return pl.concat(parts, how="vertical") if parts else empty()

    @cached_property
    def summary(self) -> Summary:
        """Head, counts and whether the run reached its end, as of the first look."""
        place, size, commits, segments, last = None, 0, 0, 0, None
        for found in self.walk():
            segments, last = segments + 1, found if found.scan.commits else last
            place, size, commits = found.scan.place, size + found.scan.good_bytes, commits + len(found.scan.commits)
        head, events = (place.chain, place.seq) if place else (self.manifest.genesis(), 0)
        seen = Seen()
        if last:
            seen.take(_last_envelope(last, self.manifest))
        torn = found.problem if segments else None
        is_sealed = segments == len(self.manifest.segments)
        return Summary(head, commits, events, size, seen.day, seen.ended, torn, is_sealed)

    @property
    def head(self) -> str:
        """Chain value of the last commit."""
        return self.summary.head

    @property
    def complete(self) -> bool:
        """Whether the last event is RunEnded."""
        return self.summary.complete

    @property
    def scenario_text(self) -> str:
        """The resolved scenario, as run; LogDamaged when it is not the one that the run was made from."""
        try:
            data = self._disk.read(self.folder / SCENARIO, SCENARIO_BYTES_MAX)
        except FileNotFoundError:
            raise LogDamaged(Problem(SCENARIO, -1, -1, "missing")) from None
        if hashlib.sha256(data).hexdigest() != self.manifest.scenario:
            raise LogDamaged(Problem(SCENARIO, -1, -1, "not the scenario that the run was made from"))
        return data.decode()


def open_log(folder: Path | str, disk: Disk | None = None) -> LogReader:
    """Open a run folder to read. LogMissing, LogForeign, LogNewer or LogDamaged when that cannot be."""
    folder, disk = Path(folder), disk or Disk()
    return LogReader(folder, load_manifest(folder, disk), disk)


def decode_segment(found: Found, manifest: Manifest, seen: Seen) -> Iterator[Slabs]:
    """Decode the whole commits of a segment whose chain holds and take `seen` along; LogForeign at a fault."""
    if not found.scan.commits:
        return
    unpacker = _unpacker(found, manifest)
    for commit in found.scan.commits:
        yield _checked(unpacker, found.name, commit, seen)  # and not kept here: it may be large


def _unpacker(found: Found, manifest: Manifest) -> Unpacker:
    return Unpacker(pa.py_buffer(found.data), schema_of(segment.read_preface(found.data), manifest))


def _checked(unpacker: Unpacker, name: str, commit: Commit, seen: Seen) -> Slabs:
    try:
        slabs = unpacker.commit(commit)
        reason = validate.fault(slabs, commit.number, commit.first_seq, seen)
    except flat.Malformed as error:
        reason = str(error)
    if reason:
        raise LogForeign(Problem(name, commit.number, commit.offset, reason))
    return slabs


def _last_envelope(found: Found, manifest: Manifest) -> pa.RecordBatch:
    """The envelope of the last commit of a segment and of no other; LogForeign at a fault."""
    last = found.scan.commits[-1]
    try:
        return _unpacker(found, manifest).commit(last).envelope  # of many columns it is decoded only here
    except flat.Malformed as error:
        raise LogForeign(Problem(found.name, last.number, last.offset, str(error))) from None
