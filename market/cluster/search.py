"""The best plan of one (cluster, model): all plans, memory first, then time, pruned by a bound that is exact."""

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np

from market.cluster import work
from market.cluster.case import Array, Case, values_of
from market.cluster.constants import Constants, fitted
from market.cluster.goodput import goodput
from market.cluster.memory import least_recompute
from market.cluster.models import Model
from market.cluster.parallelism import FREE, Fixed, Plans, plans
from market.cluster.step import launch_s, launched, launched_layer_s, params_per_gpu, size_factor, step

REMEDIES = ((1, 0), (1, 1), (3, 0), (3, 1))
"""(ZeRO stage, offloaded optimizer). Within a stage a plan takes the first with which it fits, and the least
recomputation; where that recomputes at all, offloading is tried beside it. ZeRO-3 goes without a pipeline, as FSDP
does."""


CONTEXT_YEAR = 2023.75
"""Context parallelism is in use from ring attention on (Liu et al., October 2023, arXiv:2310.01889)."""
FIRST = 600
"""Plans that are timed before the others are pruned."""
EXACT = 8
"""So many of the best plans are exact."""


@dataclass(frozen=True, slots=True)
class Found:
    """The plans that fit, best first; `binds` says what stops a better one."""

    case: Case
    order: Array
    binds: str


PLANNED = ("tp", "pp", "vp", "dp", "ep", "cp", "microbatch", "batch_seqs")


def with_plans(case: Case, plans: Plans, rows: Any) -> Case:
    """Spread a one-row case over the plans that `rows` selects."""
    return dataclasses.replace(case, **{n: getattr(plans, n)[rows] for n in PLANNED})


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
    columns = zip(*map(values_of, cases), strict=True)
    return Case(*[np.concatenate(v) if isinstance(v[0], np.ndarray) and v[0].ndim else v[0] for v in columns])


def time_per_progress(case: Case, size: work.Sizes, k: Constants) -> Array:
    """Give seconds a sequence including lost work: what the search minimises. [P]."""
    used = case.tp * case.pp * case.dp * case.cp
    step_s = step(case, size, params_per_gpu(case, size), k).step_s
    lost: Array = step_s / (goodput(case, used).goodput * case.batch_seqs)
    return lost


def fastest_possible(case: Case, size: work.Sizes, k: Constants) -> Array:
    """Give a lower bound of `time_per_progress` that costs a tenth of it. [P].

    Matrix products at the full GEMM rate, host launches, the bubble, the size terms and lost work; no memory traffic,
    no attention, no collective.
    """
    active = size.layer_dense + size.sparse_fraction * size.expert * case.top_k
    tokens = case.microbatch * case.seq_len / case.cp
    device = 6 * tokens * active / (case.tp * case.gemm_flop_per_s)
    host = launch_s(case, size, k)
    stages = case.batch_seqs / (case.dp * case.microbatch) + (case.pp - 1) / case.vp
    layers = launched_layer_s(device, host) * case.layers / case.pp
    used = case.tp * case.pp * case.dp * case.cp
    fixed = k.fixed_s * launched(case, k)
    bound: Array = (stages * layers + fixed) * size_factor(case, k) / (goodput(case, used).goodput * case.batch_seqs)
    return bound * (1 - 1e-12)


def worth_using(case: Case, gpus: float, k: Constants) -> float:
    """Give the most GPUs, up to `gpus`, beyond which failures and stragglers would take more than another one gives."""
    counts = gpus * 0.97 ** np.arange(64.0)
    at = dataclasses.replace(case, tp=counts, pp=np.ones(64), dp=np.ones(64), cp=np.ones(64))
    progress = counts * goodput(case, counts).goodput / size_factor(at, k)
    best = int(np.argmax(progress))
    return gpus if best == 0 else float(counts[best])


def search(
    case: Case, m: Model, gpus: float, k: Constants | None = None, fixed: Fixed = FREE, *, exact: int = EXACT
) -> Found:
    """Rank the plans of one (cluster, model) on up to `gpus` GPUs.

    The most promising plans are timed first, then all others that could still come among the best `exact`, by a lower
    bound. Those are exact, and a longer list is not complete.
    """
    k = k or fitted()
    size = work.sizes(case)
    listed = plans(m, int(case.domain), worth_using(case, gpus, k), fixed)
    chosen = np.flatnonzero((listed.cp <= 1) | (case.year >= CONTEXT_YEAR))
    if not chosen.size:
        return Found(case, np.empty(0), "gpus" if np.prod([f or 1 for f in split_of(fixed)]) > gpus else "batch")
    timed = best_of(with_plans(case, listed, chosen if chosen.size < listed.cp.size else slice(None)), size, k, exact)
    if not timed:
        return Found(case, np.empty(0), "memory")
    every = concatenate([c for c, _ in timed])
    times = np.concatenate([t for _, t in timed])
    order = np.argsort(times, kind="stable")
    return Found(every.at(order), times[order], "")


def split_of(fixed: Fixed) -> tuple[int | None, ...]:
    """List what of a plan multiplies to GPUs."""
    return fixed.tp, fixed.pp, fixed.dp, fixed.cp


def worst_kept(timed: list[tuple[Case, Array]], exact: int) -> float:
    """Give the time of the last of the best `exact` plans so far; infinite while there are fewer."""
    times = np.concatenate([t for _, t in timed]) if timed else np.empty(0)
    return float(np.partition(times, exact - 1)[exact - 1]) if times.size >= exact else np.inf


def best_of(spread: Case, size: work.Sizes, k: Constants, exact: int) -> list[tuple[Case, Array]]:
    """Time the `FIRST` most promising plans, then those of the rest that could beat them."""
    bound = fastest_possible(spread, size, k)
    order = promising(bound, bound <= np.partition(bound, FIRST)[FIRST] if bound.size > FIRST else bound < np.inf)
    timed: list[tuple[Case, Array]] = []
    limit, start, many = np.inf, 0, FIRST
    while start < order.size and bound[order[start]] < limit:
        part = order[start : start + many]
        some = feasible(spread.at(np.sort(part[bound[part] < limit])), size)
        if np.size(some.tp):
            timed.append((some, time_per_progress(some, size, k)))
            limit = min(limit, worst_kept(timed, exact))
        if start == 0:
            order = promising(bound, bound < limit)  # begins with the same plans
        start, many = start + many, 4 * many
    return timed


def promising(bound: Array, chosen: Any) -> Any:
    """List the rows that are chosen, least bound first: few are, and only they are sorted."""
    rows = np.flatnonzero(chosen)
    return rows[np.argsort(bound[rows], kind="stable")]
