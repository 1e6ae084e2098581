"""Whether a log holds: files, chain, schema, sequence. What its events say is for the auditor."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from events.disk import Disk
from events.errors import LogDamaged, LogForeign, Problem
from events.layout import LOCK, LOG
from events.manifest import Manifest
from events.reader import Found, LogReader, decode_segment, is_torn, load_manifest, walk
from events.validate import Seen


@dataclass(frozen=True)
class Report:
    """What a verification found.

    ok : nothing is wrong; a run that was cut short between two commits, or still runs, can be ok.
    complete : the last event is RunEnded.
    commits, events, bytes, head : of the prefix that holds.
    """

    ok: bool
    complete: bool
    commits: int
    events: int
    bytes: int
    head: str
    problems: list[Problem] = field(default_factory=list)


def verify(folder: Path | str, disk: Disk | None = None) -> Report:
    """Check a run folder without changing it. Raises LogMissing or LogNewer where there is nothing to check."""
    folder, disk = Path(folder), disk or Disk()
    try:
        manifest = load_manifest(folder, disk)
    except (LogDamaged, LogForeign) as error:
        return Report(False, False, 0, 0, 0, "", [error.problem])
    tally = _Tally(manifest.genesis())
    try:
        _ = LogReader(folder, manifest, disk).scenario_text
        for found in walk(folder, manifest, disk):
            is_being_written = is_torn(found) and disk.is_locked(folder / LOCK)
            if found.problem and not is_being_written:
                tally.problems.append(found.problem)
            tally.add(found, manifest)
    except (LogDamaged, LogForeign) as error:
        tally.problems.append(error.problem)
    except OSError as error:
        tally.problems.append(Problem(LOG, -1, -1, f"cannot be read: {error.strerror}"))
    return tally.report()


class _Tally:
    """What has held so far."""

    def __init__(self, genesis: str) -> None:
        self.head, self.commits, self.events, self.bytes = genesis, 0, 0, 0
        self.seen = Seen()
        self.problems: list[Problem] = []

    def add(self, found: Found, manifest: Manifest) -> None:
        """Decode the commits of a segment whose chain holds and check what they say."""
        for _, commit in zip(decode_segment(found, manifest, self.seen), found.scan.commits, strict=False):
            self.head, self.commits, self.events = commit.chain, commit.number + 1, commit.first_seq + commit.rows
        self.bytes += found.scan.good_bytes

    def report(self) -> Report:
        """The findings so far as a report."""
        is_ok = not self.problems
        is_complete = is_ok and self.seen.ended
        return Report(is_ok, is_complete, self.commits, self.events, self.bytes, self.head, self.problems)
