"""Run an experiment from its design to its dataset."""

from __future__ import annotations

import io
import pickle
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from market.experiments.design import metrics
from market.experiments.design.plan import Plan, Simulate, Spec, make_plan
from market.experiments.design.written import read_design
from market.experiments.engines import open_engine, workers_of
from market.experiments.engines.drive import Driver, Progress, Tell
from market.experiments.engines.past import goes_on, shared_weeks
from market.experiments.engines.worker import Job, Ready, perform, work
from market.experiments.results.bundle import Bundles
from market.experiments.results.gather import LOST, gather
from market.experiments.results.result import HASHES, drop_damaged, hash_tables, tables_hold
from market.experiments.results.store import RESULT, Store

FORMAT = 1
PROBE_WEEKS = 13
PAIRS_PER_WORKER = 2  # with fewer, runs are spread over the workers rather than kept beside those of their pair


class ExperimentExists(Exception):
    """The folder holds something that would be mixed up with this experiment."""


class KeepLogsWrong(ValueError):
    """Logs to keep that are not to be understood."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C: what was done is kept."""

    def __init__(self, out: str, done: int, total: int) -> None:
        super().__init__(f"interrupted: {done:,} of {total:,} runs are kept in {out}")
        self.out, self.done, self.total = out, done, total


@dataclass(frozen=True)
class Finished:
    """How an experiment went.

    Attributes
    ----------
    failed : run -> what went wrong, with its policy, future and seed.
    reused : runs that were there already.
    """

    out: str
    runs: int
    reused: int
    failed: dict[str, str] = field(default_factory=dict)
    engine: str = ""
    elapsed_s: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """Plain values, for scripts."""
        return {
            "out": self.out, "runs": self.runs, "failed": len(self.failed), "reused": self.reused,
            "engine": self.engine, "elapsed_s": round(self.elapsed_s, 3),
        }  # fmt: skip


class Estimate(NamedTuple):
    """What a plan will take: runs, CPU seconds of one, minutes on so many workers."""

    runs: int
    levers: tuple[str, ...]
    futures: int
    seeds: int
    run_cpu_s: float
    workers: int

    @property
    def minutes(self) -> float:
        """Time on these workers."""
        return self.runs * self.run_cpu_s / self.workers / 60


def plan_experiment(simulate: Simulate, spec: Path | str | None = None, flags: Mapping[str, Any] | None = None) -> Plan:
    """Read a design from a file, from flags or both, and check all of it. ScenarioError names what is wrong.

    `simulate` is the function that runs a scenario, `agents.simulation.simulate` for the market itself.
    """
    return make_plan(read_design(spec, flags), simulate)


def estimate(plan: Plan, workers: int) -> Estimate:
    """Time the first weeks of the baseline and scale: good to a third or so."""
    job = Job.of(plan)
    total = plan.weeks[-1]
    weeks = min(PROBE_WEEKS, total)
    short = {**job.scenario, "years": (weeks * 7 + 0.5) / 365.25}
    ready = Ready(msgspec.structs.replace(job, scenario=short, weeks=(weeks,)), plan.simulate)
    first = next(plan.specs())
    probe = perform(ready, first, None)
    return Estimate(
        plan.size, tuple(lever.name for lever in plan.levers), len(plan.values), len(plan.seeds),
        round(probe.cpu_s * total / weeks, 2), workers,
    )  # fmt: skip


def default_out(plan: Plan) -> str:
    """The same question has the same folder."""
    return f"experiments/{plan.scenario.name}-{plan.digest[:8]}"


def left_of(plan: Plan, out: str) -> int:
    """How many runs of a plan are still to be done in a place; ExperimentExists where something else is kept."""
    return plan.size - len(_already_done(plan, Store(out), resume=True))


def logs_to_keep(text: str, plan: Plan) -> int:
    """Read `all`, `none` or `sample:N`: pairs of future and seed whose logs are kept, for every policy."""
    if text in ("all", "none"):
        return plan.pairs if text == "all" else 0
    head, _, number = text.partition(":")
    if head != "sample" or not number.isdigit():
        raise KeepLogsWrong(f"--keep-logs: must be all, none or sample:N, was {text[:40]!r}")
    return min(int(number), plan.pairs)


def run_experiment(
    plan: Plan,
    *,
    engine: str = "local",
    out: str | None = None,
    resume: bool = False,
    keep_logs: str = "none",
    tell: Tell | None = None,
) -> Finished:
    """Run what is not done yet and write the dataset.

    Raises
    ------
    ExperimentExists, StoreUnusable, EngineUnusable, KeepLogsWrong : before any run starts.
    Interrupted : on Ctrl-C; everything done is kept.
    """
    began = time.monotonic()
    workers_of(engine)
    out = out or default_out(plan)
    store = Store(out)
    logs = logs_to_keep(keep_logs, plan)
    done = _already_done(plan, store, resume)
    if len(done) >= plan.size and tables_hold(store):
        return Finished(out, plan.size, plan.size, {}, engine, time.monotonic() - began)
    with open_engine(engine) as started:
        store.check()
        _describe(plan, store)
        todo = (spec for spec in plan.specs(logs) if spec.id not in done)
        driver = Driver(
            started,
            partial(work, store.address, plan.digest, pickle.dumps(plan.simulate)),
            store,
            plan.size - len(done),
            tell or _silent,
            by_pair=_shares_pasts(plan) and plan.pairs >= PAIRS_PER_WORKER * started.workers,
        )
        try:
            driver.drive(todo)
        except KeyboardInterrupt:
            raise Interrupted(out, len(done) + driver.done, plan.size) from None
        bundles = Bundles(store, plan.specs)
        if started.name == "dask" or store.is_remote:
            bundles.make(started)
        name = f"{started.name}:{started.workers}"
    for lost in gather(plan, store, driver.errors, bundles):
        driver.errors[lost] = LOST
        store.delete(f"runs/{lost}/{RESULT}")
    bundles.drop()
    store.write(HASHES, msgspec.json.format(msgspec.json.encode(hash_tables(store))) + b"\n")
    return Finished(out, plan.size, len(done), _named(plan, driver.errors), name, time.monotonic() - began)


def _shares_pasts(plan: Plan) -> bool:
    return goes_on(plan.simulate) and any(shared_weeks(plan.scenario, lever.policies) for lever in plan.levers)


def _silent(progress: Progress) -> None:
    return None


def _already_done(plan: Plan, store: Store, resume: bool) -> set[str]:
    """Find what is done; refuse a folder that holds another experiment, other files, or an unfinished experiment."""
    data = store.first("experiment.json")
    empty = data is None and store.is_empty()
    if data is None:
        if not empty:
            raise ExperimentExists(f"{store.url}: contains other files; choose another folder")
        return set()
    held = msgspec.json.decode(data)
    if held.get("digest") != plan.digest:
        raise ExperimentExists(
            f"{store.url}: holds another experiment ({held.get('digest', '?')[:8]}, this one is {plan.digest[:8]}; "
            "another design or other code); choose another folder"
        )
    ids = {spec.id for spec in plan.specs()}
    done = store.done() & ids
    if resume:
        done = drop_damaged(store, done)
    if not resume and (len(done) < len(ids) or not store.exists("runs.parquet")):
        raise ExperimentExists(f"{store.url}: holds {len(done):,} of {plan.size:,} runs; add --resume to go on")
    return done


def _named(plan: Plan, errors: Mapping[str, str]) -> dict[str, str]:
    """Say of every failed run what it was."""
    if not errors:
        return {}
    return {s.id: f"{_title(s)}: {errors[s.id]}" for s in plan.specs() if s.id in errors}


def _title(spec: Spec) -> str:
    return f"{spec.lever}, future {spec.future}, seed {spec.seed}"


def _describe(plan: Plan, store: Store) -> None:
    """Write what was asked: for workers, for `show`, and for who repeats it."""
    content = {
        "format": FORMAT,
        "digest": plan.digest,
        "code": plan.code,
        "title": plan.design.title,
        "design": plan.design.model_dump(mode="json", by_alias=True, exclude_defaults=True),
        "levers": [
            {"name": lever.name, "titles": [p.title for p in lever.policies], "setting": lever.setting,
             "value": lever.value, "expects": [e.model_dump() for p in lever.policies for e in p.expects]}
            for lever in plan.levers
        ],
        "uncertain": {name: str(distribution) for name, distribution in plan.uncertain.items()},
        "futures": len(plan.values),
        "seeds": [plan.seeds.start, len(plan.seeds)],
        "metrics": {name: metrics.describe(name)._asdict() for name in plan.metrics},
        "job": Job.of(plan),
    }  # fmt: skip
    columns = {name: pa.array(plan.values[:, i]) for i, name in enumerate(plan.uncertain)}
    columns |= {f"unit {name}": pa.array(plan.points[:, i]) for i, name in enumerate(plan.uncertain)}
    table = pa.table({"future": pa.array(range(len(plan.values)), pa.int32()), **columns})
    sink = io.BytesIO()
    pq.write_table(table, sink)
    store.write("experiment.json", msgspec.json.format(msgspec.json.encode(content)))  # first: says whose it is
    store.write("futures.parquet", sink.getvalue())


__all__ = ["RESULT", "Estimate", "Finished", "Interrupted", "estimate", "plan_experiment", "run_experiment"]
