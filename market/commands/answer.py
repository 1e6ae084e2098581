"""Answer a question in a folder: report the run that is there, continue it or simulate it, and print the outcome."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from events import LogLocked
from market.commands.errors import code_of, said
from market.commands.shell import DAMAGED, FAILED, INTERRUPTED, Complaint, emit
from market.report.progress import note, progress
from market.runs import drive, folders
from market.runs.outcome import Outcome, outcome_at, outcome_of
from market.runs.profile import profiled
from market.runs.question import Question
from market.runs.reading import Run, open_run
from market.runs.summary import beyond_the_roadmap

if TYPE_CHECKING:
    from market.report.compared import Told


class How(NamedTuple):
    """What was said about the run: where, whether to go on or begin again, how to print, what to watch."""

    folder: Path | None
    resume: bool
    force: bool
    as_json: bool
    quiet: bool
    profile: bool = False


def answer(
    question: Question,
    how: How,
    make: drive.MakeModel,
    parent: Run | None = None,
    told: Callable[[Outcome], Told] | None = None,
) -> None:
    """Report the run of a question when it is there, else simulate it.

    `told` compares a fork with its parent: its rows come first in the report, and as `compare` in the JSON.
    """
    folder = how.folder or folders.default_folder(question)
    began = time.monotonic()
    with profiled() if how.profile else nullcontext() as profile:
        outcome = _outcome(question, folder, how, make, parent)
    elapsed_s = time.monotonic() - began
    if not how.quiet and (assumed := beyond_the_roadmap(outcome.state)):
        note(assumed)
    if how.as_json:
        more = {} if told is None else {"compare": told(outcome).rows_json()}
        emit(outcome.fields(elapsed_s) | more | ({} if profile is None else {"profile": profile.fields()}))
        return
    from market.report.text import profile_table, report

    report(outcome, elapsed_s, None if told is None else told(outcome))
    if profile is not None:
        profile_table(profile.rows)


def _outcome(question: Question, folder: Path, how: How, make: drive.MakeModel, parent: Run | None) -> Outcome:
    if how.resume and how.force:
        raise Complaint("--resume goes on and --force begins again: give one")
    if how.force:
        folders.make_room(folder, question.manifest())
    found = folders.stand(folder, question.manifest())
    if found == "complete" and how.profile:
        raise Complaint(f"{folder} holds this run already, so nothing would be simulated; add --force to profile it")
    if found == "complete":
        note(f"{folder} holds this run already; --force repeats it")
        return reported(open_run(folder))
    if found == "new" and how.resume:
        raise Complaint(f"{folder}: no run of this question was cut short here; leave --resume out")
    if found == "cut short" and not how.resume:
        raise Complaint(f"{folder}: this run was cut short; continue it with --resume, or begin again with --force")
    return _simulated(question, folder, make, parent, is_resumed=found == "cut short", how=how)


def _simulated(
    question: Question, folder: Path, make: drive.MakeModel, parent: Run | None, *, is_resumed: bool, how: How
) -> Outcome:
    """Simulate into a folder; where that stops, say what is kept and how to go on."""
    was_there = folder.exists()
    try:
        with progress(question, str(folder), how.quiet) as tick:
            if is_resumed:
                state = drive.resume(question, folder, make, tick)
            elif parent is not None:
                state = drive.fork(question, parent.reader, folder, make, tick)
            else:
                state = drive.start(question, folder, make, tick)
    except KeyboardInterrupt:
        raise Complaint(_stopped("interrupted", folder, was_there), INTERRUPTED) from None
    except LogLocked:  # what is there is another's
        raise
    except Exception as error:
        if code_of(error) != FAILED:
            _clear_if_empty(folder, was_there)
            raise
        raise Complaint(_stopped(said(error)[0], folder, was_there), FAILED) from error
    return outcome_of(open_run(folder), state)


def _stopped(why: str, folder: Path, was_there: bool) -> str:
    """Say what a run that stopped keeps; where nothing was kept, it leaves nothing."""
    events = _clear_if_empty(folder, was_there)
    if not events:
        return f"{why} (before anything was kept)"
    return f"{why}; {events:,} events are kept, continue with: market run --resume --out {folder}"


def _clear_if_empty(folder: Path, was_there: bool) -> int:
    """Remove what a run left in which nothing was kept; give back how many events are kept."""
    from events import LogError, open_log

    try:
        if events := open_log(folder).summary.events:
            return events
        folders.remove(folder, was_there)
    except (LogError, OSError, ValueError):
        pass
    return 0


def reported(run: Run) -> Outcome:
    """Rebuild the end of a finished run from its events alone."""
    found = run.replay()
    if found.mismatch:
        raise Complaint(f"{run.folder}: {found.mismatch}", DAMAGED)
    return outcome_at(run, found)
