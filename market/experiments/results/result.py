"""What one run leaves, and how it is read."""

from __future__ import annotations

import msgspec

from market.experiments.results.store import RESULT, Store


class Result(msgspec.Struct, frozen=True):
    """What a run leaves: metrics by week, and hashes by which runs are compared. `values` is [weeks][metrics]."""

    id: str
    lever: str
    future: int
    seed: int
    weeks: tuple[int, ...]
    values: tuple[tuple[float, ...], ...]
    state_hash: str
    head: str  # of the log, empty when it was not kept
    events: int
    cpu_s: float


def read_result(store: Store, id_: str) -> Result | None:
    """Read a run's result; None when it is not there or not whole."""
    data = store.read(f"runs/{id_}/{RESULT}")
    try:
        return None if data is None else msgspec.msgpack.decode(data, type=Result)
    except msgspec.DecodeError:
        return None
