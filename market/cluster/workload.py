"""From a chip, a model, a date and a precision to the columns of a case; what a stack of that date could do."""

import functools
from typing import Any

import numpy as np

from market.cluster.case import BF16, FP4, FP8, PRECISIONS, SHAPE_FIELDS, Array, Case
from market.cluster.chips import CHIPS, Chip
from market.cluster.constants import GEMM_OTHER, Constants, fitted
from market.cluster.models import Model
from market.cluster.stack import DEFAULT_STACK, Stack, run_on, software_columns
from market.cluster.tables import ClusterError

HOPPER_YEAR, BLACKWELL_YEAR = 2022.9, 2025.0
"""NVIDIA's chips of volume before the first run GEMMs with Ampere's constant, after the second with Blackwell's."""

HEAD_USUAL = 128.0
"""Head width at which attention kernels are measured: FlashAttention-2 and 3 print it beside 64 and 256."""
HEAD_HALF, HEAD_HALF_TPU = 54.0, 1000.0
"""Head width at which an attention core spends as long on exponentials as on products, on a Hopper and wherever a
chip's rate of exponentials is not known; a TPU's matrix unit contracts over 128 or 256, so that half a width takes
nearly as long."""

CHIP_COLUMNS = ("hbm_bytes", "hbm_bytes_per_s", "domain", "up_bytes_per_s", "out_bytes_per_s", "tdp_w",
                "it_kw_per_gpu", "chip_year", "expert_traffic", "head_half", "head_usual",
                "bf16_nameplate_flop_per_s")  # fmt: skip
MODEL_COLUMNS = (*SHAPE_FIELDS, "mtp_layers", "scan_width", "head_dim", "tied", "seq_len", "batch_seqs", "train_tokens")


def chip_columns(c: Chip, k: Constants) -> dict[str, float]:
    """Give the case columns that a chip and its vendor's libraries decide."""
    return {
        "hbm_bytes": c.hbm_bytes,
        "hbm_bytes_per_s": c.hbm_bytes_per_s,
        "domain": c.scaleup_domain_gpus,
        "up_bytes_per_s": c.scaleup_bytes_per_s * vendor(c, "up", k),
        "out_bytes_per_s": c.scaleout_bytes_per_s * k.out_efficiency,
        "tdp_w": c.tdp_w,
        "it_kw_per_gpu": c.it_kw_per_gpu,
        "chip_year": c.volume_year,
        "expert_traffic": vendor(c, "expert", k),
        "head_half": head_half(c),
        "head_usual": 1 + (HEAD_HALF_TPU if c.vendor == "Google" else HEAD_HALF) / HEAD_USUAL,
        "bf16_nameplate_flop_per_s": c.bf16_flop_per_s,
    }


def head_half(c: Chip) -> float:
    """Give the head width at which a chip spends as long on exponentials as on products: 4 FLOPs a width and score.

    Products have grown faster than special-function units: 28 on A100, 54 on H100, 85 on GB200, 48 on GB300.
    """
    if c.vendor == "Google":
        return HEAD_HALF_TPU
    return c.gemm_flop_per_s / (4 * c.exp_per_s) if c.exp_per_s else HEAD_HALF


def vendor(c: Chip, what: str, k: Constants) -> float:
    """Give a vendor's share: `gemm` of the best product, `up` of scale-up links, `expert` traffic of routed copies."""
    if what == "gemm":
        return float({"NVIDIA": _nvidia_gemm(c, k), "AMD": k.gemm_amd, "Google": k.gemm_tpu, "AWS": k.gemm_neuron}
                     .get(c.vendor, GEMM_OTHER))  # fmt: skip
    if what == "up":
        return k.up_tpu if c.vendor == "Google" else k.up_efficiency
    return k.expert_tpu if c.vendor == "Google" else 1.0


def _nvidia_gemm(c: Chip, k: Constants) -> float:
    if c.volume_year < HOPPER_YEAR:
        return k.gemm_ampere
    return k.gemm_hopper if c.volume_year < BLACKWELL_YEAR else k.gemm_blackwell


def model_columns(m: Model) -> dict[str, float]:
    """Give the case columns that a model decides."""
    return {name: float(getattr(m, name)) for name in MODEL_COLUMNS}


def gemm_rate(c: Chip, precision: int, k: Constants) -> float:
    """Give the rate of a large GEMM in training: best measured BF16 GEMM x vendor's share x realised ratio of rates."""
    bf16 = c.gemm_flop_per_s * vendor(c, "gemm", k)
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


def base_case(
    c: Chip, m: Model, *, precision: int = 0, year: float | None = None, stack: Stack = DEFAULT_STACK, **extra: Any
) -> Case:
    """Build a case of one cluster and one model with a plan of one GPU; `extra` sets any other column."""
    k = extra.pop("constants", None) or fitted()
    when = max(m.year, c.volume_year) if year is None else year
    columns: dict[str, Any] = {**chip_columns(c, k), **model_columns(m)}
    columns |= {
        "gpus": 1.0, "gemm_flop_per_s": gemm_rate(c, precision, k),
        "bf16_gemm_flop_per_s": gemm_rate(c, 0, k),
        "nameplate_flop_per_s": nameplate(c, precision), "low_precision": float(precision > 0),
        "blocks": 0.0, "sites_s": 0.0, "year": when,
        "tp": 1.0, "pp": 1.0, "vp": 1.0, "dp": 1.0, "ep": 1.0, "cp": 1.0, "microbatch": 1.0, "zero": 1.0,
        "recompute": 0.0, "offload": 0.0, "price_usd_per_gpu_hour": np.nan, "pue": 1.2,
    }  # fmt: skip
    columns |= software_columns(when, run_on(c, m, stack))
    columns |= extra
    return Case(**({"powered": columns["gpus"]} | columns))
