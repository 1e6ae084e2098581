"""Begin, continue, fork and repeat a run: a question, a folder, and a model that the caller makes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from events import LogReader, LogWriter, open_log
from events import resume as continued
from events.decode import entries
from events.memory import Log
from events.types.run import WeekClosed
from market.evolve import evolve
from market.kernel import Kernel, few_collections, remember, replay
from market.rules.start import opening
from market.runs.question import Question
from market.state import State


class Model(Protocol):
    """What simulates: one step is one week of the kernel it was made around."""

    def step(self) -> None:
        """Simulate a week."""


type MakeModel = Callable[[Kernel], Model]
type Progress = Callable[[int, int], None]  # week, events so far


def begin(question: Question, log: Log) -> Kernel:
    """Make a kernel that has said the events of the start."""
    kernel = Kernel(log, question.hooks(0))
    kernel.begin(opening(question.scenario, question.seed))
    return kernel


def go_on(question: Question, kernel: Kernel, make: MakeModel, progress: Progress) -> State:
    """Simulate from where a kernel stands to the end of the run, and close the log."""
    model, run = make(kernel), kernel.state.run
    with few_collections():
        while (week := run.week + 1) < question.weeks:
            kernel.hooks = question.hooks(week)
            model.step()
            progress(week, kernel.log.next_seq)
    kernel.end()
    return kernel.state


def start(question: Question, folder: Path, make: MakeModel, progress: Progress) -> State:
    """Run a question into a new folder."""
    with LogWriter.create(folder, question.manifest(), question.text()) as log:
        return go_on(question, begin(question, log), make, progress)


def resume(question: Question, folder: Path, make: MakeModel, progress: Progress) -> State:
    """Continue a run that was cut short; its log ends as that of a run never cut."""
    with continued(folder) as log:
        if log.next_seq == 0:
            return go_on(question, begin(question, log), make, progress)
        kernel = Kernel(log)
        for _ in replay(open_log(folder).entries(), kernel.state):
            pass
        return go_on(question, kernel, make, progress)


def fork(question: Question, parent: LogReader, folder: Path, make: MakeModel, progress: Progress) -> State:
    """Take the parent's events over to the end of the fork's week, then simulate on."""
    assert question.parent is not None
    with LogWriter.create(folder, question.manifest(), question.text()) as log:
        kernel = Kernel(log)
        take_over(parent, question.parent.week, kernel)
        return go_on(question, kernel, make, progress)


def take_over(parent: LogReader, last_week: int, kernel: Kernel) -> None:
    """Append and apply another run's events to the end of a week, with its commits where they fall in both."""
    log, state = kernel.log, kernel.state
    for batch in parent.batches():
        for entry in entries(batch):
            event = entry.event
            log.append(entry)
            evolve(state, event, entry.day)
            remember(state, event, entry.seq, entry.root_seq)
            if isinstance(event, WeekClosed):
                log.close_week()
                if event.week == last_week:
                    return
        log.close_week()  # the events of the start can fill a commit of their own


def repeat(question: Question, reader: LogReader, folder: Path, make: MakeModel, progress: Progress) -> int:
    """Simulate a run again into a new folder and compare it commit by commit; give back the first seq that differs.

    -1 when the run, as far as it goes, is the same to the byte.
    """
    start(question, folder, make, progress)
    again = [commit.chain for found in open_log(folder).walk() for commit in found.scan.commits]
    for found in reader.walk():
        for commit in found.scan.commits:
            if again[commit.number : commit.number + 1] != [commit.chain]:
                return commit.first_seq
    return -1
