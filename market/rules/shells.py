"""Shells as a shared input: contractors and makers of electrical plant finish so many kW a week for all builders."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from functools import lru_cache

from events.types import chips as events
from market import rng
from market.rules.base import Happening
from market.rules.inputs import SHELLS
from market.state import State
from market.state.sites import Building, works_kw
from market.units import MONTH_WEEKS, MONTH_YEARS, clip


def shell_day(state: State, building: Building) -> int:
    """Day on which a shell stands: planned days times a lognormal slip, given that it was not ready at the start."""
    return next(shell_days(state, (building,)))


def shell_days(state: State, buildings: Iterable[Building]) -> Iterator[int]:
    """`shell_day` of each of several buildings."""
    p, run, sites = state.run.parameters, state.run, state.sites.sites
    seed, start, common = run.seed, run.start_day, p["sites.slip_shared"]
    usual = p["sites.slip_median"], p["sites.slip_sd"]
    for building in buildings:
        name, site, begun = building.building_id, building.site, building.start_day
        shared = 0.0 if sites[site].kind == "pool" else common  # pools lie in many places
        plan = building.planned_days, start - begun
        yield begun + _works_days((seed, name, site, shared), plan, usual) + building.rested_days


def over(state: State, buildings: Iterable[Building], last: int) -> dict[str, int]:
    """Buildings whose works are over by a day, by id, each with its own day."""
    known = list(buildings)
    days = zip(known, shell_days(state, known), strict=True)
    return {building.building_id: day for building, day in days if day <= last}


@lru_cache(1 << 14)
def _works_days(draw: tuple[int, str, str, float], plan: tuple[int, int], usual: tuple[float, float]) -> int:
    """Days that works take: the key of their draw, days planned and passed at the start, median and spread of slips."""
    planned = max(1, plan[0])
    return round(planned * _slip(_drawn(*draw), plan[1] / planned, *usual))


def _drawn(seed: int, building_id: str, site: str, shared: float) -> float:
    """A draw for a building, 0 to 1, that has a part of its variance in common with all buildings of its site."""
    own = rng.uniform(seed, "building slip", building_id)
    if not shared:
        return own
    z = math.sqrt(1 - shared) * rng.quantile(own) + math.sqrt(shared) * rng.normal(seed, "campus slip", site)
    return min(max(rng.normal_cdf(z), 1e-9), 1 - 1e-9)


def _slip(u: float, begun: float, median: float, sd: float) -> float:
    """Realised over planned days; `begun` is the part of the plan that had passed at the start, <= 0 if none."""
    if begun > 0:
        floor = rng.normal_cdf(math.log(begun / median) / sd)
        u = min(floor + u * (1 - floor), 1 - 1e-9)
    return rng.lognormal(median, sd, rng.quantile(u))


def time_factor(state: State, region: str) -> float:
    """Planned days of shells in a region over the usual: the factor of all regions, less what permits save there."""
    p = state.run.parameters
    factor: float = p["sites.time_factor"] * (1 - p.get(f"regions.{region}.shell_time_saved", 0.0))
    return factor


def expected_day(state: State, building: Building) -> int:
    """Day on which works can be expected to be over: as planned, pauses left out, with the usual slip."""
    usual = round(state.run.parameters["sites.slip_median"] * building.planned_days)
    return building.start_day + usual + building.rested_days


def asked_kw(state: State, last: int) -> float:
    """Shells that are to stand by a day, those that are late included; of a hall the works that are left to do."""
    under_way = (b for b in state.sites.buildings.values() if not b.shell_ready and b.paused_day < 0)
    hall_share = state.run.parameters["sites.hall_works_share"]
    return math.fsum(works_kw(b, hall_share) for b in under_way if expected_day(state, b) <= last)


def finished(state: State, stands: dict[str, int]) -> set[str]:
    """Shells that contractors can finish of those whose works would be over, the first to be over first.

    One larger than a month of their work is taken on when that is free, and paid back; without hands none is finished.
    """
    if SHELLS not in state.chips.inputs:
        return set(stands)
    hands, done, hall_share = state.sites.shell_hands_kw, set(), state.run.parameters["sites.hall_works_share"]
    for name in sorted(stands, key=lambda name: (stands[name], rng.uniform(state.run.seed, "shell turn", name))):
        kw = works_kw(state.sites.buildings[name], hall_share)
        if hands >= min(kw, month_kw(state)) > 0:
            hands -= kw
            done.add(name)
    return done


def month_kw(state: State) -> float:
    """Shells that contractors can finish in a month."""
    kw: float = state.chips.inputs[SHELLS] * state.run.parameters["sites.shells_factor"] * MONTH_WEEKS
    return kw


def expand(state: State, day: int) -> Iterator[Happening]:
    """Let contractors grow by a month: by a trend, and by what is to stand soon over what they can do."""
    if (able := state.chips.inputs.get(SHELLS)) is None:
        return
    p = state.run.parameters
    asked = asked_kw(state, day + round(7 * p["sites.shells_ahead_weeks"])) / p["sites.shells_ahead_weeks"]
    usual = able * p["sites.shells_factor"] / (1 + p["sites.shells_slack"])
    pull = clip(math.log(max(asked, 1.0) / max(usual, 1.0)), p["supply.backlog_pull_min"], p["supply.backlog_pull_max"])
    growth = p["sites.shells_growth_per_year"] + p["sites.shells_pull"] * pull
    able *= math.exp(growth * MONTH_YEARS)
    yield Happening(day, events.InputExpanded(kind=SHELLS, value=float(round(able))), "world", "world")
    yield from binding(state, day)


def binding(state: State, day: int) -> Iterator[Happening]:
    """Say of each builder whose works are over and wait to be finished that contractors hold it back, or no more."""
    late: dict[str, float] = {}
    buildings, hall_share = state.sites.buildings, state.run.parameters["sites.hall_works_share"]
    for name in over(state, (b for b in buildings.values() if not b.shell_ready and b.paused_day < 0), day):
        late[buildings[name].org] = late.get(buildings[name].org, 0) + works_kw(buildings[name], hall_share)
    month = month_kw(state)
    share = round(month / (month + math.fsum(late.values())), 6) if month else 0.0
    known = [org for org, is_late in state.sites.shells_late.items() if is_late and org in state.run.orgs]
    for org in dict.fromkeys([*known, *late]):
        met = share if org in late else 1.0
        if (org in known) != (org in late):
            yield Happening(day, events.InputBound(supplier=org, kind=SHELLS, share=met), org, org)
