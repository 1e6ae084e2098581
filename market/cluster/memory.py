"""What a GPU must hold: weights, gradients, optimizer, activations, logits, buffers."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from market.cluster import work
from market.cluster.case import Array, Case

RESERVED_BYTES = 2e9
"""CUDA context, NCCL buffers and workspace of one rank. Assumption: 1-4 GB are seen in Megatron's memory reports."""
USABLE = 0.97
"""Share of HBM that the allocator reaches before fragmentation fails it. Assumption."""


@dataclass(slots=True)
class Memory:
    """Bytes a GPU [R]."""

    weights: Array
    gradients: Array
    optimizer: Array
    activations: Array
    total: Array
    fits: Array  # 1 or 0


def activation_bytes_per_token_layer(case: Case, size: work.Sizes, lean: Any) -> tuple[Array, Array]:
    """Give what one token leaves behind in the mean layer, before tp: narrow and wide parts. [R], [R].

    Korthikanti et al. 2022, arXiv:2205.05198, section 4.1: 34 h + 5 a s for a GPT layer; here by width, so that
    gated MLPs, grouped queries and experts count what they keep. Fused stacks train without dropout (no masks);
    8-bit products keep 1-byte inputs. `lean` (selective recomputation) drops the attention scores, and where
    attention is fused the outputs of norms and of the activation.
    """
    light = lean * case.fused_attention
    inputs = 2 - case.low_precision
    sparse = size.sparse_fraction
    width = size.dense_fraction * case.ffn + sparse * (case.top_k + case.shared_experts) * case.expert_ffn
    narrow = case.hidden * (4 + 2 * (1 - case.fused_attention) + 2 * inputs * (1 - light))
    heads = (2 + inputs) * case.heads * case.head_dim + 2 * case.kv_dim  # latents are kept, not what they expand to
    wide = heads + (2 * (case.mlp_matrices - 1) + inputs * (1 - light)) * width
    wide = wide + sparse * (2 + inputs) * case.top_k * case.expert_hidden
    scores = 5 * case.heads * case.seq_len * (1 - case.fused_attention) * (1 - lean)
    return narrow, wide + scores


def activations(case: Case, size: work.Sizes, recompute: Any) -> Array:
    """Give the bytes of activations on the first stage, with its microbatches in flight. [R].

    The first stage keeps min(m, pp) microbatches of L/pp layers, and (pp-1)/(pp v) of them more when interleaved
    (same source, section 4.2.3). Full recomputation of a share of the layers keeps their inputs and one working set.
    """
    share = np.maximum(recompute - 1, 0)
    return kept_in_flight(case, Flight.of(case), activation_bytes_per_token_layer(case, size, np.minimum(recompute, 1)),
                          (share,))[0]  # fmt: skip


@dataclass(slots=True)
class Flight:
    """What activations depend on beside recomputation. [R] each."""

    tokens: Array  # of a microbatch
    layers: Array  # in flight on the first stage
    split: Array  # share of the narrow part that sequence parallelism leaves
    logits: Array  # bytes a token

    @classmethod
    def of(cls, case: Case) -> "Flight":
        """Read a case."""
        microbatches = case.batch_seqs / (case.dp * case.microbatch)
        flight = np.minimum(microbatches, case.pp) / case.pp
        flight = flight * (1 + (case.vp > 1) * (case.pp - 1) / (case.pp * case.vp))
        return cls(
            case.microbatch * case.seq_len / case.cp, case.layers * flight,
            1 + case.sequence_parallel * (1 / case.tp - 1), 6 * case.vocab / case.tp * (case.pp <= 1),
        )  # fmt: skip


def kept_in_flight(case: Case, at: Flight, parts: tuple[Array, Array], shares: tuple[Any, ...]) -> list[Array]:
    """Give bytes of activations where shares of the layers are recomputed in full; `parts` a token and layer. [R]."""
    kept = parts[0] * at.split + parts[1] / case.tp
    entry = 2 * case.hidden * at.split
    layers = [at.layers * (kept + share * (entry - kept)) + (share > 0) * kept for share in shares]
    return [at.tokens * (per_token + at.logits) for per_token in layers]


def state_bytes(case: Case, size: work.Sizes, held: tuple[Array, Array]) -> tuple[Array, Array, Array]:
    """Give the bytes of weights, gradients and optimizer of a GPU by ZeRO stage: 2 + 4 + 12 a parameter. [R] each.

    Rajbhandari et al. 2020, arXiv:1910.02054. 8-bit recipes keep and reduce gradients in BF16: 2 bytes (assumption:
    Megatron-Bridge's do). ZeRO-1 shards the optimizer over data ranks, 2 the gradients too, 3 the weights too (two
    layers stay gathered). Routed experts shard over the data ranks that hold the same ones.
    """
    ranks = case.dp * case.cp
    dense, routed = held
    expert_ranks = np.maximum(ranks * case.tp / case.ep, 1)
    both = dense + routed
    sharded = dense / ranks + routed / expert_ranks
    third = case.zero >= 3
    gathered = third * 4 * (size.layer_dense / case.tp + size.layer_routed / case.ep)
    saved = sharded - both
    weights = 2 * (both + third * saved) + gathered
    gradients = gradient_bytes(case) * (both + (case.zero >= 2) * saved)
    optimizer = 12 * (both + (case.zero >= 1) * saved) * (1 - case.offload)
    return weights, gradients, optimizer


def memory(case: Case, size: work.Sizes, held: tuple[Array, Array]) -> Memory:
    """Give the bytes of a GPU: state, activations and what is reserved. [R]."""
    weights, gradients, optimizer = state_bytes(case, size, held)
    kept = activations(case, size, case.recompute)
    total = weights + gradients + optimizer + kept + RESERVED_BYTES
    fits = np.asarray(total <= USABLE * case.hbm_bytes, dtype=np.float64)
    return Memory(weights, gradients, optimizer, kept, total, fits)


def gradient_bytes(case: Case) -> Array:
    """Give bytes of a gradient: 4, or 2 where matrix products run at 8 bits or fewer. [R]."""
    size: Array = 4 - 2 * case.low_precision
    return size


def activation_levels(case: Case, size: work.Sizes) -> list[Array]:
    """Give the bytes of activations without recomputation, with selective, with full, and with hardly any full. [R].

    With any full recomputation one layer's working set comes on top.
    """
    at = Flight.of(case)
    none, lean = (activation_bytes_per_token_layer(case, size, level) for level in (0.0, 1.0))
    return kept_in_flight(case, at, none, (0.0,)) + kept_in_flight(case, at, lean, (0.0, 1.0, 1e-12))


def rooms(case: Case, size: work.Sizes, held: tuple[Array, Array]) -> tuple[Array, Array]:
    """Give the bytes that a plan's state leaves to activations, with the optimizer on the GPU and offloaded. [R]."""
    weights, gradients, optimizer = state_bytes(case.having(offload=np.asarray(0.0)), size, held)
    offloaded = USABLE * case.hbm_bytes - (weights + gradients + RESERVED_BYTES)
    return offloaded - optimizer, offloaded


def recompute_within(room: Array, levels: list[Array]) -> Array:
    """Give the least recomputation with which activations fit into `room` bytes, infinite where none does. [R].

    Between 1 and 2 a share of the layers is recomputed in full (Megatron's block method). `levels` are those of
    `activation_levels`.
    """
    kept, lean, full, begun = levels
    share = np.clip((begun - room) / np.maximum(begun - full, 1.0) + 1e-6, 1e-6, 1.0)
    level = np.where(lean <= room, 1.0, np.where(full <= room, 1.0 + share, np.inf))
    least: Array = np.where(kept <= room, 0.0, level)
    return least


def recompute_at_least(case: Case, size: work.Sizes, held: tuple[Array, Array]) -> Array:
    """Give a lower bound of `recompute_within` for any ZeRO stage and optimizer, and for fewer data ranks. [R].

    Weights and gradients of a pipeline's stage stay whole, those of FSDP are sharded; the optimizer takes nothing.
    """
    ranks = case.dp * case.cp
    sharded = held[0] / ranks + held[1] / np.maximum(ranks * case.tp / case.ep, 1)
    state = (2 + gradient_bytes(case)) * np.where(case.pp > 1, held[0] + held[1], sharded)
    room = USABLE * case.hbm_bytes - state - RESERVED_BYTES
    return recompute_within(room * (1 + 1e-9), activation_levels(case, size))
