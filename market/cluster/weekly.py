"""What the simulation asks: the choices of a week, cached by chip, GPUs and model."""

import dataclasses
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from market.cluster import work
from market.cluster.answer import Question, plan_fields, question_case
from market.cluster.case import Array
from market.cluster.chips import Chip, chip
from market.cluster.constants import fitted
from market.cluster.goodput import goodput, goodput_at, out_of_service
from market.cluster.losses import what_binds
from market.cluster.models import SIZES_PER_DECADE, TOKENS_PER_PARAMETER, Model, model, shape_for
from market.cluster.parallelism import FREE, Fixed
from market.cluster.search import search
from market.cluster.stack import periods, run_on
from market.cluster.step import maturity, maturity_at, params_per_gpu, step
from market.cluster.work import mixture_youth
from market.cluster.workload import lowest_precision, nameplate
from market.units import DAYS_PER_YEAR, SECONDS_PER_DAY

GPU_RUNG = 1.25
"""Plans are searched at GPU counts 25 % apart; the rate of progress between two of them is interpolated."""


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


LARGE_GPUS, LARGE = 600, Fixed(pipelined=1, stage_waste=0.07)
"""On so many GPUs and more, runs in a pipeline are planned with microbatches of one sequence and nearly even stages:
within a few percent of the best (a test compares), and a search costs a third."""


@dataclass(frozen=True, slots=True)
class Rung:
    """The best plan on one number of GPUs while software stays the same; maturity and goodput are left out.

    A mixture's step shortens linearly in what its software still lacks, from the first date of the period to its last.
    """

    plan: str
    binds: str
    gpus_used: float = 1.0
    idle: float = 0.0  # GPUs beside the plan: its spares
    s_per_flop: tuple[float, float] = (0.0, 0.0)  # at the start and the end of the period; 0 where nothing fits
    step_s: tuple[float, float] = (0.0, 0.0)


WEEK_YEARS = 7 / DAYS_PER_YEAR


def reference_year(device: Chip, period: tuple[float, float]) -> float:
    """Give the date at which a period's plan is searched: its middle, counted from the chip's volume, or a year on."""
    start = min(max(period[0], device.volume_year), period[1] - WEEK_YEARS)
    return start + min((period[1] - start) / 2, 1.0)


@functools.lru_cache(65_536)
def _rung(chip_name: str, gpus: int, shape: Model, precision: int, period: tuple[float, float]) -> Rung:
    """Search one rung and time its plan at both ends of a period."""
    device, k = chip(chip_name), fitted()
    case, usable = question_case(Question(device, float(gpus), shape, precision, reference_year(device, period)), k)
    fixed = LARGE if gpus >= LARGE_GPUS else FREE
    result = search(case.having(powered=np.asarray(usable)), shape, usable, k, fixed, exact=1)
    if not np.size(result.order):
        return Rung("", result.binds)
    best = result.case.at(slice(0, 1))
    ends = best.having(year=np.array(period))
    size = work.sizes(ends)
    timed = step(ends, size, params_per_gpu(ends, size), k)
    step_s = timed.step_s / maturity(ends, k)
    used = best.used().item()
    flop = float(shape.flop_per_token * shape.seq_len * best.batch_seqs.item())
    figures = dataclasses.asdict(timed) | {
        "gpus_used": used, "goodput": goodput(best, np.asarray(used)).goodput,
        "flop": shape.flop_per_token * shape.train_tokens,
    }  # fmt: skip
    binds = what_binds(False, usable, {n: float(np.ravel(v)[0]) for n, v in figures.items()})
    return Rung(plan_text(plan_fields(best, 0, precision)), binds, used, gpus - used,
                tuple((step_s / flop).tolist()), tuple(step_s.tolist()))  # fmt: skip


NO_GPUS = Rung("", "gpus")


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
    count = np.asarray(gpus, dtype=np.float64)
    pairs = [_pair(c, m) for c, m in zip(chips, shapes, strict=True)]
    rungs = [gpu_rungs(int(g)) for g in count]
    levels = [min(precision, pair.lowest) for pair in pairs]
    spans = [next((span for span in reversed(pair.periods) if span[0] <= year), pair.periods[0]) for pair in pairs]
    asked = list(zip(chips, shapes, levels, spans, count, rungs, strict=True))
    at = [_rung(c, r[0], m, p, span) if g >= 1 else NO_GPUS for c, m, p, span, g, r in asked]
    above = [
        low if r[0] == r[1] or g < 1 else _rung(c, r[1], m, p, span)
        for low, (c, m, p, span, g, r) in zip(at, asked, strict=True)
    ]
    known = [(*pair.figures, pair.peaks[level]) for pair, level in zip(pairs, levels, strict=True)]
    born, domain, bf16, params, experts, per_token, peak = np.array(known).reshape(-1, 7).T
    young = maturity_at(np.asarray(year), born, fitted())
    share = period_share(np.array(spans).reshape(-1, 2), year)
    low = _progress(at, (share, year, young), born, domain)
    progress = low[0]
    if at != above:
        reach = np.array([r[1] - r[0] for r in rungs], dtype=np.float64)
        more = _progress(above, (share, year, young), born, domain)[0] - progress
        between = (count - [r[0] for r in rungs]) / np.maximum(reach, 1)
        progress = progress + between * np.maximum(more, 0) * (progress > 0)
    days = np.divide(flop / SECONDS_PER_DAY, progress, out=np.full(len(flop), np.inf), where=progress > 0)
    mfu = np.divide(progress, count * peak * low[1], out=np.zeros(len(flop)), where=progress > 0)
    return Choices(
        plan=[found.plan for found in at], gpus_used=low[2], goodput=low[1] * (progress > 0),
        mfu=mfu, mfu_bf16=mfu * peak / bf16, step_s=low[3], days=days, binds=[found.binds for found in at],
        params=params, experts=experts, tokens=flop / per_token,
    )  # fmt: skip


class Pair(NamedTuple):
    """What a chip and a model decide, whatever the date and the GPUs."""

    periods: tuple[tuple[float, float], ...]
    lowest: int  # precision
    peaks: tuple[float, ...]  # nameplates by precision
    figures: tuple[float, ...]  # volume year, domain, BF16 nameplate, parameters, experts, FLOPs a token


@functools.lru_cache(4096)
def _pair(chip_name: str, m: Model) -> Pair:
    d = chip(chip_name)
    figures = (d.volume_year, d.scaleup_domain_gpus, d.bf16_flop_per_s, m.params_total, m.experts, m.flop_per_token)
    return Pair(periods(run_on(d, m)), lowest_precision(d), tuple(nameplate(d, p) for p in range(3)), figures)


def period_share(spans: Array, year: float) -> Array:
    """Give how far a date has come through each period, by what mixtures' software lacks; 0 at its start. [C]."""
    first, last, now = mixture_youth(spans[:, 0]), mixture_youth(spans[:, 1]), mixture_youth(np.asarray(year))
    share: Array = np.divide(first - now, first - last, out=np.zeros(len(spans)), where=first > last)
    return share


def _progress(found: list[Rung], when: tuple[Array, float, Array], born: Array, domain: Array) -> tuple[Array, ...]:
    """Give FLOPs a second including lost work, goodput, GPUs used and seconds a step of rungs at a date. [C] each."""
    share, year, young = when
    table = np.array([(r.gpus_used, r.idle, *r.s_per_flop, *r.step_s) for r in found]).reshape(-1, 6).T
    used, idle = table[0], table[1]
    fits = table[2] > 0
    each, step = (young * (a + share * (b - a)) for a, b in (table[2:4], table[4:6]))
    good = goodput_at(used, np.asarray(year), born).goodput * (1 - out_of_service(domain, used + idle, used))
    progress = np.divide(good, each, out=np.zeros(len(found)), where=fits)
    return progress, good, used * fits, np.where(fits, step, np.inf)


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
