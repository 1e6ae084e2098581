"""A Dask cluster: of this machine, or of any machines with `dask worker scheduler:port`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib import import_module
from itertools import islice
from typing import Any, Self

from market.experiments.engines.base import Died, EngineUnusable, Run, WorkerUnable
from market.experiments.engines.worker import Batch, Outcome

SECONDS_TO_CONNECT = 10
SECONDS_TO_JOIN = 60
IN_FLIGHT_PER_WORKER = 4  # batches with the scheduler: enough to keep workers busy, few enough to stay small


def _distributed() -> Any:
    return import_module("distributed")


class DaskEngine:
    """The engine for more than one machine. Every worker must reach the store."""

    name = "dask"

    def __init__(self, workers: int = 0, address: str = "") -> None:
        self.workers, self.address = workers, address
        self._cluster: Any = None
        self._client: Any = None

    def __enter__(self) -> Self:
        try:
            distributed = _distributed()
        except ImportError:
            text = '--engine dask needs the package distributed: install "compute-market[dask]"'
            raise EngineUnusable(text) from None
        # a batch whose worker died comes back at once: we know which of its runs are done
        import_module("dask").config.set({"distributed.scheduler.allowed-failures": 0})
        try:
            if not self.address:
                self._cluster = distributed.LocalCluster(
                    n_workers=self.workers, threads_per_worker=1, processes=True, dashboard_address=None
                )
            self._client = distributed.Client(self.address or self._cluster, timeout=SECONDS_TO_CONNECT)
        except OSError as error:
            self.__exit__()
            raise EngineUnusable(f"--engine: no Dask scheduler answers at {self.address}: {error}") from None
        try:
            self._client.wait_for_workers(1, timeout=SECONDS_TO_JOIN)
        except TimeoutError:
            self.__exit__()
            text = f"--engine: the Dask scheduler at {self.address} has no workers; start some: dask worker host:port"
            raise EngineUnusable(text) from None
        self.workers = sum(self._client.nthreads().values()) or 1
        return self

    def __exit__(self, *_: object) -> None:
        for part in (self._client, self._cluster):
            if part is not None:
                part.close(timeout=SECONDS_TO_CONNECT)
        self._client = self._cluster = None

    def map(self, run: Run, batches: Iterable[Batch]) -> Iterator[tuple[Batch, list[Outcome] | Died]]:
        """Keep a few batches a worker with the scheduler."""
        distributed = _distributed()
        left = iter(batches)
        flying: dict[str, Batch] = {}

        def send(number: int) -> list[Any]:
            futures = []
            for batch in islice(left, number):
                future = self._client.submit(run, batch, pure=False, retries=0)
                flying[future.key] = batch
                futures.append(future)
            return futures

        answered = distributed.as_completed(send(IN_FLIGHT_PER_WORKER * self.workers))
        for future in answered:
            batch = flying.pop(future.key)
            try:
                outcomes: list[Outcome] | Died = future.result()
            except distributed.KilledWorker as error:
                outcomes = Died(str(error).split(".")[0])
            except Exception as error:
                raise WorkerUnable(f"{type(error).__name__}: {error}") from None
            future.release()
            for more in send(1):
                answered.add(more)
            yield batch, outcomes
