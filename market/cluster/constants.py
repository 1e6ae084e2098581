"""The calibrated constants, and the engineering constants that are taken from sources and not fitted."""

import functools
import json
from dataclasses import dataclass
from importlib import resources


@dataclass(frozen=True, slots=True)
class Constants:
    """What the calibration may move. Values: `market/catalogue/cluster_constants.json`, with its inputs' hash."""

    gemm_ampere: float = 0.90  # training GEMM over best measured GEMM, chips before Hopper
    gemm_hopper: float = 0.80  # the same, Hopper (power-limited clocks)
    gemm_blackwell: float = 0.80  # the same, Blackwell and later
    gemm_amd: float = 0.85  # the same, AMD
    gemm_tpu: float = 0.85  # the same, TPU
    gemm_neuron: float = 0.70  # the same, Trainium
    fp8_gain: float = 0.80  # share of the nameplate FP8:BF16 ratio that training GEMMs realise
    fp4_gain: float = 0.65  # share of the nameplate FP4:BF16 ratio
    width_half: float = 150.0  # N at which a GEMM would run at half speed
    tokens_half: float = 100.0  # M at which a GEMM would run at half speed
    core_flash: float = 0.55  # fused attention over the GEMM rate
    core_unfused: float = 0.45  # batched attention matmuls over the GEMM rate
    memory_passes: float = 1.0  # element-wise traffic over its count
    block_passes: float = 1.0  # casts of block-scaled formats over those of whole tensors, in passes
    launch_s: float = 60e-6  # a layer and microbatch, forward and backward
    launch_moe_s: float = 400e-6  # added by routing, a mixture layer and microbatch
    up_efficiency: float = 0.70  # scale-up bandwidth realised by collectives
    up_tpu: float = 0.50  # the same, on TPU tori
    out_efficiency: float = 0.65  # scale-out bandwidth realised by collectives
    expert_tpu: float = 2.0  # passes of routed copies over memory on TPU, over NVIDIA's
    tp_hidden: float = 0.3  # tensor-parallel collectives hidden under GEMMs by stacks that overlap
    dp_hidden: float = 0.8  # window of compute that can hide data-parallel collectives
    ep_hidden: float = 0.2
    fixed_s: float = 0.05  # a step
    graph_share: float = 0.10  # host time that graphs and compiled steps leave
    expert_gemm: float = 0.85  # grouped products of experts over dense ones
    expert_passes: float = 6.0  # passes of routed copies over memory, forward
    bias_passes: float = 1.0  # traffic of experts' biases and clamped gates over its count
    fusion_gain: float = 0.5  # share of the experts' passes that fused products take away
    serve_gemm: float = 0.65  # GEMM of serving over the best measured GEMM
    serve_bandwidth: float = 0.75  # memory bandwidth that decoding realises
    serve_passes: float = 1.5  # element-wise traffic a token over its count, in serving
    serve_layer_s: float = 25e-6  # launches of a layer in a decode step
    serve_sync_s: float = 12e-6  # an all-reduce over eight GPUs, or an exchange of experts' tokens
    serve_step_s: float = 2e-3  # sampling and scheduling of a decode step
    serve_host: float = 2.0  # the same in vLLM and SGLang, over TensorRT-LLM
    serve_amd: float = 2.0  # launches and all-reduces on AMD, over NVIDIA's
    serve_other: float = 0.70  # rates of TPU, Trainium, Gaudi in serving, over NVIDIA's shares
    immature_dense: float = 0.10  # extra step time of a dense model on a chip's first day
    immature_moe: float = 0.60  # extra step time of a mixture at the start of 2024


JITTER = 0.010
"""Step time per doubling of GPUs beyond 8. Llama 3 (arXiv:2407.21783, table 4): 43 % to 41 % MFU from 8,192 to 16,384
GPUs contains it; a fit stayed there."""
HOST_OVERLAP = 1.25
"""Launches hide behind kernels in part: the root of the sum of powers, 1 for not at all. Assumption: fits with 1 to 2
leave dense and mixture rows within a point of each other, with 3 mixtures are worse."""
GEMM_OTHER = 0.80
"""Training GEMM over the best GEMM on Ascend and Gaudi. Assumption, as Hopper: no step is published."""
ROUTER_PASSES = 10.0
"""Passes over a router's scores: softmax, top-k, sort and counts, in 4-byte numbers. Assumption, counted."""
UNFUSED_EXCHANGE = 1.0
"""More passes of routed copies where dispatch is not fused: every copy passes twice as often. Assumption."""
COLLECTIVE_LATENCY_S = 8e-6
"""One collective's start and synchronisation. NCCL-tests small-message latency, 8 GPUs (engineering constant)."""
MATURITY_YEARS = 0.75
"""Time in which software closes 63 % of its gap, that of a new chip and that of mixtures since `MOE_SOFTWARE_YEAR`.
Assumption: on the same chips dense models gained 1-16 % in 11 months of releases, mixtures 34-120 %."""
MOE_SOFTWARE_YEAR = 2024.0
HOST_BYTES_PER_S = 12e9
"""Optimizer traffic a GPU where the optimizer is offloaded: the host updates 10e9 parameters in 2.57 s, 24 bytes each,
for 8 GPUs (ZeRO-Offload, Ren et al. 2021, arXiv:2101.06840, table 4)."""


@functools.cache
def fitted() -> Constants:
    """Load the calibrated constants."""
    path = resources.files("market").joinpath("catalogue", "cluster_constants.json")
    stored = json.loads(path.read_text(encoding="utf-8"))
    return Constants(**{name: entry["value"] for name, entry in stored["constants"].items()})
