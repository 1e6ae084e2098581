"""Drive an engine through the runs of an experiment: batches, deaths of workers, and what is set aside."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from typing import NamedTuple

from market.experiments.design.plan import Spec
from market.experiments.engines.base import Died, Engine, Run
from market.experiments.engines.worker import Batch, Outcome
from market.experiments.results.store import RESULT, Store

KILLS = 3
SECONDS_PER_BATCH = 2.0
SECONDS_TO_HAND_OUT = 0.005  # what a batch takes of who hands it out: docs/performance.md, several times the measured
BUSY_SHARE = 0.5  # of its time that who hands out batches may be busy
BATCH_MAX = 250


class Progress(NamedTuple):
    """How far an experiment is."""

    done: int
    failed: int
    total: int
    elapsed_s: float

    @property
    def per_minute(self) -> float:
        """Runs a minute so far."""
        return 60 * (self.done + self.failed) / self.elapsed_s if self.elapsed_s > 0 else 0.0

    @property
    def left_s(self) -> float:
        """Seconds left at that rate."""
        rate = self.per_minute / 60
        return (self.total - self.done - self.failed) / rate if rate else 0.0


Tell = Callable[[Progress], None]


class Driver:
    """Counts what is done and what failed; `errors` says why, by run.

    A death is laid on the first run of the batch without its mark: runs of a batch go one after the other. The rest
    is sent again, run by run. A run blamed twice waits for the end and then runs with nothing beside it; when its
    worker dies a third time it is set aside. With `by_pair` runs of the same future and seed stay in one batch, for
    they share a past.
    """

    def __init__(
        self, engine: Engine, run: Run, store: Store, total: int, tell: Tell, *, by_pair: bool = False
    ) -> None:
        self.engine, self.run, self.store, self.total, self.tell = engine, run, store, total, tell
        self.by_pair = by_pair
        self.done = 0
        self.errors: dict[str, str] = {}
        self.deaths: Counter[str] = Counter()
        self._began = time.monotonic()

    def drive(self, todo: Iterable[Spec]) -> None:
        """Run everything; return when each run is done, has failed or is set aside."""
        again = self._round(self._paced(iter(todo)))
        while again:
            calm = [spec for spec in again if self.deaths[spec.id] < KILLS - 1]
            suspects = [spec for spec in again if self.deaths[spec.id] == KILLS - 1]
            again = self._round((spec,) for spec in calm)
            for spec in suspects:
                self._round([(spec,)])

    def _round(self, batches: Iterable[Batch]) -> list[Spec]:
        again: list[Spec] = []
        for batch, answer in self.engine.map(self.run, batches):
            if isinstance(answer, Died):
                again += self._bury(batch, answer)
            else:
                for outcome in answer:
                    self._count(outcome)
            self._say()
        return again

    def _bury(self, batch: Batch, death: Died) -> list[Spec]:
        """Find what a dead worker left undone; set aside the run that killed three."""
        left = [spec for spec in batch if not self.store.exists(f"runs/{spec.id}/{RESULT}")]
        self.done += len(batch) - len(left)
        if not left:
            return []
        killer = left[0]
        self.deaths[killer.id] += 1
        if self.deaths[killer.id] < KILLS:
            return left
        self.errors[killer.id] = f"set aside: killed its worker {KILLS} times; the last time {death.reason}"
        return left[1:]

    def _count(self, outcome: Outcome) -> None:
        if outcome.status == "done":
            self.done += 1
        else:
            self.errors[outcome.id] = outcome.error

    def _say(self) -> None:
        self.tell(Progress(self.done, len(self.errors), self.total, time.monotonic() - self._began))

    def _paced(self, specs: Iterator[Spec]) -> Iterator[Batch]:
        """Cut runs into batches by what a run takes so far, single ones until that is known.

        About two seconds, longer with so many workers that handing out batches would take all of one process.
        """
        batch: list[Spec] = []
        for _, unit in groupby(specs, lambda spec: (spec.future, spec.seed) if self.by_pair else spec.id):
            batch += unit
            if len(batch) >= self._size():
                yield tuple(batch)
                batch = []
        if batch:
            yield tuple(batch)

    def _size(self) -> int:
        counted = self.done + len(self.errors)
        if counted < self.engine.workers:
            return 1
        seconds = (time.monotonic() - self._began) * self.engine.workers / counted
        return batch_size(seconds, self.total - counted, self.engine.workers)


def batch_size(run_s: float, left: int, workers: int) -> int:
    """How many runs go into a batch when a run takes so many seconds and so many are left."""
    wanted = max(SECONDS_PER_BATCH, workers * SECONDS_TO_HAND_OUT / BUSY_SHARE)
    return max(1, min(BATCH_MAX, int(wanted / max(run_s, 1e-6)), left // (4 * workers)))
