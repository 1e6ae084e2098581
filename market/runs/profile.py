"""Where the CPU time of a run goes, by phase and step of the week.

The program is looked at every few milliseconds of its own CPU time, and what it is doing is laid on a step. Nothing in
the simulation knows of it, so the events stay the same and the run is hardly slower.
"""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, NamedTuple

from events.log import LogWriter
from market.evolve import evolve
from market.kernel import Kernel
from market.state import state_hash
from market.week import WEEK

INTERVAL_S = 0.002
OTHER = ("other", "other")
Place = tuple[str, str]


class ProfileUnavailable(Exception):
    """A system without a timer of a process's CPU time."""

    exit_code = 2


class Row(NamedTuple):
    """CPU time of one step.

    Attributes
    ----------
    phase, step : a phase of the week and what ran in it; events being written, applied and hashed stand apart.
    cpu_s : seconds.
    share : of all.
    """

    phase: str
    step: str
    cpu_s: float
    share: float


class Profile:
    """Samples of a run, as rows when it is over."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self._places = _places()
        self._samples: Counter[Place] = Counter()

    def look(self, _: int, frame: FrameType | None) -> None:
        """Note what runs: the innermost frame that belongs to a step."""
        self._samples[self._place(frame)] += 1

    def _place(self, frame: FrameType | None) -> Place:
        while frame is not None:
            code = frame.f_code
            if found := self._places.get(code):
                return found
            if code.co_qualname.endswith(".act"):
                return "ask", f"{Path(code.co_filename).stem}.act"
            frame = frame.f_back
        return OTHER

    def close(self, cpu_s: float) -> None:
        """Spread the CPU time of the whole over the samples."""
        total = self._samples.total() or 1
        ranked = sorted(self._samples.items(), key=lambda item: (-item[1], item[0]))
        self.rows = [Row(*place, cpu_s * n / total, n / total) for place, n in ranked]

    def fields(self) -> list[dict[str, Any]]:
        """Plain values, for scripts."""
        return [row._asdict() | {"cpu_s": round(row.cpu_s, 3), "share": round(row.share, 4)} for row in self.rows]


def _places() -> dict[CodeType, Place]:
    """Name the code of every step. A generator's frames have the code of its function."""
    found = {step.rule.__code__: (str(step.phase), step.name) for step in WEEK}
    for function, place in (
        (LogWriter.append, "append an event"),
        (LogWriter.append_rows, "append a batch"),
        (LogWriter.close_week, "close a week: encode, chain, compress, sync"),
        (LogWriter.finish, "close the log"),
    ):
        found[function.__code__] = ("log", place)
    found[evolve.__code__] = ("record", "apply events to the state")
    found[state_hash.__code__] = ("record", "hash the state")
    found[Kernel.record.__code__] = found[Kernel.record_batch.__code__] = ("record", "find causes, make entries")
    found[Kernel.answer.__code__] = ("decide", "answer commands")
    found[Kernel.begin.__code__] = ("start", "calibrate")
    return found


@contextmanager
def profiled() -> Iterator[Profile]:
    """Watch what runs inside; the rows are there afterwards.

    Raises ProfileUnavailable on a system without such a timer.
    """
    if not hasattr(signal, "setitimer"):
        raise ProfileUnavailable("--profile needs a timer of CPU time, which this system does not have")
    profile, began = Profile(), time.process_time()
    before = signal.signal(signal.SIGPROF, profile.look)
    signal.setitimer(signal.ITIMER_PROF, INTERVAL_S, INTERVAL_S)
    try:
        yield profile
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
        profile.close(time.process_time() - began)
