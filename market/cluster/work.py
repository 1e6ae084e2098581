"""What one layer costs a GPU: matrix products, attention core, element-wise traffic, launches."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from market.cluster.case import Array, Case
from market.cluster.constants import (
    MATURITY_YEARS,
    MOE_SOFTWARE_YEAR,
    ROUTER_PASSES,
    UNFUSED_EXCHANGE,
    Constants,
)

CAST = 2.0
"""Extra element-wise passes over every input of an 8-bit product: read at 2 bytes, written twice at 1 byte (plain and
transposed, for the weight's gradient). Assumption: Transformer Engine's casts, unfused."""


SCORE_BYTES = 7.0
"""Traffic of an unfused core a score and pass, beside its products' own: softmax reads and writes 2 bytes, dropout
reads and writes 2 and a mask, 9 forward; 11 in the two passes backward (counted from Megatron-LM's fused softmax)."""
SCAN_PASSES = 16.0
"""Passes of a state-space layer over its numbers, in 2 bytes: convolution, step sizes, chunk states, their recurrence,
the scan, gate and norm are ten reads and writes, six of them in 4-byte numbers (counted from Mamba-2's kernels)."""


@dataclass(slots=True)
class Sizes:
    """Parameter counts of `R` rows [R]."""

    dense_fraction: Array  # of layers, with a dense MLP
    sparse_fraction: Array  # with experts
    core_fraction: Array  # of the sequence that the mean layer attends to; 1 for full attention in every layer
    causal_fraction: Array  # the same of what a causal mask leaves
    mlp: Array  # dense MLP of one layer
    expert: Array  # one expert
    layer_dense: Array  # of the mean layer, what every token passes through: attention, dense MLP, shared experts
    layer_routed: Array  # of the mean layer, all routed experts
    embedding: Array  # one of the two

    def active(self, case: Case) -> Array:
        """Count the parameters that a token passes through; all, in a dense model."""
        each = self.layer_dense + self.sparse_fraction * self.expert * case.top_k
        return case.layers * each + (2 - case.tied) * self.embedding


def sizes(case: Case) -> Sizes:
    """Count parameters: attention, MLP g h f (g = 2, or 3 gated), experts, embeddings V h."""
    fraction, sparse_fraction = case.dense_layers / case.layers, case.expert_layers / case.layers
    near = np.minimum(case.window / case.seq_len, 1)
    full, windowed = case.attention_layers - case.window_layers, case.window_layers
    mlp = case.mlp_matrices * case.hidden * case.ffn
    expert = case.mlp_matrices * case.expert_hidden * case.expert_ffn
    shared = case.mlp_matrices * case.hidden * case.expert_ffn * case.shared_experts
    sparse = sparse_fraction * expert
    return Sizes(
        dense_fraction=fraction,
        sparse_fraction=sparse_fraction,
        core_fraction=(full + windowed * near) / case.layers,
        causal_fraction=(full + windowed * near * (2 - near)) / case.layers,
        mlp=mlp,
        expert=expert,
        layer_dense=case.attn_params_per_layer + fraction * mlp + sparse_fraction * shared,
        layer_routed=sparse * case.experts,
        embedding=case.vocab * case.hidden,
    )


def model_flop_per_token(case: Case, size: Sizes) -> Array:
    """Give training FLOPs a token, PaLM's convention (arXiv:2204.02311, app. B). [R]."""
    active = size.layer_dense + size.sparse_fraction * size.expert * case.top_k
    core = 12 * case.heads * case.core_dim * case.seq_len * size.core_fraction
    flop: Array = case.layers * (6 * active + core) + 6 * size.embedding
    return flop


def causal_flop_per_token(case: Case, size: Sizes) -> Array:
    """Give the same with attention counted as the causal mask and windows leave it. [R]."""
    masked = size.core_fraction - 0.5 * size.causal_fraction
    flop: Array = model_flop_per_token(case, size)
    return flop - case.layers * 12 * case.heads * case.core_dim * case.seq_len * masked


def gemm_s(case: Case, size: Sizes, tokens: Array, k: Constants) -> Array:
    """Time the forward matrix products of the mean layer for one microbatch of `tokens`. [R].

    A product of M rows and N columns a GPU runs at peak/(1 + n0/N + m0/M): tile and wave quantisation, and reading
    the weights. Experts see M = T k ep / (E tp) rows each.
    """
    rows = k.tokens_half / tokens
    attention = case.attn_params_per_layer * (1 + k.width_half * case.tp / (case.heads * case.head_dim) + rows)
    wide = 1 + k.width_half * case.tp / case.ffn + rows
    sparse = size.sparse_fraction * size.expert
    narrow = k.width_half / np.maximum(case.expert_ffn, 1)
    wider = case.hidden / case.expert_hidden  # shared experts read the full width
    shared = sparse * case.shared_experts * wider * (1 + narrow * case.tp + rows)
    spread = case.experts * case.tp / (np.maximum(case.top_k, 1) * case.ep)
    routed = sparse * case.top_k * (1 + narrow + rows * spread) / k.expert_gemm
    work = attention + size.dense_fraction * size.mlp * wide + shared + routed
    time: Array = 2 * tokens * work / (case.tp * case.gemm_flop_per_s)
    return time


def core_s(case: Case, size: Sizes, tokens: Array, k: Constants) -> Array:
    """Time the forward attention core of one layer. [R].

    Fused kernels skip the masked half (FlashAttention-2, arXiv:2307.08691), and take an exponential for every score:
    the narrower a head, and the slower a chip's special-function units beside its products, the larger its share.
    Unfused ones do all of it and pass the scores through memory.
    """
    width = 4 * tokens * case.seq_len * case.heads * case.core_dim / case.tp
    full = width * size.core_fraction
    scores = tokens * case.seq_len * case.heads / case.tp * size.core_fraction
    head = (1 + case.head_half / case.core_dim) / case.head_usual
    fused = 0.5 * width * size.causal_fraction * head / (case.bf16_gemm_flop_per_s * k.core_flash)
    unfused = full / (case.bf16_gemm_flop_per_s * k.core_unfused) + SCORE_BYTES * scores / case.hbm_bytes_per_s
    time: Array = unfused + case.fused_attention * (fused - unfused)
    return time


def mixture_overhead(case: Case, k: Constants) -> Array:
    """Give the factor by which software lengthens routing and permutation: once fused, less as it ages. [R]."""
    factor: Array = 1 + k.immature_moe * mixture_youth(case.year)
    return factor


def mixture_youth(year: Any) -> Array:
    """Give the share of what software lacked for mixtures in 2024 that it still lacks at a date. [R]."""
    left: Array = np.exp(-np.maximum(year - MOE_SOFTWARE_YEAR, 0) / MATURITY_YEARS)
    return left


BIAS_WIDTH_PASSES, BIAS_HIDDEN_PASSES = 13.0, 14.0
"""Read and written of a routed copy, in 2-byte numbers, where experts have biases and clamped gates; no fused kernel
takes them (as in gpt-oss). Counted from Megatron-Core's experts of 2025, from memory, beside a gated MLP's own four:
both halves are clamped (4), the gate's sigmoid (2), the offset (2), their product (3), and its weight in 4-byte numbers
and back (6). The second product's bias is weighted with the router's 4-byte probabilities: written (2) and read (2)
with the output (1), their sum written (2), read and written where the experts' outputs are joined (4), and cast (3)."""


def elementwise_s(case: Case, size: Sizes, tokens: Array, k: Constants) -> Array:
    """Time the forward element-wise passes of the mean layer: norms, residuals, activation, permutation. [R].

    Ten passes over h (two norms, two residual adds with dropout), g + 1 over the MLP's width, three over the heads;
    sequence parallelism divides the first by tp. A mixture reads and writes each routed copy twice.
    """
    narrow = 10 * case.hidden * (1 + case.sequence_parallel * (1 / case.tp - 1))
    sparse = size.sparse_fraction
    open_share = 1 - k.fusion_gain * np.maximum(case.grouped - 1, 0)  # of the experts' passes that no kernel swallows
    experts = sparse * (case.top_k + case.shared_experts) * case.expert_ffn * open_share
    width = size.dense_fraction * case.ffn + experts
    mixed = 3 * case.heads * case.head_dim * case.attention_layers / case.layers + SCAN_PASSES * case.scan_width
    wide = (case.mlp_matrices + 1) * width + mixed
    unfused = 1 + UNFUSED_EXCHANGE * (1 - case.dispatcher)
    permuted = sparse * k.expert_passes * case.top_k * case.expert_hidden * unfused * case.expert_traffic * open_share
    permuted = permuted + sparse * ROUTER_PASSES * case.experts
    biased = BIAS_WIDTH_PASSES * case.expert_ffn + BIAS_HIDDEN_PASSES * case.expert_hidden
    permuted = permuted + sparse * case.top_k * case.expert_bias * biased * k.bias_passes
    cast = case.low_precision * CAST + case.blocks * k.block_passes
    narrow = narrow + cast * 2 * case.hidden / case.tp
    wide = wide + cast * (2 * case.heads * case.head_dim + case.mlp_matrices * width)
    passes = k.memory_passes * (narrow + wide / case.tp) + permuted / case.tp
    time: Array = 2 * tokens * passes / case.hbm_bytes_per_s
    return time
