"""From layers to one optimizer step."""

from dataclasses import dataclass

import numpy as np

from market.cluster import collectives, work
from market.cluster.case import Array, Case
from market.cluster.constants import (
    HOST_BYTES_PER_S,
    HOST_OVERLAP,
    JITTER,
    MATURITY_YEARS,
    Constants,
)
from market.cluster.memory import gradient_bytes


@dataclass(slots=True)
class Step:
    """Where a step's time goes, seconds [R]."""

    step_s: Array
    compute_s: Array
    tensor_s: Array
    expert_s: Array
    bubble_s: Array
    data_s: Array
    optimizer_s: Array
    microbatches: Array
    params_per_gpu: Array


def maturity(case: Case, k: Constants) -> Array:
    """Give the factor by which young software lengthens a step; 1 in the long run. [R]."""
    return maturity_at(case.year, case.chip_year, k)


def maturity_at(year: Array, chip_year: Array, k: Constants) -> Array:
    """Give the same for a date and the date of a chip's volume. All [R]."""
    factor: Array = 1 + k.immature_dense * np.exp(-np.maximum(year - chip_year, 0) / MATURITY_YEARS)
    return factor


def size_factor(case: Case, k: Constants) -> Array:
    """Give the factor by which stragglers (by doublings of GPUs beyond 8) and young software lengthen a step. [R]."""
    factor: Array = straggling(case.used()) * maturity(case, k)
    return factor


def straggling(used: Array) -> Array:
    """Give the factor by which the slowest of `used` GPUs lengthens a step. [R]."""
    factor: Array = 1 + JITTER * np.log2(np.maximum(used / 8, 1))
    return factor


def fixed_s(case: Case, k: Constants) -> Array:
    """Give what a step takes whatever it computes: logging, loading, the exchange between sites. [R]."""
    time: Array = k.fixed_s * launched(case, k) + case.sites_s
    return time


def params_per_gpu(case: Case, size: work.Sizes) -> tuple[Array, Array]:
    """Count the parameters a GPU holds before ZeRO: what all tokens use, and routed experts. [R], [R].

    Experts are not split by tp: they fold over tensor and data ranks.
    """
    stage = case.layers / case.pp
    ends = size.embedding * (1 + (case.pp <= 1) * (1 - case.tied))
    return (stage * size.layer_dense + ends) / case.tp, stage * size.layer_routed / case.ep


def layer_s(case: Case, size: work.Sizes, tokens: Array, core: Array, k: Constants) -> Array:
    """Time the compute of the mean layer for a microbatch: forward, backward (twice), recomputation. [R].

    Fused attention recomputes the scores in its backward pass: 2.5 forwards (arXiv:2307.08691, section 3.1).
    Selective recomputation repeats the core where it is unfused, half of the element-wise passes where it is fused.
    """
    gemm = work.gemm_s(case, size, tokens, k)
    passes = work.elementwise_s(case, size, tokens, k)
    again = np.maximum(case.recompute - 1, 0)
    lean = np.minimum(case.recompute, 1) - again
    fused = case.fused_attention
    core_passes = 3 + 0.5 * fused + again + lean * (1 - fused)
    whole: Array = (3 + again) * gemm + (3 + again + 0.5 * lean * fused) * passes + core_passes * core
    return whole


def launch_s(case: Case, size: work.Sizes, k: Constants) -> Array:
    """Time the host needs to launch the mean layer's kernels. [R].

    Products that are not grouped are launched expert by expert: half of a mixture's launches then grow with the experts
    that a GPU holds, 16 for the fitted time (assumption: the half). Graphs leave a share of all launches.
    """
    local = 0.5 + np.maximum(1 - case.grouped, 0) * case.experts / (32 * case.ep)
    mixture = k.launch_moe_s * size.sparse_fraction * work.mixture_overhead(case, k) * local
    host: Array = (k.launch_s + mixture) * (1 + np.maximum(case.recompute - 1, 0) / 3) * launched(case, k)
    return host


def launched_layer_s(device: Array, host: Array) -> Array:
    """Give the time of a layer whose launches partly hide behind its kernels. [R]."""
    # x^HOST_OVERLAP = x^1.25 by two roots: a power takes ten times as long
    powers = device * np.sqrt(np.sqrt(device)) + host * np.sqrt(np.sqrt(host))
    time: Array = powers ** (1 / HOST_OVERLAP)
    return time


def launched(case: Case, k: Constants) -> Array:
    """Give the share of host time that graphs and compiled steps leave. [R]."""
    share: Array = 1 - case.graphs * (1 - k.graph_share)
    return share


def logits_s(case: Case, size: work.Sizes, tokens: Array, k: Constants) -> Array:
    """Time the output layer of a microbatch, BF16, and the loss: 14 bytes a logit through memory. [R].

    Written, read for the softmax, read and written again for the gradient, at 2 bytes; one pass in 4-byte sums.
    """
    product = 6 * size.embedding / case.bf16_gemm_flop_per_s
    time: Array = tokens / case.tp * (product + 14 * k.memory_passes * case.vocab / case.hbm_bytes_per_s)
    return time


def data_parallel_s(case: Case, held: tuple[Array, Array], link: collectives.Links) -> tuple[Array, Array]:
    """Time gradient and weight collectives of a step, and ZeRO-3's gathers of one microbatch. [R], [R].

    Reduce-scatter of 4-byte gradients and all-gather of 2-byte weights (Rajbhandari et al. 2020, arXiv:1910.02054);
    ZeRO-3 gathers weights twice and scatters 2-byte gradients once for every microbatch.
    """
    ranks = case.dp * case.cp
    inside = np.maximum(case.domain / case.tp * (1 - case.flat_collectives), 1)
    expert_ranks = np.maximum(ranks * case.tp / case.ep, 1)
    expert_inside = np.clip(case.domain / case.ep, 1, expert_ranks)
    per_byte = collectives.gather_s(held[0], ranks, inside, link)
    per_byte = per_byte + collectives.gather_s(held[1], expert_ranks, expert_inside, link)
    third = case.zero >= 3
    return (gradient_bytes(case) + 2) * per_byte * ~third, 6 * per_byte * third


def optimizer_s(case: Case, held: tuple[Array, Array]) -> Array:
    """Time the optimizer: 24 bytes a parameter through HBM, or through the host when offloaded. [R]."""
    sharded = case.zero >= 1
    ranks = case.dp * case.cp
    expert_ranks = np.maximum(ranks * case.tp / case.ep, 1)
    mine = held[0] / (1 + sharded * (ranks - 1)) + held[1] / (1 + sharded * (expert_ranks - 1))
    time: Array = 24 * mine * (1 / case.hbm_bytes_per_s + case.offload / HOST_BYTES_PER_S)
    return time


@dataclass(slots=True)
class Stage:
    """One microbatch on one pipeline stage, seconds [R]: what data ranks, ZeRO and offloading do not change."""

    tokens: Array
    compute_s: Array  # of the mean layer, as the next two
    tensor_s: Array
    expert_s: Array
    stage_s: Array  # the slowest stage


def stage(case: Case, size: work.Sizes, k: Constants) -> Stage:
    """Time a microbatch on the slowest stage: all of its layers, or the mean stage with the logits. [R].

    Narayanan et al. 2021, arXiv:2104.04473, section 2.2. More recomputation never makes it shorter.
    """
    tokens = case.microbatch * case.seq_len / case.cp
    link = collectives.links(case)
    core = work.core_s(case, size, tokens, k)
    compute = layer_s(case, size, tokens, core, k)
    tensor = collectives.tensor_s(case, tokens, link) * (1 - k.tp_hidden * case.overlap)
    expert = size.sparse_fraction * collectives.expert_s(case, tokens, link)
    expert = expert - k.ep_hidden * case.overlap * case.dispatcher * np.minimum(expert, compute)
    ring = np.maximum(collectives.context_s(case, tokens, link) - 3 * core, 0)
    layer = launched_layer_s(compute + tensor + expert + ring, launch_s(case, size, k))
    logits = logits_s(case, size, tokens, k)
    heads, layers = 1 + case.mtp_layers, case.layers + case.mtp_layers
    slowest = np.maximum(np.ceil(layers / case.pp - 1e-9) * layer, (layers * layer + heads * logits) / case.pp)
    return Stage(tokens, compute, tensor, expert, slowest)


def step(case: Case, size: work.Sizes, held: tuple[Array, Array], k: Constants) -> Step:
    """Time one optimizer step of `R` rows.

    step = ((m + (pp-1)/v) t_mb + exposed DP + optimizer + fixed) (1 + j log2(G/8)) maturity, with t_mb of the slowest
    stage and its sends.
    """
    link = collectives.links(case)
    part = stage(case, size, k)
    compute, tensor, expert = part.compute_s, part.tensor_s, part.expert_s
    layers = case.layers + case.mtp_layers
    sends = collectives.stage_s(case, part.tokens, link) * (1 - k.tp_hidden * case.overlap)
    once = part.stage_s + sends
    reduce, gathers = data_parallel_s(case, held, link)
    hidden = k.dp_hidden * np.minimum(once, gathers)
    once = once + gathers - hidden
    microbatches = case.batch_seqs / (case.dp * case.microbatch)
    bubble = (case.pp - 1) / case.vp * once
    exposed = np.maximum(reduce - k.dp_hidden * case.overlap * once, 0)
    optimizer = optimizer_s(case, held)
    scale = size_factor(case, k)
    total = (microbatches * once + bubble + exposed + optimizer + fixed_s(case, k)) * scale
    stages = layers / case.pp
    return Step(
        step_s=total,
        compute_s=microbatches * stages * compute * scale,
        tensor_s=microbatches * stages * tensor * scale,
        expert_s=microbatches * stages * expert * scale,
        bubble_s=bubble * scale,
        data_s=(exposed + microbatches * (gathers - hidden)) * scale,
        optimizer_s=optimizer * scale,
        microbatches=microbatches,
        params_per_gpu=held[0] + held[1],
    )
