"""The best plan of one (cluster, model): all plans, memory first, then time, pruned by a bound that is exact."""

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np

from market.cluster import work
from market.cluster.case import Array, Case
from market.cluster.constants import Constants, fitted
from market.cluster.goodput import goodput
from market.cluster.memory import least_recompute
from market.cluster.parallelism import Plans
from market.cluster.step import params_per_gpu, step

REMEDIES = ((1, 0), (1, 1), (3, 0), (3, 1))
"""(ZeRO stage, offloaded optimizer). Within a stage a plan takes the first with which it fits, and the least
recomputation; where that recomputes at all, offloading is tried beside it. ZeRO-3 goes without a pipeline, as FSDP
does."""


@dataclass(frozen=True, slots=True)
class Found:
    """The plans that fit, best first; `binds` says what stops a better one."""

    case: Case
    order: Array
    binds: str


def with_plans(case: Case, plans: Plans, **other: Any) -> Case:
    """Spread a one-row case over plans."""
    names = (f.name for f in dataclasses.fields(Plans))
    return dataclasses.replace(case, **{n: getattr(plans, n) for n in names}, **other)


def feasible(case: Case, size: work.Sizes) -> Case:
    """Give each plan the remedies with which it fits; drop the plans that never do."""
    kept: list[Case] = []
    left = np.ones(np.shape(case.tp), dtype=bool)
    for zero, offload in REMEDIES:
        if not offload:
            left = np.ones(np.shape(case.tp), dtype=bool) if zero < 3 else np.asarray(case.pp == 1)
        if not np.any(left):
            continue
        part = dataclasses.replace(case.at(left), zero=np.asarray(float(zero)), offload=np.asarray(float(offload)))
        level = least_recompute(part, size, params_per_gpu(part, size))
        fits = np.isfinite(level)
        rows = int(np.sum(fits))
        if rows:
            same = {"zero": np.full(rows, float(zero)), "offload": np.full(rows, float(offload))}
            kept.append(dataclasses.replace(part.at(fits), recompute=level[fits], **same))
        left[left] = level > 0
    return concatenate(kept) if kept else case.at(np.zeros(np.shape(case.tp), dtype=bool))


def concatenate(cases: list[Case]) -> Case:
    """Join cases that share their scalars."""
    if len(cases) == 1:
        return cases[0]
    first = cases[0]
    joined = {}
    for f in dataclasses.fields(Case):
        values = [getattr(c, f.name) for c in cases]
        joined[f.name] = np.concatenate(values) if np.ndim(getattr(first, f.name)) else values[0]
    return Case(**joined)


def time_per_progress(case: Case, size: work.Sizes, k: Constants) -> Array:
    """Give seconds a step including lost work: what the search minimises. [P]."""
    used = case.tp * case.pp * case.dp * case.cp
    lost: Array = step(case, size, params_per_gpu(case, size), k).step_s / goodput(case, used).goodput
    return lost


def fastest_possible(case: Case, size: work.Sizes, used: Array) -> Array:
    """Give a lower bound of a step: its matrix products at the full GEMM rate on all GPUs of the plan. [P]."""
    active = size.layer_dense + (1 - size.dense_fraction) * size.expert * case.top_k
    flop = 6 * case.batch_seqs * case.seq_len * case.layers * active
    bound: Array = flop / (used * case.gemm_flop_per_s)
    return bound


def search(case: Case, plans: Plans, gpus: float, k: Constants | None = None) -> Found:
    """Rank the plans of one (cluster, model) on up to `gpus` GPUs.

    Plans that cannot beat the incumbent even at the full GEMM rate are never timed, so the best one is exact.
    """
    k = k or fitted()
    size = work.sizes(case)
    used = plans.gpus
    within = used <= gpus
    if not np.any(within):
        return Found(case, np.empty(0), "gpus")
    bound = fastest_possible(case, size, used)
    spread = with_plans(case, plans)
    large = within & (used >= 0.6 * used[within].max())
    top = feasible(spread.at(large), size)
    best = np.inf
    parts = []
    if np.size(top.tp):
        times = time_per_progress(top, size, k)
        best = float(times.min())
        parts.append((top, times))
    rest = feasible(spread.at(within & ~large & (bound < best)), size)
    if np.size(rest.tp):
        parts.append((rest, time_per_progress(rest, size, k)))
    if not parts:
        return Found(case, np.empty(0), "memory")
    every = concatenate([c for c, _ in parts])
    times = np.concatenate([t for _, t in parts])
    return Found(every.at(np.argsort(times, kind="stable")), np.sort(times), "")
