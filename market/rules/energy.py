"""What an energised kW costs where: energy with levies, the shell, own plant, written off over their lives."""

from __future__ import annotations

from market.rules.power import making_days, plant_clears_days, plant_queue
from market.state import State
from market.units import HOURS_PER_YEAR, annuity


def energy_usd_per_mwh(state: State, region: str) -> float:
    """Price of energy in a region, USD/MWh, levies left out."""
    price: float = state.run.parameters[f"regions.{region}.energy_usd_per_mwh"]
    return price


def plant_usd_per_kw(state: State, day: int) -> float:
    """Price of own plant, USD per kW of its load: it rises with the wait that makers quote over that of an empty book.

    For comparison: simple-cycle plant of 562 USD/kW in 2023 (EIA) cost 1,136 (728-1,544) in September 2025, while
    the wait for large turbines went from 1.75 to 3.5 years.
    """
    p = state.run.parameters
    usual = max(1.0, making_days(state, "greenfield"))
    wait = max(usual, plant_clears_days(state, sum(b.power_kw for b in plant_queue(state)), day))
    price: float = p["means.turbine_usd_per_kw"] * (wait / usual) ** p["power.plant_price_per_wait"]
    return price


def levelised_usd_per_kwh(state: State, region: str, energy_usd: float, plant_usd: float, rate: float) -> float:
    """Cost of an hour of one energised kW of IT load, USD: shell and plant at a cost of capital, and its energy.

    `energy_usd` is the price of a MWh with levies, `plant_usd` that of a facility kW of own plant, 0 on the grid.
    """
    p = state.run.parameters
    pue = p[f"regions.{region}.pue"]
    capital = (p["build.shell_usd_per_kw"] + plant_usd * pue) * annuity(rate, p["build.life_years"]) / HOURS_PER_YEAR
    return capital + pue * p["energy.load_factor"] * energy_usd / 1000
