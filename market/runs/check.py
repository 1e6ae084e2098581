"""Whether a run holds: its bytes and chain, what its events say together, that simulating it again gives the same."""

from __future__ import annotations

import tempfile
from bisect import bisect_right
from pathlib import Path
from typing import Any

from events import LogReader, Problem, open_log, verify
from market.runs import drive
from market.runs.reading import Run

SHOWN = 100  # problems listed of one kind


def check(folder: Path, make: drive.MakeModel | None = None) -> dict[str, Any]:
    """Verify a run; with a model maker, simulate it again too. Fields as `market verify --json` prints them."""
    report = verify(folder)
    problems = list(report.problems)
    if report.ok and report.events:
        reader = open_log(folder)
        places = Places(reader)
        problems += _audited(reader, places)
        if make is not None:
            problems += _repeated(reader, places, make)
    return {
        "run": str(folder),
        "ok": not problems,
        "complete": report.complete,
        "commits": report.commits,
        "events": report.events,
        "bytes": report.bytes,
        "head": report.head,
        "deep": make is not None,
        "problems": [problem._asdict() for problem in problems[:SHOWN]],
        "more_problems": max(0, len(problems) - SHOWN),
    }


class Places:
    """Which commit holds an event."""

    def __init__(self, reader: LogReader) -> None:
        self.commits = [(found.name, commit) for found in reader.walk() for commit in found.scan.commits]
        self.firsts = [commit.first_seq for _, commit in self.commits]

    def problem(self, seq: int, reason: str) -> Problem:
        """Put a reason where an event is."""
        name, commit = self.commits[bisect_right(self.firsts, max(0, seq)) - 1]
        return Problem(name, commit.number, commit.offset, reason)


def _audited(reader: LogReader, places: Places) -> list[Problem]:
    """What the auditor finds, each with the commit that holds the event."""
    from market.analytics.audit import audit

    findings = audit(reader.scan())
    return [places.problem(found.seq, f"{found.rule}: {found.what} (seq {found.seq})") for found in findings]


def _repeated(reader: LogReader, places: Places, make: drive.MakeModel) -> list[Problem]:
    """Simulate again in a folder that is thrown away, and compare bytes."""
    reader.manifest.check_same_code("simulate again")
    question = Run(reader).question
    with tempfile.TemporaryDirectory(prefix="market-") as temporary:
        seq = drive.repeat(question, reader, Path(temporary) / "again", make, lambda week, events: None)
    return [] if seq < 0 else [places.problem(seq, f"simulating again differs in this commit, from seq {seq} on")]
