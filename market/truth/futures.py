"""Futures: parameters drawn from the catalogue's ranges or from a posterior, each with a seed of its own, simulated."""

from __future__ import annotations

import csv
import math
import multiprocessing
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from market.catalogue.tables import HERE
from market.experiments.design.paths import find, read, with_values
from market.experiments.design.sampling import key_of, unit_points
from market.experiments.engines import workers_of
from market.policies.schema import Policy
from market.runs.drive import MakeModel, begin, go_on, start
from market.runs.question import Question, Stage
from market.runs.reading import open_run
from market.scenario.load import Resolved, load_scenario
from market.scenario.schema import Scenario
from market.truth.answers import Quarterly, dates, number, quarterly
from market.truth.definitions import definitions, series
from market.truth.quarters import last_day
from market.truth.queryable import Queryable, QueryableLog
from market.units import DAYS_PER_YEAR, digits

Floats = NDArray[np.float64]
SPARE_DAYS = 45  # fiscal quarters end after the calendar's


class Range(NamedTuple):
    """What a parameter may be: half of the draws lie below `median`, each half uniform."""

    low: float
    median: float
    high: float

    def quantile(self, u: Floats) -> Floats:
        """Turn points of (0, 1) into values."""
        if not self.low < self.median < self.high:
            return self.low + u * (self.high - self.low)
        below = self.low + 2 * u * (self.median - self.low)
        above = self.median + (2 * u - 1) * (self.high - self.median)
        return np.asarray(np.where(u < 0.5, below, above), dtype=np.float64)


class Future(NamedTuple):
    """One future: its number, its seed, and what was drawn."""

    number: int
    seed: int
    values: dict[str, float]


class Job(NamedTuple):
    """What all futures of a campaign share. `make` pickles by reference."""

    scenario: Scenario
    make: MakeModel
    questions: tuple[tuple[str, str], ...] = ()  # id, SQL
    policies: tuple[Policy, ...] = ()
    wants_series: bool = True  # questions are answered anyway
    wants_dates: bool = True
    is_chained: bool = False  # logs are written, so that their heads can be reported


class Answer(NamedTuple):
    """What a future says; `error` says why it says nothing."""

    number: int
    head: str
    series: dict[str, Quarterly]
    dates: dict[str, date]
    questions: dict[str, float | None]
    error: str = ""


def strict_world(start: date, quarter: str) -> Resolved:
    """The default world from a start on, with what was known then, for as long as a quarter's figures need."""
    years = ((last_day(quarter) - start).days + SPARE_DAYS) / DAYS_PER_YEAR
    return load_scenario("frontier-2024", {"start": str(start), "vintage": "strict", "years": f"{years:.3f}"})


def not_drawn() -> list[str]:
    """Patterns of parameters that no future draws: laws, and levers that are neutral at the start."""
    with (HERE / "observed" / "not_drawn.csv").open(newline="", encoding="utf-8") as handle:
        return [row["pattern"] for row in csv.DictReader(handle)]


def ranges(resolved: Resolved) -> dict[str, Range]:
    """Ranges of a scenario's parameters and of what its orgs start with, by name; what has no range is not drawn."""
    fixed, found = not_drawn(), {}
    for key, row in sorted(resolved.sources.items()):
        name = key.removeprefix("parameters.")
        is_drawn = name != key or key.startswith("orgs.")
        if not is_drawn or row.low is None or row.high is None or row.low >= row.high:
            continue
        path = find(resolved.scenario, key)
        value = float(read(resolved.scenario, path)) if path is not None else math.nan
        if row.low <= value <= row.high and not any(fnmatchcase(name, pattern) for pattern in fixed):
            found[name] = Range(row.low, value, row.high)
    return found


def draw(prior: dict[str, Range], count: int, apart: str = "") -> list[Future]:
    """Draw futures by Latin hypercube; the same ranges and count give the same futures.

    Each parameter is drawn by its own name, so that one more or less draws no other anew.

    Parameters
    ----------
    apart : what other draws of the same parameters are to differ by, in values and seeds: an origin of a back-test.
    """
    columns = {
        name: each.quantile(unit_points("lhs", [f"{name} {apart}" if apart else name], count)[:, 0])
        for name, each in sorted(prior.items())
    }
    return [
        Future(i, key_of("seed", apart, i) if apart else i, {name: digits(each[i]) for name, each in columns.items()})
        for i in range(count)
    ]


def simulate(job: Job, future: Future) -> Answer:
    """Run one future and keep its answers; its log is thrown away."""
    try:
        scenario = with_values(job.scenario, future.values)
        question = Question(scenario, future.seed, tuple(Stage(policy, 0) for policy in job.policies))
        if job.is_chained:
            return _chained(job, future, question)
        log = QueryableLog()
        go_on(question, begin(question, log), job.make, _silent)
        return _answer(log, "", job, future, question.end)
    except Exception as error:
        return Answer(future.number, "", {}, {}, {}, f"{type(error).__name__}: {error}")


def _chained(job: Job, future: Future, question: Question) -> Answer:
    """Run a future into a folder, for the head of its log."""
    folder = Path(tempfile.mkdtemp(prefix="market-future-"))
    try:
        start(question, folder / "run", job.make, _silent)
        run = open_run(folder / "run")
        return _answer(run, run.reader.head, job, future, question.end)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _silent(week: int, events: int) -> None:
    """Print nothing."""


def _answer(run: Queryable, head: str, job: Job, future: Future, end: date) -> Answer:
    begun = job.scenario.start
    found = {d.id: quarterly(run, d, begun, end) for d in series()} if job.wants_series else {}
    seen: dict[str, date] = {}
    for definition in definitions().values() if job.wants_dates else ():
        if definition.how in ("day", "days"):
            seen.update(dates(run, definition))
    asked = {id_: number(run, sql) for id_, sql in job.questions}
    return Answer(future.number, head, found, seen, asked)


def simulate_all(
    job: Job, futures: Sequence[Future], engine: str, tell: Callable[[int, int], None] = _silent
) -> list[Answer]:
    """Run futures on this machine and give back their answers in order of number, whatever finished first."""
    return sorted(simulated(job, futures, engine, tell), key=lambda answer: answer.number)


def simulated(
    job: Job, futures: Sequence[Future], engine: str, tell: Callable[[int, int], None] = _silent
) -> Iterator[Answer]:
    """Run futures on this machine and give each answer as it comes."""
    if engine != "serial" and len(futures) > 1:
        yield from _in_processes(job, futures, workers_of(engine), tell)
        return
    for done, future in enumerate(futures, 1):
        yield simulate(job, future)
        tell(done, len(futures))


def _in_processes(
    job: Job, futures: Sequence[Future], workers: int, tell: Callable[[int, int], None]
) -> Iterator[Answer]:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_begin, initargs=(job,)) as pool:
        waiting = [pool.submit(_simulate_here, future) for future in futures]
        for done, found in enumerate(as_completed(waiting), 1):
            yield found.result()
            tell(done, len(futures))


_here: list[Job] = []


def _begin(job: Job) -> None:
    """Keep the job in a worker, so that it travels once."""
    _here[:] = [job]


def _simulate_here(future: Future) -> Answer:
    return simulate(_here[0], future)
