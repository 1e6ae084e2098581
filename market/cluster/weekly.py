"""What the simulation asks: the choices of a week, cached by chip, GPUs and model."""

import dataclasses
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from market.cluster.answer import Question, plan_fields, question_case
from market.cluster.case import Array
from market.cluster.chips import chip
from market.cluster.constants import fitted
from market.cluster.evaluate import answer_chunk
from market.cluster.goodput import goodput_at
from market.cluster.losses import what_binds
from market.cluster.models import SIZES_PER_DECADE, TOKENS_PER_PARAMETER, Model, model, shape_for
from market.cluster.parallelism import Fixed
from market.cluster.search import search
from market.cluster.step import maturity_at
from market.cluster.workload import lowest_precision, nameplate
from market.units import SECONDS_PER_DAY

GPU_RUNG = 1.25
"""Plans are searched at GPU counts 25 % apart; the rate of progress between two of them is interpolated."""
REFERENCE_YEARS = 2.0
REFERENCE_YEAR = 2025.0
"""A rung is searched once, at two years of a chip's age and not before 2025; the date of a question enters by the
maturity of dense software and by goodput, both exact. The slow maturity of mixtures stays at the reference."""


@dataclass(frozen=True, slots=True)
class Choices:
    """The best plan of each candidate [C]; where nothing fits, `plan` is "", `mfu` 0 and `days` infinite."""

    plan: list[str]
    gpus_used: Array
    mfu: Array  # of the dense nameplate at the plan's precision
    mfu_bf16: Array  # of the dense BF16 nameplate at any precision: what ledgers of FLOP count with
    goodput: Array
    step_s: Array
    days: Array
    binds: list[str]
    params: Array  # all of them
    experts: Array  # a layer; 0 in a dense model
    tokens: Array


@functools.lru_cache(65_536)
def gpu_rungs(gpus: int) -> tuple[int, int]:
    """Give the rungs of the ladder at and above a count; counts to 64 are rungs themselves."""
    if gpus <= 64:
        return max(gpus, 1), max(gpus, 1)
    step = int(np.floor(np.log(gpus / 64) / np.log(GPU_RUNG) + 1e-9))
    low, high = (int(np.ceil(64 * GPU_RUNG**n - 1e-6)) for n in (step, step + 1))
    return low, low if gpus == low else high


def plan_text(plan: dict[str, Any]) -> str:
    """Write a plan on one line: `tp8 pp16 vp4 dp128 ep1 cp1 zero1 mb1 bf16 none`."""
    names = (("tp", "tp"), ("pp", "pp"), ("vp", "vp"), ("dp", "dp"), ("ep", "ep"), ("cp", "cp"), ("zero", "zero"))
    parts = [f"{short}{plan[name]}" for name, short in names]
    return " ".join([*parts, f"mb{plan['microbatch']}", plan["precision"], str(plan["recompute"])])


FP8_TRAINING_YEAR, FP4_TRAINING_YEAR, MIXTURE_YEAR = 2024.9, 2026.5, 2024.0
"""From these dates frontier runs multiply at 8 bits (DeepSeek-V3, December 2024, arXiv:2412.19437) and at 4 bits (a
year after NVIDIA's recipe of September 2025, arXiv:2509.25149: assumption), and are mixtures (Mixtral, December 2023,
arXiv:2401.04088; GPT-4 by report)."""
TOKENS_PER_ACTIVE = 40.0
"""Compute-optimal tokens an active parameter of a mixture of 256 experts: more than a dense model's 20, as the optimum
moves to fewer active parameters and more tokens with the number of experts (Ludziejewski et al. 2025,
arXiv:2502.05172). Assumption: twice."""


def training_precision(year: float) -> int:
    """Give the fewest bits at which frontier runs of a date multiply: 0 BF16, 1 FP8, 2 FP4, where a chip has them."""
    return int(year >= FP8_TRAINING_YEAR) + int(year >= FP4_TRAINING_YEAR)


SHORT, LONG = Fixed(microbatch=1), Fixed(microbatch=1, eps=(1, 64, 128), cps=(1, 4))
LONG_LIST_GPUS = 8192
"""Plans of runs as large as the market's, from so many GPUs on the second: a search costs a quarter of a full one and
finds plans as fast to 1 % (a test compares)."""
NOTHING = ("", 1.0, 0.0, np.inf)


@functools.lru_cache(65_536)
def _rung(chip_name: str, gpus: int, shape: Model, precision: int) -> tuple[str, float, float, float, str]:
    """Search one rung at the reference date: plan, GPUs used, model FLOP/s and step of mature software, what binds."""
    device = chip(chip_name)
    year = max(device.volume_year + REFERENCE_YEARS, REFERENCE_YEAR)
    k, fixed = fitted(), SHORT if gpus < LONG_LIST_GPUS else LONG
    case, usable = question_case(Question(device, float(gpus), shape, precision, year), k)
    result = search(dataclasses.replace(case, powered=np.asarray(usable)), shape, usable, k, fixed, exact=1)
    if not np.size(result.order):
        return *NOTHING, result.binds
    best = result.case.at(slice(0, 1))
    figures = answer_chunk(best, k)
    a = {f.name: float(np.atleast_1d(getattr(figures, f.name))[0]) for f in dataclasses.fields(figures)}
    mature = float(maturity_at(np.asarray(year), np.asarray(device.volume_year), k))
    rate = a["flop_per_s_per_gpu"] * gpus * mature
    plan = plan_text(plan_fields(best, 0, precision))
    return plan, a["gpus_used"], rate, a["step_s"] / mature, what_binds(False, usable, a)


def weekly_choices(
    chips: Sequence[str], gpus: Sequence[int] | npt.NDArray[Any], models: Sequence[str | Model], *,
    year: float, precision: int | None = 0,
) -> Choices:  # fmt: skip
    """Choose the best plan of each of a week's candidates. `C` candidates.

    Parameters
    ----------
    chips : [C] chip names
    gpus : [C] GPUs at hand
    models : [C] library names or `Model`s; the run is the model's `train_tokens`
    year : decimal year, for the age of chips and software
    precision : 0 BF16, 1 FP8, 2 FP4, None for that of the date; a chip that has not got it uses the lowest it has

    `mfu` counts all of the GPUs, idle ones too, so that `training_days(flop, gpus, peak, mfu, goodput)` is `days`.
    """
    shapes = [model(m) if isinstance(m, str) else m for m in models]
    flop = np.array([m.flop_per_token * m.train_tokens for m in shapes])
    return _choices(chips, gpus, shapes, flop, (year, precision))


def _choices(
    chips: Sequence[str], gpus: Sequence[int] | npt.NDArray[Any], shapes: Sequence[Model], flop: Array,
    when: tuple[float, int | None],
) -> Choices:  # fmt: skip
    year, precision = when[0], training_precision(when[0]) if when[1] is None else when[1]
    devices = [chip(c) for c in chips]
    count = np.asarray(gpus, dtype=np.float64)
    rungs = [gpu_rungs(int(g)) for g in count]
    lowest = [min(precision, lowest_precision(d)) for d in devices]
    asked = list(zip(chips, shapes, lowest, count, rungs, strict=True))
    at, above = (
        [_rung(c, r[side], m, p) if g >= 1 else (*NOTHING, "gpus") for c, m, p, g, r in asked] for side in (0, 1)
    )
    born = np.array([d.volume_year for d in devices])
    young = maturity_at(np.asarray(year), born, fitted())
    used, next_used = (np.array([found[1] for found in side]) for side in (at, above))
    good, next_good = (goodput_at(u, np.asarray(year), born).goodput for u in (used, next_used))
    rate, next_rate = (np.array([found[2] for found in side]) / young for side in (at, above))
    low, high = (np.array([r[side] for r in rungs], dtype=np.float64) for side in (0, 1))
    between = (count - low) / np.maximum(high - low, 1)
    progress = rate * good + between * np.maximum(next_rate * next_good - rate * good, 0) * (rate > 0)
    days = np.divide(flop / SECONDS_PER_DAY, progress, out=np.full(len(flop), np.inf), where=progress > 0)
    peak = count * np.array([nameplate(d, p) for d, p in zip(devices, lowest, strict=True)])
    ratio = np.array([nameplate(d, p) / d.bf16_flop_per_s for d, p in zip(devices, lowest, strict=True)])
    mfu = np.divide(progress, peak * good, out=np.zeros(len(flop)), where=peak > 0)
    return Choices(
        plan=[found[0] for found in at], gpus_used=used * (rate > 0), goodput=good * (rate > 0),
        mfu=mfu, mfu_bf16=mfu * ratio,
        step_s=np.array([found[3] for found in at]) * young, days=days, binds=[found[4] for found in at],
        params=np.array([m.params_total for m in shapes]), experts=np.array([m.experts for m in shapes]),
        tokens=flop / np.array([m.flop_per_token for m in shapes]) if shapes else np.empty(0),
    )  # fmt: skip


def plan_for_budget(
    flop: Array | Sequence[float], chips: Sequence[str], gpus: Sequence[int] | npt.NDArray[Any], *,
    year: float, precision: int | None = 0, sparse: bool | None = False,
) -> Choices:  # fmt: skip
    """Size a model for a FLOP budget and choose its plan. `C` candidates.

    The rule: compute-optimal, 20 tokens a parameter (Hoffmann et al. 2022), so params = sqrt(flop / 120), or 40 an
    active parameter of a mixture; the shape is that of the nearest of four sizes a decade, and tokens make up the exact
    budget.

    Parameters
    ----------
    flop : [C] training FLOPs
    chips, gpus, year, precision : as in `weekly_choices`
    sparse : mixtures of experts instead of dense models; None for what the date does
    """
    budget = np.asarray(flop, dtype=np.float64)
    if np.any(~(budget >= 1e15)) or np.any(budget > 1e32):
        raise ValueError(f"flop: must lie in [1e15, 1e32], was {budget!r}")
    sparse = year >= MIXTURE_YEAR if sparse is None else sparse
    share = TOKENS_PER_ACTIVE if sparse else TOKENS_PER_PARAMETER
    rungs = np.rint(SIZES_PER_DECADE * np.log10(np.sqrt(budget / (6 * share)))).astype(int)
    shapes = [shape_for(int(r), sparse) for r in rungs]
    return _choices(chips, gpus, shapes, budget, (year, precision))
