"""One run after the other in this process."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Self

from market.experiments.engines.base import Died, Run
from market.experiments.engines.worker import Batch, Outcome


class SerialEngine:
    """The engine for a debugger: a run that kills its process kills the experiment."""

    name = "serial"
    workers = 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def map(self, run: Run, batches: Iterable[Batch]) -> Iterator[tuple[Batch, list[Outcome] | Died]]:
        """Run batches in order."""
        for batch in batches:
            yield batch, run(batch)
