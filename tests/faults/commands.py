"""Campaigns through the command line: every call on the disk fails, folders are cleared, processes meet and are killed.

What must hold: a command answers as it would have, or ends with an exit code and a line that is no traceback; and the
run goes on from there, with --resume or --force, to the bytes that it would have had.
"""

from __future__ import annotations

import errno
import itertools
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner
from click.testing import Result as Answer

import cli
from events import Disk, log
from tests.faults.campaigns import Result

CHANGING = ("mkdir", "lock", "open_new", "open_end", "write", "sync", "sync_folder", "rename", "remove")
READING = ("read", "names")
YEARS = "0.08"  # 4 weeks, in commits of a week and segments of two


class Killed(BaseException):
    """The process ends here."""


@dataclass
class Harm:
    """Let the `at`-th call on the disk fail (from 1; 0: none), and all after it when it is for good.

    kind : an errno; "short" takes or gives half of the bytes; "memory" finds none; "kill" ends the process.
    """

    at: int = 0
    kind: int | str = errno.EIO
    for_good: bool = False
    calls: int = 0

    def strikes(self) -> bool:
        """Count a call and say whether it fails."""
        self.calls += 1
        return self.calls == self.at or (self.for_good and 0 < self.at < self.calls)

    def strike(self, real: Any, disk: Disk, *given: Any) -> Any:
        """Fail as planned."""
        if self.kind == "kill":
            raise Killed
        if self.kind == "memory":
            raise MemoryError
        if self.kind != "short":
            raise OSError(self.kind, "planned by the test")
        if real.__name__ == "read":
            data = real(disk, *given)
            return data[: len(data) // 2]
        if real.__name__ == "write":
            descriptor, data = given
            return real(disk, descriptor, data[: len(data) // 2])
        return real(disk, *given)


@contextmanager
def harmed(names: tuple[str, ...], harm: Harm) -> Iterator[Harm]:
    """Let calls of the disk pass through a harm, and make commits of a week."""
    before = {name: getattr(Disk, name) for name in names}

    def through(real: Any) -> Any:
        def call(disk: Disk, *given: Any) -> Any:
            return harm.strike(real, disk, *given) if harm.strikes() else real(disk, *given)

        return call

    for name, real in before.items():
        setattr(Disk, name, through(real))
    try:
        yield harm
    finally:
        for name, real in before.items():
            setattr(Disk, name, real)


def ask(*words: object) -> Answer:
    """Give a command line, with commits of a week and segments of two commits."""
    before = log.COMMIT_EVENTS, log.SEGMENT_COMMITS
    log.COMMIT_EVENTS, log.SEGMENT_COMMITS = 100, 2
    try:
        return CliRunner().invoke(cli.main, [str(word) for word in words], prog_name="market")
    finally:
        log.COMMIT_EVENTS, log.SEGMENT_COMMITS = before


def simulate(folder: Path, *words: str) -> Answer:
    """Run the default world for some weeks."""
    return ask("run", "--years", YEARS, "--quiet", "--json", "--out", folder, *words)


def contents(folder: Path) -> dict[str, bytes]:
    """The files of a run, but for its lock and what recovery set aside."""
    found = (path for path in folder.rglob("*") if path.is_file() and path.name != "LOCK" and ".torn-" not in path.name)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def in_a_line(answer: Answer) -> str:
    """Say what is wrong with a refusal, or nothing."""
    if answer.exception is not None and not isinstance(answer.exception, SystemExit):
        return f"{type(answer.exception).__name__}: {answer.exception}"
    lines = answer.stderr.splitlines()
    if not lines or not all(line.startswith("market: ") for line in lines):
        return f"said {answer.stderr[:200]!r}"
    return "" if answer.exit_code in (1, 2, 3) else f"exit code {answer.exit_code}"


def _whole(scratch: Path) -> tuple[Path, dict[str, bytes], int]:
    """A run that nothing happened to, its bytes, and how many calls changed the disk."""
    whole = scratch / "whole"
    with harmed(CHANGING, Harm()) as count:
        assert simulate(whole).exit_code == 0
    return whole, contents(whole), count.calls


def _goes_on(result: Result, name: str, folder: Path, goal: dict[str, bytes], *words: str) -> None:
    again = simulate(folder, *words)
    if again.exit_code == 2 and "no run of this question was cut short" in again.stderr:
        again = simulate(folder)
    result.check(again.exit_code == 0, f"{name}: cannot go on: {again.stderr[:200]!r} {again.exception!r}")
    result.check(contents(folder) == goal, f"{name}: ends in other bytes")


def failing_writes(scratch: Path, step: int = 1) -> Result:
    """Fail every `step`-th call that changes the disk during `market run`, then resume."""
    result = Result("market run: a call of the disk fails")
    _, goal, calls = _whole(scratch)
    kinds = (errno.EIO, errno.ENOSPC, "short", "memory", "kill")
    for at, (kind, for_good) in zip(
        range(1, calls + 1, step), itertools.cycle(itertools.product(kinds, (0, 1))), strict=False
    ):
        result.tried += 1
        name, folder = f"call {at} {kind}", scratch / f"write-{at}"
        try:
            with harmed(CHANGING, Harm(at, kind, for_good)):
                answer = simulate(folder)
            wrong = "" if answer.exit_code == 0 else in_a_line(answer)
            result.check(not wrong, f"{name}: {wrong}")
        except Killed:
            pass
        _goes_on(result, name, folder, goal, "--resume")
        shutil.rmtree(folder)
    return result


def clearing(scratch: Path, step: int = 1) -> Result:
    """Fail or end `market run --force` at every `step`-th call, on a run whole or cut short; then force again."""
    result = Result("market run --force: a call fails, or it is killed")
    whole, goal, calls = _whole(scratch)
    for at, kind in zip(range(1, calls + 20, step), itertools.cycle((errno.EIO, "kill", "memory")), strict=False):
        result.tried += 1
        name, folder = f"call {at} {kind}", scratch / f"force-{at}"
        shutil.copytree(whole, folder)
        try:
            with harmed(CHANGING, Harm(at, kind)):
                answer = simulate(folder, "--force")
            wrong = "" if answer.exit_code == 0 else in_a_line(answer)
            result.check(not wrong, f"{name}: {wrong}")
        except Killed:
            pass
        plain = simulate(folder)
        result.check(not in_a_line(plain) or plain.exit_code == 0, f"{name}: without --force: {in_a_line(plain)}")
        _goes_on(result, name, folder, goal, "--force")
        shutil.rmtree(folder)
    return result


def failing_reads(scratch: Path, step: int = 1) -> Result:
    """Fail or shorten every `step`-th read of the commands that read: they answer as before, or refuse in a line."""
    result = Result("commands that read: a read fails or is short")
    whole, _, _ = _whole(scratch)
    commands = (
        ("verify", whole, "--json"),
        ("events", whole, "--type", "LeaseSigned", "--json"),
        ("query", whole, "SELECT count(*) AS n, sum(gpus) AS gpus FROM log", "--json"),
        ("replay", whole, "--json"),
        ("explain", whole, 3000, "--json"),
        ("diff", whole, whole, "--json"),
    )
    kinds = itertools.cycle((errno.EIO, "short", "memory"))
    for words in commands:
        with harmed(READING, Harm()) as count:
            expected = ask(*words)
        assert expected.exit_code == 0, expected.output
        for at in range(1, count.calls + 1, step):
            result.tried += 1
            kind = next(kinds)
            with harmed(READING, Harm(at, kind)):
                answer = ask(*words)
            said = answer.stdout if answer.exit_code == 0 else ""
            wrong = "" if said == expected.stdout or words[0] == "verify" else in_a_line(answer)
            if words[0] == "verify" and answer.exit_code == 0:
                wrong = "" if said == expected.stdout else "verify says ok of something else"
            result.check(not wrong, f"{words[0]}, read {at} {kind}: {wrong}")
    return result


# --- processes --------------------------------------------------------------------------------------------------

COMMAND = [sys.executable, "-m", "cli", "run", "--years", "0.5", "--quiet", "--out"]


def _spawn(folder: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, str(folder), *words], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


def meetings(scratch: Path, times: int, seed: int = 0) -> Result:
    """Let two processes run into one folder, one a little later: one run comes of it, the other says why not."""
    result, draw = Result("two processes and one folder"), random.Random(seed)
    goal = _reference(scratch)
    for turn in range(times):
        result.tried += 1
        folder = scratch / f"meet-{turn}"
        words = draw.choice(([], ["--resume"], ["--force"]))
        first = _spawn(folder)
        time.sleep(draw.random() * draw.choice((0.05, 4.0)))
        second = _spawn(folder, *words)
        ends = [(child.communicate()[1], child.returncode) for child in (first, second)]
        for said, code in ends:
            fair = code == 0 or (code in (1, 2) and said.startswith("market: ") and said.count("\n") == 1)
            result.check(fair, f"meeting {turn} {words}: exit {code}: {said[-300:]!r}")
        result.check(any(code == 0 for _, code in ends), f"meeting {turn} {words}: nobody finished: {ends}")
        result.check(contents(folder) == goal, f"meeting {turn} {words}: ends in other bytes")
        shutil.rmtree(folder)
    return result


def killings(scratch: Path, times: int, seed: int = 0) -> Result:
    """Kill -9 `market run`, plain, resuming or forcing, at random moments, and let the next go on to the same bytes."""
    result, draw = Result("market run killed with -9"), random.Random(seed)
    goal, folder = _reference(scratch), scratch / "killed"
    while result.tried < times:
        result.tried += 1
        words = draw.choice((_taken_up(folder), _taken_up(folder), ["--force"]))
        child = _spawn(folder, *words)
        try:
            said = child.communicate(timeout=0.4 + 4 * draw.random())[1]
            result.check(child.returncode == 0, f"kill {result.tried} {words}: {said[-300:]!r}")
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGKILL)
            child.communicate()
    last = subprocess.run([*COMMAND, str(folder), *_taken_up(folder)], capture_output=True, text=True)
    result.check(last.returncode == 0 and contents(folder) == goal, f"the end: {last.stderr[-300:]!r}")
    return result


def _taken_up(folder: Path) -> list[str]:
    """What continues a run that may have been cut short before it was one."""
    return ["--resume"] if (folder / "run.json").exists() else []


def _reference(scratch: Path) -> dict[str, bytes]:
    folder = scratch / "reference"
    subprocess.run([*COMMAND, str(folder)], check=True, capture_output=True)
    return contents(folder)
