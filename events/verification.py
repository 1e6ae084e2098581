"""Whether a log holds: files, chain, schema, sequence. What its events say is for the auditor."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from events.disk import Disk
from events.errors import LogDamaged, LogForeign, Problem
from events.layout import LOCK, LOG, strangers
from events.manifest import Manifest
from events.reader import Found, LogReader, decode_segment, is_torn, load_manifest, walk
from events.segment import Commit
from events.unpack import Slabs
from events.validate import Seen


@dataclass(frozen=True)
class Report:
    """What a verification found.

    ok : nothing is wrong; a run that was cut short between two commits, or still runs, can be ok.
    complete : the last event is RunEnded.
    commits, events, bytes, head : of the prefix that holds.
    strangers : files in the run's folder that are none of a run's.
    """

    ok: bool
    complete: bool
    commits: int
    events: int
    bytes: int
    head: str
    problems: list[Problem] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)


class Verification:
    """One walk through a run folder that changes nothing. Raises LogMissing or LogNewer where nothing can be checked.

    `batches` gives every commit that holds, once; what is wrong gathers in `problems`, and `report` sums up.
    Memory: one segment and one commit of it.
    """

    def __init__(self, folder: Path | str, disk: Disk | None = None) -> None:
        self.folder, self._disk = Path(folder), disk or Disk()
        self.problems: list[Problem] = []
        self.places: list[tuple[str, Commit]] = []  # segment and commit, of all that hold
        self.manifest: Manifest | None = None
        self._bytes, self._seen = 0, Seen()
        try:
            self.manifest = load_manifest(self.folder, self._disk)
        except (LogDamaged, LogForeign) as error:
            self.problems.append(error.problem)

    def batches(self) -> Iterator[Slabs]:
        """Commits in order, each checked before it is given; the walk ends at the first fault."""
        if self.manifest is None:
            return
        try:
            _ = LogReader(self.folder, self.manifest, self._disk).scenario_text
            for found in walk(self.folder, self.manifest, self._disk):
                yield from self._segment(found, self.manifest)
                del found
        except (LogDamaged, LogForeign) as error:
            self.problems.append(error.problem)
        except OSError as error:
            self.problems.append(Problem(LOG, -1, -1, f"cannot be read: {error.strerror}"))

    def _segment(self, found: Found, manifest: Manifest) -> Iterator[Slabs]:
        is_being_written = is_torn(found) and self._disk.is_locked(self.folder / LOCK)
        if found.problem and not is_being_written:
            self.problems.append(found.problem)
        batches = decode_segment(found, manifest, self._seen)
        for commit in found.scan.commits:
            yield self._held(batches, (found.name, commit))  # and not kept here: it may be large
        self._bytes += found.scan.good_bytes

    def _held(self, batches: Iterator[Slabs], place: tuple[str, Commit]) -> Slabs:
        batch = next(batches)
        self.places.append(place)
        return batch

    @property
    def head(self) -> str:
        """Chain value of the last commit that holds."""
        if self.places:
            return self.places[-1][1].chain
        return self.manifest.genesis() if self.manifest else ""

    def report(self) -> Report:
        """The findings so far."""
        is_ok = not self.problems
        events = self.places[-1][1].first_seq + self.places[-1][1].rows if self.places else 0
        return Report(
            ok=is_ok,
            complete=is_ok and self._seen.ended,
            commits=len(self.places),
            events=events,
            bytes=self._bytes,
            head=self.head,
            problems=self.problems,
            strangers=self._strangers(),
        )

    def _strangers(self) -> list[str]:
        try:
            return strangers(self._disk.names(self.folder), self._disk.names(self.folder / LOG))
        except (OSError, LogForeign):
            return []


def verify(folder: Path | str, disk: Disk | None = None) -> Report:
    """Check bytes, chain, schema and sequence of a run folder without changing it. Raises as `Verification`."""
    walked = Verification(folder, disk)
    deque(walked.batches(), maxlen=0)
    return walked.report()
