"""Processes of this machine, one batch at a time each, replaced when they die.

A pool of our own instead of `concurrent.futures`: there the death of one process breaks the whole pool and does not
say whose batch killed it.
"""

from __future__ import annotations

import multiprocessing
import signal
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Self

from market.experiments.engines.base import Died, Run, WorkerUnable
from market.experiments.engines.worker import Batch, Outcome

SPAWN = multiprocessing.get_context("spawn")
SECONDS_TO_STOP = 5.0


class _Worker:
    """A process, the pipe to it, and the batch that it has."""

    def __init__(self) -> None:
        self.pipe, theirs = SPAWN.Pipe()
        self.process: SpawnProcess = SPAWN.Process(target=_serve, args=(theirs,), daemon=True)
        with _ctrl_c_ignored():
            self.process.start()
        theirs.close()
        self.batch: Batch | None = None

    def give(self, run: Run, batch: Batch) -> None:
        self.batch = batch
        self.pipe.send((run, batch))

    def take(self) -> list[Outcome] | Died:
        """Receive the outcomes; Died when the process is gone."""
        try:
            outcomes: list[Outcome] | str = self.pipe.recv()
        except (EOFError, OSError):
            self.process.join(SECONDS_TO_STOP)
            return Died(f"its process ended with exit code {self.process.exitcode}")
        if isinstance(outcomes, str):
            raise WorkerUnable(outcomes)
        return outcomes

    def stop(self) -> None:
        self.pipe.close()
        self.process.terminate()
        self.process.join(SECONDS_TO_STOP)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()


class LocalEngine:
    """The default engine."""

    name = "local"

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._pool: list[_Worker] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._pool:
            worker.stop()
        self._pool = []

    def map(self, run: Run, batches: Iterable[Batch]) -> Iterator[tuple[Batch, list[Outcome] | Died]]:
        """Keep every worker busy until the batches run out."""
        left = iter(batches)
        idle = [worker for worker in self._pool if worker.batch is None]
        while True:
            while (idle or len(self._pool) < self.workers) and (batch := next(left, None)) is not None:
                self._start(run, batch, idle)
            busy = {worker.pipe: worker for worker in self._pool if worker.batch is not None}
            if not busy:
                return
            for pipe in wait(list(busy)):
                assert isinstance(pipe, Connection)
                worker = busy[pipe]
                done, outcomes = worker.batch, worker.take()
                assert done is not None
                worker.batch = None
                if isinstance(outcomes, Died):
                    worker.stop()
                    self._pool.remove(worker)
                else:
                    idle.append(worker)
                yield done, outcomes

    def _start(self, run: Run, batch: Batch, idle: list[_Worker]) -> None:
        while True:
            if idle:
                worker = idle.pop()
            else:
                worker = _Worker()
                self._pool.append(worker)
            try:
                worker.give(run, batch)
            except OSError:  # it died while it had nothing to do
                worker.stop()
                self._pool.remove(worker)
                continue
            return


@contextmanager
def _ctrl_c_ignored() -> Iterator[None]:
    """Start processes that leave Ctrl-C to the one that asked: what is ignored here stays so in them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _serve(pipe: Connection) -> None:
    """Answer batches until the pipe closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        try:
            run, batch = pipe.recv()
            pipe.send(run(batch))
        except EOFError:
            return
        except Exception as error:
            pipe.send(f"{type(error).__name__}: {error}")
