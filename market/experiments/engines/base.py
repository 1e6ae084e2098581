"""What every engine does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, Protocol, Self

from market.experiments.engines.worker import Batch, Outcome

Run = Callable[[Batch], list[Outcome]]


class EngineUnusable(Exception):
    """An engine that cannot start; the text says why and what to do."""


class WorkerUnable(Exception):
    """A worker that cannot do any run: it does not reach the store, or lacks a package. Nothing is lost by stopping."""

    def __init__(self, error: str) -> None:
        super().__init__(f"a worker cannot work: {error}")


class Died(NamedTuple):
    """A worker died while it had a batch."""

    reason: str


class Engine(Protocol):
    """Runs batches somewhere. Enter it to start, leave it to stop; what is cut short is not waited for."""

    name: str
    workers: int

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def map(self, run: Run, batches: Iterable[Batch]) -> Iterator[tuple[Batch, list[Outcome] | Died]]:
        """Run batches in any order; yield each with its outcomes, or with the death of the worker that had it."""
