"""The promises of the log on the real world, in full figures: `python -m tests.promises`.

resume   a run killed at 200 random moments ends, once resumed, with the bytes of the run never killed
fork     forks with no change at 10 dates of 3 seeds are the identity
replay   every week's state, rebuilt from events alone, is the state that the run had in that week
"""

from __future__ import annotations

import os
import random
import signal
import sys
import tempfile
import time
import traceback
from contextlib import suppress
from pathlib import Path

from agents.simulation import Simulation
from events import LogComplete, LogWriter, MemoryLog, Parent, open_log
from events.types.run import WeekClosed
from market.kernel import Kernel, replay
from market.runs.drive import begin, fork, go_on, resume, start
from market.runs.question import Question, checked
from market.scenario.load import load_scenario
from market.state import state_hash

KILLS, KILL_WEEKS, COMMIT_EVENTS = 200, 20, 400
SEEDS, DATES, FORK_WEEKS = 3, 10, 52


def make(kernel: Kernel) -> Simulation:
    """Put the agents around a kernel."""
    return Simulation(kernel)


def quiet(week: int, events: int) -> None:
    """Report nothing."""


def ask(weeks: int, seed: int) -> Question:
    """Ask for the real world, some weeks of it."""
    scenario = load_scenario("frontier-2024").scenario
    return checked(Question(scenario.model_copy(update={"years": weeks * 7 / 365.25 + 1e-6}), seed))


def small_commits(folder: Path, question: Question) -> None:
    """Begin or continue a run with many small commits, as the limit that only tests set allows."""
    original = LogWriter.close_week

    def close_week(self: LogWriter) -> None:
        self.commit_events = COMMIT_EVENTS
        original(self)

    LogWriter.close_week = close_week  # type: ignore[method-assign]
    try:
        if (folder / "run.json").exists():
            resume(question, folder, make, quiet)
        else:
            start(question, folder, make, quiet)
    finally:
        LogWriter.close_week = original  # type: ignore[method-assign]


def in_child(folder: Path, question: Question, seconds: float) -> bool:
    """Work on the run in a forked child and kill it after some seconds; tell whether it got to its end."""
    child = os.fork()
    if child == 0:
        try:
            with suppress(LogComplete):
                small_commits(folder, question)
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            if status:
                raise RuntimeError(f"{folder}: the run could not be resumed")
            return True
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


def kills(count: int, seed: int = 0) -> tuple[int, int]:
    """Kill a run `count` times, each life going on from the last; give back kills done and wrong ends."""
    chance, question = random.Random(seed), ask(KILL_WEEKS, 0)
    done = wrong = 0
    with tempfile.TemporaryDirectory() as top:
        whole = Path(top) / "whole"
        begun = time.monotonic()
        small_commits(whole, question)
        length = time.monotonic() - begun
        head = open_log(whole).head
        number = 0
        while done < count:
            number += 1
            folder = Path(top) / f"cut-{number}"
            while not in_child(folder, question, chance.uniform(0.02, length)):
                done += 1
            wrong += open_log(folder).head != head
    return done, wrong


def forks(seeds: int, dates: int) -> tuple[int, int]:
    """Fork without a change; give back forks made and those whose later events are not the parent's."""
    made = wrong = 0
    chance = random.Random(1)
    with tempfile.TemporaryDirectory() as top:
        for seed in range(seeds):
            question, parent = ask(FORK_WEEKS, seed), Path(top) / f"parent-{seed}"
            start(question, parent, make, quiet)
            before = list(open_log(parent).entries())
            for week in sorted(chance.sample(range(FORK_WEEKS - 1), dates)):
                reader = open_log(parent)
                other = question.forked((), week, Parent(parent.name, week, reader.head))
                folder = Path(top) / f"fork-{seed}-{week}"
                fork(other, reader, folder, make, quiet)
                made += 1
                wrong += list(open_log(folder).entries()) != before
    return made, wrong


def replays(seeds: int) -> tuple[int, int]:
    """Compare every week's rebuilt state with the state that the run had; give back weeks and those that differ."""
    weeks = wrong = 0
    for seed in range(seeds):
        log = MemoryLog()
        had = hashes(log, ask(FORK_WEEKS, seed))
        for (entry, state), hashed in zip(replay(log.entries()), had, strict=True):
            assert isinstance(entry.event, WeekClosed)
            weeks += 1
            wrong += state_hash(state) != hashed
    return weeks, wrong


def hashes(log: MemoryLog, question: Question) -> list[str]:
    """Run a question into a log; give back the hash of the state that it had after each week."""
    had: list[str] = []
    kernel = begin(question, log)
    go_on(question, kernel, make, lambda week, events: had.append(state_hash(kernel.state)))
    return had


def main() -> int:
    """Print a line a promise; exit with 1 when one is broken."""
    bad = 0
    for name, found in (
        ("replay: weeks rebuilt, wrong", lambda: replays(SEEDS)),
        ("fork: identities, wrong", lambda: forks(SEEDS, DATES)),
        ("resume: kills, wrong", lambda: kills(KILLS)),
    ):
        began = time.monotonic()
        done, wrong = found()
        bad += wrong
        print(f"{name}: {done}, {wrong} ({time.monotonic() - began:.0f} s)", flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
