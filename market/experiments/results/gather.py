"""Gather the results of runs into one dataset: long, wide, and a table of how each run went.

Rows come in the order of the plan, whatever engine ran them: `long.parquet` and `wide.parquet` of two engines are the
same bytes. `runs.parquet` also says how long a run took, and so differs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import batched

import pyarrow as pa
import pyarrow.parquet as pq

from market.experiments.design.plan import Plan, Spec
from market.experiments.results.bundle import Bundles
from market.experiments.results.result import Result
from market.experiments.results.store import Store

CHUNK = 512  # runs in a row group
LOST = "its result cannot be read; --resume runs it again"


def gather(plan: Plan, store: Store, errors: Mapping[str, str], bundles: Bundles | None = None) -> list[str]:
    """Write the dataset of an experiment; give back the runs without a result that no error explains."""
    levers, futures = [lever.name for lever in plan.levers], list(plan.uncertain)
    lost: list[str] = []
    with (
        store.stream("long.parquet") as long,
        store.stream("wide.parquet") as wide,
        store.stream("runs.parquet") as runs,
        pq.ParquetWriter(long, _long_schema()) as to_long,
        pq.ParquetWriter(wide, _wide_schema(futures, plan.metrics)) as to_wide,
        pq.ParquetWriter(runs, RUNS) as to_runs,
    ):
        for specs, results in _in_chunks(bundles or Bundles(store, plan.specs)):
            done = [(s, r) for s, r in zip(specs, results, strict=True) if r is not None]
            lost += [s.id for s, r in zip(specs, results, strict=True) if r is None and s.id not in errors]
            to_runs.write_table(_runs(specs, results, errors))
            if done:
                to_wide.write_table(_wide(done, futures, plan.metrics))
                to_long.write_table(_long(done, levers, plan.metrics))
    return lost


def _in_chunks(bundles: Bundles) -> Iterator[tuple[tuple[Spec, ...], list[Result | None]]]:
    pairs = (pair for specs, results in bundles.read() for pair in zip(specs, results, strict=True))
    for chunk in batched(pairs, CHUNK):
        yield tuple(spec for spec, _ in chunk), [result for _, result in chunk]


NAMES = pa.dictionary(pa.int32(), pa.string())
RUN = [("run", pa.string()), ("policy", NAMES), ("future", pa.int32()), ("seed", pa.int64())]
RUNS = pa.schema(
    [
        *RUN,
        ("status", pa.string()),
        ("error", pa.string()),
        ("state_hash", pa.string()),
        ("head", pa.string()),
        ("events", pa.int64()),
        ("cpu_s", pa.float64()),
    ]
)


def _long_schema() -> pa.Schema:
    return pa.schema([*RUN, ("week", pa.int32()), ("metric", NAMES), ("value", pa.float64())])


def _wide_schema(futures: Iterable[str], metrics: Iterable[str]) -> pa.Schema:
    return pa.schema([*RUN, *((name, pa.float64()) for name in (*futures, *metrics))])


def _coded(words: list[str], order: Iterable[str]) -> pa.Array:
    names = list(order)
    code = {name: i for i, name in enumerate(names)}
    return pa.DictionaryArray.from_arrays(pa.array([code[w] for w in words], pa.int32()), pa.array(names, pa.string()))


def _run_columns(specs: Iterable[Spec], levers: Iterable[str]) -> list[pa.Array]:
    rows = list(specs)
    return [
        pa.array([s.id for s in rows], pa.string()),
        _coded([s.lever for s in rows], levers),
        pa.array([s.future for s in rows], pa.int32()),
        pa.array([s.seed for s in rows], pa.int64()),
    ]


def _levers(specs: Iterable[Spec]) -> list[str]:
    return list(dict.fromkeys(spec.lever for spec in specs))


def _runs(specs: tuple[Spec, ...], results: list[Result | None], errors: Mapping[str, str]) -> pa.Table:
    columns = [
        *_run_columns(specs, _levers(specs)),
        pa.array(["failed" if result is None else "done" for result in results], pa.string()),
        pa.array([errors.get(s.id, LOST) if r is None else "" for s, r in zip(specs, results, strict=True)]),
        pa.array([r.state_hash if r else None for r in results], pa.string()),
        pa.array([r.head if r else None for r in results], pa.string()),
        pa.array([r.events if r else None for r in results], pa.int64()),
        pa.array([r.cpu_s if r else None for r in results], pa.float64()),
    ]
    return pa.table(columns, schema=RUNS)


def _wide(done: list[tuple[Spec, Result]], futures: list[str], metrics: tuple[str, ...]) -> pa.Table:
    specs = [spec for spec, _ in done]
    columns = _run_columns(specs, _levers(specs))
    columns += [pa.array([spec.values[name] for spec in specs], pa.float64()) for name in futures]
    columns += [pa.array([r.values[-1][i] for _, r in done], pa.float64()) for i in range(len(metrics))]
    return pa.table(columns, schema=_wide_schema(futures, metrics))


def _long(done: list[tuple[Spec, Result]], levers: list[str], metrics: tuple[str, ...]) -> pa.Table:
    specs = [spec for spec, r in done for _ in range(len(r.weeks) * len(metrics))]
    columns = [
        *_run_columns(specs, levers),
        pa.array([week for _, r in done for week in r.weeks for _ in metrics], pa.int32()),
        _coded([name for _, r in done for _ in r.weeks for name in metrics], metrics),
        pa.array([x for _, r in done for row in r.values for x in row], pa.float64()),
    ]
    return pa.table(columns, schema=_long_schema())
