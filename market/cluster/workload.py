"""From a chip, a model, a date and a precision to the columns of a case; what a stack of that date could do."""

import functools
from typing import Any

import numpy as np

from market.cluster.case import BF16, FP4, FP8, PRECISIONS, Array, Case
from market.cluster.chips import CHIP_NAMES, CHIPS, Chip
from market.cluster.constants import Constants, fitted
from market.cluster.models import Model
from market.cluster.tables import ClusterError

HOPPER_YEAR = 2022.9
"""Chips of volume before this run GEMMs with Ampere's constant, later ones with Hopper's."""
FUSED_ATTENTION_YEAR = 2022.9
"""FlashAttention (arXiv:2205.14135) had reached the large training stacks by the end of 2022."""
SEQUENCE_PARALLEL_YEAR = 2022.5
"""Korthikanti et al. 2022 (arXiv:2205.05198) is in Megatron-LM from mid-2022."""
OVERLAP_YEAR = 2023.6
"""Gradient, weight and tensor-parallel overlap in Megatron-Core and Transformer Engine: second half of 2023."""
HIERARCHICAL_ZERO3_YEAR = 2022.0
"""ZeRO-3 of 2021 gathered at the rate of one NIC a GPU: its rows time 16-18 GB/s (arXiv:2104.04473, table 2)."""

CHIP_COLUMNS = ("hbm_bytes", "hbm_bytes_per_s", "domain", "up_bytes_per_s", "out_bytes_per_s", "tdp_w",
                "it_kw_per_gpu", "chip_year", "bf16_nameplate_flop_per_s")  # fmt: skip
MODEL_COLUMNS = ("layers", "dense_layers", "hidden", "heads", "kv_heads", "head_dim", "core_dim",
                 "attn_params_per_layer", "ffn", "mlp_matrices", "experts", "top_k", "shared_experts", "expert_ffn",
                 "vocab", "seq_len", "batch_seqs", "train_tokens")  # fmt: skip


def chip_columns(c: Chip) -> dict[str, float]:
    """Give the case columns that a chip alone decides."""
    return {
        "hbm_bytes": c.hbm_bytes,
        "hbm_bytes_per_s": c.hbm_bytes_per_s,
        "domain": c.scaleup_domain_gpus,
        "up_bytes_per_s": c.scaleup_bytes_per_s,
        "out_bytes_per_s": c.scaleout_bytes_per_s,
        "tdp_w": c.tdp_w,
        "it_kw_per_gpu": c.it_kw_per_gpu,
        "chip_year": c.volume_year,
        "bf16_nameplate_flop_per_s": c.bf16_flop_per_s,
    }


def model_columns(m: Model) -> dict[str, float]:
    """Give the case columns that a model decides."""
    return {name: float(getattr(m, name)) for name in MODEL_COLUMNS}


def gemm_rate(c: Chip, precision: int, k: Constants) -> float:
    """Give the rate of a large GEMM in training: best measured BF16 GEMM x stack share x realised precision ratio."""
    share = k.gemm_ampere if c.volume_year < HOPPER_YEAR else k.gemm_hopper
    bf16 = c.gemm_flop_per_s * share
    fp8 = 1 + (c.fp8_flop_per_s / c.bf16_flop_per_s - 1) * k.fp8_gain
    if precision < FP8:
        return bf16
    if precision == FP8 or c.fp4_flop_per_s <= c.fp8_flop_per_s:
        return bf16 * fp8
    return bf16 * max(fp8, 1 + (c.fp4_flop_per_s / c.bf16_flop_per_s - 1) * k.fp4_gain)


def lowest_precision(c: Chip) -> int:
    """Give the lowest precision that a chip multiplies faster than the next: 0 BF16, 1 FP8, 2 FP4."""
    if c.fp4_flop_per_s > c.fp8_flop_per_s:
        return FP4
    return FP8 if c.fp8_flop_per_s > c.bf16_flop_per_s else BF16


def check_precision(c: Chip, precision: int) -> None:
    """Refuse a precision that a chip has no fast products for."""
    least = lowest_precision(c)
    if precision > least:
        have = ", ".join(PRECISIONS[: least + 1])
        raise ClusterError(f"precision: must be one of {have} on {c.name}, was {PRECISIONS[precision]}")


def nameplate(c: Chip, precision: int) -> float:
    """Give the dense nameplate rate of a chip at a precision."""
    return (c.bf16_flop_per_s, c.fp8_flop_per_s, c.fp4_flop_per_s)[precision]


@functools.lru_cache(64)
def rate_table(k: Constants) -> tuple[Array, Array]:
    """Give GEMM and nameplate rates of all chips at the three precisions, [chips, 3] each."""
    gemm = [[gemm_rate(c, p, k) for p in range(FP4 + 1)] for c in CHIPS.values()]
    peak = [[nameplate(c, p) for p in range(FP4 + 1)] for c in CHIPS.values()]
    return np.array(gemm), np.array(peak)


def stack_flags(year: Any, fp16: Any, zero: Any, seq_len: Any, sequence_parallel: Any = None) -> dict[str, Array]:
    """Give what the software of `year` does: flags of a case, [R].

    FP16 recipes are taken to be of the generation before fused attention and overlap (assumption: all published
    FP16 rows are); sequences of 8,192 and more are taken to be trained with fused attention at any date (assumption:
    their scores would not fit).
    """
    year, modern = np.asarray(year, dtype=np.float64), 1.0 - np.asarray(fp16, dtype=np.float64)
    sp = (year >= SEQUENCE_PARALLEL_YEAR) * modern
    return {
        "fused_attention": np.maximum((year >= FUSED_ATTENTION_YEAR) * modern, np.asarray(seq_len) >= 8192),
        "sequence_parallel": sp if sequence_parallel is None else np.maximum(sp, sequence_parallel),
        "overlap": (year >= OVERLAP_YEAR) * modern,
        "flat_collectives": (np.asarray(zero) >= 3) * (year < HIERARCHICAL_ZERO3_YEAR) * 1.0,
    }


def base_case(c: Chip, m: Model, *, precision: int = 0, year: float | None = None, **extra: Any) -> Case:
    """Build a case of one cluster and one model with a plan of one GPU; `extra` sets any other column."""
    k = extra.pop("constants", None) or fitted()
    when = max(m.year, c.volume_year) if year is None else year
    columns: dict[str, Any] = {**chip_columns(c), **model_columns(m)}
    columns |= {
        "gpus": 1.0, "gemm_flop_per_s": gemm_rate(c, precision, k), "bf16_gemm_flop_per_s": gemm_rate(c, 0, k),
        "nameplate_flop_per_s": nameplate(c, precision), "low_precision": float(precision > 0), "year": when,
        "tp": 1.0, "pp": 1.0, "vp": 1.0, "dp": 1.0, "ep": 1.0, "cp": 1.0, "microbatch": 1.0, "zero": 1.0,
        "recompute": 0.0, "offload": 0.0, "price_usd_per_gpu_hour": np.nan, "pue": 1.2,
    }  # fmt: skip
    columns |= {n: float(v) for n, v in stack_flags(when, 0.0, 1.0, m.seq_len).items()}
    return Case(**(columns | extra))


CHIP_INDEX: dict[str, int] = {name: i for i, name in enumerate(CHIP_NAMES)}
