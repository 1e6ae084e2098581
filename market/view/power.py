"""Power that every view of a week reads: queues of regions and of plant, and what energy costs."""

from __future__ import annotations

from functools import cached_property

from market.rules.energy import energy_usd_per_mwh, plant_usd_per_kw
from market.rules.power import Server, grid, makers, plant_queue, queued_kw, study_days
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
    def plant_usd_per_kw(self) -> float:
        """Price of own plant, USD per kW of its load."""
        return plant_usd_per_kw(self.state, self.day)

    @cached_property
    def energy_usd_per_mwh(self) -> dict[str, float]:
        """Price of energy in each region, levies left out."""
        return {name: energy_usd_per_mwh(self.state, name) for name in self.state.run.regions}

    @cached_property
    def plant_makers(self) -> tuple[Server, int]:
        """The makers of own plant, and the power that waits for them."""
        return makers(self.state, self.day), sum(building.power_kw for building in plant_queue(self.state))
