"""What the cluster core tells the market, machines for runs, what they train, tokens a second.

Machines for runs are planned in one call a week for all labs.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from market.cluster import ClusterError, plan_for_budget, serving_rates, weekly_choices
from market.cluster import chip as cluster_chip
from market.cluster.models import mixture_of
from market.cluster.weekly import gpu_rungs
from market.rules.base import holdings_of
from market.rules.training import effective_flop
from market.state import State
from market.state.chips import Place
from market.state.contracts import Tranche
from market.state.training import Lab
from market.units import DAYS_PER_YEAR, SECONDS_PER_DAY, to_year

REFERENCE_PARAMS = 1e11  # active, of the mixture on which machines of several chips are compared
MACHINES = 2  # of each lab, the largest, are planned
CLOSE = 1 + 1e-9  # what rounding may leave


class Machine(NamedTuple):
    """GPUs on which a lab could train, and the FLOP that they do in the days of a run; effective: of dense models."""

    chip: str
    site: str
    gpus: int
    flop: float
    effective_flop: float


@lru_cache(256)
def peak_flop_per_s(chip: str) -> float:
    """Dense BF16 nameplate of a GPU; 0 for chips that the cluster core does not know."""
    try:
        return cluster_chip(chip).bf16_flop_per_s
    except ClusterError:
        return 0.0


def cluster_size(gpus: int) -> int:
    """Round GPUs down to a rung of the core's ladder, 25 % apart: clusters are cut in sizes that it has searched."""
    return gpu_rungs(gpus)[0] if gpus > 0 else 0


class Leader(NamedTuple):
    """The best released model: its effective FLOP, and the day of its release."""

    effective_flop: float
    released_day: int


def leader(state: State, day: int) -> Leader:
    """Find the best released model; before the first, what a first run takes, today."""
    labs = state.training.labs.values()
    known = [Leader(lab.best_effective_flop, lab.released_day) for lab in labs if lab.best_effective_flop]
    return max(known, default=Leader(state.run.parameters["labs.first_run_flop"], day))


def leading_flop(state: State, best: Leader, day: int, ready_weeks: float) -> float:
    """Effective FLOP of a run that would lead when it is released, on a machine ready in so many weeks."""
    p = state.run.parameters
    own = day + 7 * ready_weeks + p["labs.run_days"] + 7 * p["labs.release_lag_weeks"]
    years = max(0.0, own - best.released_day) / DAYS_PER_YEAR
    flop: float = best.effective_flop * p["labs.race_pace_per_year"] ** years
    return flop


class LabMachine(NamedTuple):
    """A machine of a lab, known to all: its H100 equivalents at one place, and the day from which they run."""

    lab: str
    h100e: float
    ready_day: int


def lab_machines(state: State, day: int) -> Iterator[LabMachine]:
    """Machines of labs that are known: clusters announced, as far as they stand, and what contracts bring for a run."""
    labs, chips = state.training.labs, state.chips.chips
    for place, gpus in state.training.clusters.items():
        holding = state.chips.holdings.get(place)
        if place.org in labs and holding is not None:
            gpus_there = min(gpus, holding.held, place_gpus(state, place))
            yield LabMachine(place.org, gpus_there * chips[place.chip].h100e, day)
    for contract in state.contracts.open.values():
        if contract.lessee in labs and contract.schedule:
            gpus, ready = together(contract.schedule, state.run.parameters["labs.run_days"])
            yield LabMachine(contract.lessee, gpus * chips[contract.chip].h100e, max(day, ready))


def leading_machines(state: State, known: Iterable[LabMachine], day: int) -> list[tuple[float, str]]:
    """Machines of a day that would lead over the largest that each lab has shown or signed for by then, largest first.

    Each with the lab, H100e.
    """
    pace, largest = state.run.parameters["labs.race_pace_per_year"], dict[str, float]()
    for lab, h100e, ready in known:
        largest[lab] = max(largest.get(lab, 0.0), h100e * pace ** ((day - ready) / DAYS_PER_YEAR))
    return sorted(((h100e, lab) for lab, h100e in largest.items()), reverse=True)


def together(schedule: Sequence[Tranche], run_days: float) -> tuple[int, int]:
    """GPUs of a contract that could train together, and from when: those that come while a run lasts from the first."""
    first = min(tranche.start_day for tranche in schedule)
    near = [tranche for tranche in schedule if tranche.start_day - first < run_days]
    return sum(tranche.gpus for tranche in near), max(tranche.start_day for tranche in near)


def place_gpus(state: State, place: Place) -> float:
    """Most GPUs that stand at one place of a site: a pool is many halls, none larger than known."""
    if state.sites.sites[place.site].kind != "pool":
        return math.inf
    kw: float = state.run.parameters["sites.pool_place_kw"]
    return kw / state.chips.chips[place.chip].power_kw_it_per_gpu


def step_flop(state: State, best: Leader, lab: Lab, day: int) -> float:
    """Effective FLOP from which a lab begins a run: what would lead, or after a wait a step beyond its own best."""
    p = state.run.parameters
    own: float = p["labs.step_up"] * max(lab.best_effective_flop, p["labs.first_run_flop"])
    return own if day - lab.run_day >= 7 * p["labs.run_wait_weeks"] else max(own, leading_flop(state, best, day, 0.0))


def machines(state: State, fleets: Mapping[str, float], day: int) -> dict[str, list[Machine]]:
    """Plan the largest machines of every lab that could begin a run this week, best first."""
    training = {run.org for run in state.training.runs.values()}
    idle = (org for org, lab in state.training.labs.items() if not lab.pending_model and org not in training)
    best, densest = leader(state, day), _densest(state)
    rows = [row for org in idle for row in _candidates(state, (best, densest), org, fleets[org], day)]
    if not rows:
        return {}
    paces = _paces(tuple((m.flop, m.chip, m.gpus) for _, m in rows), month_year(day))
    seconds = state.run.parameters["labs.run_days"] * SECONDS_PER_DAY
    found: dict[str, list[Machine]] = defaultdict(list)
    for (org, machine), (pace, experts) in zip(rows, paces, strict=True):
        flop = machine.gpus * peak_flop_per_s(machine.chip) * pace * seconds
        if flop > 0:
            effective = effective_flop(state, flop, experts)
            found[org].append(machine._replace(flop=flop, effective_flop=effective))
    return {org: sorted(options, key=lambda m: (-m.effective_flop, m.chip, m.site)) for org, options in found.items()}


def month_year(day: int) -> float:
    """Date of the nearest turn of a month: what software and chips' age decide is asked afresh once a month."""
    return round(12 * to_year(day)) / 12


@lru_cache(256)
def _paces(asked: tuple[tuple[float, str, int], ...], year: float) -> tuple[tuple[float, float], ...]:
    """Share of the BF16 nameplate at which runs progress, and experts of their models; (FLOP, chip, GPUs) each."""
    flop, chips, gpus = zip(*asked, strict=True)
    plans = plan_for_budget(flop, chips, gpus, year=year, precision=None, sparse=None)
    return tuple(zip((plans.mfu_bf16 * plans.goodput).tolist(), plans.experts.tolist(), strict=True))


def _densest(state: State) -> float:
    """Most FLOP a second that an H100 equivalent of any chip has."""
    return max((peak_flop_per_s(chip.name) / chip.h100e for chip in state.chips.chips.values()), default=0.0)


def _candidates(
    state: State, known: tuple[Leader, float], org: str, fleet: float, day: int
) -> list[tuple[str, Machine]]:
    """Machines of an idle lab whose nameplate gives hope of a run.

    `known` : the best model, and the most FLOP a second that an H100 equivalent of any chip has.
    """
    p, lab = state.run.parameters, state.training.labs[org]
    research = fleet * (1 - p.get(f"orgs.{org}.captive_share", 0.0)) * (1 - lab.inference_share)
    keen = p["labs.run_share"] + p["labs.run_share_keen"] * p.get(f"orgs.{org}.wait_weight", 0.0)
    budget = p.get(f"orgs.{org}.run_share", min(1.0, keen)) * research
    pace = p["labs.mfu"] * p["labs.goodput"] * p["labs.run_days"] * SECONDS_PER_DAY
    least, credit = step_flop(state, known[0], lab, day), max(1.0, p["labs.mixture_credit"])
    if budget * known[1] * pace * credit * CLOSE < least:
        return []  # nor would GPUs of the best chip do
    rows = []
    for holding in holdings_of(state, org):
        peak = peak_flop_per_s(holding.chip)
        if not peak:
            continue
        most = min(holding.held, int(budget / state.chips.chips[holding.chip].h100e))
        if most * peak * pace * credit * CLOSE < least:
            continue  # nor would the rung below
        gpus = cluster_size(most)
        flop = gpus * peak * pace
        if flop * credit >= least:
            rows.append((org, Machine(holding.chip, holding.site, gpus, flop, flop)))
    return sorted(rows, key=lambda row: (-row[1].flop, row[1].chip, row[1].site))[:MACHINES]


def token_rates(state: State, day: int) -> dict[str, float]:
    """Output tokens a second and GPU of every chip, in one call of the core's serving model a month.

    Tokens of the small model are counted by what they cost on H100s in tokens of the large one.
    """
    each, _ = _rates(*_asked(state, day))
    return {name: each * beside for name, beside in beside_h100(state, day).items()}


def beside_h100(state: State, day: int) -> dict[str, float]:
    """Tokens a second of a GPU of each chip over those of an H100.

    A chip serves the model, small or large, at which it is best beside an H100. Chips that the core does not know go by
    their H100e.
    """
    _, found = _rates(*_asked(state, day))
    return {name: found.get(name, chip.h100e) for name, chip in state.chips.chips.items()}


def _asked(state: State, day: int) -> tuple[tuple[str, ...], tuple[float, float], float]:
    """Chips that the core knows, the sizes of the two models, and the month as a year."""
    p = state.run.parameters
    known = tuple(name for name in state.chips.chips if peak_flop_per_s(name))
    return known, (p["serving.params_large"], p["serving.params_small"]), month_year(day)


@lru_cache(64)
def _rates(chips: tuple[str, ...], sizes: tuple[float, float], year: float) -> tuple[float, dict[str, float]]:
    """Tokens a second of an H100 with the first of two models, and of chips beside H100s with the better of both."""
    asked = [*chips, "H100"]
    found = serving_rates(asked * 2, [size for size in sizes for _ in asked], year=year)
    large, small = found[: len(asked)], found[len(asked) :]
    beside = np.maximum(large / large[-1], small / small[-1])
    return float(large[-1]), dict(zip(chips, beside.tolist(), strict=False))


def training_yield(chip: str, gpus: int, day: int) -> float:
    """Training throughput per H100e of a machine over that of as many H100s.

    Sizes are rounded to powers of four; 1 where the core does not know the chip or the reference model does not fit.
    """
    if not peak_flop_per_s(chip):
        return 1.0
    return _training_yield(chip, cluster_size(4 ** max(4, round(math.log(gpus, 4)))), month_year(day))


@lru_cache(512)
def _training_yield(chip: str, gpus: int, year: float) -> float:
    if chip == "H100":
        return 1.0
    model = mixture_of(REFERENCE_PARAMS)
    found = weekly_choices([chip, "H100"], [gpus] * 2, [model] * 2, year=year, precision=None)
    own, h100 = (found.mfu_bf16 * found.goodput).tolist()
    return own / h100 if own > 0 and h100 > 0 else 1.0
