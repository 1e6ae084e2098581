"""What views of a week read of labs: their fleets, models, machines and research, worked out once for all."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from operator import attrgetter
from types import MappingProxyType

from market.rules.base import fleets_h100e
from market.rules.free import idle_h100e
from market.rules.machines import (
    LabMachine,
    Leader,
    Machine,
    lab_machines,
    leader,
    leading_machines,
    machines,
)
from market.rules.projects import Bench, benches
from market.rules.serving import capacity
from market.view.each import once_each
from market.view.power import SharedPower
from market.view.records import LabSeen

_SEEN = attrgetter(*LabSeen.__struct_fields__)


class SharedLabs(SharedPower):
    """Readings of labs."""

    @cached_property
    def labs(self) -> Mapping[str, LabSeen]:
        """Labs by their releases and reported revenue."""
        labs = self.state.training.labs
        return MappingProxyType({n: LabSeen(*_SEEN(lab)) for n, lab in labs.items()})

    @cached_property
    def leader(self) -> Leader:
        """The best released model."""
        return leader(self.state, self.day)

    @cached_property
    def lab_machines(self) -> tuple[LabMachine, ...]:
        """Machines of labs that are known."""
        return tuple(lab_machines(self.state, self.day))

    @once_each
    def leading_machines(self, day: int) -> list[tuple[float, str]]:
        """Machines of a day that would lead over the largest of each lab, the largest first."""
        return leading_machines(self.state, self.lab_machines, day)

    @cached_property
    def labs_revenue_usd_per_year(self) -> float:
        """Reported revenue of all labs."""
        return sum(lab.revenue_usd_per_year for lab in self.labs.values())

    @cached_property
    def idle_h100e(self) -> dict[str, float]:
        """Own compute of labs beyond what they want."""
        return {lab: idle_h100e(self.state, lab) for lab in self.state.training.labs}

    @cached_property
    def idle_labs(self) -> tuple[str, ...]:
        """Labs that have more of their own than they want, by at least the smallest request, by id."""
        least = self.state.run.parameters["labs.ask_min_h100e"]
        return tuple(sorted(lab for lab, h100e in self.idle_h100e.items() if h100e >= least))

    @cached_property
    def machines(self) -> dict[str, list[Machine]]:
        """Machines on which labs could begin a run."""
        return machines(self.state, self.fleets_h100e, self.day)

    @cached_property
    def benches(self) -> dict[str, Bench]:
        """Research compute of labs, and the projects that use it and wait for it."""
        return benches(self.state, self.fleets_h100e)

    @cached_property
    def serving_capacity_usd(self) -> dict[str, float]:
        """Revenue a year that each lab's whole fleet could serve."""
        return capacity(self.state, self.fleets_h100e, self.day).usd_per_year

    @cached_property
    def fleets_h100e(self) -> dict[str, float]:
        """H100e that each org can use."""
        return fleets_h100e(self.state)
