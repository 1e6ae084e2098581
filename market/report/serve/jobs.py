"""What-ifs that run in the background: one process each, one at a time, kept in the experiments' folders.

A job's folder is that of the same experiment on the command line. How far it is is read from the folder, so that a
reload of the page, another session or a new server sees the same; a job stopped or killed goes on where it was.
"""

from __future__ import annotations

import signal
import subprocess
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec

from market.experiments.results.store import Store

State = Literal["new", "waiting", "running", "done", "stopped", "failed"]
LINES = 2_000  # characters of a failure that the page shows
PATIENCE_S = 20.0


class Asked(NamedTuple):
    """A what-if: words of `market experiment` that ask it, and the folder that answers it."""

    words: tuple[str, ...]
    folder: str

    @property
    def key(self) -> str:
        """Name of the job in links: the folder's own name."""
        return Path(self.folder).name


class Progress(NamedTuple):
    """How far a job is: runs done of all, and its state."""

    state: State
    done: int
    total: int
    why: str = ""

    def as_json(self) -> dict[str, Any]:
        """Plain values, for the page."""
        return self._asdict()


@dataclass
class _Job:
    asked: Asked
    state: State = "waiting"
    process: subprocess.Popen[bytes] | None = None
    why: str = ""
    ended: threading.Event = field(default_factory=threading.Event)


class Jobs:
    """Background experiments. `launch` is the command that `market` is: the words of a job follow it."""

    def __init__(self, launch: Sequence[str]) -> None:
        self._launch = tuple(launch)
        self._jobs: dict[str, _Job] = {}
        self._lock, self._turn = threading.Lock(), threading.Lock()

    def start(self, asked: Asked) -> None:
        """Begin a job, or go on with it; a job that waits, runs or is done is left alone."""
        with self._lock:
            job = self._jobs.get(asked.key)
            if job is not None and job.state in ("waiting", "running", "done"):
                return
            job = self._jobs[asked.key] = _Job(asked)
        threading.Thread(target=self._work, args=(job,), daemon=True).start()

    def stop(self, key: str) -> None:
        """Stop a job; what it has done is kept."""
        with self._lock:
            job = self._jobs.get(key)
            if job is None or job.state not in ("waiting", "running"):
                return
            job.state = "stopped"
            if job.process is not None:
                job.process.send_signal(signal.SIGINT)

    def progress(self, asked: Asked) -> Progress:
        """Say how far a job is, also one that this server never saw."""
        done, total, is_whole = how_far(asked.folder)
        job = self._jobs.get(asked.key)
        if is_whole:
            return Progress("done", done, total)
        if job is None:
            return Progress("stopped" if done else "new", done, total)
        return Progress(job.state, done, total, job.why)

    def close(self) -> None:
        """Stop everything and wait for it."""
        for key in list(self._jobs):
            self.stop(key)
        for job in self._jobs.values():
            job.ended.wait(PATIENCE_S)
            if job.process is not None and job.process.poll() is None:
                job.process.kill()

    def _work(self, job: _Job) -> None:
        try:
            with self._turn:  # one at a time: each uses every core
                self._run(job)
        finally:
            job.ended.set()

    def _run(self, job: _Job) -> None:
        with self._lock:
            if job.state != "waiting":
                return
            words = ("experiment", "run", *job.asked.words, "--out", job.asked.folder, "--resume", "--quiet")
            job.process = subprocess.Popen(
                (*self._launch, *words),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                start_new_session=True,  # Ctrl-C at the server's terminal is the server's to pass on
            )
            job.state = "running"
        said = job.process.communicate()[1]
        with self._lock:
            if job.state == "running":
                is_well = job.process.returncode in (0, 4)  # 4: some runs failed, and the report says which
                job.state = "done" if is_well else "failed"
                job.why = "" if is_well else _last_line(said, job.process.returncode)


def _last_line(said: bytes, code: int) -> str:
    lines = said.decode(errors="replace").strip().splitlines()
    return lines[-1][-LINES:] if lines else f"the process ended with code {code}"


def how_far(folder: str) -> tuple[int, int, bool]:
    """Read from an experiment's folder how many runs are done, of how many, and whether its tables are written."""
    if not (Path(folder) / "experiment.json").is_file():
        return 0, 0, False
    store = Store(folder)
    data = store.read("experiment.json")
    about = msgspec.json.decode(data) if data else {}
    if not about:
        return 0, 0, False
    total = len(about["levers"]) * about["futures"] * about["seeds"][1]
    return len(store.done()), total, store.exists("runs.parquet")


Plan = Callable[[dict[str, Any]], str]
"""Checks what was asked, as `market.experiments` does, and gives the folder of the answer."""
