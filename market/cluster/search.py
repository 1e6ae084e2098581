"""The best plan of one (cluster, model): all plans, memory first, then time, pruned by a bound that is exact."""

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np

from market.cluster import work
from market.cluster.case import Array, Case, values_of
from market.cluster.constants import Constants, fitted
from market.cluster.goodput import goodput
from market.cluster.memory import activation_levels, least_recompute
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
    """Give each plan the remedies with which it fits; drop the plans that never do.

    Remedies change what else a GPU holds; activations and parameters are counted once.
    """
    every = np.arange(np.size(case.tp))
    held, levels = params_per_gpu(case, size), activation_levels(case, size)
    rows, zeros, offloads, recompute = [], [], [], []
    left = every
    for zero, offload in REMEDIES:
        if not offload:
            left = every if zero < 3 else np.flatnonzero(case.pp == 1)
        if not left.size:
            continue
        some: Any = slice(None) if left is every else left  # all rows need no copy
        part = dataclasses.replace(case.at(some), zero=np.asarray(float(zero)), offload=np.asarray(float(offload)))
        level = least_recompute(part, size, (held[0][some], held[1][some]), [v[some] for v in levels])
        fits = np.isfinite(level)
        rows.append(left[fits])
        recompute.append(level[fits])
        zeros.append(np.full(rows[-1].size, float(zero)))
        offloads.append(np.full(rows[-1].size, float(offload)))
        left = left[level > 0]
    kept = case.at(np.concatenate(rows))
    return dataclasses.replace(
        kept, zero=np.concatenate(zeros), offload=np.concatenate(offloads), recompute=np.concatenate(recompute)
    )


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
    """Give a lower bound of `time_per_progress` that costs a third of it. [P].

    Compute of the layers, host launches, the bubble, the size terms and lost work; no logits, no collective, nothing
    recomputed.
    """
    tokens = case.microbatch * case.seq_len / case.cp
    forward = work.gemm_s(case, size, tokens, k) + work.elementwise_s(case, size, tokens, k)
    device = 3 * (forward + work.core_s(case, size, tokens, k))
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
    bound. Those are exact, and a longer list is not complete; of one only the best is kept.
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
    if exact == 1:
        part, times = min(timed, key=lambda chunk: float(chunk[1].min()))
        best = np.array([np.argmin(times)])
        return Found(part.at(best), times[best], "")
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
    timed: list[tuple[Case, Array]] = []
    limit, done, many = np.inf, -np.inf, FIRST
    while True:
        left = np.flatnonzero((bound > done) & (bound < limit))
        if not left.size:
            return timed
        values = bound[left]
        done = float(np.partition(values, many)[many]) if left.size > many else np.inf
        some = feasible(spread.at(left[values <= done]), size)
        if np.size(some.tp):
            timed.append((some, time_per_progress(some, size, k)))
            limit = min(limit, worst_kept(timed, exact))
        many *= 4
