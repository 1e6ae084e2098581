"""Power that every view of a week reads: queues of regions and of plant, and what energy costs."""

from __future__ import annotations

from functools import cached_property

from market.rules.duties import curtailment_hours, non_firm_hours
from market.rules.energy import energy_usd_per_mwh, plant_usd_per_kw, plant_usd_per_mwh
from market.rules.power import (
    Server,
    developers,
    grid,
    makers,
    making_days,
    non_firm_room_kw,
    plant_ahead_kw,
    queued_kw,
    study_days,
)
from market.units import HOURS_PER_YEAR
from market.view.each import EachOrg


class SharedPower(EachOrg):
    """The records of a week by org, and what power is worked out once for all."""

    @cached_property
    def grids(self) -> dict[str, tuple[Server, int, float]]:
        """The grid of each region, the power that waits for it, and the days that works of a new load take."""
        state, day = self.state, self.day
        return {
            name: (grid(state, name, day), queued_kw(state, region.queue), study_days(state, name))
            for name, region in state.run.regions.items()
        }

    @cached_property
    def non_firm_kw(self) -> dict[str, float]:
        """IT power that the grid of each region would still connect without works for it."""
        return {name: non_firm_room_kw(self.state, name) for name in self.state.run.regions}

    @cached_property
    def curtailed_shares(self) -> dict[str, tuple[float, float]]:
        """Part of a year in which loads of each region are switched off: those that are not firm, then firm ones."""
        found = {}
        for name in self.state.run.regions:
            firm = curtailment_hours(self.state, name)
            hours = firm + non_firm_hours(self.state, name), firm
            found[name] = min(1.0, hours[0] / HOURS_PER_YEAR), min(1.0, hours[1] / HOURS_PER_YEAR)
        return found

    @cached_property
    def developers(self) -> dict[str, Server]:
        """The developers of powered shells of each region."""
        return {name: developers(self.state, name, self.day) for name in self.state.run.regions}

    @cached_property
    def plant_usd_per_kw(self) -> float:
        """Price of own plant, USD per kW of its load."""
        return plant_usd_per_kw(self.state)

    @cached_property
    def energy_usd_per_mwh(self) -> dict[str, float]:
        """Price of energy in each region, levies left out."""
        return {name: energy_usd_per_mwh(self.state, name) for name in self.state.run.regions}

    @cached_property
    def plant_usd_per_mwh(self) -> dict[str, float]:
        """Cost of energy from own plant in each region, levies left out."""
        return {name: plant_usd_per_mwh(self.state, name) for name in self.state.run.regions}

    @cached_property
    def plant_makers(self) -> tuple[Server, dict[str, tuple[int, float]]]:
        """The makers of own plant; by kind of building the power that they deliver before a new one, and its days."""
        kinds = ("brownfield", "greenfield", "next")
        ahead = {x: (plant_ahead_kw(self.state, x, self.day), making_days(self.state, x)) for x in kinds}
        return makers(self.state), ahead
