"""Inputs that all makers of chips share: packaging, memory, rack integration; the scarcest holds a line back.

Leontief: a line makes what its scarcest input allows; users of a scarce input are cut in proportion. Packaging is
measured by the makers' own plans, memory in GB and racks in GPUs a week.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import lru_cache

from events.kinds import Input
from events.types import chips as events
from market.cluster import ClusterError
from market.cluster import chip as cluster_chip
from market.rules.base import Happening, week_start
from market.state import State
from market.units import DAYS_PER_YEAR, MONTH_YEARS, clip

MEMORY: Input = "memory"
RACKS: Input = "racks"
PACKAGING: Input = "packaging"
SHELLS: Input = "shells"
PLANT: Input = "plant"
RACK_GPUS = 72  # one rack: 72 GPUs, 36 CPUs, 18 machines (Azure on GB300 NVL72, October 2025; NVIDIA GB200 NVL72)
GIB = 2**30
WAIT_WEEKS_MAX = 1_040.0  # twenty years, the longest run: also a wait that has no end


@lru_cache(256)
def memory_gb(chip: str) -> float:
    """High-bandwidth memory of a GPU; 0 for chips that the cluster core does not know."""
    try:
        return cluster_chip(chip).hbm_bytes / GIB
    except ClusterError:
        return 0.0


@lru_cache(256)
def is_rack_scale(chip: str) -> bool:
    """Whether a chip comes in racks that are one scale-up domain."""
    try:
        return cluster_chip(chip).scaleup_domain_gpus == RACK_GPUS
    except ClusterError:
        return False


def memory_supply(state: State, day: int) -> float:
    """GB of memory that can be had in a week: today's, carried on at its trend to a later day."""
    p = state.run.parameters
    today = state.chips.inputs.get(MEMORY, p["supply.memory_gb_per_week"]) * p["supply.memory_factor"]
    return today * math.exp(p["supply.memory_growth_per_year"] * _years_ahead(state, day))


def rack_supply(state: State, day: int) -> float:
    """Racks that can be had in a week: today's, and what is added every week once a rack-scale chip is in volume."""
    p = state.run.parameters
    first = min((c.start_day for c in state.chips.chips.values() if is_rack_scale(c.name)), default=day)
    weeks = max(0.0, (day - max(first, week_start(state))) / 7)
    return (state.chips.inputs.get(RACKS, _racks_at_start(state)) + weeks * p["supply.racks_per_week"]) * p[
        "supply.racks_factor"
    ]


def _racks_at_start(state: State) -> float:
    """Racks a week at the start: what was added since the first rack-scale chip came in volume, none before it."""
    first = min((c.start_day for c in state.chips.chips.values() if is_rack_scale(c.name)), default=state.run.start_day)
    return max(0.0, (state.run.start_day - first) / 7) * state.run.parameters["supply.racks_per_week"]


def _years_ahead(state: State, day: int) -> float:
    return max(0, day - week_start(state) - 6) / DAYS_PER_YEAR


def ratios(state: State, wished: Mapping[str, int], day: int) -> dict[Input, float]:
    """Part of its needs that each input can meet, 0 to 1 (packaging: above 1 where a shock adds to it)."""
    p = state.run.parameters
    packaging = p["supply.packaging_factor"] * p["supply.factor"] * state.run.shocks.get("supply", 1.0)
    grown = {name: gpus * packaging for name, gpus in wished.items()}
    memory = math.fsum(gpus * memory_gb(name) for name, gpus in grown.items())
    racked = _racked(state, grown)
    return {
        PACKAGING: packaging,
        MEMORY: min(1.0, memory_supply(state, day) / memory) if memory else 1.0,
        RACKS: min(1.0, rack_supply(state, day) / racked) if racked else 1.0,
    }


def _racked(state: State, gpus: Mapping[str, float]) -> float:
    """Racks that so many GPUs of each chip take."""
    racked = math.fsum(n for name, n in gpus.items() if is_rack_scale(name))
    share: float = state.run.parameters["supply.rack_share"]
    return share * racked / RACK_GPUS


def within(state: State, wished: Mapping[str, int], day: int) -> dict[str, int]:
    """GPUs a week that the shared inputs allow of what lines would make."""
    found = ratios(state, wished, day)
    made = {}
    for name, gpus in wished.items():
        part = found[MEMORY] if memory_gb(name) else 1.0
        if is_rack_scale(name):  # the rest of the generation ships in servers
            racked = state.run.parameters["supply.rack_share"]
            part = min(part, 1 - racked + racked * found[RACKS])
        made[name] = round(gpus * found[PACKAGING] * part)
    return made


def binding(state: State, wished: Mapping[str, int], day: int) -> Iterator[Happening]:
    """Name the input that holds each maker back this week: when it is another than before, or meets another part."""
    found, step = ratios(state, wished, day), state.run.parameters["supply.bound_step"]
    makers: dict[str, list[str]] = {}
    for name, gpus in wished.items():
        if gpus:
            makers.setdefault(state.chips.chips[name].supplier, []).append(name)
    for maker, chips in makers.items():
        parts: dict[Input, float] = {PACKAGING: min(1.0, found[PACKAGING])}
        if any(memory_gb(name) for name in chips):
            parts[MEMORY] = found[MEMORY]
        if any(is_rack_scale(name) for name in chips):
            parts[RACKS] = found[RACKS]
        scarcest = min(parts, key=lambda one: (parts[one], one != PACKAGING, one))
        share = round(parts[scarcest], 6)
        is_known = state.chips.binding.get(maker) == scarcest
        if not is_known or abs(share - state.chips.bound_share.get(maker, share)) >= step:
            event = events.InputBound(supplier=maker, kind=scarcest, share=share)
            yield Happening(day, event, maker, maker)


def pull(state: State, wait_weeks: float) -> float:
    """Log of a wait over its reference: what makers of packaging and memory invest by; beyond a knee its log again.

    Speed costs the more the faster lines are added, so that each further step takes a longer wait, and beyond the knee
    a far longer one. It has no stop: with one a wait of years counted as one of half a year. Below it has: lines that
    stand are not scrapped.
    """
    p = state.run.parameters
    log, knee = math.log(max(wait_weeks, 1e-9) / p["supply.lead_time_reference_weeks"]), p["supply.backlog_pull_max"]
    return max(log if log <= knee else knee * (1 + math.log(log / knee)), p["supply.backlog_pull_min"])


def memory_wait(state: State, day: int) -> float:
    """Weeks of memory in the open orders for all chips; without end where none can be had."""
    asked = math.fsum(chip.backlog_gpus * memory_gb(chip.name) for chip in state.chips.chips.values())
    supply = memory_supply(state, day)
    if not asked:
        return 0.0
    return min(WAIT_WEEKS_MAX, asked / supply) if supply else WAIT_WEEKS_MAX


def expand(state: State, day: int, planned: Mapping[str, int]) -> Iterator[Happening]:
    """Grow memory and rack integration by a month: by their trends, memory also by the wait for it.

    Integrators add lines for what is `planned` a quarter ahead and some slack, the faster by what they cannot rack.
    """
    p = state.run.parameters
    memory = state.chips.inputs.get(MEMORY, p["supply.memory_gb_per_week"])
    growth = p["supply.memory_growth_per_year"] + p["supply.memory_pull"] * pull(state, memory_wait(state, day))
    memory *= math.exp(growth * MONTH_YEARS)
    yield Happening(day, events.InputExpanded(kind=MEMORY, value=float(round(memory))), "world", "world")
    if any(chip.in_volume and is_rack_scale(chip.name) for chip in state.chips.chips.values()):
        bound = (maker for maker, kind in state.chips.binding.items() if kind == RACKS)
        missed = max((1 - state.chips.bound_share[maker] for maker in bound), default=0.0)
        racks = state.chips.inputs.get(RACKS, _racks_at_start(state))
        short = (1 + p["supply.racks_slack"]) * _racked(state, planned) - racks * p["supply.racks_factor"]
        racks += clip(short, 0.0, 4 * p["supply.racks_per_week"] * (1 + p["supply.racks_pull"] * missed))
        yield Happening(day, events.InputExpanded(kind=RACKS, value=round(racks, 3)), "world", "world")
