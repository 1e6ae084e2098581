"""Which folder a question goes to, what is there already, and what a folder of runs holds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from events import Disk, LogDamaged, LogError, LogForeign, LogLocked, LogReader, Manifest, clear, open_log, seal
from events.layout import LOCK, LOG, MANIFEST, in_run
from events.manifest import code_hash
from market.runs.question import Question
from market.runs.reading import Usage
from market.runs.summary import iso

RUNS = Path("runs")
UNKNOWN: dict[str, Any] = {
    "scenario": None, "seed": None, "start": None, "day": None, "weeks": 0, "events": 0, "head": None,
    "complete": False, "running": False, "policies": [], "parent": None, "problem": None,
}  # fmt: skip
"""What is said of a run that cannot be read."""
Stand = Literal["new", "cut short", "complete"]


def default_folder(question: Question) -> Path:
    """Name the folder that a question has under the current one."""
    return RUNS / question.folder_name()


def holds_run(folder: Path) -> bool:
    """Whether a folder is that of a run."""
    return (folder / MANIFEST).is_file()


def stand(folder: Path, manifest: Manifest) -> Stand:
    """Tell how far the run of a question has come in a folder. Usage when another run is there."""
    if not holds_run(folder):
        return "new"
    reader = open_log(folder)
    if reader.manifest.genesis() != manifest.genesis():
        raise Usage(f"{folder}: holds another run (seed {reader.manifest.seed}); choose another folder with --out")
    is_written = Disk().is_locked(folder / LOCK)
    if reader.complete:
        if not reader.summary.sealed and not is_written and is_of_this_code(reader):
            seal(folder)
        return "complete"
    if is_written:
        raise LogLocked(f"{folder}: this run is being written by another process; wait until it is over")
    return "cut short"


def is_of_this_code(reader: LogReader) -> bool:
    """Whether this code wrote a run."""
    return reader.manifest.code == code_hash()


def make_room(folder: Path, manifest: Manifest) -> None:
    """Clear a folder of a run of this question, whole, damaged or cut short, so that it can be made again."""
    if not folder.is_dir():
        return
    try:
        if holds_run(folder) and open_log(folder).manifest.genesis() != manifest.genesis():
            raise Usage(f"{folder}: holds another run; choose another folder with --out")
    except (LogDamaged, LogForeign):
        if not (folder / LOCK).exists():  # not certainly a run of ours
            raise
    if Disk().is_locked(folder / LOCK):
        raise LogLocked(f"{folder}: is being written; wait until that run is over")
    clear(folder)


def outside_runs(path: Path) -> Path:
    """Give a file or folder to write. Usage when it would lie in a run's folder, where nothing writes but the run."""
    if (folder := in_run(path)) is not None:
        raise Usage(
            f"{path}: lies in the run folder {folder}, where nothing but the run is written; name another place"
        )
    return path


def remove(folder: Path, keep_folder: bool = False) -> None:
    """Remove a run with its folder, unless that was there before."""
    clear(folder, lock_too=True)
    if (folder / LOG).is_dir():
        (folder / LOG).rmdir()
    if not keep_folder:
        folder.rmdir()


def runs_in(folder: Path) -> Iterator[dict[str, Any]]:
    """Describe every run in a folder of runs, by name; a damaged one by what is wrong with it."""
    if not folder.is_dir():
        raise Usage(f"{folder}: no folder of runs here; `market run` makes one")
    for path in sorted(folder.iterdir()):
        if holds_run(path):
            yield describe(path)


def describe(folder: Path) -> dict[str, Any]:
    """Describe one run by its first events and its last commit."""
    row: dict[str, Any] = {"run": str(folder), **UNKNOWN}
    try:
        row["running"] = Disk().is_locked(folder / LOCK)
        reader = open_log(folder)
        found, manifest = reader.summary, reader.manifest
        row |= {"seed": manifest.seed, "policies": manifest.policies, "events": found.events, "head": found.head,
                "complete": found.complete, "parent": manifest.parent.run if manifest.parent else None}  # fmt: skip
        row |= _calendar(reader)
    except LogDamaged as error:
        row["problem"] = str(error.problem)
    except LogError as error:
        row["problem"] = str(error)
    return row


def _calendar(reader: LogReader) -> dict[str, Any]:
    import polars as pl

    kinds = ("RunStarted", "WeekClosed")
    rows = reader.scan().filter(pl.col("type").is_in(kinds)).select("type", "day", "kind", "start_day", "week")
    events = rows.collect().to_dicts()
    if not events:
        return {}
    first, last = events[0], events[-1]
    weeks = last["week"] + 1 if last["week"] is not None else 0
    return {"scenario": first["kind"], "start": iso(first["start_day"]), "day": iso(last["day"]), "weeks": weeks}
