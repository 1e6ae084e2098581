"""What one run leaves, and how it is read."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256

import msgspec

from market.experiments.results.store import READERS, RESULT, Store

TABLES = ("futures.parquet", "long.parquet", "wide.parquet", "runs.parquet")
HASHES = "hashes.json"
DIGEST_BYTES = 32


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


def pack(result: Result) -> bytes:
    """Write a result behind its own sha256."""
    body = msgspec.msgpack.encode(result)
    return sha256(body).digest() + body


def read_result(store: Store, id_: str) -> Result | None:
    """Read a run's result; None when it is not there, or is not what was written."""
    data = store.read(f"runs/{id_}/{RESULT}")
    if data is None or sha256(data[DIGEST_BYTES:]).digest() != data[:DIGEST_BYTES]:
        return None
    return msgspec.msgpack.decode(data[DIGEST_BYTES:], type=Result)


def drop_damaged(store: Store, ids: Iterable[str]) -> set[str]:
    """Delete results that are not what was written; give back those that hold."""
    names = sorted(ids)
    with ThreadPoolExecutor(READERS if store.is_remote else 1) as pool:
        found = dict(zip(names, pool.map(lambda id_: read_result(store, id_), names), strict=True))
    for id_, result in found.items():
        if result is None:
            store.delete(f"runs/{id_}/{RESULT}")
    return {id_ for id_, result in found.items() if result is not None}


def hash_tables(store: Store) -> dict[str, str]:
    """Hash the tables of an experiment, sha256; a table that is not there has none."""
    return {name: sha256(data).hexdigest() for name in TABLES if (data := store.read(name)) is not None}


def tables_hold(store: Store) -> bool:
    """Whether the tables are those that were written."""
    data = store.read(HASHES)
    return data is not None and msgspec.json.decode(data) == hash_tables(store)
