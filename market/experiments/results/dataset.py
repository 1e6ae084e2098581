"""Read the dataset of an experiment into arrays, by policy, future and seed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from market.experiments.design.schema import BASELINE, Goal
from market.experiments.results.result import read_result
from market.experiments.results.store import Store

Floats = NDArray[np.float64]


class ResultMissing(Exception):
    """A folder that holds no finished experiment."""


@dataclass(frozen=True)
class Results:
    """An experiment's outcomes.

    Attributes
    ----------
    about : what was asked, as `experiment.json` has it.
    values : outcomes after `weeks`, [policies, futures, seeds, metrics]; nan where a run failed.
    points, parameters : futures in the unit cube and as parameter values, both [futures, uncertainties].
    failed : what went wrong, by policy, future and seed.
    missing : runs that an interrupted experiment has not done yet.
    """

    url: str
    about: dict[str, Any]
    policies: tuple[str, ...]
    metrics: tuple[str, ...]
    uncertain: tuple[str, ...]
    values: Floats
    points: Floats
    parameters: Floats
    failed: tuple[tuple[str, int, int, str], ...]
    cpu_s: float
    missing: int = 0
    week: int | None = None  # asked for instead of the end

    @property
    def weeks(self) -> int:
        """Weeks after which the outcomes are."""
        return int(self.about["job"]["weeks"][-1]) if self.week is None else self.week

    @property
    def units(self) -> dict[str, str]:
        """Unit of every metric."""
        return {name: about["unit"] for name, about in self.about["metrics"].items()}

    @property
    def sampling(self) -> str:
        """How futures were drawn."""
        return str(self.about["design"].get("sampling", "lhs"))

    @cached_property
    def goals(self) -> dict[str, Goal]:
        """What one wants of metrics."""
        return {name: Goal.model_validate(goal) for name, goal in self.about["design"].get("goals", {}).items()}

    def outcome(self, policy: str, metric: str) -> Floats:
        """Outcomes of a policy in one metric, [futures, seeds]."""
        outcome: Floats = self.values[self.policies.index(policy), :, :, self.metrics.index(metric)]
        return outcome

    def over_time(self, metric: str) -> dict[int, Floats]:
        """Outcomes by week of every run, [policies, futures, seeds] each; nan where a run failed."""
        store, first = Store(self.url), self.about["seeds"][0]
        with store.fs.open_input_file(store.path("long.parquet")) as file:
            long = pq.read_table(file, filters=[("metric", "=", metric)])
        place = {name: i for i, name in enumerate(self.policies)}
        weeks = long["week"].to_numpy()
        at = np.array([place[name] for name in long["policy"].to_pylist()], dtype=int)
        cubes = {int(week): np.full(self.values.shape[:3], np.nan) for week in np.unique(weeks)}
        columns = (long["future"].to_numpy(), long["seed"].to_numpy() - first, long["value"].to_numpy())
        for week, policy, future, seed, value in zip(weeks, at, *columns, strict=True):
            cubes[int(week)][policy, future, seed] = value
        return cubes

    def effect(self, policy: str, metric: str) -> Floats:
        """Paired differences from the baseline, [futures, seeds]; nan where one of the two failed."""
        difference: Floats = self.outcome(policy, metric) - self.outcome(BASELINE, metric)
        return difference


def open_results(url: str, week: int | None = None, *, unfinished: bool = False) -> Results:
    """Read a finished experiment; outcomes at the end, or at a week that was measured.

    With `unfinished` an experiment that was interrupted is read too, as far as it is.

    Raises
    ------
    ResultMissing : when there is none.
    """
    store = Store(url)
    about, wide, runs, futures = (store.read(name) for name in (
        "experiment.json", "wide.parquet", "runs.parquet", "futures.parquet"
    ))  # fmt: skip
    if about is not None and futures is not None and (wide is None or runs is None) and unfinished:
        return _so_far(store, msgspec.json.decode(about), futures, week)
    if about is None or wide is None or runs is None or futures is None:
        what = "holds an experiment that is not finished; run it with --resume" if about else "holds no experiment"
        raise ResultMissing(f"{url}: {what}")
    events = msgspec.json.decode(about)
    policies = tuple(lever["name"] for lever in events["levers"])
    metrics, uncertain = tuple(events["metrics"]), tuple(events["uncertain"])
    table = _read(wide) if week is None else _at_week(store, week, metrics)
    run_table = _read(runs)
    future_table = _read(futures)
    shape = (len(policies), events["futures"], events["seeds"][1], len(metrics))
    return Results(
        url, events, policies, metrics, uncertain, _cube(table, policies, events["seeds"][0], metrics, shape),
        _columns(future_table, [f"unit {name}" for name in uncertain]), _columns(future_table, list(uncertain)),
        _failures(run_table), float(np.nansum(run_table["cpu_s"].to_numpy())), week=week,
    )  # fmt: skip


def _so_far(store: Store, about: dict[str, Any], futures: bytes, week: int | None) -> Results:
    """Read the results of an interrupted experiment one by one."""
    policies = tuple(lever["name"] for lever in about["levers"])
    metrics, uncertain = tuple(about["metrics"]), tuple(about["uncertain"])
    first, seeds = about["seeds"]
    cube = np.full((len(policies), about["futures"], seeds, len(metrics)), np.nan)
    done, cpu_s = 0, 0.0
    for id_ in sorted(store.done()):
        result = read_result(store, id_)
        if result is None:
            continue
        at = -1 if week is None else result.weeks.index(week) if week in result.weeks else None
        if at is None:
            raise _nothing_at(store, week, result.weeks)
        cube[policies.index(result.lever), result.future, result.seed - first] = result.values[at]
        done, cpu_s = done + 1, cpu_s + result.cpu_s
    table = _read(futures)
    return Results(
        store.url, about, policies, metrics, uncertain, cube, _columns(table, [f"unit {name}" for name in uncertain]),
        _columns(table, list(uncertain)), (), cpu_s, missing=len(policies) * about["futures"] * seeds - done, week=week,
    )  # fmt: skip


def _columns(table: pa.Table, names: list[str]) -> Floats:
    columns = [table[name].to_numpy() for name in names]
    return np.stack(columns, axis=1) if columns else np.zeros((table.num_rows, 0))


def _cube(
    table: pa.Table, policies: tuple[str, ...], first_seed: int, metrics: tuple[str, ...], shape: tuple[int, ...]
) -> Floats:
    cube = np.full(shape, np.nan)
    place = {name: i for i, name in enumerate(policies)}
    at = np.array([place[name] for name in table["policy"].to_pylist()], dtype=int)
    cube[at, table["future"].to_numpy(), table["seed"].to_numpy() - first_seed] = _columns(table, list(metrics))
    return cube


def _nothing_at(store: Store, week: int | None, weeks: Iterable[int]) -> ResultMissing:
    """Say which weeks next to one were measured."""
    known, wanted = sorted(weeks), week or 0
    near = [max((w for w in known if w < wanted), default=None), min((w for w in known if w > wanted), default=None)]
    told = " and ".join(str(w) for w in near if w is not None) or "none"
    return ResultMissing(f"{store.url}: nothing was measured after {week} weeks; nearest to it: {told}")


def _read(table: bytes) -> pa.Table:
    """Read a table from memory of Arrow's own.

    What is a Python file a thread of Arrow may let go after the interpreter has ended, which aborts the process.
    """
    return pq.ParquetFile(pa.BufferReader(table)).read(use_threads=False)


def _at_week(store: Store, week: int, metrics: tuple[str, ...]) -> pa.Table:
    """Turn the long table at one week into the form of the wide one; the metrics of a run stand together in order."""
    with store.fs.open_input_file(store.path("long.parquet")) as file:
        long = pq.read_table(file, filters=[("week", "=", week)])
    if not long.num_rows:
        with store.fs.open_input_file(store.path("long.parquet")) as file:
            raise _nothing_at(store, week, pq.read_table(file, columns=["week"])["week"].unique().to_pylist())
    first = long.take(pa.array(range(0, long.num_rows, len(metrics))))
    values = long["value"].to_numpy().reshape(-1, len(metrics))
    columns = {name: first[name] for name in ("policy", "future", "seed")}
    return pa.table(columns | {name: values[:, i] for i, name in enumerate(metrics)})


def _failures(runs: pa.Table) -> tuple[tuple[str, int, int, str], ...]:
    rows = runs.select(["status", "policy", "future", "seed", "error"]).to_pylist()
    return tuple((r["policy"], r["future"], r["seed"], r["error"]) for r in rows if r["status"] != "done")
