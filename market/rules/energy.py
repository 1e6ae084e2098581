"""What energy and own plant cost where: tariffs that answer load, an auction of capacity, plant by its makers' wait."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import date

from events.types import sites as events
from events.types.chips import InputExpanded
from market.rules.base import Happening, week_start
from market.rules.inputs import PLANT
from market.rules.power import made_kw, makers, making_days, plant_queue
from market.state import State
from market.units import HOURS_PER_DAY, MONTH_HOURS, MONTH_YEARS, clip, digits, to_date, to_day

RISE_MAX = 100.0  # times a tariff: years of a connection that is next to nothing would say any price
AUCTION, DELIVERY = (7, 21), (6, 1)  # month and day: PJM clears in the second half of July for a year from 1 June


def energy_usd_per_mwh(state: State, region: str) -> float:
    """Price of energy in a region, USD/MWh, with its risen price and its capacity charge, levies left out."""
    p = state.run.parameters
    tariff = state.sites.tariffs.get(region)
    price: float = p[f"regions.{region}.energy_usd_per_mwh"] * (tariff.rise if tariff else 1.0)
    return price + capacity_usd_per_mwh(state, region)


def capacity_usd_per_mwh(state: State, region: str) -> float:
    """Charge for capacity in a region whose market has one, over the energy that a load of the usual factor takes."""
    p = state.run.parameters
    if not state.sites.capacity or not p.get(f"regions.{region}.capacity_market"):
        return 0.0
    begun = [first for first in state.sites.capacity if first <= week_start(state)]
    price = state.sites.capacity[max(begun)] if begun else 0.0
    return price / HOURS_PER_DAY / p["energy.load_factor"]


def grid_kw(state: State) -> dict[str, int]:
    """IT power in use by region that the grid feeds."""
    found = dict.fromkeys(state.run.regions, 0)
    for site in state.sites.sites.values():
        found[site.region] += site.grid_kw
    return found


def month_mwh(state: State, watts: float, region: str) -> float:
    """Energy that so much IT power takes in four weeks, PUE and load factor included."""
    p = state.run.parameters
    return watts / 1e6 * p[f"regions.{region}.pue"] * p["energy.load_factor"] * MONTH_HOURS


def tariffs(state: State, day: int) -> Iterator[Happening]:
    """Let energy become dearer where data centres take more than at the start, by years of what a region connects.

    Recorded when the price has moved by a hundredth.
    """
    p = state.run.parameters
    for region, kw in grid_kw(state).items():
        known, yearly = state.sites.tariffs.get(region), p[f"regions.{region}.grid_mw_per_year"] * 1000
        added = p["power.price_per_load"] * (max(0, kw - known.start_kw) if known else 0)
        most = math.log(RISE_MAX) if added else 0.0  # where nothing can be connected, any load beyond the start says it
        rise = digits(math.exp(min(added / yearly, most) if yearly else most))
        if known is None or abs(rise / known.rise - 1) >= p["power.price_step"]:
            yield Happening(day, events.EnergyPriced(region=region, value=rise, power_kw_it=kw), "world", region)


def auction(state: State, day: int) -> Iterator[Happening]:
    """Clear a year's capacity where the market has an auction: dearer as load eats the reserve, up to the cap."""
    p, cleared = state.run.parameters, state.sites.capacity
    members = [name for name in state.run.regions if p.get(f"regions.{name}.capacity_market")]
    today = to_date(day)
    first = to_day(date(today.year + 1, *DELIVERY))
    is_due = to_day(date(today.year, *AUCTION)) <= day and first not in cleared
    if not members or (cleared and not is_due):
        return
    load = max(0, sum(_committed_kw(state, name) for name in members))
    reserve = p["power.capacity_reserve_mw"] * 1000
    used = min(1.0, load / reserve) if reserve else 1.0
    least, most = p["power.capacity_start_usd_per_mw_day"], p["power.capacity_cap_usd_per_mw_day"]
    price = digits(min(most, least + (most - least) * used)) if cleared else least
    event = events.CapacityCleared(
        value=price, start_day=first if cleared else state.run.start_day, power_kw_facility=load
    )
    yield Happening(day, event, "world", "world")


def _committed_kw(state: State, region: str) -> int:
    """Facility power that a region's grid has energised or granted since the start."""
    tariff = state.sites.tariffs.get(region)
    begun = (b for b in state.sites.buildings.values() if b.region == region and not b.on_site)
    granted = sum(b.power_kw for b in begun if b.granted)
    added = grid_kw(state)[region] + granted - (tariff.start_kw if tariff else 0)
    return round(added * state.run.parameters[f"regions.{region}.pue"])


def plant_usd_per_mwh(state: State, region: str) -> float:
    """Cost of energy from own plant in a region, USD/MWh: gas at the region's price, and running; levies left out."""
    p = state.run.parameters
    fuel: float = p["power.plant_mmbtu_per_mwh"] * p[f"regions.{region}.gas_usd_per_mmbtu"]
    return fuel + p["power.plant_running_usd_per_mwh"]


def plant_usd_per_kw(state: State) -> float:
    """Price of own plant, USD per kW of its load: it rises with the wait that makers quote over that of an empty book.

    For comparison: simple-cycle plant of 562 USD/kW in 2023 (EIA) cost 1,136 (728-1,544) in September 2025, while
    the wait for large turbines went from 1.75 to 3.5 years.
    """
    p = state.run.parameters
    price: float = p["means.turbine_usd_per_kw"] * max(1.0, plant_wait(state)) ** p["power.plant_price_per_wait"]
    return price


def plant_wait(state: State) -> float:
    """Wait until makers of own plant have served all who ordered, over that of an empty book."""
    waiting = sum(building.power_kw for building in plant_queue(state))
    return makers(state).clears_days(waiting) / max(1.0, making_days(state, "greenfield"))


def expand_plant(state: State, day: int) -> Iterator[Happening]:
    """Let makers of own plant grow by a month: by their trend, and by the wait for it, within bounds."""
    p = state.run.parameters
    wait = math.log(max(plant_wait(state), 1e-9))
    pull = clip(wait, p["supply.backlog_pull_min"], p["supply.backlog_pull_max"])
    growth = p["sites.on_site_growth_per_year"] + p["sites.on_site_pull"] * pull
    value = digits(made_kw(state) * math.exp(growth * MONTH_YEARS))
    yield Happening(day, InputExpanded(kind=PLANT, value=value), "world", "world")
