"""Where the GPU-hours of a plan go: from the nameplate to progress, item by item, adding up to one."""

import functools
import json
from collections.abc import Mapping
from importlib import resources
from typing import Any

import numpy as np

from market.cluster import work
from market.cluster.case import Case
from market.cluster.chips import Chip
from market.cluster.constants import Constants
from market.cluster.goodput import goodput
from market.cluster.models import Model
from market.cluster.scaling import DATA_MOVEMENT_FLOP
from market.cluster.step import launch_s, launched_layer_s, layer_s, logits_s, params_per_gpu, size_factor, step


def losses(case: Case, k: Constants) -> dict[str, float]:
    """Split the GPU time of a one-row case into shares that add up to 1.

    `useful` is the time that the model's FLOPs (attention as the mask leaves it) would take at the nameplate; every
    other entry is what is lost to one cause, in the order in which a step pays: slower products, the attention core,
    element-wise passes, recomputation, launches, exposed communication, the bubble, data-parallel traffic, the
    optimizer and fixed time, uneven stages, stragglers and young software, idle GPUs, failures.
    """
    size = work.sizes(case)
    held = params_per_gpu(case, size)
    timed = step(case, size, held, k)
    used = case.used()
    tokens = case.microbatch * case.seq_len / case.cp
    scale, stages = size_factor(case, k), timed.microbatches * (case.layers + case.mtp_layers) / case.pp
    none = case.having(recompute=np.zeros(1))
    core = work.core_s(case, size, tokens, k)
    gemm, passes = work.gemm_s(case, size, tokens, k), work.elementwise_s(case, size, tokens, k)
    full, plain = layer_s(case, size, tokens, core, k), layer_s(none, size, tokens, core, k)
    ideal = work.causal_flop_per_token(case, size) * case.batch_seqs * case.seq_len / used / case.nameplate_flop_per_s
    cores = 12 * case.heads * case.core_dim * case.seq_len * tokens / case.tp * 0.5 * size.causal_fraction
    cores = cores / case.nameplate_flop_per_s
    heads = 6 * size.embedding * tokens / case.tp / case.nameplate_flop_per_s * (1 + case.mtp_layers)
    logits = logits_s(case, size, tokens, k) * (1 + case.mtp_layers)
    products = ideal - stages * cores - timed.microbatches / case.pp * heads
    device = full + (timed.tensor_s + timed.expert_s) / (stages * scale)
    host = launched_layer_s(device, launch_s(case, size, k)) - device
    seconds = {
        "gemm_efficiency": stages * 3 * gemm - products,
        "attention": stages * ((plain - 3 * gemm - 3 * passes) - cores),
        "elementwise": stages * 3 * passes,
        "recomputation": stages * (full - plain),
        "logits": timed.microbatches / case.pp * (logits - heads),
        "host": stages * host,
        "tensor_parallel": timed.tensor_s / scale,
        "expert_parallel": timed.expert_s / scale,
        "bubble": timed.bubble_s / scale,
        "data_parallel": timed.data_s / scale,
        "optimizer": timed.optimizer_s / scale,
    }
    one = {n: float(np.ravel(v)[0]) for n, v in seconds.items()}
    total, factor, useful = (float(np.ravel(v)[0]) for v in (timed.step_s, scale, ideal))
    one["pipeline_and_fixed"] = total / factor - useful - sum(one.values())
    one["stragglers"] = total * (1 - 1 / factor)
    busy = float(np.ravel(used / case.gpus)[0])
    effective = float(np.ravel(goodput(case, used).goodput)[0])
    shares = {n: v / total * busy * effective for n, v in ({"useful": useful} | one).items()}
    return shares | {"idle_gpus": (1 - busy) * effective, "goodput": 1 - effective}


def what_binds(capped: bool, usable: float, a: Mapping[str, float]) -> str:
    """Name what limits the best plan."""
    if a["flop"] > DATA_MOVEMENT_FLOP:
        return "data movement"
    if capped:
        return "power"
    if a["gpus_used"] < 0.9 * usable:
        return "batch"
    lost = {
        "scale-up links": a["tensor_s"], "expert exchange": a["expert_s"], "pipeline bubble": a["bubble_s"],
        "data-parallel links": a["data_s"], "failures": a["step_s"] * (1 / a["goodput"] - 1),
    }  # fmt: skip
    known = sum(lost.values()) - lost["failures"] + a["compute_s"] + a["optimizer_s"]
    lost["launches and fixed time"] = a["step_s"] - known
    name = max(lost, key=lambda n: lost[n])
    return name if lost[name] > 0.15 * a["step_s"] else "compute"


@functools.cache
def stored_errors(which: str) -> dict[str, dict[str, float]]:
    """Load the errors of rows that were left out of the fit, by class: mean and 90th percentile, with their rows."""
    path = resources.files("market").joinpath("catalogue", "cluster_constants.json")
    stored: dict[str, dict[str, float]] = json.loads(path.read_text(encoding="utf-8"))[which]
    return stored


def error_band(chip: Chip, model: Model) -> dict[str, Any]:
    """Give the left-out error of the class that a chip and a model belong to."""
    name = f"{'mixture' if model.experts else 'dense'}, {'NVIDIA' if chip.vendor == 'NVIDIA' else 'other vendors'}"
    return {"class": name} | stored_errors("left_out_errors")[name]
