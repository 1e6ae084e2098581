"""One question, one answer: which plan, how fast, how long, how much power, what it costs."""

import dataclasses
import functools
from typing import Any

import numpy as np

from market.cluster.case import FULL, PRECISIONS, RECOMPUTES, Case
from market.cluster.cells import number
from market.cluster.chips import Chip, chip
from market.cluster.constants import Constants, fitted
from market.cluster.evaluate import Answers, answer_chunk
from market.cluster.idle import idle
from market.cluster.losses import error_band, losses, what_binds
from market.cluster.models import Model, model, with_training
from market.cluster.parallelism import FREE, Fixed
from market.cluster.power import clock_at, gpus_under_cap
from market.cluster.rows import LARGEST_GPUS
from market.cluster.scaling import LOSS_DOMAIN_PARAMS
from market.cluster.search import Found, search
from market.cluster.stack import DEFAULT_STACK, Stack
from market.cluster.tables import ClusterError
from market.cluster.workload import base_case, check_precision
from market.units import HOURS_PER_YEAR

OWNED_SYSTEM_PER_CHIP = 1.6
"""A cluster's price over its chips': server, network, storage, installation. Assumption: 1.4-1.8 in Epoch AI's
cost study (Cottier et al. 2024, arXiv:2405.21015, figure 3: chips are 47-65 % of amortised hardware cost)."""
OWNED_YEARS = 4.0
ELECTRICITY_USD_PER_KWH = 0.08
"""Assumption: a United States industrial tariff."""


@dataclasses.dataclass(frozen=True, slots=True)
class Question:
    """What is asked; `None` takes the model's or the chip's own figure."""

    chip: Chip
    gpus: float
    model: Model
    precision: int = 0
    year: float | None = None
    price_usd_per_gpu_hour: float | None = None
    pue: float = 1.2
    power_cap_mw: float | None = None
    slow_clocks: bool = False  # under a cap: slower clocks on all GPUs instead of fewer GPUs
    spare_share: float = 0.0  # GPUs kept out of the plan to replace failed ones
    fixed: Fixed = FREE
    stack: Stack = DEFAULT_STACK
    sites: int = 1
    site_gbps: float = 10_000.0  # between a site and the others
    site_km: float = 100.0

    @property
    def spares(self) -> float:
        """Count the GPUs kept out of the plan."""
        return float(np.ceil(self.gpus * self.spare_share))


def ask(
    chip_name: str | Chip, gpus: float, model_name: str | Model, *, tokens: float | None = None,
    precision: str = "bf16", batch_seqs: float | None = None, **other: Any,
) -> Question:  # fmt: skip
    """Check a question."""
    given = {"gpus": gpus, "tokens": tokens, "batch_seqs": batch_seqs} | {
        n: other.get(n)
        for n in (
            "year",
            "price_usd_per_gpu_hour",
            "pue",
            "power_cap_mw",
            "spare_share",
            "sites",
            "site_gbps",
            "site_km",
        )
    }
    if gpus is None or (isinstance(gpus, float) and np.isnan(gpus)):
        raise ClusterError(f"gpus: must be a number of at least 1, was {gpus}")
    limits = {"gpus": (1, LARGEST_GPUS), "tokens": (1e6, 1e18), "batch_seqs": (1, 1e8), "year": (2015, 2100),
              "price_usd_per_gpu_hour": (0, 1e6), "pue": (1, 3), "power_cap_mw": (1e-6, 1e6),
              "spare_share": (0, 0.5), "sites": (1, 64), "site_gbps": (1e-3, 1e9), "site_km": (0, 4e4)}  # fmt: skip
    for name, (low, high) in limits.items():
        if isinstance(given[name], float) and np.isnan(given[name]):
            raise ClusterError(f"{name}: must lie in [{low:g}, {high:g}], was nan")
        number(given, name, low, high)
    if precision not in PRECISIONS:
        raise ClusterError(f"precision: must be one of {', '.join(PRECISIONS)}, was {precision!r}")
    device = chip(chip_name) if isinstance(chip_name, str) else chip_name
    check_precision(device, PRECISIONS.index(precision))
    shape = model(model_name) if isinstance(model_name, str) else model_name
    shape = with_training(shape, tokens, batch_seqs)
    return Question(device, float(gpus), shape, PRECISIONS.index(precision), **other)


def owned_usd_per_gpu_hour(device: Chip, pue: float) -> float:
    """Give the hourly cost of an owned GPU: hardware over four years, and electricity. NaN where no price is known."""
    if not device.price_usd:
        return float("nan")
    hardware = device.price_usd * OWNED_SYSTEM_PER_CHIP / (OWNED_YEARS * HOURS_PER_YEAR)
    return hardware + device.it_kw_per_gpu * pue * ELECTRICITY_USD_PER_KWH


KM_PER_S_IN_FIBRE = 200_000.0


def between_sites_s(q: Question) -> float:
    """Time a step's exchange of gradients between sites: a ring of 2-byte gradients over the links, not hidden.

    Every site trains on its share of the batch; 2 (n - 1)/n of the parameters pass a site's link in each direction, and
    2 (n - 1) hops take light's time. Assumption: synchronous training, one exchange a step.
    """
    passes = 2 * (q.sites - 1)
    sent = passes / q.sites * q.model.params_total * 2
    return sent / (q.site_gbps * 1e9 / 8) + passes * q.site_km / KM_PER_S_IN_FIBRE


def question_case(q: Question, k: Constants) -> tuple[Case, float]:
    """Build the one-row case of a question, and the GPUs that a plan may use under the power cap and spares."""
    price = q.price_usd_per_gpu_hour
    price = owned_usd_per_gpu_hour(q.chip, q.pue) if price is None else price
    case = base_case(
        q.chip, q.model, precision=q.precision, year=q.year, stack=q.stack, gpus=q.gpus, constants=k,
        price_usd_per_gpu_hour=price, pue=q.pue, sites_s=between_sites_s(q),
    )  # fmt: skip
    usable = np.floor(q.gpus) - q.spares
    if q.power_cap_mw is not None and q.slow_clocks:
        share = q.power_cap_mw * 1e3 / (q.gpus * q.chip.it_kw_per_gpu * q.pue)
        clock = float(clock_at(min(share, 1.0)))
        if clock <= 0:
            raise ClusterError(f"power_cap_mw: must exceed the static draw of {q.gpus:g} GPUs, was {q.power_cap_mw:g}")
        power = min(share, 1.0)
        case = case.having(
            gemm_flop_per_s=case.gemm_flop_per_s * clock, bf16_gemm_flop_per_s=case.bf16_gemm_flop_per_s * clock,
            tdp_w=case.tdp_w * power, it_kw_per_gpu=case.it_kw_per_gpu * power,
        )  # fmt: skip
    elif q.power_cap_mw is not None:
        usable = float(gpus_under_cap(usable, q.chip.it_kw_per_gpu, q.pue, q.power_cap_mw))
    return case, float(usable)


@functools.lru_cache(4096)
def found(q: Question, k: Constants) -> tuple[Found, float]:
    """Search the plans of a question; second: the GPUs it could use."""
    case, usable = searched_case(q, k)
    return search(case, q.model, usable, k, q.fixed), usable


def searched_case(q: Question, k: Constants) -> tuple[Case, float]:
    """Build the case that a question's plans are searched for; second: the GPUs that they may use."""
    case, usable = question_case(q, k)
    powered = np.floor(q.gpus) if q.slow_clocks else min(usable + q.spares, q.gpus)
    return case.having(powered=np.asarray(powered)), usable


def plan_fields(case: Case, row: int, precision: int) -> dict[str, Any]:
    """Spell one plan out as answers print it."""

    def whole(name: str) -> int:
        return int(np.atleast_1d(getattr(case, name))[min(row, np.size(getattr(case, name)) - 1)])

    level = float(np.atleast_1d(case.recompute)[min(row, np.size(case.recompute) - 1)])
    share = level - 1
    recompute = RECOMPUTES[int(level)] if level == int(level) else f"{RECOMPUTES[FULL]} {share:.0%} of layers"
    named = {n: whole(n) for n in ("tp", "pp", "vp", "dp", "ep", "cp", "zero", "microbatch", "batch_seqs")}
    if whole("offload"):
        recompute += ", optimizer offloaded"
    return named | {"precision": PRECISIONS[precision], "recompute": recompute}


def breakdown(q: Question, k: Constants | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Answer a question: the fields that are printed, and every figure behind them."""
    k = k or fitted()
    result, usable = found(q, k)
    shape = {"params_total": q.model.params_total, "params_active": q.model.params_active}
    head: dict[str, Any] = {"chip": q.chip.name, "gpus": int(q.gpus), "model": q.model.name} | shape
    if not np.size(result.order):
        return head | dict.fromkeys(FIGURES) | {"fits": False, "binds": result.binds}, {}
    best = result.case.at(slice(0, 1))
    figures = answer_chunk(best, k)
    a = {f.name: float(np.atleast_1d(getattr(figures, f.name))[0]) for f in dataclasses.fields(Answers)}
    plan = plan_fields(best, 0, q.precision)
    left = idle(searched_case(q, k)[0], q.model, usable, result, (k, q.fixed))
    capped = q.power_cap_mw is not None and (q.slow_clocks or usable < np.floor(q.gpus) - q.spares)
    band = error_band(q.chip, q.model)
    fields = head | {
        "plan": plan, "gpus_used": int(a["gpus_used"]), "idle_because": left.because,
        "all_gpus_slower": left.all_gpus_slower, "fits": True, "binds": what_binds(capped, usable, a),
        "memory_gb": a["memory_bytes"] / 1e9, "step_s": a["step_s"], "mfu": a["mfu"], "mfu_causal": a["mfu_causal"],
        "tokens_per_s_per_gpu": a["tokens_per_s_per_gpu"], "goodput": a["goodput"], "days": a["days"],
        "days_low": a["days"] / (1 + band["p90"]), "days_high": a["days"] * (1 + band["p90"]),
        "power_mw": a["facility_mw"], "energy_gwh": a["energy_gwh"],
        "cost_usd": None if np.isnan(a["cost_usd"]) else a["cost_usd"], "loss": a["loss"],
        "losses": losses(best, k), "error_band": band,
    }  # fmt: skip
    low, high = LOSS_DOMAIN_PARAMS
    more = {"params": q.model.params_total, "loss_extrapolated": float(not low <= q.model.params_active <= high)}
    return fields, a | more


FIGURES = ("plan", "gpus_used", "idle_because", "all_gpus_slower", "fits", "binds", "memory_gb", "step_s", "mfu",
           "mfu_causal", "tokens_per_s_per_gpu", "goodput", "days", "days_low", "days_high", "power_mw", "energy_gwh",
           "cost_usd", "loss", "losses", "error_band")  # fmt: skip
"""Fields of an answer, in order. Rates, MFU, power, energy and cost are of all GPUs asked for."""


def answer(chip_name: str | Chip, gpus: float, model_name: str | Model, **other: Any) -> dict[str, Any]:
    """Answer with the best plan of one (chip, GPUs, model). Fields as `market cluster --json` prints them.

    Parameters
    ----------
    chip_name, model_name : names or aliases of the catalogue, or a Chip and a Model
    gpus : GPUs at hand; the plan may use fewer
    other : tokens, precision ("bf16", "fp8", "fp4"), batch_seqs, year, price_usd_per_gpu_hour (left out: owned cost),
        pue, power_cap_mw, slow_clocks, spare_share, fixed (a `Fixed` plan), stack (a `Stack` of software), sites,
        site_gbps and site_km (synchronous training over several sites)

    Rates, MFU (`mfu` counts attention in full, `mfu_causal` as the mask leaves it), power, energy and cost are of all
    `gpus`; `gpus_used` says how many the plan keeps busy. Where that is under 97 %, `idle_because` says why ("batch",
    "copies" of the model, "failures") and `all_gpus_slower` by what share the best plan on 97 % of them would take
    longer (None: there is none). `losses` adds up to 1; `days_low` and `days_high` span nine in ten of the left-out
    errors of the model's class. The loss law takes the active parameters of a mixture.

    Special cases: where nothing fits, `fits` is false, `binds` says "memory" or "gpus" and the figures are None.
    """
    return breakdown(ask(chip_name, gpus, model_name, **other))[0]


def best_plans(
    chip_name: str | Chip, gpus: float, model_name: str | Model, *, count: int = 5, **other: Any
) -> list[dict[str, Any]]:
    """List the `count` best plans with their step, MFU, goodput, days and memory, best first."""
    k = fitted()
    q = ask(chip_name, gpus, model_name, **other)
    result, _ = found(q, k)
    top = result.case.at(slice(0, min(count, np.size(result.order))))
    if not np.size(result.order):
        return []
    a = answer_chunk(top, k)
    return [
        plan_fields(top, i, q.precision)
        | {"gpus_used": int(a.gpus_used[i]), "step_s": float(a.step_s[i]),
           "mfu": float(a.mfu[i]), "goodput": float(a.goodput[i]),
           "days": float(a.days[i]), "memory_gb": float(a.memory_bytes[i]) / 1e9}
        for i in range(np.size(result.order[:count]))
    ]  # fmt: skip
