"""The struct of arrays that every equation reads: one row is (cluster, model, workload, parallelism)."""

from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
BF16, FP8, FP4 = 0, 1, 2
PRECISIONS = ("bf16", "fp8", "fp4")
NONE, SELECTIVE, FULL = 0, 1, 2
RECOMPUTES = ("none", "selective", "full")


@dataclass(slots=True)
class Shape:
    """What training and serving read of `R` models; every field is [R] float64 or a scalar that all rows share."""

    layers: Array
    dense_layers: Array  # with a dense MLP
    expert_layers: Array  # with experts
    attention_layers: Array  # with an attention core
    window: Array  # tokens that a windowed layer attends to
    window_layers: Array
    expert_bias: Array  # 1 where experts add biases and clamp their gates
    hidden: Array
    heads: Array
    kv_heads: Array
    kv_dim: Array  # numbers that attention keeps of a token for keys and values
    core_dim: Array
    attn_params_per_layer: Array
    ffn: Array
    mlp_matrices: Array
    experts: Array
    top_k: Array
    shared_experts: Array
    expert_ffn: Array
    expert_hidden: Array  # width that routed experts read and write
    vocab: Array


SHAPE_FIELDS: tuple[str, ...] = tuple(f.name for f in fields(Shape))


@dataclass(slots=True)
class Case(Shape):
    """`R` rows; every field is [R] float64 or a scalar that all rows share.

    Flags are 0 or 1. Rates are per GPU and one direction. Names follow the field: `tp` tensor, `pp` pipeline, `vp`
    model chunks a GPU (interleave), `dp` data, `ep` expert and `cp` context parallelism.
    """

    # cluster
    gpus: Array  # at hand: rates, MFU, power and cost are of them; a plan may use fewer
    powered: Array  # of them under power
    gemm_flop_per_s: Array  # best large GEMM at the row's precision
    bf16_gemm_flop_per_s: Array  # the same at BF16: attention core, logits
    nameplate_flop_per_s: Array  # at the row's precision, dense
    bf16_nameplate_flop_per_s: Array
    hbm_bytes: Array
    hbm_bytes_per_s: Array
    domain: Array  # GPUs of one scale-up domain
    up_bytes_per_s: Array  # as collectives realise it
    out_bytes_per_s: Array
    tdp_w: Array
    it_kw_per_gpu: Array
    chip_year: Array
    head_half: Array  # head width at which exponentials of the attention core take as long as its products
    head_usual: Array  # factor of the core's time over its products where `core_flash` is measured
    expert_traffic: Array  # passes of routed copies over memory, by vendor, over NVIDIA's
    # model, beside its shape
    scan_width: Array  # numbers a token that the mean layer passes through a state space
    mtp_layers: Array  # multi-token prediction: layers and logits more
    head_dim: Array
    tied: Array  # 1 when input and output embedding are one
    # workload
    seq_len: Array
    batch_seqs: Array
    train_tokens: Array
    year: Array
    low_precision: Array  # 1 when GEMMs run at FP8 or FP4
    blocks: Array  # 1 when low precision scales small blocks (MXFP8, NVFP4), 0 whole tensors
    fused_attention: Array
    sequence_parallel: Array
    overlap: Array  # 1 when the stack hides collectives under compute
    flat_collectives: Array  # 1 when gathers ignore the scale-up domain
    graphs: Array  # share of kernels launched from graphs
    dispatcher: Array  # 1 when expert exchange is fused and overlapped
    grouped: Array  # 1 when all experts' products are one kernel, 2 when activation, permutation and casts are in it
    # parallelism
    tp: Array
    pp: Array
    vp: Array
    dp: Array
    ep: Array
    cp: Array
    microbatch: Array
    zero: Array
    recompute: Array
    offload: Array
    # economics
    sites_s: Array  # a step's exchange between sites
    price_usd_per_gpu_hour: Array
    pue: Array

    def having(self, **columns: Any) -> "Case":
        """Return the case with other columns; a tenth of the time of `dataclasses.replace`."""
        values = list(values_of(self))
        for name, value in columns.items():
            values[PLACES[name]] = value
        return Case(*values)

    def used(self) -> Array:
        """Give the GPUs that the plan keeps busy. [R]."""
        ranks: Array = self.tp * self.pp * self.dp * self.cp
        return ranks

    def rows(self) -> int:
        """Count the rows."""
        return max(np.size(getattr(self, f.name)) for f in fields(self))

    def at(self, part: Any) -> "Case":
        """Return the rows that `part` (slice, mask or index) selects; shared scalars stay shared."""
        if isinstance(part, np.ndarray) and part.dtype == np.bool_:
            part = np.flatnonzero(part)
        return Case(*[v[part] if isinstance(v, np.ndarray) and v.ndim else v for v in values_of(self)])


FIELDS: tuple[str, ...] = tuple(f.name for f in fields(Case))
PLACES = {name: place for place, name in enumerate(FIELDS)}
values_of = attrgetter(*FIELDS)
