"""How fast a deployment serves: prefill, decode, batch and memory of `R` rows, pure NumPy.

A row is one deployment: tp x pp GPUs hold a copy of the attention weights, dp copies share the experts when ep > 1.
Requests have one input and one output length; the batch is what is in flight at once.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from market.cluster.case import Array
from market.cluster.constants import Constants
from market.cluster.serve_case import Serve, Served

USABLE_SHARE = 0.90
"""Share of HBM that engines which preempt give to weights, workspace and cache (vLLM's default
`gpu_memory_utilization`); share of what the others' weights and workspace leave that they give to the cache
(TensorRT-LLM's default `free_gpu_memory_fraction`)."""
WORKSPACE_BYTES = 2e9
"""Activations, graphs and workspace of a rank. Assumption: engines report 1-4 GB."""
EXCHANGE_PASSES = 2.0
"""Dispatch and combine of routed tokens."""
LARGEST_BATCH = 2048.0
"""Requests in flight on one engine: the default of TensorRT-LLM's `max_batch_size`; others start from 256 to 1,024."""


@dataclass(slots=True)
class Weights:
    """Parameters of `R` models [R]."""

    attention: Array  # of all layers
    common: Array  # what every token passes through, embeddings and routed experts left out
    expert: Array  # one expert
    routed: Array  # all routed experts
    head: Array
    context: Array  # tokens that the layers attend to, summed over layers, at the mean length


def weights(s: Serve, length: Any) -> Weights:
    """Count parameters, and the context that decoding at a length reads."""
    expert = s.mlp_matrices * s.expert_hidden * s.expert_ffn
    shared = s.mlp_matrices * s.hidden * s.expert_ffn * s.shared_experts
    attention = s.layers * s.attn_params_per_layer
    common = attention + s.dense_layers * s.mlp_matrices * s.hidden * s.ffn
    common = common + s.expert_layers * (shared + s.experts * s.hidden)
    near = np.where(s.window > 0, np.minimum(s.window, length), length)
    context = (s.attention_layers - s.window_layers) * length + s.window_layers * near
    return Weights(attention, common, expert, s.expert_layers * s.experts * expert, s.vocab * s.hidden, context)


def ranks_of_experts(s: Serve) -> Array:
    """Give the GPUs over which experts are spread. [R]."""
    ranks: Array = s.tp * np.where(s.ep > 1, s.dp, 1.0)
    return ranks


def common_bytes(s: Serve, w: Weights) -> Array:
    """Give bytes a tensor rank of what every token passes through; attention may be kept at more bits. [R]."""
    total: Array = (s.weight_bytes * w.common + (s.attention_bytes - s.weight_bytes) * w.attention) / s.tp
    return total


def held_bytes(s: Serve, w: Weights) -> Array:
    """Give bytes of weights a GPU. [R]."""
    resident = common_bytes(s, w) + s.weight_bytes * w.routed / ranks_of_experts(s)
    total: Array = resident / s.pp + 2 * (2 * w.head / s.tp + s.other_params) / s.pp
    return total


def cache_bytes(s: Serve) -> Array:
    """Give bytes of cache that one request takes on a GPU of its rank. [R].

    TensorRT-LLM admits a request only when its whole length has room (`GUARANTEED_NO_EVICT`, its default); engines that
    preempt hold the mean length. Windowed layers are kept in full too (assumption: most engines did until 2025).
    """
    split = np.where(s.latent > 0, 1.0, np.minimum(s.tp, np.maximum(s.kv_heads, 1)))
    length = s.input_tokens + s.output_tokens * s.reserved
    held: Array = s.kv_dim * s.attention_layers * length * s.kv_bytes / (split * s.pp)
    return held


def room(s: Serve, w: Weights) -> Array:
    """Give the requests that fit into the memory of a deployment; below 1 where the weights do not fit. [R]."""
    beside = np.where(s.reserved < 1, 1.0, USABLE_SHARE)
    free = USABLE_SHARE * s.hbm_bytes - beside * (held_bytes(s, w) + WORKSPACE_BYTES)
    requests: Array = s.dp * np.floor(np.maximum(free, 0) / np.maximum(cache_bytes(s), 1.0))
    return requests


def decode_s(s: Serve, w: Weights, batch: Array, passes: Array, k: Constants) -> Array:
    """Time one decode step of all layers for a deployment with `batch` requests in flight. [R].

    Weights are read once a step (of the experts, those that the batch touches), the cache once; reading and computing
    overlap in part. Two all-reduces a layer over tensor ranks, two exchanges over
    experts' ranks, launches a layer, sampling and scheduling a step. `passes` are those of `token_passes`.
    """
    mine = batch / (s.dp * s.pp)  # requests of one rank's microbatch
    shared = mine * np.where(s.ep > 1, s.dp, 1.0)
    tokens = shared * s.speculation**SPECULATIVE_WORK
    touched = 1 - (1 - s.top_k / np.maximum(s.experts, 1)) ** tokens
    over = ranks_of_experts(s)
    read = common_bytes(s, w) + s.weight_bytes * touched * w.routed / over + 2 * w.head / s.tp
    active = s.expert_layers * s.top_k * w.expert
    flop = 2 * mine * s.speculation**SPECULATIVE_WORK * (w.common / s.tp + w.head / s.tp)
    flop = flop + 2 * tokens * active / over / k.expert_gemm
    reading, computing = read / s.hbm_bytes_per_s, flop / s.gemm_flop_per_s
    linear = (reading**OVERLAP + computing**OVERLAP) ** (1 / OVERLAP) + mine * passes / s.hbm_bytes_per_s
    split = np.where(s.latent > 0, 1.0, np.minimum(s.tp, np.maximum(s.kv_heads, 1)))
    stream = s.hbm_bytes_per_s / k.serve_bandwidth * CACHE_STREAM
    cache = mine * s.kv_dim * w.context * s.kv_bytes / split / stream
    wide = np.where(s.latent > 0, 2 * s.kv_dim, 2 * s.core_dim)
    core = 2 * mine * s.heads * wide * w.context / s.tp / (s.bf16_gemm_flop_per_s * k.core_flash)
    time: Array = linear + np.maximum(cache, core) + overhead_s(s, mine, k) + exchange_s(s, tokens, k)
    return time


OVERLAP = 1.5
"""Reading weights and computing overlap in part: the root of the sum of powers, 1 for none, infinity for all."""
CACHE_STREAM = 0.75
"""Share of memory bandwidth at which attention reads the cache. Assumption: decode attention kernels (FlashDecoding,
FlashInfer) print 0.7 to 0.9 at long contexts."""
SPECULATIVE_WORK = 1.0
"""Products of a speculative step grow with the tokens that it yields: drafts that fail cost too (assumption)."""


NARROW_PASSES = 10.0
"""Passes over the hidden width a layer: two norms and two residual adds, each read and written (as in training)."""
REDUCE_SHARE = 0.7
"""Bandwidth of a serving engine's all-reduces over that of training's collectives, which are larger and overlap.
Assumption: NCCL's bus bandwidth at some megabytes over its peak; fits with 0.5 to 1 are a point apart."""
BIAS_WIDTH_PASSES, BIAS_HIDDEN_PASSES = 8.0, 2.0
"""Read and written of a routed copy where experts have biases and clamped gates: both halves of the first product for
its bias, each for its clamp, and the output for the second one. Assumption: engines join more than training does."""
LOGIT_BYTES = 14.0
"""Written, read and sorted for sampling, in 4-byte numbers (counted)."""


def token_passes(s: Serve, k: Constants) -> Array:
    """Give bytes of element-wise traffic of one token on a GPU: norms, activations, logits, routing. [R].

    Tensor ranks share the wide parts; norms and residuals pass through every one of them.
    """
    width = s.dense_layers * s.ffn + s.expert_layers * (s.top_k + s.shared_experts) * s.expert_ffn
    narrow = s.layers * NARROW_PASSES * s.hidden
    numbers = 3 * s.attention_layers * s.heads * s.core_dim + (s.mlp_matrices + 1) * width
    biased = s.expert_bias * (BIAS_WIDTH_PASSES * s.expert_ffn + BIAS_HIDDEN_PASSES * s.expert_hidden)
    routed = s.expert_layers * (s.top_k * (k.expert_passes * s.expert_hidden + biased) + 10 * s.experts)
    shared = (2 * (k.serve_passes * numbers + routed) + LOGIT_BYTES * s.vocab) / s.tp
    total: Array = shared + 2 * k.serve_passes * narrow
    return total


def overhead_s(s: Serve, mine: Array, k: Constants) -> Array:
    """Time launches, scheduling and the all-reduces of tensor parallelism of one decode step. [R]."""
    rate = REDUCE_SHARE * np.where(s.tp <= s.domain, s.up_bytes_per_s, s.out_bytes_per_s)
    reduce = (
        k.serve_sync_s * s.launch * np.log2(np.maximum(s.tp, 1)) / 3 + 2 * mine * s.hidden * 2 * (1 - 1 / s.tp) / rate
    )
    kernels = k.serve_layer_s * s.launch * (s.layers + s.expert_layers)
    time: Array = kernels + 2 * s.layers * reduce * (s.tp > 1) + k.serve_step_s * s.host
    return time


def exchange_s(s: Serve, tokens: Array, k: Constants) -> Array:
    """Time the exchange of routed tokens between experts' ranks that do not hold the same requests. [R]."""
    ranks = s.tp * s.dp
    rate = np.where(ranks <= s.domain, s.up_bytes_per_s, s.out_bytes_per_s)
    sent = tokens / ranks * s.top_k * s.expert_hidden * 1.5  # 8 bits out, 16 back
    once = EXCHANGE_PASSES * (sent / rate + k.serve_sync_s)
    time: Array = s.expert_layers * once * ((s.ep > 1) & (s.dp > 1))
    return time


def prefill_s(s: Serve, w: Weights, passes: Array, k: Constants) -> Array:
    """Time the prefill of one request on the GPUs of its rank, at full load. [R]."""
    active = w.common + s.expert_layers * s.top_k * w.expert / k.expert_gemm
    flop = 2 * s.input_tokens * active
    near = np.where(s.window > 0, np.minimum(s.window / np.maximum(s.input_tokens, 1), 1), 1.0)
    spans = (s.attention_layers - s.window_layers) + s.window_layers * near * (2 - near)
    core = 2 * s.input_tokens**2 * s.heads * s.core_dim * spans / (s.bf16_gemm_flop_per_s * k.core_flash)
    traffic = (passes * s.tp - LOGIT_BYTES * s.vocab) * s.input_tokens / s.hbm_bytes_per_s
    gpus = s.tp * s.pp
    rate = REDUCE_SHARE * np.where(s.tp <= s.domain, s.up_bytes_per_s, s.out_bytes_per_s)
    reduce = 4 * s.input_tokens * s.hidden * 2 * (1 - 1 / s.tp) / rate * s.layers / s.pp
    time: Array = (flop / s.gemm_flop_per_s + core + traffic) / gpus + reduce * (s.tp > 1)
    return time


def serve(s: Serve, k: Constants) -> Served:
    """Answer `R` deployments.

    In the steady state a request takes one prefill of its rank and its share of `output` decode steps; a step of a
    request lasts as long as decoding and the prefills that come between. Where a latency limit is set, the batch is the
    largest (of a ladder, 7 % apart) whose step meets it.
    """
    w = weights(s, s.input_tokens + s.output_tokens / 2)
    most = np.minimum(room(s, w), LARGEST_BATCH * s.dp)
    batch = np.where(np.isnan(s.batch), most, np.minimum(s.batch, most))
    fits = most >= 1
    batch = np.maximum(batch, 1.0)
    passes = token_passes(s, k)
    prefill = prefill_s(s, w, passes, k)
    if np.any(np.isfinite(s.tpot_limit_s)):
        batch = within_limit(s, w, batch, (prefill, passes), k)
    step = decode_s(s, w, batch, passes, k)
    steps = s.output_tokens / s.speculation
    busy = steps * step + batch / s.dp * prefill  # what a batch of requests takes a deployment
    gpus = s.tp * s.pp * s.dp
    output = batch * s.output_tokens / busy / gpus
    return Served(
        output_tokens_per_s_per_gpu=output,
        total_tokens_per_s_per_gpu=output * (s.input_tokens + s.output_tokens) / s.output_tokens,
        prefill_tokens_per_s_per_gpu=s.input_tokens / (prefill * s.tp * s.pp),
        decode_tokens_per_s_per_gpu=batch * s.speculation / (step * gpus),
        ttft_s=prefill * s.pp + step,
        tpot_s=busy / s.output_tokens,
        batch=batch,
        memory_bytes=held_bytes(s, w) + WORKSPACE_BYTES + batch / s.dp * cache_bytes(s),
        fits=np.asarray(fits, dtype=np.float64) * np.ones_like(output),
        gpus=gpus * np.ones_like(output),
    )


def within_limit(s: Serve, w: Weights, batch: Array, known: tuple[Array, Array], k: Constants) -> Array:
    """Give the largest batch of up to `batch` whose time a token meets the limit; 1 where none does. [R].

    `known` are the prefill of a request and the passes of a token.
    """
    prefill, passes = known

    def late(many: Array) -> Any:
        step = decode_s(s, w, many, passes, k)
        between = (step * s.output_tokens / s.speculation + many / s.dp * prefill) / s.output_tokens
        return between > s.tpot_limit_s

    low, high = np.ones_like(batch), batch * 1.0
    high = np.where(late(high), high, low)
    found = np.where(high == low, batch, low)
    searching = high > low
    for _ in range(12):
        middle = np.sqrt(low * high)
        too_slow = late(middle)
        low, high = np.where(too_slow, low, middle), np.where(too_slow, middle, high)
    best: Array = np.maximum(np.where(searching, np.floor(low), found), 1.0)
    return best
