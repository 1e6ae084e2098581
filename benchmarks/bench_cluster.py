"""How many full answers a second and how long a search; `benchmarks.aims llm-analysis` has them beside a peer.

    uv run python benchmarks/bench_cluster.py

CPU time of one thread (the core uses no BLAS), median of repeats. A full answer is everything
in `market.cluster.Answers`: step and its parts, memory, goodput, days, four power figures, energy, cost, loss.
"""

import functools
import statistics
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np

from market.cluster import CHIP_NAMES, MODELS, plan_for_budget
from market.cluster.chips import chip
from market.cluster.models import model
from market.cluster.parallelism import plans
from market.cluster.search import search
from market.cluster.serve import ServeTable, evaluate_serving, serving_rates
from market.cluster.table import Table, evaluate_table
from market.cluster.workload import base_case

SEARCHES = (("H100", "llama-3.1-405b", 16384), ("A100", "gpt-4", 25_000), ("GB200", "gpt-4", 100_000),
            ("H800", "deepseek-v3", 2048), ("GB300", "dense-1t", 100_000), ("GB300", "moe-1t", 100_000))  # fmt: skip


def table(rows: int) -> Table:
    """Draw `rows` cases over all chips, models, precisions and plans."""
    draw = np.random.default_rng(0)
    highest = {"tp": 4, "pp": 5, "vp": 3, "dp": 8, "ep": 4, "cp": 2, "microbatch": 3}
    power: dict[str, Any] = {n: 2.0 ** draw.integers(0, high, rows) for n, high in highest.items()}
    gpus = power["tp"] * power["pp"] * power["dp"] * power["cp"]
    return Table(
        models=tuple(MODELS.values()), chip=draw.integers(0, len(CHIP_NAMES), rows),
        model=draw.integers(0, len(MODELS), rows), precision=draw.integers(0, 3, rows), gpus=gpus,
        year=draw.uniform(2022, 2026, rows), zero=draw.integers(0, 4, rows).astype(float),
        recompute=draw.integers(0, 3, rows).astype(float), offload=np.zeros(rows), **power,
    )  # fmt: skip


def seconds(call: Callable[[], object], repeats: int = 7) -> float:
    """Give the median CPU time of a call."""
    spent = []
    for _ in range(repeats):
        start = time.process_time()
        call()
        spent.append(time.process_time() - start)
    return statistics.median(spent)


def drain(cases: Table) -> int:
    """Answer a whole table and keep nothing."""
    return sum(len(answers.step_s) for _, answers in evaluate_table(cases))


def report_answers() -> None:
    """Print answers a second and how memory grows with the rows."""
    rows = 131_072
    cases = table(rows)
    print(f"full answers a second, one thread, float64: {rows / seconds(lambda: drain(cases)):12,.0f}")
    for many in (32_768, 262_144):
        large = table(many)
        tracemalloc.start()
        drain(large)
        peak = tracemalloc.get_traced_memory()[1] / 2**20
        print(f"  peak memory beside the input at {many:7,d} rows: {peak:6.1f} MiB")
        tracemalloc.stop()


def report_searches() -> None:
    """Print the time of a search over all plans."""
    print("search of all plans of one (cluster, model):")
    for name, shape, gpus in SEARCHES:
        device, kind = chip(name), model(shape)
        listed, case = plans(kind, int(device.scaleup_domain_gpus), gpus), base_case(device, kind)
        spent = seconds(functools.partial(search, case, kind, gpus), 5)
        print(f"  {name:6s} x {gpus:7,d} {shape:15s} {len(listed.tp):8,d} plans {spent * 1e3:6.1f} ms")


def report_serving() -> None:
    """Print serving answers a second."""
    rows, draw = 131_072, np.random.default_rng(0)
    cases = ServeTable(
        models=tuple(MODELS.values()), chip=draw.integers(0, len(CHIP_NAMES), rows),
        model=draw.integers(0, len(MODELS), rows), precision=draw.integers(0, 3, rows),
        input_tokens=draw.uniform(100, 8000, rows), output_tokens=draw.uniform(50, 4000, rows),
        tp=2.0 ** draw.integers(0, 4, rows), pp=np.ones(rows), dp=np.ones(rows), ep=np.ones(rows),
        batch=np.full(rows, np.nan),
    )  # fmt: skip

    def call() -> int:
        return sum(len(found.tpot_s) for _, found in evaluate_serving(cases))

    print(f"serving answers a second, one thread, float64: {rows / seconds(call):12,.0f}")
    rates = functools.partial(serving_rates, ["H100", "GB200", "GB300"] * 10, [3e10] * 30, year=2025.5)
    rates()
    print(f"a week's serving rates, 30 candidates, cached: {seconds(rates, 51) * 1e3:.3f} ms")


def report_weekly() -> None:
    """Print the time of a week's choices, cached."""
    budgets, names, counts = [1e24, 1e25, 1e26] * 10, ["H100", "GB200", "GB300"] * 10, [4096, 32768, 100_000] * 10
    call = functools.partial(plan_for_budget, budgets, names, counts, year=2025.5)
    call()
    print(f"a week's choices, 30 candidates, cached: {seconds(call, 51) * 1e3:.3f} ms")


if __name__ == "__main__":
    report_answers()
    report_searches()
    report_serving()
    report_weekly()
