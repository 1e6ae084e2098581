"""Serving, asked once, by table and by week: tokens a second, latency and dollars a million tokens."""

import dataclasses
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from market.cluster.case import PRECISIONS, Array
from market.cluster.chips import CHIPS, Chip, chip
from market.cluster.constants import Constants, fitted
from market.cluster.evaluate import CHUNK_ROWS
from market.cluster.losses import stored_errors
from market.cluster.models import Model, model, shape_for
from market.cluster.serve_case import Serve, Served
from market.cluster.serve_rows import (
    SPECULATION,
    WEIGHT_BYTES,
    Deployment,
    best_served,
    chip_side,
    chosen,
    columns_of,
    model_side,
    read_weights,
    stacked,
    usd_per_million,
)
from market.cluster.serving import serve
from market.cluster.step import maturity_at
from market.cluster.tables import ClusterError
from market.cluster.workload import lowest_precision

FP8_SERVING_YEAR, FP4_SERVING_YEAR = 2023.75, 2025.5
"""From these dates engines serve at 8 and 4 bits where a chip has them: TensorRT-LLM's first release (October 2023) and
its Blackwell FP4 checkpoints (mid-2025)."""


def serving_precision(c: Chip, year: float) -> str:
    """Give the fewest bits that engines of a date serve with on a chip."""
    level = lowest_precision(c)
    if level >= 2 and year >= FP4_SERVING_YEAR:
        return "fp4"
    return "fp8" if level >= 1 and year >= FP8_SERVING_YEAR else "bf16"


LIMITS = {"input_tokens": (1, 1e8), "output_tokens": (1, 1e8), "concurrency": (1, 1e9), "tpot_limit_ms": (1e-3, 1e6),
          "gpus": (1, 1e7), "tp": (1, 4096), "pp": (1, 4096), "dp": (1, 1e5), "ep": (1, 1e5)}  # fmt: skip


def deployment(chip_name: str | Chip, model_name: str | Model, **given: Any) -> Deployment:
    """Check a question about serving."""
    device = chip(chip_name) if isinstance(chip_name, str) else chip_name
    shape = model(model_name) if isinstance(model_name, str) else model_name
    for name, (low, high) in LIMITS.items():
        value = given.get(name)
        if value is not None and not (isinstance(value, int | float) and low <= value <= high):
            raise ClusterError(f"{name}: must lie in [{low:g}, {high:g}], was {value!r}")
        if value is not None and name in ("gpus", "tp", "pp", "dp", "ep") and value != int(value):
            raise ClusterError(f"{name}: must be a whole number, was {value!r}")
    precision = read_weights(given.get("precision") or "", device)
    plan = {n: None if given.get(n) is None else int(given[n]) for n in ("gpus", "tp", "pp", "dp", "ep")}
    ranks = math.prod(plan[n] or 1 for n in ("tp", "pp", "dp"))
    if plan["gpus"] and plan["gpus"] < ranks:
        raise ClusterError(f"gpus: must be at least tp x pp x dp = {ranks}, was {plan['gpus']}")
    limit = given.get("tpot_limit_ms")
    return Deployment(
        device, shape, precision, 1.0 if WEIGHT_BYTES[precision] <= 1 else 2.0,
        float(given.get("input_tokens") or 1024), float(given.get("output_tokens") or 1024), plan["gpus"], plan["tp"],
        plan["pp"] or 1, plan["dp"] or 1, plan["ep"] or 1, given.get("concurrency"),
        math.inf if limit is None else limit / 1e3, SPECULATION if given.get("speculative") else 1.0, True,
    )  # fmt: skip


def answer_serving(
    chip_name: str | Chip,
    model_name: str | Model,
    *,
    price_usd_per_gpu_hour: float | None = None,
    pue: float = 1.2,
    **given: Any,
) -> dict[str, Any]:
    """Answer how a chip serves a model, with the best deployment where none is given.

    Parameters
    ----------
    chip_name, model_name : names or aliases of the catalogue, or a Chip and a Model
    price_usd_per_gpu_hour : left out, what owning costs, electricity at a site of this pue included
    given : gpus (at most), tp, pp, dp, ep, precision ("bf16", "fp8", "fp4", "int8", "int4"), input_tokens,
        output_tokens, concurrency (requests in flight over all GPUs), tpot_limit_ms (mean time a token), speculative

    Special cases: where not even one request fits, `fits` is false and the figures are None.
    """
    from market.cluster.answer import owned_usd_per_gpu_hour

    if not 1 <= pue <= 3:
        raise ClusterError(f"pue: must lie in [1, 3], was {pue!r}")
    k = fitted()
    d = chosen(deployment(chip_name, model_name, **given), k)
    found = serve(stacked([columns_of(d, k)]), k)
    price = owned_usd_per_gpu_hour(d.chip, pue) if price_usd_per_gpu_hour is None else price_usd_per_gpu_hour
    figures: dict[str, Any] = {f.name: float(getattr(found, f.name)[0]) for f in dataclasses.fields(Served)}
    fits = bool(figures.pop("fits"))
    late = fits and figures["tpot_s"] > d.tpot_limit_s * (1 + 1e-9)
    usd = float(np.ravel(usd_per_million(found, price))[0])
    figures["memory_gb"] = figures.pop("memory_bytes") / 1e9
    figures["usd_per_million_output_tokens"] = None if math.isnan(usd) else usd
    figures["usd_per_million_tokens"] = (
        None if math.isnan(usd) else usd * d.output_tokens / (d.input_tokens + d.output_tokens)
    )
    head: dict[str, Any] = {
        "chip": d.chip.name, "model": d.model.name, "precision": d.precision, "input_tokens": d.input_tokens,
        "output_tokens": d.output_tokens, "plan": {"tp": d.tp, "pp": d.pp, "dp": d.dp, "ep": d.ep}, "fits": fits,
        "binds": "memory" if not fits else "latency" if late else serving_binds(d, figures["batch"], k),
    }  # fmt: skip
    return head | (figures if fits else dict.fromkeys(figures)) | {"error_band": serving_band(d)}


def serving_binds(d: Deployment, batch: float, k: Constants) -> str:
    """Name what stops a larger batch: the requests there are, the latency limit, or memory."""
    free = serve(stacked([columns_of(dataclasses.replace(d, concurrency=None, tpot_limit_s=math.inf), k)]), k)
    if batch >= 0.99 * float(free.batch[0]):
        return "memory or batch size"
    return "latency" if math.isfinite(d.tpot_limit_s) and d.concurrency is None else "requests in flight"


def serving_band(d: Deployment) -> dict[str, Any]:
    """Give the left-out error of the class that a deployment belongs to."""
    vendor = "NVIDIA" if d.chip.vendor == "NVIDIA" else "other vendors"
    name = f"{'offline' if d.concurrency is None else 'online'}, {vendor}"
    return {"class": name} | stored_errors("left_out_errors_serving")[name]


@dataclass(frozen=True, slots=True)
class ServeTable:
    """`R` deployments by index. Every column is [R] or a scalar that all rows share."""

    models: Sequence[Model]
    chip: npt.NDArray[np.intp]  # [R] position in CHIP_NAMES
    model: npt.NDArray[np.intp]  # [R] position in models
    precision: npt.NDArray[np.intp]  # [R] 0 BF16, 1 FP8, 2 FP4
    input_tokens: Array
    output_tokens: Array
    tp: Array
    pp: Array
    dp: Array
    ep: Array
    batch: Array  # NaN: as many as memory allows


def evaluate_serving(table: ServeTable, constants: Constants | None = None) -> Iterator[tuple[slice, Served]]:
    """Yield the answers of a table, chunk by chunk: memory does not grow with the rows."""
    k = constants or fitted()
    sides = [[chip_side(c, p, k) for p in PRECISIONS] for c in CHIPS.values()]
    by_chip = {n: np.array([[s[n] for s in row] for row in sides]) for n in sides[0][0]}
    shapes = [model_side(m) for m in table.models]
    by_model = {n: np.array([s[n] for s in shapes]) for n in shapes[0]}
    width = np.array([WEIGHT_BYTES[p] for p in PRECISIONS])
    for start in range(0, len(table.chip), CHUNK_ROWS):
        part = slice(start, min(start + CHUNK_ROWS, len(table.chip)))
        which, shape, level = table.chip[part], table.model[part], table.precision[part]
        columns: dict[str, Any] = {n: v[which, level] for n, v in by_chip.items()}
        columns |= {n: v.take(shape) for n, v in by_model.items()}
        for name in ("input_tokens", "output_tokens", "tp", "pp", "dp", "ep", "batch"):
            value = getattr(table, name)
            columns[name] = value[part] if np.ndim(value) else value
        one = np.asarray(1.0)
        columns |= {"host": one, "reserved": one, "speculation": one, "tpot_limit_s": np.asarray(np.inf),
                    "weight_bytes": width[level],
                    "attention_bytes": width[level],
                    "kv_bytes": width[level].clip(1, 2)}  # fmt: skip
        yield part, serve(Serve(**columns), k)


Fleet = tuple[str, int, bool, str, float, float, float]
"""What a week's rate depends on: chip, rung of the size ladder, sparse, precision, input, output, latency limit."""
_KNOWN: dict[Fleet, float] = {}


def _mature_rates(asked: Sequence[Fleet]) -> list[float]:
    """Give output tokens a second and GPU of mature software, 0 where the model does not fit; in one call for all."""
    new = [fleet for fleet in dict.fromkeys(asked) if fleet not in _KNOWN]
    if new:
        k = fitted()
        listed = [
            deployment(name, shape_for(rung, sparse), precision=precision, input_tokens=inputs, output_tokens=outputs,
                       tpot_limit_ms=limit, gpus=128)
            for name, rung, sparse, precision, inputs, outputs, limit in new
        ]  # fmt: skip
        found, best = best_served(listed, k)
        rates = found.output_tokens_per_s_per_gpu * found.fits
        _KNOWN.update(zip(new, rates[best].tolist(), strict=True))
    return [_KNOWN[fleet] for fleet in asked]


def serving_rates(
    chips: Sequence[str], params_active: Sequence[float] | Array, *, year: float, sparse: bool = True,
    input_tokens: float = 2000.0, output_tokens: float = 500.0, tpot_limit_ms: float = 50.0,
) -> Array:  # fmt: skip
    """Give output tokens a second and GPU of each of a week's fleets. `C` candidates; one cheap call a week.

    The best deployment on up to 128 GPUs, at the fewest bits of the date, of a model of the nearest of four sizes a
    decade; searched once for a chip and a size. Software on a young chip is slower, as in training.

    Parameters
    ----------
    chips : [C] chip names
    params_active : [C] active parameters of the model served
    year : decimal year
    sparse : mixtures of experts (256 experts, 8 active) instead of dense models
    input_tokens, output_tokens, tpot_limit_ms : of a request

    Returns
    -------
    tokens a second and GPU [C]; 0 where the model does not fit
    """
    for active in params_active:
        if not 1e6 <= active <= 1e14:
            raise ValueError(f"params_active: must lie in [1e6, 1e14], was {active!r}")
    devices = [chip(name) for name in chips]
    asked = [
        (d.name, round(4 * math.log10(active)), sparse, serving_precision(d, year), input_tokens, output_tokens,
         tpot_limit_ms)
        for d, active in zip(devices, params_active, strict=True)
    ]  # fmt: skip
    young = maturity_at(np.asarray(year), np.array([d.volume_year for d in devices]), fitted())
    return np.asarray(np.array(_mature_rates(asked), dtype=np.float64) / young)
