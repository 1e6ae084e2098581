"""The best plan of one (cluster, model): all plans, memory first, then time, pruned by a bound that is exact."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from market.cluster import work
from market.cluster.case import Array, Case, values_of
from market.cluster.constants import Constants, fitted
from market.cluster.goodput import goodput
from market.cluster.memory import activation_levels, recompute_at_least, recompute_within, rooms
from market.cluster.models import Model
from market.cluster.parallelism import (
    BATCH_SLACK,
    FREE,
    MORE_MICROBATCHES,
    Fixed,
    Plans,
    fewest_microbatches,
    plans,
    plans_of,
    ranks_at_most,
    splits,
)
from market.cluster.step import fixed_s, maturity, params_per_gpu, stage, step, straggling

CONTEXT_YEAR = 2023.75
"""Context parallelism is in use from ring attention on (Liu et al., October 2023, arXiv:2310.01889)."""
FIRST = 160
"""Splits whose plans are timed before the others are pruned."""
EXACT = 8
"""So many of the best plans are exact."""


@dataclass(frozen=True, slots=True)
class Found:
    """The plans that fit, best first; `binds` says what stops a better one."""

    case: Case
    order: Array
    binds: str


SPLIT = ("tp", "pp", "vp", "ep", "cp", "microbatch")
PLANNED = ("tp", "pp", "vp", "dp", "ep", "cp", "microbatch", "batch_seqs")


def with_plans(case: Case, plans: Plans, rows: Any) -> Case:
    """Spread a one-row case over the plans that `rows` selects."""
    return case.having(**{n: getattr(plans, n)[rows] for n in PLANNED})


def feasible(case: Case, size: work.Sizes) -> Case:
    """Give each plan the remedies with which it fits; drop the plans that never do.

    A plan shards its optimizer (ZeRO-1), or without a pipeline everything (ZeRO-3, as FSDP does), and takes the least
    recomputation; where that recomputes at all, an offloaded optimizer is tried beside it.
    """
    held, levels = params_per_gpu(case, size), activation_levels(case, size)
    rows, zeros, offloads, recompute = [], [], [], []
    whole = np.flatnonzero(case.pp == 1)
    for zero, some in ((1.0, slice(None)), (3.0, whole))[: 2 if whole.size else 1]:
        part = (case if zero < 3 else case.at(some)).having(zero=np.asarray(zero))
        room, offloaded = rooms(part, size, (held[0][some], held[1][some]))
        kept = [level[some] for level in levels]
        level = recompute_within(room, kept)
        other = np.where(level > 0, recompute_within(offloaded, kept), np.inf)
        for offload, found in ((0.0, level), (1.0, other)):
            fits = np.flatnonzero(np.isfinite(found))
            rows.append(fits if zero < 3 else whole[fits])
            recompute.append(found[fits])
            zeros.append(np.full(fits.size, zero))
            offloads.append(np.full(fits.size, offload))
    return case.at(np.concatenate(rows)).having(
        zero=np.concatenate(zeros), offload=np.concatenate(offloads), recompute=np.concatenate(recompute)
    )


def concatenate(cases: list[Case]) -> Case:
    """Join cases that share their scalars."""
    if len(cases) == 1:
        return cases[0]
    columns = zip(*map(values_of, cases), strict=True)
    return Case(*[np.concatenate(v) if isinstance(v[0], np.ndarray) and v[0].ndim else v[0] for v in columns])


def time_per_progress(case: Case, size: work.Sizes, k: Constants) -> Array:
    """Give seconds a sequence including lost work: what the search minimises. [P]."""
    used = case.used()
    step_s = step(case, size, params_per_gpu(case, size), k).step_s
    lost: Array = step_s / (goodput(case, used).goodput * case.batch_seqs)
    return lost


@dataclass(frozen=True, slots=True)
class Asked:
    """What a search may use and must give."""

    gpus: float
    fixed: Fixed = FREE
    exact: int = EXACT
    least: float = 0.0  # GPUs that a plan must use


@dataclass(frozen=True, slots=True)
class Timed:
    """`S` ways to split a model, and what the plans of each take at least. [S] each."""

    split: tuple[Array, ...]  # as of `parallelism.splits`
    most: Array  # data ranks
    fewest: Array  # microbatches of a rank
    stage_s: Array  # one microbatch on the slowest stage


def timed_splits(case: Case, m: Model, size: work.Sizes, k: Constants, asked: Asked) -> Timed:
    """Time the splits of a model that a case's chip and date allow and that could fit, with the least recomputation.

    Interleaving changes neither a stage's time nor, but for more microbatches in flight, its memory: splits that differ
    by it alone are timed once, with the least of it.
    """
    gpus, fixed = asked.gpus, asked.fixed
    listed = splits(m, int(case.domain), fixed)
    tp, _, _, ep, cp, microbatch, _ = listed.columns
    most = ranks_at_most(listed.columns, gpus, fixed)
    fewest = fewest_microbatches(listed.columns, most, float(case.batch_seqs), fixed)
    legal = (most >= 1) & (ep <= tp * cp * most) & ((cp <= 1) | (case.year >= CONTEXT_YEAR))
    first, ranks = listed.first, np.maximum(most[listed.first], 1)
    spread = case.having(
        **{n: column[first] for n, column in zip(SPLIT, listed.columns, strict=False)},
        dp=ranks, batch_seqs=fewest[first] * ranks * microbatch[first],
    )  # fmt: skip
    level = recompute_at_least(spread, size, params_per_gpu(spread, size))
    timed = stage(spread.having(recompute=np.minimum(level, 2.0)), size, k).stage_s
    stage_s = np.where(np.isfinite(level), timed, np.inf)[listed.owner]
    kept = np.flatnonzero(legal & np.isfinite(stage_s))
    return Timed(tuple(c[kept] for c in listed.columns), most[kept], fewest[kept], stage_s[kept])


def slowed(case: Case, used: Array, k: Constants) -> Array:
    """Give the factor by which stragglers and lost work lengthen a run on `used` GPUs: it grows with them. [R]."""
    factor: Array = straggling(used) * maturity(case, k) / goodput(case, used).goodput
    return factor


def split_bound(case: Case, timed: Timed, k: Constants) -> Array:
    """Give a lower bound of `time_per_progress` of all plans of a split. [S].

    A plan takes no fewer microbatches than the most ranks need, and no more sequences than the batch may have.
    """
    tp, pp, vp, _, cp, microbatch, _ = timed.split
    longest = np.maximum(timed.fewest * MORE_MICROBATCHES[0].max(), timed.fewest + MORE_MICROBATCHES[1].max())
    bubble, copy, batch = (pp - 1) / vp, tp * pp * cp, case.batch_seqs
    room = timed.most * microbatch
    stages = np.maximum((timed.fewest + bubble) / ((1 + BATCH_SLACK) * batch), (1 + bubble / longest) / room)
    used = np.maximum((1 - BATCH_SLACK) * batch / (longest * microbatch), 1) * copy
    step_s = stages * timed.stage_s + fixed_s(case, k) / ((1 + BATCH_SLACK) * batch)
    bound: Array = step_s * slowed(case, used, k) * (1 - 1e-9)
    return bound


def plan_bound(case: Case, stage_s: Array, k: Constants) -> Array:
    """Give a lower bound of `time_per_progress` of plans: nothing recomputed, no collective of data ranks. [P]."""
    microbatches = case.batch_seqs / (case.dp * case.microbatch)
    step_s = (microbatches + (case.pp - 1) / case.vp) * stage_s + fixed_s(case, k)
    bound: Array = step_s / case.batch_seqs * slowed(case, case.used(), k)
    return bound * (1 - 1e-9)


def worth_using(case: Case, gpus: float, k: Constants) -> float:
    """Give the most GPUs, up to `gpus`, beyond which failures and stragglers would take more than another one gives."""
    counts = gpus * 0.97 ** np.arange(64.0)
    progress = counts / slowed(case, counts, k)
    best = int(np.argmax(progress))
    return gpus if best == 0 else float(counts[best])


def search(
    case: Case, m: Model, gpus: float, k: Constants | None = None, fixed: Fixed = FREE, *, exact: int = EXACT,
    least: float = 0.0,
) -> Found:  # fmt: skip
    """Rank the plans of one (cluster, model) on up to `gpus` GPUs.

    The most promising plans are timed first, then all others that could still come among the best `exact`, by a lower
    bound. Those are exact, and a longer list is not complete; of one only the best is kept. Plans on fewer than `least`
    GPUs are left out.
    """
    k = k or fitted()
    size = work.sizes(case)
    usable = worth_using(case, gpus, k)
    asked = Asked(usable, fixed, exact, least)
    timed = best_of(case, timed_splits(case, m, size, k, asked), size, k, asked)
    if not timed:
        return Found(case, np.empty(0), why_none(m, case, usable, gpus, fixed))
    if exact == 1:
        part, times = min(timed, key=lambda chunk: float(chunk[1].min()))
        best = np.array([np.argmin(times)])
        return Found(part.at(best), times[best], "")
    every = concatenate([c for c, _ in timed])
    times = np.concatenate([t for _, t in timed])
    order = np.argsort(times, kind="stable")
    return Found(every.at(order), times[order], "")


def why_none(m: Model, case: Case, usable: float, gpus: float, fixed: Fixed) -> str:
    """Say what stops every plan: memory, or where none can be listed the GPUs or the batch."""
    if plans(m, int(case.domain), usable, fixed).tp.size:
        return "memory"
    return "gpus" if np.prod([f or 1 for f in split_of(fixed)]) > gpus else "batch"


def split_of(fixed: Fixed) -> tuple[int | None, ...]:
    """List what of a plan multiplies to GPUs."""
    return fixed.tp, fixed.pp, fixed.dp, fixed.cp


def worst_kept(timed: list[tuple[Case, Array]], exact: int) -> float:
    """Give the time of the last of the best `exact` plans so far; infinite while there are fewer."""
    times = np.concatenate([t for _, t in timed]) if timed else np.empty(0)
    return float(np.partition(times, exact - 1)[exact - 1]) if times.size >= exact else np.inf


def best_of(case: Case, could: Timed, size: work.Sizes, k: Constants, asked: Asked) -> list[tuple[Case, Array]]:
    """Time the plans of the `FIRST` most promising splits, then those of the rest that could beat them."""
    bound = split_bound(case, could, k)
    timed: list[tuple[Case, Array]] = []
    limit, done, many = np.inf, -np.inf, FIRST
    while True:
        left = np.flatnonzero((bound > done) & (bound < limit))
        if not left.size:
            return timed
        values = bound[left]
        done = float(np.partition(values, many)[many]) if left.size > many else np.inf
        chosen = left[values <= done]
        split = tuple(column[chosen] for column in could.split)
        listed, rows = plans_of(split, float(case.batch_seqs), asked.gpus, asked.fixed)
        spread = with_plans(case, listed, slice(None))
        if limit < np.inf or asked.least:
            hopeful = plan_bound(spread, could.stage_s[chosen][rows], k) < limit
            spread = spread.at(hopeful & (listed.gpus >= asked.least))
        some = feasible(spread, size) if np.size(spread.tp) else spread
        if np.size(some.tp):
            timed.append((some, time_per_progress(some, size, k)))
            limit = min(limit, worst_kept(timed, asked.exact))
        many *= 16
