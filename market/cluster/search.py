"""The best plan of one (cluster, model): all plans, memory first, then time, pruned by a bound that is exact."""

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np

from market.cluster import work
from market.cluster.case import Array, Case
from market.cluster.constants import Constants, fitted
from market.cluster.goodput import goodput
from market.cluster.memory import memory
from market.cluster.parallelism import Plans
from market.cluster.step import params_per_gpu, step

REMEDIES = ((1, 0, 0), (1, 1, 0), (1, 2, 0), (1, 2, 1), (3, 0, 0), (3, 1, 0), (3, 2, 0), (3, 2, 1))
"""(ZeRO stage, recomputation, offload). Within a ZeRO stage each costs more time than the one before it."""


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


def feasible(case: Case, size: work.Sizes, remedies: tuple[tuple[int, int, int], ...] = REMEDIES) -> Case:
    """Give each plan the cheapest memory remedy that lets it fit, one per ZeRO stage; drop the plans that never fit."""
    kept: list[Case] = []
    for stage in sorted({z for z, _, _ in remedies}):
        part = case if stage < 3 else case.at(case.pp == 1)
        held = params_per_gpu(part, size)
        left = np.ones(np.shape(part.tp), dtype=bool)
        for zero, recompute, offload in (r for r in remedies if r[0] == stage):
            trial = dataclasses.replace(
                part, zero=np.float64(zero), recompute=np.float64(recompute), offload=np.float64(offload)
            )
            fits = left & np.asarray(memory(trial, size, held).fits, dtype=bool)
            left &= ~fits
            if np.any(fits):
                rows = int(np.sum(fits))
                constant = {"zero": zero, "recompute": recompute, "offload": offload}
                kept.append(dataclasses.replace(trial.at(fits), **{n: np.full(rows, float(v)) for n, v in constant.items()}))
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
    lost: Array = step(case, size, k).step_s / goodput(case, used).goodput
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
