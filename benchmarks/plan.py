"""A large experiment on many cores, simulated from what is measured here: `python -m benchmarks.plan [--runs N]`.

Measured on this machine: CPU seconds of a three-year run, CPU time of scheduler and coordinator for each batch (a Dask
cluster of two workers whose batches do nothing), what is asked of the store for each run, bytes of a result, and time
to bundle results and to write tables. Simulated from them: batches by the rule of the driver, handed out one by one by
one process to whichever worker is free, runs that take more or less time. `--run-s` and `--batch-ms` replace a measure.
"""

from __future__ import annotations

import argparse
import heapq
import os
import tempfile
import time
from collections import Counter
from itertools import batched
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np

from benchmarks.measured import child
from market.experiments.design.plan import Plan, Spec
from market.experiments.engines import open_engine
from market.experiments.engines.drive import batch_size
from market.experiments.engines.worker import Batch, Outcome
from market.experiments.results.bundle import BUNDLE_RUNS, Bundles, bundle
from market.experiments.results.gather import gather
from market.experiments.results.result import Result, pack
from market.experiments.results.store import READERS, RESULT, Store

WORKERS = (2, 100, 1000, 4000, 16_000)
SPREAD = 0.25  # standard deviation of the log of a run's time: futures and policies differ, and so do machines
PUTS_PER_S, GETS_PER_S = 3_500, 5_500  # per prefix, as documented by the largest object store
REQUEST_S = 0.03  # an assumption: what a small request to an object store in the same region takes
USD_PER_1000_PUTS, USD_PER_1000_GETS = 0.005, 0.0004  # list prices of the same store


class Costs(NamedTuple):
    """What is measured here, each of one run unless its name says otherwise."""

    run_s: float
    batch_s: float
    puts: float
    gets: float
    result_bytes: float
    bundle_s: float
    tables_s: float


class Went(NamedTuple):
    """How a simulated experiment went."""

    makespan_s: float
    busy: float  # share of the cores' time that runs take
    handing_out: float  # share of the time that the coordinator is busy
    batches: int


def nothing(batch: Batch) -> list[Outcome]:
    """Do nothing with a batch: what is left is overhead."""
    return []


def batch_cost_s(plan: Plan, batches: int) -> float:
    """CPU time of scheduler and coordinator, which share a process, for each batch."""
    spec = next(plan.specs())
    with open_engine("dask:2") as engine:
        for _ in engine.map(nothing, ((spec,) for _ in range(50))):
            pass
        began = time.process_time()
        for _ in engine.map(nothing, ((spec,) for _ in range(batches))):
            pass
        return (time.process_time() - began) / batches


class Counting(Store):
    """A store that counts what is asked of it, as requests to a bucket: a list gives a thousand names."""

    asked: ClassVar[Counter[str]] = Counter()

    def write(self, name: str, data: bytes) -> None:
        """Count and write."""
        self.asked["puts"] += 1
        super().write(name, data)

    def read(self, name: str) -> bytes | None:
        """Count and read."""
        self.asked["gets"] += 1
        return super().read(name)

    def exists(self, name: str) -> bool:
        """Count and look."""
        self.asked["gets"] += 1
        return super().exists(name)


def store_costs(plan: Plan, folder: Path) -> dict[str, float]:
    """Keep made-up results of a plan as workers do, bundle and gather them; figures of one run."""
    store, specs = Counting(str(folder)), list(plan.specs())
    Counting.asked.clear()
    size = 0
    for spec in specs:
        name = f"runs/{spec.id}/{RESULT}"
        store.exists(name)  # as a worker does before a run
        data = pack(made_up(plan, spec))
        size += len(data)
        store.write(name, data)
    began = time.process_time()
    for group in batched(specs, BUNDLE_RUNS):
        bundle(str(folder), group)
    bundled = time.process_time()
    Counting.asked["gets"] += len(specs)  # each result once, by whoever bundles it
    bundles = Bundles(store, plan.specs)
    with open_engine("serial") as engine:
        bundles.make(engine)
    written = time.process_time()
    gather(plan, store, {}, bundles)
    count = len(specs)
    return {
        "puts": Counting.asked["puts"] / count, "gets": Counting.asked["gets"] / count, "result_bytes": size / count,
        "bundle_s": (bundled - began) / count, "tables_s": (time.process_time() - written) / count,
    }  # fmt: skip


def made_up(plan: Plan, spec: Spec) -> Result:
    """Make a result of the size that a run has."""
    values = tuple(tuple(week + 0.1 * i for i in range(len(plan.metrics))) for week in plan.weeks)
    told = (spec.id, spec.lever, spec.future, spec.seed, plan.weeks, values, "0" * 64, "0" * 64, 190_000, 6.0)
    return Result(*told)


def simulate(costs: Costs, runs: int, workers: int) -> Went:
    """Simulate an experiment: one process hands out batches, workers take them; the last batches are short."""
    draw = np.random.default_rng(0)
    free = [0.0] * workers
    clock = handing = working = 0.0
    left, batches = runs, 0
    while left:
        size = min(left, 1 if runs - left < workers else batch_size(costs.run_s, left, workers))
        ready = heapq.heappop(free)
        clock = max(clock, ready) + costs.batch_s
        handing += costs.batch_s
        took = float(costs.run_s * np.exp(draw.normal(-(SPREAD**2) / 2, SPREAD, size)).sum())
        took += size * costs_of_store(costs)
        heapq.heappush(free, clock + took)
        working, left, batches = working + took, left - size, batches + 1
    end = max(free)
    return Went(end, working / (workers * end), handing / end, batches)


def costs_of_store(costs: Costs) -> float:
    """Seconds that a worker waits for the store for each run."""
    return REQUEST_S * (costs.puts + costs.gets)


def bottleneck(costs: Costs, runs: int, workers: int, went: Went) -> str:
    """Name what limits: the cores, the handing out, the store's rate, or the tables that one process writes."""
    rate = runs / went.makespan_s
    shares = {
        "cores": went.busy,
        "handing out batches": went.handing_out,
        "writes to one prefix": rate * costs.puts / PUTS_PER_S,
        "reads from one prefix": rate * costs.gets / GETS_PER_S,
        "tables, by one process": runs * costs.tables_s / went.makespan_s,
    }
    first, second = sorted(shares, key=lambda name: -shares[name])[:2]
    return f"{first} {100 * shares[first]:.0f} %, then {second} {100 * shares[second]:.1f} %"


def measured(plan: Plan, asked: argparse.Namespace) -> Costs:
    """Measure what is not given."""
    run_s = asked.run_s or child("benchmarks.aims_run", "experiment", "3")["cpu_s"]
    batch_s = asked.batch_ms / 1000 if asked.batch_ms else batch_cost_s(plan, 1000)
    with tempfile.TemporaryDirectory() as folder:
        return Costs(run_s, batch_s, **store_costs(plan, Path(folder)))


def tell(costs: Costs, runs: int, plan: Plan) -> None:
    """Print the measures and the plan as Markdown."""
    rows = len(plan.weeks) * len(plan.metrics)
    print(
        f"measured: a run {costs.run_s:.2f} CPU-s; a batch {1000 * costs.batch_s:.2f} ms of scheduler and coordinator;"
    )
    asks = f"{costs.puts:.2f} writes, {costs.gets:.2f} reads"
    print(f"a run's result {costs.result_bytes:,.0f} bytes ({rows} values), {asks};")
    print(f"bundling {1e6 * costs.bundle_s:.0f} us, tables {1e6 * costs.tables_s:.0f} us a run\n")
    print("| cores | runs | hours | cores busy | handing out | batches | what limits |\n|---|---|---|---|---|---|---|")
    for workers in WORKERS:
        went = simulate(costs, runs, workers)
        said = bottleneck(costs, runs, workers, went)
        print(f"| {workers:,} | {runs:,} | {went.makespan_s / 3600:,.2f} | {100 * went.busy:.1f} % "
              f"| {100 * went.handing_out:.1f} % | {went.batches:,} | {said} |")  # fmt: skip
    puts, gets = runs * costs.puts, runs * costs.gets
    usd = puts / 1000 * USD_PER_1000_PUTS + gets / 1000 * USD_PER_1000_GETS
    full = int(costs.run_s / costs.batch_s)
    after = runs * (costs.bundle_s / 1000 + costs.tables_s) + runs / READERS / 1000 * REQUEST_S
    volume = f"{runs * costs.result_bytes / 1e9:.2f} GB of results"
    print(f"\nStore: {puts:,.0f} writes and {gets:,.0f} reads, {usd:,.2f} USD; {volume}.")
    print(f"After the runs, on 1,000 cores: {after:.0f} s for bundles and tables.")
    print(
        f"With single runs as batches one scheduler keeps {full:,} cores busy; longer batches raise that in proportion."
    )


def main() -> None:
    """Measure and simulate."""
    from agents.simulation import simulate as market
    from market.experiments.experiment import plan_experiment

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--run-s", type=float)
    parser.add_argument("--batch-ms", type=float)
    asked = parser.parse_args()
    os.environ |= {"POLARS_MAX_THREADS": "1", "OMP_NUM_THREADS": "1"}
    flags: dict[str, Any] = {"policies": ["power-moratorium"], "seeds": 1024, "years": 3, "metrics": ["*"]}
    plan = plan_experiment(market, None, flags)
    tell(measured(plan, asked), asked.runs, plan)


if __name__ == "__main__":
    main()
