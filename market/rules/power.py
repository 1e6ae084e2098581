"""Rules of power: who waits for it where, when a load can have it and at what cost, and what is connected in a week.

A load that joins a queue is served when its own study and works are done and when what a region connects in a year,
or what makers of own plant deliver, has served all that came before it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import takewhile
from typing import NamedTuple

from events.kinds import PowerSource
from events.types import sites as events
from market import rng
from market.rules.base import Happening, years
from market.rules.inputs import PLANT
from market.state import State
from market.state.sites import Building
from market.units import DAYS_PER_YEAR, WEEK_DAYS

NEVER_DAYS = 3650.0  # ten years: no promise looks further


def queued_kw(state: State, buildings: Iterable[str]) -> int:
    """IT power that waits for the grid among some buildings; own plant and paused work wait for nothing there."""
    under_way = (state.sites.buildings[name] for name in buildings)
    return sum(b.power_kw for b in under_way if not b.on_site and b.paused_day < 0 and waits_for_works(state, b))


def waits_for_works(state: State, building: Building) -> bool:
    """Whether a building on the grid is served as works allow: it is firm, or finds no room for what is not."""
    return building.is_firm or non_firm_room_kw(state, building.region) < building.power_kw


def plant_queue(state: State) -> list[Building]:
    """Buildings that wait for own plant, in all regions, first come first served."""
    return sorted(_waits_for_plant(state), key=lambda b: b.start_day)  # ties keep their order


def _waits_for_plant(state: State) -> list[Building]:
    return [b for b in state.sites.buildings.values() if b.on_site and not b.granted and b.paused_day < 0]


def study_days(state: State, region: str) -> float:
    """Days that studies and works of a new load take: owners apply ahead of the ground-breaking."""
    p = state.run.parameters
    return max(0.0, p[f"regions.{region}.queue_days"] - p["sites.power_lead_days"])


def grid_works_days(state: State, building: Building) -> float:
    """Days of studies and works for a building on the grid; a developer's shell has its connection."""
    return 0.0 if building.kind == "leased" else study_days(state, building.region)


def grid_queue(state: State, region: str) -> list[Building]:
    """Buildings that wait for a region's grid, first come first served: developers applied before all of them."""
    waiting = (state.sites.buildings[name] for name in state.run.regions[region].queue)
    return sorted((b for b in waiting if not b.on_site), key=lambda b: b.kind != "leased")  # ties keep their order


def making_days(state: State, kind: str) -> float:
    """Days to power of one's own: mobile turbines beside a brownfield hall, ordered plant beside a greenfield."""
    p = state.run.parameters
    return p["sites.turbine_days"] if kind != "greenfield" else p["sites.on_site_days"]


def plant_ahead_kw(state: State, kind: str, day: int, but: Building | None = None) -> int:
    """Own plant that its makers deliver before what was ordered on a day: all that they can have ready no later.

    Turbines that can be moved pass plant that has still to be made, whoever ordered first. `but` : the building itself.
    """
    made, moved = (making_days(state, each) for each in ("greenfield", "brownfield"))
    ready, queue = day + making_days(state, kind), (b for b in _waits_for_plant(state) if b is not but)
    return sum(b.power_kw for b in queue if b.start_day + (made if b.kind == "greenfield" else moved) <= ready)


def non_firm_room_kw(state: State, region: str) -> float:
    """IT power that a region would still connect without works for it, to loads that it may switch off."""
    room = state.run.parameters.get(f"regions.{region}.non_firm_mw", 0.0) * 1000
    return room - state.run.regions[region].non_firm_kw if room else 0.0


def non_firm_days(state: State, region: str, kw: float) -> float:
    """Days until a load that may be switched off is connected: a study; never where there is no room for it."""
    days: float = state.run.parameters["power.non_firm_days"]
    return days if kw <= non_firm_room_kw(state, region) else NEVER_DAYS


class Server(NamedTuple):
    """What serves a queue for power: the grid of a region, or the makers of own plant.

    served_kw : what it has served since the start; of plant, below zero, what is made and not delivered
    yearly_kw : what it serves in the first year, of plant in the next one: a flow that grows
    growth : of that flow, log points a year
    at_once_years : flow that was there at the start
    passed_years : time since the start; of plant none, for its flow is today's
    """

    served_kw: float
    yearly_kw: float
    growth: float
    at_once_years: float
    passed_years: float

    def clears_days(self, kw: float) -> float:
        """Days until it has served so much more than today."""
        served_kw, yearly_kw, growth, at_once_years, passed_years = self
        if yearly_kw <= 0:
            return NEVER_DAYS
        days = DAYS_PER_YEAR * (years_to((served_kw + kw) / yearly_kw - at_once_years, growth) - passed_years)
        return NEVER_DAYS if days > NEVER_DAYS else days if days > 0 else 0.0


def grid(state: State, region: str, day: int) -> Server:
    """What a region connects: a year's flow at once, then a flow that grows."""
    p, served = state.run.parameters, state.run.regions[region].granted_kw
    yearly = p[f"regions.{region}.grid_mw_per_year"] * 1000
    return Server(served, yearly, p["sites.grid_growth_per_year"], 1.0, years(state, day + 7))


def developers(state: State, region: str, day: int) -> Server:
    """Powered shells that developers have free to lease out in a region: a year's at once, then with the grid."""
    p = state.run.parameters
    yearly = p["sites.leased_grid_share"] * p[f"regions.{region}.grid_mw_per_year"] * 1000
    leased = state.run.regions[region].leased_kw
    return Server(leased, yearly, p["sites.grid_growth_per_year"], 1.0, years(state, day + 7))


def makers(state: State) -> Server:
    """What makers of own plant deliver in all regions: what they have made, then a flow that grows by its trend."""
    yearly = made_kw(state) * state.run.parameters["sites.on_site_factor"] * DAYS_PER_YEAR / WEEK_DAYS
    return Server(-state.run.plant_kw, yearly, state.run.parameters["sites.on_site_growth_per_year"], 0.0, 0.0)


def made_kw(state: State) -> float:
    """Own plant, as IT power, that its makers can make in a week."""
    usual = state.run.parameters["sites.on_site_mw_per_year"] * 1000 * WEEK_DAYS / DAYS_PER_YEAR
    return state.chips.inputs.get(PLANT, usual)


def grid_days(state: State, region: str, kw: float, day: int) -> float:
    """Days until the grid serves a load that joins its queue today; `kw` with all that waits before it."""
    return max(study_days(state, region), grid(state, region, day).clears_days(kw))


def plant_days(state: State, kind: str, kw: float) -> float:
    """Days until own plant that is ordered today runs; `kw` with all that was ordered before it."""
    return max(making_days(state, kind), makers(state).clears_days(kw))


def days_of_new(state: State, region: str, kind: str, kw: float, on_site: bool, day: int) -> float:
    """Days until a load of so many kW that asks for power today would have it."""
    if on_site:
        return plant_days(state, kind, kw + plant_ahead_kw(state, kind, day))
    if kind == "leased":
        return developers(state, region, day).clears_days(kw)
    return grid_days(state, region, kw + queued_kw(state, state.run.regions[region].queue), day)


def years_to(part: float, growth: float) -> float:
    """Years in which a yearly flow that grows adds up to a multiple of today's; infinite where it never does."""
    if part <= 0 or growth == 0:
        return max(0.0, part)
    grown = growth * part
    return math.log1p(grown) / growth if grown > -1 else math.inf


def added_up(time_years: float, growth: float) -> float:
    """Multiple of a yearly flow that it adds up to while it grows: the inverse of `years_to`."""
    return math.expm1(growth * time_years) / growth if growth else time_years


def connectable_kw(state: State, region: str, day: int) -> float:
    """IT power that a region can connect until a day beyond what it has: a year's at once, then a flow that grows."""
    p = state.run.parameters
    flow = 1 + added_up(years(state, day + 7), p["sites.grid_growth_per_year"])
    return p[f"regions.{region}.grid_mw_per_year"] * 1000 * flow - state.run.regions[region].granted_kw


def expected_day(state: State, building: Building, day: int) -> int:
    """Day on which a building that waits for power can expect it: usual works, and its place in the queue."""
    if building.on_site:
        works = making_days(state, building.kind)
        ahead = plant_ahead_kw(state, building.kind, building.start_day, building)
        clears = makers(state).clears_days(ahead + building.power_kw)
    elif not waits_for_works(state, building):
        works, clears = state.run.parameters["power.non_firm_days"], 0.0
    else:
        works = grid_works_days(state, building)
        waiting = (b for b in grid_queue(state, building.region) if waits_for_works(state, b))
        before = [b for b in waiting if b.paused_day < 0 or b is building]
        clears = grid(state, building.region, day).clears_days(_ahead_kw(before, building) + building.power_kw)
    return round(max(building.start_day + works, day + clears))


def _ahead_kw(queue: list[Building], building: Building) -> int:
    """Power that a queue serves before a building."""
    return sum(b.power_kw for b in takewhile(lambda b: b is not building, queue))


def power_day(state: State, building: Building) -> int:
    """First day on which the queue serves a building, were the power of the region or of makers no limit.

    Works and deliveries are timed for the day on which its shell is planned to stand: what could serve it sooner serves
    who can use it.
    """
    works = making_days(state, building.kind) if building.on_site else grid_works_days(state, building)
    if not building.is_firm:
        works = min(works, state.run.parameters["power.non_firm_days"])
    spread = state.run.parameters["sites.queue_sd"]
    served = round(_wait(state.run.seed, building.building_id, works, spread))
    return building.start_day + max(served, wanted_days(building))


def wanted_days(building: Building) -> int:
    """Days from the start of a building until it asks for power: as planned, none once its shell stands.

    A developer's shell has its connection, which serves nobody else.
    """
    return 0 if building.shell_ready or building.kind == "leased" else building.planned_days + building.rested_days


@lru_cache(1 << 14)
def _wait(seed: int, building_id: str, median: float, sd: float) -> float:
    return rng.lognormal(median, sd, rng.normal(seed, "queue wait", building_id))


def grant(state: State, day: int) -> Iterator[Happening]:
    """Serve the queues in order of arrival, within the power that regions connect and makers of plant deliver."""
    for region in state.run.regions.values():
        queue = grid_queue(state, region.name)
        firm = [b for b in queue if waits_for_works(state, b)]
        yield from _served(state, firm, connectable_kw(state, region.name, day), "grid", day)
        soon = [b for b in queue if not b.is_firm]
        if soon and (room := non_firm_room_kw(state, region.name)) > 0:
            yield from _served(state, soon, room, "non-firm", day)
    yield from _served(state, plant_queue(state), state.run.plant_kw, "on-site", day)


def _served(
    state: State, queue: Iterable[Building], room_kw: float, kind: PowerSource, day: int
) -> Iterator[Happening]:
    """Grant what is ready and fits; smaller loads pass one that does not fit."""
    for building in queue:
        if building.power_kw > room_kw or building.paused_day >= 0 or building.start_day + wanted_days(building) > day:
            continue
        if power_day(state, building) > day:
            continue
        room_kw -= building.power_kw
        yield Happening(day, _grant_of(state, building, kind, day), "world", building.building_id)


def _grant_of(
    state: State, building: Building, kind: PowerSource, day: int
) -> events.PowerGranted | events.GridConnected:
    """What a queue gives to a building, or to a hall in use whose own plant it takes the place of."""
    name, site, org, region = building.building_id, building.site, building.org, building.region
    if name in state.sites.permits:
        return events.GridConnected(
            building_id=name, site=site, org=org, region=region, power_kw_it=building.power_kw
        )  # fmt: skip
    return events.PowerGranted(
        building_id=name, site=site, org=org, region=region, kind=kind, power_kw_it=building.power_kw, due_day=day
    )
