"""Read a deployment as it is published, choose what is left out, and answer tables of them."""

import functools
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from market.cluster.case import SHAPE_FIELDS, Array
from market.cluster.cells import empty, number, text, whole
from market.cluster.chips import Chip, chip
from market.cluster.constants import Constants, fitted
from market.cluster.models import Model, model
from market.cluster.serve_case import SERVE_FIELDS, Serve, Served
from market.cluster.serving import serve
from market.cluster.tables import ClusterError, plain
from market.cluster.workload import lowest_precision, nameplate

WEIGHT_BYTES = {"bf16": 2.0, "fp16": 2.0, "fp8": 1.0, "int8": 1.0, "fp4": 0.5625, "int4": 0.5625}
"""Bytes a weight: 4-bit formats carry a scale of one byte for every 16 or 32 numbers."""
RATES = {"bf16": 0, "fp16": 0, "fp8": 1, "int8": 1, "fp4": 2, "int4": 0}
"""Precision of the products: 4-bit integers are unpacked to 16 bits."""
SPECULATION = 1.8
"""Tokens a step with speculative decoding. Assumption: multi-token prediction of one token accepted at 0.8 to 0.9
(DeepSeek-V3, arXiv:2412.19437, section 5.4.3)."""
MEAN_OF_LIMIT = 0.75
"""Mean time a token where its 99th percentile is at the limit: MLPerf's server and interactive logs, 0.65 to 0.85."""
WINDOWS_SERVED = "2025-07"
"""From here on engines skip what a window hides; before, TensorRT-LLM attended in full unless a window was asked for
(its default `max_attention_window` is the whole sequence)."""
RESERVED, PREEMPTING = 1.0, 0.5
"""Share of the output that a request's place in the cache is kept for, by engines that never evict and that preempt."""
LEAN_HOSTS = ("tensorrt", "trt", "mango", "neuron", "deepseek", "jetstream")
TENSOR = (1, 2, 4, 8, 16, 32, 64)
FREE_GPUS = 64
"""GPUs of one deployment where their number is not given."""

SPELLINGS: dict[str, tuple[str, ...]] = {
    "chip": ("gpu_type", "gpu"), "gpus": ("gpu_count", "num_gpus"), "scaleup_domain_gpus": ("domain",),
    "model": (), "precision": ("precision_weights",),
    "attention_precision": ("precision_attention",), "kv_precision": ("precision_kv",), "framework": (),
    "tp": (), "pp": (), "dp": (), "ep": (), "input_tokens": ("input_tokens_mean", "isl"),
    "output_tokens": ("output_tokens_mean", "osl"), "concurrency": ("concurrency_or_batch", "batch"),
    "tpot_limit_ms": (), "speculative": (), "date": (),
}  # fmt: skip
SAID_ONLY = frozenset(plain(n) for n in (
    "id", "name", "source", "source_key", "use", "provenance", "confidence", "notes", "nodes",
    "params_total_b", "params_active_b", "framework_release", "ttft_measured_s", "tpot_measured_ms", "observed_as",
    "output_tokens_per_s_total", "output_tokens_per_s_per_gpu", "total_tokens_per_s_per_gpu",
    "usd_per_m_output_tokens", "case", "kind", "year", "scenario", "disaggregated", "ttft_limit_s",
))  # fmt: skip
_COLUMN = {plain(n): column for column, others in SPELLINGS.items() for n in (column, *others)}


@dataclass(frozen=True, slots=True)
class Deployment:
    """One deployment, read. What is None is chosen."""

    chip: Chip
    model: Model
    precision: str
    kv_bytes: float
    input_tokens: float
    output_tokens: float
    gpus: int | None = None
    tp: int | None = None
    pp: int = 1
    dp: int = 1
    ep: int = 1
    concurrency: float | None = None  # over all GPUs
    tpot_limit_s: float = math.inf
    speculation: float = 1.0
    lean: bool = False  # an engine whose host does little between steps
    domain: float | None = None
    attention: str = ""  # precision of the attention's weights, where it is kept at another one


def read_deployment(row: Mapping[str, Any]) -> Deployment:
    """Read one row; a `ClusterError` names the column, the value and the rule."""
    known: dict[str, Any] = {}
    for name, value in row.items():
        column = _COLUMN.get(plain(str(name)))
        if column is None and not empty(value) and plain(str(name)) not in SAID_ONLY:
            raise ClusterError(f"{str(name)[:40]}: is no column of a deployment, was {str(value)[:40]!r}")
        if column is not None and not empty(value) and not (column in ("dp", "ep") and str(value) in ("0", "0.0")):
            known[column] = value.strip().removeprefix("~") if isinstance(value, str) else value
    for name in ("chip", "model", "input_tokens", "output_tokens"):
        if name not in known:
            raise ClusterError(f"{name}: must be given")
    device, shape = chip(text(known, "chip")), windowed(model(text(known, "model")), text(known, "date"))
    precision = read_weights(text(known, "precision"), device)
    framework = text(known, "framework").lower()
    lean = not framework or any(word in framework for word in LEAN_HOSTS)
    limit = number(known, "tpot_limit_ms", 1e-3, 1e6)
    plan = filled_plan({n: whole(known, n, 1e6) for n in ("gpus", "tp", "pp", "dp", "ep")})
    return Deployment(
        device, shape, precision, read_cache(text(known, "kv_precision"), precision, lean),
        number(known, "input_tokens", 1, 1e8) or 1.0, number(known, "output_tokens", 1, 1e8) or 1.0,
        plan["gpus"], plan["tp"], plan["pp"] or 1, plan["dp"] or 1, plan["ep"] or 1,
        number(known, "concurrency", 1, 1e9), math.inf if limit is None else MEAN_OF_LIMIT * limit / 1e3,
        SPECULATION if text(known, "speculative").lower() in ("y", "yes", "1", "true", "1.0") else 1.0, lean,
        number(known, "scaleup_domain_gpus", 1, 1e6),
        read_weights(text(known, "attention_precision"), device) if "attention_precision" in known else "",
    )  # fmt: skip


def windowed(m: Model, date: str) -> Model:
    """Give a model as engines of a date attend: in full until the middle of 2025, by its windows from then on."""
    if not re.fullmatch(r"(\d{4}(-\d{2}(-\d{2})?)?)?", date):
        raise ClusterError(f"date: must be YYYY, YYYY-MM or YYYY-MM-DD, was {date[:40]!r}")
    return replace(m, window_layers=0.0) if date and date < WINDOWS_SERVED else m


def filled_plan(plan: dict[str, int | None]) -> dict[str, int | None]:
    """Fill data ranks that are left out where experts are spread over more GPUs than tensor ranks hold a copy."""
    gpus, tp, ep = plan["gpus"] or 1, plan["tp"] or 1, plan["ep"] or 1
    if plan["dp"] is None and ep > tp and gpus % (tp * (plan["pp"] or 1)) == 0:
        return plan | {"dp": max(1, min(gpus // (plan["pp"] or 1), ep) // tp)}
    return plan


def read_weights(printed: str, device: Chip) -> str:
    """Read a precision of weights as printed; unstated, 8 bits where the chip has them."""
    name = printed.lower()
    for found in ("fp4", "int4", "fp8", "int8", "bf16", "fp16"):
        if found in name.replace("uint", "int").replace("bfloat", "bf").replace("float", "fp"):
            return found
    if not name:
        return "fp8" if lowest_precision(device) >= 1 else "bf16"
    raise ClusterError(f"precision: must be one of {', '.join(WEIGHT_BYTES)}, was {printed[:40]!r}")


def read_cache(printed: str, precision: str, lean: bool) -> float:
    """Give bytes a number of the cache: as printed, or 8 bits where engines default to it."""
    if printed:
        return 1.0 if "8" in printed else 0.5625 if "4" in printed else 2.0
    return 1.0 if lean and precision in ("fp8", "fp4") else 2.0


def chip_side(c: Chip, precision: str, k: Constants) -> dict[str, float]:
    """Give the columns that chip, precision and vendor decide."""
    share = 1.0 if c.vendor in ("NVIDIA", "AMD") else k.serve_other
    level = min(RATES[precision], lowest_precision(c))
    ratio = nameplate(c, level) / c.bf16_flop_per_s
    best = c.gemm_flop_per_s * share
    realised = 1 + (ratio - 1) * (1.0, k.fp8_gain, k.fp4_gain)[level]
    return {
        "gemm_flop_per_s": best * realised * k.serve_gemm, "bf16_gemm_flop_per_s": best, "hbm_bytes": c.hbm_bytes,
        "hbm_bytes_per_s": c.hbm_bytes_per_s * k.serve_bandwidth * share,
        "launch": k.serve_amd if c.vendor == "AMD" else 1.0, "domain": c.scaleup_domain_gpus,
        "up_bytes_per_s": c.scaleup_bytes_per_s * k.up_efficiency,
        "out_bytes_per_s": c.scaleout_bytes_per_s * k.out_efficiency,
    }  # fmt: skip


def model_side(m: Model) -> dict[str, float]:
    """Give the columns that a model decides."""
    latent = float(m.kv_dim < 2 * m.kv_heads * m.head_dim)
    return {n: float(getattr(m, n)) for n in SHAPE_FIELDS} | {"other_params": float(m.other_params), "latent": latent}


def columns_of(d: Deployment, k: Constants) -> dict[str, float]:
    """Give one row of `Serve` for a deployment whose tp is known."""
    tp = d.tp or 1
    ranks = tp * d.pp * d.dp
    copies = max(1, (d.gpus or ranks) // ranks)
    side = chip_side(d.chip, d.precision, k) | model_side(d.model)
    if d.domain:
        side["domain"] = d.domain
    return side | {
        "host": 1.0 if d.lean else k.serve_host, "reserved": RESERVED if d.lean else PREEMPTING,
        "input_tokens": d.input_tokens, "output_tokens": d.output_tokens,
        "weight_bytes": WEIGHT_BYTES[d.precision], "attention_bytes": WEIGHT_BYTES[d.attention or d.precision],
        "kv_bytes": d.kv_bytes, "speculation": d.speculation,
        "tp": float(tp), "pp": float(d.pp), "dp": float(d.dp), "ep": float(d.ep),
        "batch": math.nan if d.concurrency is None else max(1.0, d.concurrency / copies),
        "tpot_limit_s": d.tpot_limit_s,
    }  # fmt: skip


def stacked(rows: Sequence[Mapping[str, float]]) -> Serve:
    """Stack rows into columns."""
    return Serve(**{n: np.array([r[n] for r in rows], dtype=np.float64) for n in SERVE_FIELDS})


def options(d: Deployment) -> list[Deployment]:
    """List deployments of one on up to its GPUs where tensor ranks are not given: powers of two, wide experts too."""
    if d.tp is not None:
        return [d]
    most = min(d.gpus or FREE_GPUS, 512)
    found = [replace(d, tp=t) for t in TENSOR if t <= most and t <= max(d.chip.scaleup_domain_gpus, 8)]
    if d.model.experts and d.ep == 1 and d.dp == 1:
        wide = (n for n in (2, 4, 8, 16, 32, 64, 128) if n <= most and d.model.experts % n == 0)
        found += [replace(d, tp=1, dp=n, ep=n) for n in wide]
    return found


@functools.lru_cache(4096)
def chosen(d: Deployment, k: Constants) -> Deployment:
    """Choose the deployment that serves most a GPU within its limit; one that fits, if any does."""
    listed = options(d)
    return listed[0] if len(listed) == 1 else listed[int(best_served([d], k)[1][0])]


def best_served(asked: Sequence[Deployment], k: Constants) -> tuple[Served, npt.NDArray[np.int64]]:
    """Answer the options of `D` deployments, and say which row is the best within the limit of each. [R], [D]."""
    listed = [options(d) for d in asked]
    many = [len(rows) for rows in listed]
    found = serve(stacked([columns_of(o, k) for rows in listed for o in rows]), k)
    late = found.tpot_s > np.repeat([d.tpot_limit_s for d in asked], many) * (1 + 1e-9)
    rank = np.where((found.fits > 0) & ~late, found.output_tokens_per_s_per_gpu, -found.tpot_s - 1e9 * (found.fits < 1))
    starts = np.cumsum([0, *many[:-1]])
    best = [first + int(np.argmax(rank[first : first + n])) for first, n in zip(starts.tolist(), many, strict=True)]
    return found, np.array(best, dtype=np.int64)


SERVE_ANSWERS = ("output_tokens_per_s_per_gpu", "total_tokens_per_s_per_gpu", "prefill_tokens_per_s_per_gpu",
                 "decode_tokens_per_s_per_gpu", "ttft_s", "tpot_s", "batch", "memory_bytes")  # fmt: skip


def answer_serving_grid(columns: Mapping[str, Sequence[Any]], k: Constants | None = None) -> dict[str, list[Any]]:
    """Answer a table of deployments: the columns given, the figures with `_predicted`, and `why_not`.

    A row needs `chip`, `model`, `input_tokens` and `output_tokens`; `precision`, `attention_precision`, `kv_precision`,
    `gpus`, `tp`, `pp`, `dp`, `ep`, `concurrency`, `tpot_limit_ms`, `framework` and `speculative` are chosen where they
    are left out.
    """
    k = k or fitted()
    lengths = {len(v) for v in columns.values()}
    if len(lengths) > 1:
        raise ClusterError(f"grid: all columns must have one length, were {sorted(lengths)}")
    rows, why_not = max(lengths, default=0), []
    good: list[tuple[int, dict[str, float]]] = []
    for i in range(rows):
        try:
            read = chosen(read_deployment({n: v[i] for n, v in columns.items()}), k)
            good.append((i, columns_of(read, k)))
            why_not.append("")
        except ClusterError as fault:
            why_not.append(f"row {i}: {fault}")
    out: dict[str, list[Any]] = {n: list(v) for n, v in columns.items()}
    found = serve(stacked([c for _, c in good]), k) if good else None
    names = (*SERVE_ANSWERS, "tp", "pp", "dp", "ep", "fits")
    for name in names:
        out[f"{name}_predicted"] = [None] * rows
    for j, (i, given) in enumerate(good):
        for name in names:
            value = given[name] if name in given and name != "batch" else float(getattr(found, name)[j])
            out[f"{name}_predicted"][i] = bool(value) if name == "fits" else value
        if not out["fits_predicted"][i]:
            why_not[i] = f"row {i}: memory: weights and one request need more than the GPUs have"
    out["why_not"] = why_not
    return out


def usd_per_million(served: Served, usd_per_gpu_hour: Any) -> Array:
    """Give the price of a million output tokens, prefill included, at a price of a GPU hour. [R]."""
    price: Array = usd_per_gpu_hour / (served.output_tokens_per_s_per_gpu * 3600) * 1e6
    return price
