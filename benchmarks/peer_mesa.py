"""A small lease market in Mesa, as one writes it there: labs ask, clouds offer, the cheapest offer is taken each week.

`python -m benchmarks.peer_mesa [ORGS] [WEEKS]` prints the CPU seconds after imports. It keeps no log, checks nothing
and decides by one comparison: it says what Mesa's own agents and data collector cost, not what a market costs.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import mesa


class Lab(mesa.Agent):
    """Rents what it lacks for thirteen weeks from the cheapest cloud that has it."""

    def __init__(self, model: Any) -> None:
        super().__init__(model)
        self.wanted_gpus = int(model.rng.integers(100, 1000))
        self.leases: list[tuple[Cloud, int, int]] = []

    def step(self) -> None:
        """Give back what is over, then rent."""
        week = self.model.steps
        for cloud, gpus, _ in [lease for lease in self.leases if lease[2] <= week]:
            cloud.free_gpus += gpus
        self.leases = [lease for lease in self.leases if lease[2] > week]
        lacking = self.wanted_gpus - sum(gpus for _, gpus, _ in self.leases)
        offers = [cloud for cloud in self.model.agents_by_type[Cloud] if cloud.free_gpus >= lacking]
        if lacking > 0 and offers:
            best = min(offers, key=lambda cloud: (cloud.price_usd_per_gpu_hour, cloud.unique_id))
            best.free_gpus -= lacking
            self.leases.append((best, lacking, week + 13))
        self.wanted_gpus += int(self.model.rng.integers(0, 20))


class Cloud(mesa.Agent):
    """Moves its price with what is free and adds GPUs."""

    def __init__(self, model: Any) -> None:
        super().__init__(model)
        self.free_gpus = int(model.rng.integers(1000, 5000))
        self.price_usd_per_gpu_hour = float(model.rng.uniform(1.5, 3.0))

    def step(self) -> None:
        """Reprice and build."""
        self.price_usd_per_gpu_hour *= 1.01 if self.free_gpus < 500 else 0.99
        self.free_gpus += int(self.model.rng.integers(0, 100))


class LeaseMarket(mesa.Model):
    """Two thirds labs, a third clouds."""

    def __init__(self, orgs: int) -> None:
        super().__init__(rng=0)
        Lab.create_agents(self, orgs - orgs // 3)
        Cloud.create_agents(self, orgs // 3)
        self.datacollector = mesa.DataCollector(
            {"price": lambda model: sum(cloud.price_usd_per_gpu_hour for cloud in model.agents_by_type[Cloud])}
        )

    def step(self) -> None:
        """Simulate a week."""
        self.agents.shuffle_do("step")
        self.datacollector.collect(self)


def main(orgs: int = 42, weeks: int = 156) -> None:
    """Time a run."""
    began = time.process_time()
    model = LeaseMarket(orgs)
    for _ in range(weeks):
        model.step()
    print(json.dumps({"cpu_s": time.process_time() - began, "agent_weeks": orgs * weeks}))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))
