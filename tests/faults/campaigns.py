"""Campaigns against the event log: each does one kind of harm many times and counts what went wrong.

What must hold after any harm: every acknowledged commit is there, at most one more is, the run goes on from there to
the very bytes that it would have had, or the log is refused and left as it is.
"""

from __future__ import annotations

import errno
import random
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

from events import Entry, LogComplete, LogDamaged, LogError, LogWriter, clear, open_log, resume, verify
from tests.events.sample import SCENARIO, Week, entries, feed, manifest, run
from tests.faults.memory_disk import Fault, File, MemoryDisk, PowerCut

RUN = Path("/run")
LOG = RUN / "log"
COMMIT_EVENTS, SEGMENT_COMMITS = 12, 2


@dataclass
class Result:
    """How often a campaign did harm, and each time that something went wrong."""

    name: str
    tried: int = 0
    wrong: list[str] = field(default_factory=list)

    def check(self, holds: bool, what: str) -> None:
        """Note what went wrong."""
        if not holds:
            self.wrong.append(what)


def small(writer: LogWriter) -> LogWriter:
    """Make a writer commit and seal often."""
    writer.commit_events, writer.segment_commits = COMMIT_EVENTS, SEGMENT_COMMITS
    return writer


def write(disk: MemoryDisk, weeks: list[Week], acknowledged: list[int] | None = None, finish: bool = True) -> None:
    """Make a run, or take up the one that is there; note the number of commits at each acknowledgement."""
    is_new = RUN / "run.json" not in disk.files
    writer = LogWriter.create(RUN, manifest(), SCENARIO, disk) if is_new else resume(RUN, disk)
    with small(writer):
        feed(writer, weeks, lambda: (acknowledged or []).append(writer.commits), finish)


def golden(weeks: list[Week], finish: bool = True) -> MemoryDisk:
    """The disk of a run that nothing happened to."""
    disk = MemoryDisk()
    write(disk, weeks, finish=finish)
    return disk


def contents(disk: MemoryDisk) -> dict[str, bytes]:
    """The run's files by name, without what recovery set aside."""
    return {
        str(path): bytes(file.data)
        for path, file in disk.files.items()
        if ".torn-" not in path.name and path.suffix != ".new"
    }


def copy(disk: MemoryDisk, path: Path | None = None, data: bytes = b"") -> MemoryDisk:
    """The same disk, safely written, with other bytes in one file."""
    files = {found: File(bytearray(file.data), bytes(file.data)) for found, file in disk.files.items()}
    if path is not None:
        files[path] = File(bytearray(data), data)
    return MemoryDisk(files, disk.folders)


# --- cuts and flips ---------------------------------------------------------------------------------------------


def cuts(step: int = 1, weeks: int = 14) -> Result:
    """Cut a run with every event type at every `step`-th byte of its live segment, then of a sealed one."""
    result = Result(f"cut at every {'byte' if step == 1 else f'{step}th byte'}")
    whole = run(weeks, 12)
    disk = golden(whole, finish=False)
    live = max(path for path in disk.files if path.suffix == ".live")
    data, commits = bytes(disk.files[live].data), _ends(disk, live)
    for length in range(0, len(data), step):
        result.tried += 1
        cut = copy(disk, live, data[:length])
        expected = max((end for end in commits if end <= length), default=0)
        with resume(RUN, cut) as writer:
            found = bytes(cut.files[live].data)
            aside = b"".join(bytes(file.data) for path, file in cut.files.items() if ".torn-" in path.name)
            result.check(found == data[:expected], f"cut at {length}: {len(found)} bytes kept, not {expected}")
            result.check(found + aside == data[:length], f"cut at {length}: bytes were lost")
            result.check(writer.commits == commits.get(expected, commits[0]), f"cut at {length}: {writer.commits}")
    sealed = min(path for path in disk.files if path.suffix == ".arrow")
    data = bytes(disk.files[sealed].data)
    for length in range(0, len(data), step * 5):
        result.tried += 1
        cut = copy(disk, sealed, data[:length])
        result.check(_is_refused(cut), f"sealed segment cut at {length}: not refused")
    return result


def _ends(disk: MemoryDisk, live: Path) -> dict[int, int]:
    """Commits in the log when the live segment is as long as this."""
    *before, last = open_log(RUN, disk).walk()
    first = sum(len(found.scan.commits) for found in before)
    assert last.name == live.name
    return {0: first} | {commit.end: commit.number + 1 for commit in last.scan.commits}


def _is_refused(disk: MemoryDisk) -> bool:
    """Whether verify and resume refuse a log, and leave it as it is."""
    before = contents(disk)
    try:
        resume(RUN, disk).close()
        return False
    except LogDamaged:
        return not verify(RUN, disk).ok and contents(disk) == before


def flips(times: int, seed: int = 0) -> Result:
    """Flip one bit anywhere in the files of a run with sealed segments and a live one."""
    result, draw = Result("bit flips"), random.Random(seed)
    weeks = run(4, 30)
    disk = golden(weeks, finish=False)
    files = [path for path, file in disk.files.items() if file.data]
    whole = list(entries(weeks))
    for path in draw.choices(files, [len(disk.files[path].data) for path in files], k=times):
        result.tried += 1
        data = bytearray(disk.files[path].data)
        at, bit = draw.randrange(len(data)), 1 << draw.randrange(8)
        data[at] ^= bit
        harmed = copy(disk, path, bytes(data))
        result.check(not _is_ok(harmed), f"{path.name} byte {at} bit {bit}: not noticed")
        if result.tried % 50 == 0:
            result.check(_reads_prefix(harmed, whole), f"{path.name} byte {at} bit {bit}: read wrong events")
    return result


def _is_ok(disk: MemoryDisk) -> bool:
    try:
        return verify(RUN, disk).ok
    except LogError:
        return False


def _reads_prefix(disk: MemoryDisk, whole: list[Entry]) -> bool:
    read: list[Entry] = []
    with suppress(LogError):
        read.extend(open_log(RUN, disk).entries())
    return read == whole[: len(read)]


# --- faults of calls and power cuts -----------------------------------------------------------------------------


def call_faults(step: int = 1) -> Result:
    """Fail every call that a run makes, in every way; then go on with a healthy disk."""
    result = Result("every call fails once or for good")
    weeks = run(9, 12)
    healthy = golden(weeks)
    ways = list(product((errno.EIO, errno.ENOSPC, 0), (False, True)))
    for at in range(1, healthy.calls + 1, step):
        for code, for_good in ways:
            result.tried += 1
            disk, acknowledged = MemoryDisk(), [0]
            disk.fault = Fault(at, code, for_good)
            message = _try(disk, weeks, acknowledged)
            name = f"call {at} {errno.errorcode.get(code, 'short')} {'for good' if for_good else 'once'}"
            result.check("\n" not in message and (code == 0 or bool(message)), f"{name}: message {message!r}")
            _go_on(result, name, disk.restart(), (weeks, healthy), acknowledged[-1])
    return result


def _try(disk: MemoryDisk, weeks: list[Week], acknowledged: list[int]) -> str:
    """Write a run; give the message of the error that it ends in."""
    try:
        write(disk, weeks, acknowledged)
    except LogError as error:
        return str(error)
    return ""


def _go_on(result: Result, name: str, disk: MemoryDisk, goal: tuple[list[Week], MemoryDisk], acknowledged: int) -> None:
    """Check what is there after harm, finish the run, and compare it with the one that nothing happened to."""
    weeks, healthy = goal
    try:
        if RUN / "run.json" in disk.files:
            found = open_log(RUN, disk).summary.commits
            result.check(acknowledged <= found <= acknowledged + 1, f"{name}: {found} commits, {acknowledged} promised")
        else:
            result.check(acknowledged == 0, f"{name}: the run is gone, {acknowledged} commits promised")
        write(disk, weeks)
    except LogComplete:
        pass
    except LogError as error:
        result.check(False, f"{name}: cannot go on: {error}")
        return
    ends, goals = contents(disk), contents(healthy)
    differ = sorted(path for path in {*ends, *goals} if ends.get(path) != goals.get(path))
    result.check(not differ, f"{name}: ends in other bytes: {differ}")


def power_cuts(times: int, seed: int = 0) -> Result:
    """Cut the power at any call, with a failing sync before it now and then; unsynced blocks and names are lost."""
    result, draw = Result("power cuts that drop unsynced writes"), random.Random(seed)
    weeks = run(9, 12)
    healthy = golden(weeks)
    for turn in range(times):
        result.tried += 1
        disk, acknowledged = MemoryDisk(), [0]
        if draw.random() < 0.3:
            disk.fault = Fault(draw.randrange(1, healthy.calls))
            _try(disk, weeks, acknowledged)
            disk = disk.restart()
        disk.cut_at = disk.calls + draw.randrange(1, healthy.calls)
        disk.any_order = draw.random() < 0.5
        with suppress(PowerCut):
            _try(disk, weeks, acknowledged)
        _go_on(result, f"power cut {turn}", disk.power_cut(draw), (weeks, healthy), acknowledged[-1])
    return result


def clearings(times: int, seed: int = 0) -> Result:
    """Cut the power while a run is cleared and made again, names landing in any order; clear again, make it again."""
    result, draw = Result("power cuts while a run is cleared"), random.Random(seed)
    weeks = run(5, 12)
    healthy = golden(weeks)
    goal = contents(healthy)
    for turn in range(times):
        result.tried += 1
        disk = copy(healthy)
        for _ in range(draw.randrange(1, 4)):
            disk.cut_at, disk.any_order = disk.calls + draw.randrange(1, healthy.calls), draw.random() < 0.5
            with suppress(PowerCut):
                clear(RUN, disk)
                write(disk, weeks)
            disk = disk.power_cut(draw)
        clear(RUN, disk)
        result.check(not contents(disk).keys() - {str(RUN / "LOCK")}, f"clearing {turn}: something is left")
        write(disk, weeks)
        result.check(contents(disk) == goal, f"clearing {turn}: ends in other bytes")
    return result


def recovery_faults(times: int, seed: int = 0) -> Result:
    """Cut a run short, fail a call of its recovery, kill or cut the power again, and recover once more."""
    result, draw = Result("faults during recovery"), random.Random(seed)
    weeks = run(9, 12)
    healthy = golden(weeks)
    for turn in range(times):
        result.tried += 1
        disk, acknowledged = MemoryDisk(), [0]
        disk.cut_at = draw.randrange(healthy.calls // 4, healthy.calls)
        with suppress(PowerCut):
            _try(disk, weeks, acknowledged)
        disk = disk.power_cut(draw)
        for _ in range(draw.randrange(1, 4)):
            disk = _recover_badly(disk, draw)
        _go_on(result, f"recovery {turn}", disk, (weeks, healthy), acknowledged[-1])
    return result


def _recover_badly(disk: MemoryDisk, draw: random.Random) -> MemoryDisk:
    disk.fault = Fault(draw.randrange(1, 12), draw.choice((errno.EIO, errno.ENOSPC, 0)), draw.random() < 0.5)
    if draw.random() < 0.3:
        disk.fault, disk.cut_at = None, draw.randrange(1, 12)
    with suppress(LogError, PowerCut):
        resume(RUN, disk).close()
    return disk.power_cut(draw) if draw.random() < 0.5 else disk.restart()


def report(results: Iterable[Result]) -> str:
    """A line for each campaign, and the first things that went wrong."""
    lines = []
    for result in results:
        lines.append(f"{result.name:42} {result.tried:>8} tried {len(result.wrong):>6} wrong")
        lines += [f"    {line}" for line in result.wrong[:10]]
    return "\n".join(lines)
