"""Kill -9 of a writer at a random moment, on a real disk, again and again.

The parent stays warm: it has encoded every commit of the run once and children, forked from it, find them ready, so
that most of a child's life is spent in the calls that a kill can break: write, sync, rename.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any

from events import LogComplete, LogWriter, open_log, resume, schema, segment
from tests.events.sample import SCENARIO, Week, feed, manifest, run
from tests.faults.campaigns import Result

WEEKS, EVENTS_A_WEEK = 220, 12  # a commit a week: 220 commits
SEGMENT_COMMITS = 9


class Warm:
    """While it is entered, batches and commits are made once and found in memory after that."""

    def __init__(self) -> None:
        self._encode, self._write = schema.encode, segment.write_commit
        self._batches: dict[int, Any] = {}
        self._commits: dict[segment.Place, tuple[bytes, segment.Commit]] = {}

    def encode(self, chunks: Any, first_seq: int, commit: int) -> Any:
        """As `schema.encode`."""
        if first_seq not in self._batches:
            self._batches[first_seq] = self._encode(chunks, first_seq, commit)
        return self._batches[first_seq]

    def write_commit(self, batch: Any, place: segment.Place, offset: int) -> tuple[bytes, segment.Commit]:
        """As `segment.write_commit`."""
        if place not in self._commits:
            self._commits[place] = self._write(batch, place, offset)
        return self._commits[place]

    def __enter__(self) -> None:
        schema.encode, segment.write_commit = self.encode, self.write_commit

    def __exit__(self, *_: object) -> None:
        schema.encode, segment.write_commit = self._encode, self._write


def write(folder: Path, weeks: list[Week], report: int = -1) -> None:
    """Make or take up the run; write a byte to `report` for every commit acknowledged."""
    is_new = not (folder / "run.json").exists()
    writer = LogWriter.create(folder, manifest(), SCENARIO) if is_new else resume(folder)
    writer.commit_events, writer.segment_commits = EVENTS_A_WEEK - 1, SEGMENT_COMMITS
    known = writer.commits

    def acknowledged() -> None:
        nonlocal known
        if report >= 0 and writer.commits > known:
            os.write(report, b"." * (writer.commits - known))
        known = writer.commits

    with writer:
        feed(writer, weeks, acknowledged)


def kills(times: int, scratch: Path, seed: int = 0) -> Result:
    """Kill a writer `times` times; recover, count, and let the next child go on; compare every run that ends."""
    result, draw, warm = Result("kill -9"), random.Random(seed), Warm()
    weeks, folder = run(WEEKS, EVENTS_A_WEEK), scratch / "run"
    with warm:
        write(scratch / "whole", weeks)
        whole = _files(scratch / "whole")
        started = time.monotonic()
        write(scratch / "again", weeks)
        life_s, had = time.monotonic() - started, 0
        while result.tried < times:
            promised, status = _one_life(folder, weeks, life_s * draw.random() * draw.choice((1.0, 0.1)))
            name = f"kill {result.tried}"
            result.check(status in (0, -signal.SIGKILL), f"{name}: the writer failed")
            found = open_log(folder).summary.commits if (folder / "run.json").exists() else 0
            result.check(had + promised <= found <= had + promised + 1, f"{name}: {found} of {had} and {promised}")
            had = found
            if status == 0:
                result.check(_files(folder) == whole, f"{name}: the run ends in other bytes")
                shutil.rmtree(folder)
                had = 0
            result.tried += status != 0
    return result


def _one_life(folder: Path, weeks: list[Week], seconds: float) -> tuple[int, int]:
    """Let a child write for some time and kill it; give the commits that it acknowledged, and how it ended."""
    readable, writable = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            with suppress(LogComplete):
                write(folder, weeks, writable)
            code = 0
        except BaseException:
            traceback.print_exc()
        os._exit(code)
    os.close(writable)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    with os.fdopen(readable, "rb") as pipe:
        return len(pipe.read()), status


def _files(folder: Path) -> dict[str, bytes]:
    """The run's files, without what recovery set aside."""
    found = (path for path in folder.rglob("*") if path.is_file() and ".torn-" not in path.name)
    return {str(path.relative_to(folder)): path.read_bytes() for path in found if path.suffix != ".new"}
