"""Progress on stderr: a bar on a terminal, one line elsewhere, nothing when quiet."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from market.report.console import console, safe
from market.runs.question import Question

type Tick = Callable[[int, int], None]


def note(text: str) -> None:
    """Say something beside the answer, on stderr."""
    print(f"market: {safe(text)}", file=sys.stderr, flush=True)


@contextmanager
def progress(question: Question, where: str, quiet: bool) -> Iterator[Tick]:
    """Give a function to call with each week and the events so far."""
    line = f"{question.scenario.name}, seed {question.seed}: {question.weeks} weeks to {question.end} in {where}"
    if quiet:
        yield lambda week, events: None
    elif not sys.stderr.isatty():
        note(line)
        yield lambda week, events: None
    else:
        yield from _bar(question, line)


def _bar(question: Question, line: str) -> Iterator[Tick]:
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    err = console(sys.stderr)
    err.print(line)
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[events]:,} events"),
               TimeRemainingColumn())  # fmt: skip
    with Progress(*columns, console=err, transient=True, refresh_per_second=5) as bar:
        task = bar.add_task(str(question.scenario.start), total=question.weeks, events=0)

        def tick(week: int, events: int) -> None:
            day = question.scenario.start + timedelta(7 * week + 6)
            bar.update(task, completed=week + 1, description=str(day), events=events)

        yield tick
