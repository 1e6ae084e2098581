"""What measurements share: lines of a table, medians, peak memory, and children whose CPU time is known."""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]


class Line(NamedTuple):
    """One aim and what was measured; `reached` is None where there is a ratio to tell and no aim."""

    what: str
    aim: str
    measured: str
    reached: bool | None = None

    @property
    def verdict(self) -> str:
        """Say it in a word."""
        return "" if self.reached is None else "yes" if self.reached else "no"


def cpu_s(action: Callable[..., object], *given: object) -> float:
    """CPU time of a call in this process."""
    began = time.process_time()
    action(*given)
    return time.process_time() - began


def children_s() -> float:
    """CPU time of all child processes that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def peak_mib() -> float:
    """Give the most memory that this process held; what a process took over from its parent does not count on Linux."""
    status = Path("/proc/self/status")
    if status.is_file():
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM")) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def child(*words: str) -> Any:
    """Run a module of this Python in a new process; give the JSON that it prints last."""
    done = subprocess.run([sys.executable, "-m", *words], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.strip().splitlines()[-1])


def script(*words: str) -> Any:
    """Run a script with its own packages; give the JSON that it prints last."""
    line = [sys.executable, "-m", "uv"] if _has_uv() else ["uv"]
    given = [*line, "run", "-q", "--script", *words]
    done = subprocess.run(given, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1])
    return json.loads(done.stdout.strip().splitlines()[-1])


def _has_uv() -> bool:
    return subprocess.run([sys.executable, "-m", "uv", "--version"], capture_output=True, check=False).returncode == 0


def medians(rows: Iterable[dict[str, float]]) -> dict[str, float]:
    """Median of every figure over rounds."""
    kept = list(rows)
    return {key: statistics.median(row[key] for row in kept) for key in kept[0]}
