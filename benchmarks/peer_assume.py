# /// script
# requires-python = ">=3.12,<3.14"
# dependencies = ["assume-framework==0.6.0"]
# ///
# ruff: noqa: E402  (its log is kept from the project before it is imported)
"""A market in ASSUME (agent-based electricity markets): units bid in a daily auction that pays as cleared.

`uv run --script benchmarks/peer_assume.py [UNITS] [DAYS]` prints the CPU seconds of the run after imports, and how many
bids of one hour were cleared. It is in no group of the project: its pins would hold back those of the project.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import tempfile
import time
from datetime import datetime, timedelta

os.chdir(tempfile.mkdtemp())  # it leaves a log in the folder in which it is imported

import pandas as pd
from assume import World
from assume.common.forecaster import DemandForecaster, PowerplantForecaster
from assume.common.market_objects import MarketConfig, MarketProduct
from dateutil import rrule

START = datetime(2024, 7, 15)


def world_of(units: int, days: int) -> World:
    """Make a world of one auction a day of 24 hours, power plants with costs that differ, and one demand."""
    end = START + timedelta(days=days)
    index = pd.date_range(START, end + timedelta(days=1), freq="h")
    world = World()
    world.setup(start=START, end=end, simulation_id="peer", save_frequency_hours=None)
    world.add_market_operator(id="operator")
    daily = rrule.rrule(rrule.HOURLY, interval=24, dtstart=START, until=end - timedelta(hours=24), cache=True)
    products = [MarketProduct(timedelta(hours=1), 24, timedelta(hours=1))]
    world.add_market("operator", MarketConfig("day", daily, timedelta(hours=1), "pay_as_clear", products))
    world.add_unit_operator("demand")
    buys = {"min_power": 0, "max_power": -1000, "technology": "demand"}
    buys |= {"bidding_strategies": {"day": "demand_energy_naive"}}
    world.add_unit("demand", "demand", "demand", buys, DemandForecaster(index, demand=-500))
    for number in range(units - 1):
        name = f"plant{number}"
        world.add_unit_operator(name)
        sells = {"min_power": 0, "max_power": 1000 / units, "technology": "gas", "efficiency": 0.5}
        sells |= {"bidding_strategies": {"day": "powerplant_energy_naive"}, "additional_cost": number % 17}
        world.add_unit(
            name, "power_plant", name, sells, PowerplantForecaster(index, fuel_prices={"gas": 20.0 + number})
        )
    return world


def main(units: int = 42, days: int = 60) -> None:
    """Time a run."""
    logging.disable(logging.CRITICAL)
    world = world_of(units, days)
    began = time.process_time()
    world.run()
    print(json.dumps({"cpu_s": time.process_time() - began, "rounds": units * (days - 1)}))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))
