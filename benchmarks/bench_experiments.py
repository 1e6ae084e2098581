"""How fast experiments are, and that their memory does not grow.

    python benchmarks/bench_experiments.py market [RUNS]     three-year runs a minute, metrics only, memory by run
    python benchmarks/bench_experiments.py dask [RUNS]       overhead of a tiny run on Dask with two workers
    python benchmarks/bench_experiments.py pairing [SEEDS]   variance that pairing saves, by policy of the library

CPU time tells more than the clock where other programs run beside; both are printed.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import Any

from agents.simulation import simulate
from market.experiments.engines.worker import Job, Ready, perform
from market.experiments.experiment import plan_experiment, run_experiment
from market.experiments.results.dataset import open_results
from market.experiments.statistics.pairing import effects
from market.policies.load import library
from market.state import State


def tiny(scenario: Any, seed: int, log: Any = None, hooks: Any = None, progress: Any = None) -> Any:
    """A world of one number: what is left of its time is overhead."""
    state = State()
    state.leases.price_usd_per_h100e_hour = 1.0 + seed
    kernel = SimpleNamespace(state=state)
    progress(12, kernel)
    return kernel


def resident_mb() -> float:
    """Memory that this process holds."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def market(runs: int = 12) -> None:
    """Time three-year runs in one process."""
    plan = plan_experiment(simulate, None, {"policies": ["power-moratorium"], "seeds": runs, "years": 3})
    ready, cpu = Ready(Job.of(plan), simulate), []
    for number, spec in zip(range(runs), plan.specs(), strict=False):
        cpu.append(perform(ready, spec, None).cpu_s)
        print(f"run {number + 1}: {cpu[-1]:.2f} CPU s, {resident_mb():.0f} MB", flush=True)
    print(f"median {median(cpu):.2f} CPU s a run: {2 * 60 / median(cpu):.0f} runs a minute on two free cores")


def dask(runs: int = 10_000) -> None:
    """Time tiny runs on Dask."""
    flags = {"policies": ["demand-shock:from=2024-08-01"], "seeds": runs // 2, "years": 0.25}
    flags["metrics"] = ["prices.h100_contract"]
    plan = plan_experiment(tiny, None, flags)
    with tempfile.TemporaryDirectory() as folder:
        began, marks = time.monotonic(), []

        def tell(now: Any) -> None:
            marks.append((now.done, now.elapsed_s, resident_mb()))

        done = run_experiment(plan, engine="dask:2", out=f"{folder}/x", tell=tell)
        total = time.monotonic() - began
    first = next(mark for mark in marks if mark[0] >= runs // 10)
    last = marks[-1]
    each = 1000 * (last[1] - first[1]) / (last[0] - first[0])
    print(f"{done.runs:,} runs, {len(done.failed)} failed, {total:.1f} s in all, engine started and data gathered")
    print(
        f"{each:.2f} ms a run once under way; coordinator {first[2]:.0f} MB after a tenth, {last[2]:.0f} MB at the end"
    )


def pairing(seeds: int = 8) -> None:
    """Compare paired and unpaired variance of every library policy's effects after 26 weeks and three years."""
    plan = plan_experiment(simulate, None, {"policies": list(library()), "seeds": seeds, "years": 3, "every_weeks": 26})
    with tempfile.TemporaryDirectory() as folder:
        run_experiment(plan, out=f"{folder}/x")
        for week in (26, 78, None):
            found = [e for e in effects(open_results(f"{folder}/x", week)) if e.variance_ratio]
            for policy in plan.levers[1:]:
                mine = [e.variance_ratio for e in found if e.policy == policy.name and e.variance_ratio]
                said = f"{median(mine):.3g} over {len(mine)} metrics" if mine else "no effect"
                print(f"week {week or plan.weeks[-1]}: {policy.name}: {said}")
            ratios = [e.variance_ratio for e in found if e.variance_ratio]
            print(
                f"week {week or plan.weeks[-1]}: median of all {median(ratios):.3g}" if ratios else "no effect at all"
            )


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    {"market": market, "dask": dask, "pairing": pairing}[sys.argv[1]](*map(int, sys.argv[2:3]))
