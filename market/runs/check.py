"""Whether a run holds: its bytes and chain, its state hashes, what its events say together, what `run.json` states.

One walk reads every segment once and hands each commit to the auditor and to replay, so memory stays bounded.
"""

from __future__ import annotations

import tempfile
from bisect import bisect_right
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from events import Disk, Entry, LogReader, Problem, Verification, open_log
from events.manifest import code_hash
from events.types.run import RunStarted
from market.kernel import ReplayMismatch, few_collections, replay
from market.runs import drive
from market.runs.reading import Run
from market.units import to_date

if TYPE_CHECKING:
    from market.analytics.audit import Auditor

SHOWN = 100  # problems listed of one kind
FORGED = (
    "that the log was not rewritten with our own evolve run over it: only a published head (--head HASH) "
    "or simulating again (--deep) shows that"
)


@dataclass
class Verdict:
    """What was checked and held or not, and what was not checked."""

    problems: list[Problem]
    checked: list[str] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)


def check(
    folder: Path, make: drive.MakeModel | None = None, *, only_bytes: bool = False, head: str = ""
) -> dict[str, Any]:
    """Verify a run; with a model maker, simulate it again too. Fields as `market verify --json` prints them.

    only_bytes : chain, schema and sequence alone. head : the published head that the log must have.
    """
    walked = Verification(folder)
    verdict = Verdict(walked.problems, ["bytes, chain, schema and sequence"])
    if only_bytes:
        deque(walked.batches(), maxlen=0)
        verdict.unchecked.append("state hashes, the auditor's rules, what run.json states of the events (--bytes)")
    else:
        _read_events(walked, verdict)
    report = walked.report()
    if head and report.events:
        _compare_head(walked, verdict, head)
    if make is not None and report.ok and report.events:
        _simulate_again(open_log(folder), walked, verdict, make)
    if not head and make is None:
        verdict.unchecked.append(FORGED)
    problems = verdict.problems
    return {
        "run": str(folder),
        "ok": not problems,
        "complete": report.complete,
        "commits": report.commits,
        "events": report.events,
        "bytes": report.bytes,
        "head": report.head,
        "deep": make is not None,
        "checked": verdict.checked,
        "unchecked": verdict.unchecked,
        "strangers": report.strangers,
        "problems": [problem._asdict() for problem in problems[:SHOWN]],
        "more_problems": max(0, len(problems) - SHOWN),
    }


def _problem(walked: Verification, seq: int, reason: str) -> Problem:
    """Put a reason where an event is."""
    at = bisect_right(walked.places, max(0, seq), key=lambda place: place[1].first_seq) - 1
    name, commit = walked.places[at]
    return Problem(name, commit.number, commit.offset, reason)


# --- what the events say


@dataclass
class _Events:
    """The events of a walk, each commit given to the auditor on the way; the first and the latest of them."""

    walked: Verification
    auditor: Auditor
    first: Entry | None = None
    latest: Entry | None = None

    def __iter__(self) -> Iterator[Entry]:
        from events.decode import pieces

        for piece in chain.from_iterable(map(pieces, self.walked.batches())):  # no commit is held: it may be large
            self._note(piece.batches)
            yield from self._seen(piece.entries)

    def _note(self, batches: list[pa.RecordBatch]) -> None:
        """Give events to the auditor."""
        import polars as pl

        from events.table import keys_of, present
        from market.analytics.audit.book import COLUMNS

        frames: Any = [pl.from_arrow(batch) for batch in batches]
        frame = frames[0] if len(frames) == 1 else pl.concat(frames, how="diagonal").sort("seq")
        self.auditor.take(present(frame.lazy(), keys_of(frame)).select(COLUMNS).collect())

    def _seen(self, entries: list[Entry]) -> Iterator[Entry]:
        for entry in entries:
            self.first, self.latest = self.first or entry, entry
            yield entry


def _read_events(walked: Verification, verdict: Verdict) -> None:
    """Replay and audit every event that holds, and compare the run with what `run.json` states."""
    from market.analytics.audit import Auditor

    if walked.manifest is None:
        return
    run, auditor = Run(LogReader(walked.folder, walked.manifest, Disk())), Auditor()
    events = _Events(walked, auditor)
    _replay(events, verdict, run.other_form)
    pa.default_memory_pool().release_unused()  # what commits were decompressed into
    if walked.problems or events.first is None:
        return
    if run.other_form:
        verdict.unchecked.append("the auditor's rules, which are those of the present state form")
    else:
        verdict.problems += [
            _problem(walked, found.seq, f"{found.rule}: {found.what} (seq {found.seq})") for found in auditor.findings()
        ]
        verdict.checked.append("the auditor's rules")
    _compare_with_manifest(run, events.first, walked, verdict)


def _replay(events: _Events, verdict: Verdict, other_form: str) -> None:
    """Replay to the end or to the first fault; reading goes on behind it."""
    entries, weeks, fault = iter(events), 0, ""
    try:
        with few_collections():
            weeks = sum(1 for _ in replay(entries, hashes=not other_form, trail=False))
    except ReplayMismatch as error:
        fault = str(error)
    except Exception as error:  # whatever evolve meets in a log that no kernel wrote
        fault = f"the events cannot be applied: {type(error).__name__}: {error}"
    seq = events.latest.seq if events.latest else 0
    deque(entries, maxlen=0)
    if other_form:
        verdict.unchecked.append(f"{other_form}; {fault}" if fault else other_form)
    elif fault:
        verdict.problems.append(_problem(events.walked, seq, fault))
    else:
        verdict.checked.append(f"{weeks:,} weekly state hashes, by replay")


def _compare_with_manifest(run: Run, first: Entry, walked: Verification, verdict: Verdict) -> None:
    """Compare what `run.json` and `scenario.yaml` state of the run with each other and with its first event."""
    manifest, started = run.reader.manifest, first.event
    is_ours = manifest.code == code_hash()
    try:
        question = run.question
    except Exception as error:  # a scenario that this program does not take
        text = f"scenario.yaml cannot be read by this program: {' '.join(str(error).split())}"
        _note(verdict, walked, is_ours, text)
        return
    if not isinstance(started, RunStarted):
        verdict.problems.append(_problem(walked, 0, "the first event is no RunStarted"))
        return
    stated = {
        "the scenario's name": (question.scenario.name, started.kind),
        "the first day": (question.scenario.start, to_date(started.start_day)),
        "the seed": (manifest.seed, started.seed),
        "the policies": (question.labels, manifest.policies),
        "what was asked": (question.manifest().genesis(), manifest.genesis()),
    }
    wrong = [f"{what}: {one} and {other}" for what, (one, other) in stated.items() if one != other]
    for text in wrong:
        _note(verdict, walked, is_ours, f"run.json, scenario.yaml and the first event do not agree on {text}")
    if not wrong:
        verdict.checked.append("scenario, seed, policies, vocabulary and segments as run.json states them")
    verdict.unchecked.append("that the code, packages and platform which run.json names wrote it")


def _note(verdict: Verdict, walked: Verification, is_ours: bool, text: str) -> None:
    """Add a problem; of a run by other code, whose scenarios may read differently, say only that it was not checked."""
    if is_ours:
        verdict.problems.append(_problem(walked, 0, text))
    else:
        verdict.unchecked.append(f"the run was written by other code: {text}")


# --- from outside


def _compare_head(walked: Verification, verdict: Verdict, head: str) -> None:
    """Compare the head with one that was published."""
    if walked.head == head:
        verdict.checked.append("the published head")
        return
    chains = [commit.chain for _, commit in walked.places]
    reason = f"its head is {walked.head}, not the published {head}"
    if head in chains:
        last = walked.places[chains.index(head)][1]
        reason += f", which is that of commit {last.number}: events from seq {last.first_seq + last.rows} came later"
    verdict.problems.append(Problem("log", -1, -1, reason))


def _simulate_again(reader: LogReader, walked: Verification, verdict: Verdict, make: drive.MakeModel) -> None:
    """Simulate again in a folder that is thrown away, and compare bytes."""
    reader.manifest.check_same_code("simulate again")
    question = Run(reader).question
    with tempfile.TemporaryDirectory(prefix="market-") as temporary:
        seq = drive.repeat(question, reader, Path(temporary) / "again", make, lambda week, events: None)
    if seq < 0:
        verdict.checked.append("simulated again to the same bytes")
    else:
        verdict.problems.append(_problem(walked, seq, f"simulating again differs in this commit, from seq {seq} on"))
