"""Collectives over two levels: a scale-up domain inside, a non-blocking fat tree outside."""

from dataclasses import dataclass

import numpy as np

from market.cluster.case import Array, Case
from market.cluster.constants import COLLECTIVE_LATENCY_S


@dataclass(slots=True)
class Links:
    """Realised bandwidths of `R` rows, bytes/s a GPU [R]."""

    up: Array
    out: Array


def links(case: Case) -> Links:
    """Give the rates that collectives realise."""
    return Links(up=case.up_bytes_per_s, out=case.out_bytes_per_s)


def gather_s(size_bytes: Array, ranks: Array, inside: Array, link: Links) -> Array:
    """Time one all-gather (or reduce-scatter) of `size_bytes` a rank's result. All [R].

    A ring over `inside` = d ranks of a domain, then rings over the n domains on every rail (Thakur et al. 2005;
    NCCL's rail rings): each GPU passes size inside and size/d (n-1)/n outside, one after the other.
    """
    inside = np.minimum(inside, ranks)
    domains = ranks / inside
    within = (inside > 1) * (1 - 1 / ranks) / link.up
    across = (1 - 1 / domains) / (inside * link.out)
    time: Array = size_bytes * (within + across)
    return time


def tensor_s(case: Case, tokens: Array, link: Links) -> Array:
    """Time the tensor-parallel collectives of one layer and microbatch, forward and backward. [R].

    Each of 4 all-reduces is a reduce-scatter and an all-gather of T h 2 bytes; sequence parallelism re-gathers one
    input in the backward pass (9 in all), full recomputation repeats the forward's (Korthikanti et al. 2022,
    arXiv:2205.05198, section 4.2).
    """
    passes = 8 + case.sequence_parallel + 2 * np.maximum(case.recompute - 1, 0)
    once = gather_s(tokens * case.hidden * 2, case.tp, case.domain, link) + COLLECTIVE_LATENCY_S
    time: Array = passes * once * (case.tp > 1)
    return time


def expert_s(case: Case, tokens: Array, link: Links) -> Array:
    """Time the all-to-alls of one mixture layer and microbatch. [R].

    Dispatch and combine, forward and backward; top-k copies of each of T/tp tokens. Ranks in the same scale-up
    domain are reached through it (GShard, arXiv:2006.16668; Megatron folds experts over tensor and data ranks).
    """
    passes = 4 + 2 * np.maximum(case.recompute - 1, 0)
    copy = tokens / case.tp * case.expert_hidden * (2 - 0.5 * case.low_precision)
    domains = np.maximum(case.ep / case.domain, 1.0)
    near = case.top_k * (1 - 1 / np.minimum(case.ep, case.domain)) / link.up
    reached = domains * (1 - (1 - 1 / domains) ** case.top_k)
    far = reached * (1 - 1 / domains) / link.out
    time: Array = passes * (copy * (near + far) + COLLECTIVE_LATENCY_S) * (case.ep > 1)
    return time


def context_s(case: Case, tokens: Array, link: Links) -> Array:
    """Time the ring of keys and values of one layer: once forward, twice backward. [R].

    Liu et al. 2023, arXiv:2310.01889.
    """
    kv = tokens * case.kv_heads * case.head_dim * 2 * 2 / np.minimum(case.tp, case.kv_heads)
    rate = link.out + (case.tp * case.cp <= case.domain) * (link.up - link.out)
    time: Array = 3 * (case.cp - 1) * kv / rate
    return time


def stage_s(case: Case, tokens: Array, link: Links) -> Array:
    """Time the sends between pipeline stages of one microbatch: 2 for every model chunk. [R]."""
    sent = tokens * case.hidden * 2 / case.tp
    rate = link.out + (case.tp * case.cp * case.dp * case.pp <= case.domain) * (link.up - link.out)
    time: Array = 2 * case.vp * (sent / rate + COLLECTIVE_LATENCY_S) * (case.pp > 1)
    return time
