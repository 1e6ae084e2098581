"""Which plans exist for a model: tensor, pipeline, interleave, context, expert and data ranks, and the microbatch."""

import functools
import itertools
from dataclasses import dataclass

import numpy as np

from market.cluster.case import Array
from market.cluster.models import Model

TENSOR = (1, 2, 4, 8, 16, 32, 64)
PIPELINE = (1, 2, 3, 4, 6, 8, 10, 12, 14, 15, 16, 18, 20, 21, 24, 28, 30, 32, 35, 40, 42, 48, 56, 64, 96, 128)
CONTEXT = (1, 2, 4, 8, 16, 32, 64)
EXPERT = (1, 2, 4, 8, 16, 32, 64, 128)
FEWEST_EXPERT_RANKS = 8
"""Models of more than 16 experts spread them over at least so many ranks."""
MICROBATCH = (1, 2, 4, 8)
STAGE_WASTE = 0.07
"""The longest stage may exceed the mean by so much: embeddings and logits take the place of a layer or two."""
TOKENS_PER_RANK = 2048
"""Context parallelism leaves a rank at least so many tokens of a sequence. Assumption: below it rings are exposed."""
MAX_INTERLEAVES = 4


@dataclass(frozen=True, slots=True)
class Plans:
    """`P` plans; each field is [P]."""

    tp: Array
    pp: Array
    vp: Array
    dp: Array
    ep: Array
    cp: Array
    microbatch: Array
    gpus: Array


@dataclass(frozen=True, slots=True)
class Fixed:
    """What a plan must have; None leaves it to the search."""

    tp: int | None = None
    pp: int | None = None
    vp: int | None = None
    dp: int | None = None
    ep: int | None = None
    cp: int | None = None
    microbatch: int | None = None


FREE = Fixed()


def divisors(n: int) -> tuple[int, ...]:
    """List the divisors of n in ascending order."""
    small = [d for d in range(1, int(n**0.5) + 1) if n % d == 0]
    return tuple(sorted({*small, *(n // d for d in small)}))


def interleaves(layers: int, pp: int) -> tuple[int, ...]:
    """List the interleave options: no more layers on the longest stage than without, at least one layer a chunk."""
    if pp == 1:
        return (1,)
    per_stage = -(-layers // pp)
    options = [v for v in divisors(per_stage) if v <= 12]
    if len(options) > MAX_INTERLEAVES:
        picked = np.linspace(0, len(options) - 1, MAX_INTERLEAVES).round().astype(int)
        options = [options[i] for i in picked]
    return tuple(options)


def _pipelines(layers: int) -> list[int]:
    """List pipelines that divide the layers, and powers of two that nearly do."""
    powers = [p for p in PIPELINE if p & (p - 1) == 0 and p <= layers]
    near = [p for p in powers if -(-layers // p) * p <= layers * (1 + STAGE_WASTE)]
    return sorted({1, *near, *(p for p in PIPELINE if layers % p == 0)})


def _tensors(heads: int, domain: int) -> list[int]:
    return [t for t in TENSOR if heads % t == 0 and t <= domain]


def _experts(experts: int) -> tuple[int, ...]:
    if not experts:
        return (1,)
    least = FEWEST_EXPERT_RANKS if experts > 16 else 1
    return tuple(e for e in EXPERT if experts % e == 0 and e >= least) or (1,)


def _pick(options: tuple[int, ...] | list[int], fixed: int | None) -> tuple[int, ...]:
    return tuple(options) if fixed is None else (fixed,)


@functools.lru_cache(512)
def plans(m: Model, domain: int, fixed: Fixed = FREE) -> Plans:
    """List every plan of a model on chips of one scale-up domain, whatever the number of GPUs.

    The list does not depend on the GPUs at hand, so more GPUs only add plans: the best one never gets slower.
    """
    layers, batch = int(m.layers), int(m.batch_seqs)
    contexts = [c for c in CONTEXT if m.seq_len / c >= TOKENS_PER_RANK or c == 1]
    outer = [
        (t, p, v, e, c)
        for t, p in itertools.product(
            _pick(_tensors(int(m.heads), domain), fixed.tp), _pick(_pipelines(layers), fixed.pp)
        )
        for v in _pick(interleaves(layers, p), fixed.vp)
        for e in _pick(_experts(int(m.experts)), fixed.ep)
        for c in _pick(contexts, fixed.cp)
    ]
    ranks = _pick(divisors(batch), fixed.dp)
    sizes = _pick(MICROBATCH, fixed.microbatch)
    inner = [(d, b) for d in ranks for b in sizes if batch % (d * b) == 0]
    across = np.array(outer, dtype=np.float64).reshape(-1, 5).T
    tp, pp, vp, ep, cp = (np.repeat(column, len(inner)) for column in across)
    dp, microbatch = (np.tile(column, len(outer)) for column in np.array(inner, dtype=np.float64).reshape(-1, 2).T)
    microbatches = batch / (dp * microbatch)
    legal = (vp == 1) | (microbatches >= pp) if fixed.vp is None else np.ones(len(tp), dtype=bool)
    legal &= ep <= tp * dp * cp
    chosen = np.flatnonzero(legal)
    used = tp * pp * dp * cp
    return Plans(*(column.take(chosen) for column in (tp, pp, vp, dp, ep, cp, microbatch, used)))
