"""What a GPU must hold: weights, gradients, optimizer, activations, logits, buffers."""

from dataclasses import dataclass

import numpy as np

from market.cluster import work
from market.cluster.case import Array, Case

RESERVED_BYTES = 3e9
"""CUDA context, NCCL buffers and workspace of one rank. Assumption: 2-4 GB are seen in Megatron's memory reports."""
USABLE = 0.95
"""Share of HBM that the allocator reaches before fragmentation fails it. Assumption."""


@dataclass(slots=True)
class Memory:
    """Bytes a GPU [R]."""

    weights: Array
    gradients: Array
    optimizer: Array
    activations: Array
    total: Array
    fits: Array


def activation_bytes_per_token_layer(case: Case, size: work.Sizes) -> tuple[Array, Array, Array]:
    """Give what one token leaves behind in the mean layer, before tp: narrow, wide and scores parts. [R] each.

    Korthikanti et al. 2022, arXiv:2205.05198, section 4.1: 34 h + 5 a s for a GPT layer; here by width, so that
    gated MLPs, grouped queries and experts count what they keep. Selective recomputation drops the scores, and the
    activation's own output where attention is fused.
    """
    sparse = 1 - size.dense_fraction
    width = size.dense_fraction * case.ffn + sparse * (case.top_k + case.shared_experts) * case.expert_ffn
    lean = (case.recompute >= 1) * case.fused_attention
    narrow = 10 * case.hidden
    wide = 2 * (2 * case.heads + 2 * case.kv_heads) * case.head_dim + 2 * (case.mlp_matrices - lean) * width
    wide = wide + sparse * 4 * case.top_k * case.hidden
    scores = 5 * case.heads * case.seq_len * (1 - case.fused_attention) * (case.recompute < 1)
    return narrow, wide, scores


def activations(case: Case, size: work.Sizes) -> Array:
    """Give the bytes of activations on the first stage, with its microbatches in flight. [R].

    The first stage keeps min(m, pp) microbatches of L/pp layers, and (pp-1)/(pp v) of them more when interleaved
    (same source, section 4.2.3). Full recomputation keeps each layer's input and one layer's working set.
    """
    tokens = case.microbatch * case.seq_len / case.cp
    narrow, wide, scores = activation_bytes_per_token_layer(case, size)
    split = 1 + case.sequence_parallel * (1 / case.tp - 1)
    kept = narrow * split + (wide + scores) / case.tp
    entry = 2 * case.hidden * split
    whole = case.recompute >= 2
    microbatches = case.batch_seqs / (case.dp * case.microbatch)
    flight = np.minimum(microbatches, case.pp) / case.pp
    flight = flight * (1 + (case.vp > 1) * (case.pp - 1) / (case.pp * case.vp))
    layers = case.layers * flight
    per_token = layers * (kept + whole * (entry - kept)) + whole * kept
    logits = 6 * case.vocab / case.tp * (case.pp <= 1)
    total: Array = tokens * (per_token + logits)
    return total


def memory(case: Case, size: work.Sizes, held: tuple[Array, Array]) -> Memory:
    """Give the bytes of a GPU by ZeRO stage (Rajbhandari et al. 2020, arXiv:1910.02054): 2 + 4 + 12 a parameter. [R].

    ZeRO-1 shards the optimizer over data ranks, 2 the gradients too, 3 the weights too (two layers stay gathered).
    Routed experts shard over the data ranks that hold the same ones.
    """
    ranks = case.dp * case.cp
    dense, routed = held
    expert_ranks = np.maximum(ranks * case.tp / case.ep, 1)
    both = dense + routed
    sharded = dense / ranks + routed / expert_ranks
    third = case.zero >= 3
    gathered = third * 4 * (size.layer_dense / case.tp + size.layer_routed / case.ep)
    weights = 2 * np.where(third, sharded, both) + gathered
    gradients = 4 * np.where(case.zero >= 2, sharded, both)
    optimizer = 12 * np.where(case.zero >= 1, sharded, both) * (1 - case.offload)
    kept = activations(case, size)
    total = weights + gradients + optimizer + kept + RESERVED_BYTES
    return Memory(weights, gradients, optimizer, kept, total, total <= USABLE * case.hbm_bytes)
