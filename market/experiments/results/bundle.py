"""Results of many runs in one object, made by workers, so that who gathers asks the store once for thousands of runs.

The first level of a tree: workers bundle results of some thousand runs each, side by side; the tables are then written
from the bundles in the order of the plan. A bundle that is not there or does not hold is read run by run. Bundles are
deleted once the tables are written; results of runs stay, for they are the marks of what is done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from hashlib import sha256
from itertools import batched
from typing import TYPE_CHECKING

import msgspec

from market.experiments.design.plan import Spec
from market.experiments.results.result import DIGEST_BYTES, Result, read_result
from market.experiments.results.store import READERS, Store

if TYPE_CHECKING:
    from market.experiments.engines.base import Engine
    from market.experiments.engines.worker import Batch, Outcome

BUNDLE_RUNS = 4096  # some megabytes

type Group = tuple[Spec, ...]


def name_of(specs: Group) -> str:
    """Name of the bundle of some runs."""
    return f"bundles/{specs[0].id}-{len(specs)}.msgpack"


def read_each(store: Store, specs: Group) -> list[Result | None]:
    """Read the results of runs one by one, many at once where the store is remote; None where one does not hold."""
    with ThreadPoolExecutor(READERS if store.is_remote else 1) as pool:
        return list(pool.map(lambda spec: read_result(store, spec.id), specs))


def bundle(url: str, specs: Batch) -> list[Outcome]:
    """Write the results of runs as one object behind its sha256: what a worker does."""
    store = Store(url)
    body = msgspec.msgpack.encode(read_each(store, specs))
    store.write(name_of(specs), sha256(body).digest() + body)
    return []


class Bundles:
    """The results of an experiment in the order of its plan, from bundles where there are any.

    `specs` gives the runs of the plan, each time anew: they are never all in memory.
    """

    def __init__(self, store: Store, specs: Callable[[], Iterable[Spec]]) -> None:
        self.store, self.specs = store, specs
        self._made: set[str] = set()

    def groups(self) -> Iterator[Group]:
        """Give the runs of each bundle."""
        return batched(self.specs(), BUNDLE_RUNS)

    def make(self, engine: Engine) -> None:
        """Have the workers of an engine write all bundles; those of workers that died are missing, no more."""
        for group, answer in engine.map(partial(bundle, self.store.address), self.groups()):
            if isinstance(answer, list):
                self._made.add(name_of(group))

    def read(self) -> Iterator[tuple[Group, list[Result | None]]]:
        """Give the runs of each group and their results."""
        for group in self.groups():
            yield group, self._read(group) or read_each(self.store, group)

    def drop(self) -> None:
        """Delete the bundles."""
        for name in sorted(self._made):
            with suppress(OSError):
                self.store.delete(name)
        self._made.clear()

    def _read(self, group: Group) -> list[Result | None] | None:
        name = name_of(group)
        data = self.store.read(name) if name in self._made else None
        if data is None or sha256(data[DIGEST_BYTES:]).digest() != data[:DIGEST_BYTES]:
            return None
        return msgspec.msgpack.decode(data[DIGEST_BYTES:], type=list[Result | None])
