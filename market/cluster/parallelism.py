"""Which plans exist for a model: tensor, pipeline, interleave, context, expert and data ranks, and the microbatch."""

import functools
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from market.cluster.case import Array
from market.cluster.models import Model

TENSOR = (1, 2, 4, 8, 16, 32, 64)
DEEPEST_PIPELINE = 128
CONTEXT = (1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 24, 32, 48, 64)
EXPERT = (1, 2, 4, 8, 16, 32, 64, 128)
FEWEST_EXPERT_RANKS = 8
"""Models of more than 16 experts spread them over at least so many ranks."""
MICROBATCH = (1, 2, 3, 4, 6, 8)
STAGE_WASTE = 0.15
"""The longest stage may exceed the mean by so much; the step waits for it, and the search weighs that against GPUs that
even stages would leave idle."""
TOKENS_PER_RANK = 2048
"""Context parallelism leaves a rank at least so many tokens of a sequence. Assumption: below it rings are exposed."""
MAX_INTERLEAVES = 4
BATCH_SLACK = 0.05
"""A run's batch may differ by so much from the one asked for, so that nearly all GPUs have work."""
MORE_MICROBATCHES = np.array([[1, 1, 1, 1, 2, 3, 4], [0, 1, 2, 3, 0, 0, 0], [0, 0, 0, 0, 3, 1, 1]], dtype=np.float64)[
    :, None, :
]
"""Microbatches a rank over the fewest: times, plus, and what they must exceed for that to be new."""


@dataclass(frozen=True, slots=True)
class Plans:
    """`P` plans; each field is [P]."""

    tp: Array
    pp: Array
    vp: Array
    ep: Array
    cp: Array
    dp: Array
    microbatch: Array
    batch_seqs: Array  # within `BATCH_SLACK` of the model's
    gpus: Array


@dataclass(frozen=True, slots=True)
class Fixed:
    """What a plan must have; None leaves it to the search, among `eps` and `cps` where they are given,
    pipelines whose longest stage exceeds the mean by at most `stage_waste`, and microbatches in a pipeline of at most
    `pipelined` sequences."""

    tp: int | None = None
    pp: int | None = None
    vp: int | None = None
    dp: int | None = None
    ep: int | None = None
    cp: int | None = None
    microbatch: int | None = None
    eps: tuple[int, ...] = ()
    cps: tuple[int, ...] = ()
    stage_waste: float = STAGE_WASTE
    pipelined: float = math.inf


FREE = Fixed()


@dataclass(frozen=True, slots=True)
class Splits:
    """`S` ways to split a model over ranks; `B` of them differ in more than the interleave."""

    columns: tuple[Array, ...]  # tp, pp, vp, ep, cp, microbatch, and the multiples in which data ranks come; [S] each
    first: npt.NDArray[np.int64]  # [B], of each the one with the least interleave
    owner: npt.NDArray[np.int64]  # [S], which of `first` it differs from by its interleave alone


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


def _pipelines(layers: int, waste: float) -> list[int]:
    """List pipelines that split the layers evenly, or nearly."""
    near = layers * (1 + waste)
    return [p for p in range(1, min(layers, DEEPEST_PIPELINE) + 1) if -(-layers // p) * p <= near]


def _tensors(heads: int, domain: int) -> list[int]:
    return [t for t in TENSOR if heads % t == 0 and t <= domain]


def _experts(experts: int) -> tuple[int, ...]:
    if not experts:
        return (1,)
    least = FEWEST_EXPERT_RANKS if experts > 16 else 1
    return tuple(e for e in EXPERT if experts % e == 0 and e >= least) or (1,)


def _pick(options: tuple[int, ...] | list[int], fixed: int | None, among: tuple[int, ...] = ()) -> tuple[int, ...]:
    if fixed is not None:
        return (fixed,)
    return tuple(o for o in options if o in among) or tuple(options)


@functools.lru_cache(256)
def splits(m: Model, domain: int, fixed: Fixed = FREE) -> Splits:
    """List the ways to split a model over ranks."""
    layers = int(m.layers)
    contexts = [c for c in CONTEXT if m.seq_len / c >= TOKENS_PER_RANK or c == 1]
    depths = _pick(_pipelines(layers, fixed.stage_waste), fixed.pp)
    chunks = [(p, v) for p in depths for v in _pick(interleaves(layers, p), fixed.vp)]
    options = (
        _pick(_tensors(int(m.heads), domain), fixed.tp), range(len(chunks)),
        _pick(_experts(int(m.experts)), fixed.ep, fixed.eps), _pick(contexts, fixed.cp, fixed.cps),
        _pick(MICROBATCH, fixed.microbatch),
    )  # fmt: skip
    every = [grid.ravel() for grid in np.meshgrid(*map(np.array, options), indexing="ij")]
    depth = np.array([p for p, _ in chunks])
    kept = np.flatnonzero((every[4] <= fixed.pipelined) | (depth == 1)[every[1]])
    tp, chunk, ep, cp, microbatch = (grid[kept] for grid in every)
    pp, vp = np.array(chunks, dtype=np.float64)[chunk].T
    multiple = ep // np.gcd(ep, tp * cp)  # the experts' group is of whole data ranks
    columns = tuple(np.ascontiguousarray(c, dtype=np.float64) for c in (tp, pp, vp, ep, cp, microbatch, multiple))
    least = {p: i for i, (p, _) in reversed(list(enumerate(chunks)))}
    start = np.array([least[p] for p, _ in chunks])[chunk]
    place = kept - (chunk - start) * len(options[2]) * len(options[3]) * len(options[4])
    first = np.flatnonzero(chunk == start)
    numbers = np.zeros(len(every[0]), dtype=np.int64)
    numbers[place[first]] = np.arange(len(first))
    return Splits(columns, first, numbers[place])


def plans(m: Model, domain: int, gpus: float, fixed: Fixed = FREE) -> Plans:
    """List plans of a model on up to `gpus` chips of one scale-up domain. [P]."""
    return plans_of(splits(m, domain, fixed).columns, m.batch_seqs, gpus, fixed)[0]


def ranks_at_most(split: tuple[Array, ...], gpus: float, fixed: Fixed) -> Array:
    """Give the most data ranks of each split that `gpus` have room for. [S]."""
    tp, pp, _, _, cp, _, multiple = split
    most = np.floor(gpus / (tp * pp * cp)) if fixed.dp is None else np.full_like(tp, float(fixed.dp))
    whole: Array = np.floor(most / multiple) * multiple
    return whole


def fewest_microbatches(split: tuple[Array, ...], most: Array, batch_seqs: float, fixed: Fixed) -> Array:
    """Give the fewest microbatches of a rank with which `most` ranks work off a batch. [S]."""
    share = batch_seqs / split[5]  # microbatches of a step over all ranks
    fewest: Array = np.maximum(np.ceil((1 - BATCH_SLACK) * share / np.maximum(most, 1) - 1e-9), 1)
    if fixed.vp is None:  # an interleaved schedule fills its pipeline
        fewest = np.where(split[2] > 1, np.maximum(fewest, split[1]), fewest)
    return fewest


def plans_of(split: tuple[Array, ...], batch_seqs: float, gpus: float, fixed: Fixed) -> tuple[Plans, Array]:
    """List the plans of `S` splits on up to `gpus` chips; second: each one's split. [P], [P].

    A split takes as many data ranks as there are GPUs for, and the number of microbatches that keeps the batch within
    `BATCH_SLACK` of the model's; more microbatches on fewer ranks are listed too. More GPUs mean more ranks for a split
    and never fewer, so that the best plan gets no slower.
    """
    most = ranks_at_most(split, gpus, fixed)
    fewest = fewest_microbatches(split, most, batch_seqs, fixed)[:, None]
    tp, pp, vp, ep, cp, microbatch, multiple = (column[:, None] for column in split)
    most = most[:, None]
    share = batch_seqs / microbatch
    count = fewest * MORE_MICROBATCHES[0] + MORE_MICROBATCHES[1]  # [S, 7]
    ranks = np.minimum(most, np.floor((1 + BATCH_SLACK) * share / count + 1e-9))
    ranks = np.floor(ranks / multiple) * multiple if fixed.dp is None else np.where(ranks < most, 0, ranks)
    batch = ranks * count * microbatch
    legal = (ranks >= 1) & (batch >= (1 - BATCH_SLACK) * batch_seqs - 1e-9)
    legal &= (tp * pp * cp * ranks <= gpus) & (ep <= tp * cp * ranks)
    legal &= fewest > MORE_MICROBATCHES[2]  # a multiple of few repeats a sum
    chosen = np.flatnonzero(legal)
    rows, dp = chosen // count.shape[1], ranks.take(chosen)
    kept = {n: v.take(rows) for n, v in (("tp", tp), ("pp", pp), ("vp", vp), ("ep", ep), ("cp", cp))}
    used = kept["tp"] * kept["pp"] * kept["cp"] * dp
    listed = Plans(**kept, dp=dp, microbatch=microbatch.take(rows), batch_seqs=batch.take(chosen), gpus=used)
    return listed, rows
