"""What every view of a week reads, indexed once."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property

from market.rules.base import fleets_h100e
from market.rules.chips import outlook
from market.rules.prices import Capacity, cost_of_mix, rest_wanted
from market.state import State
from market.state.chips import Holding, Order, Place
from market.state.leases import Lease, Quote, Request
from market.state.sites import Building, Site
from market.view.planning import Machine, machines, quote_yields


class Shared:
    """What every view of a week reads, indexed once."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.week = state.run.week + 1
        self.day = state.run.start_day + 7 * self.week + 6
        self.holdings: dict[str, list[Holding]] = defaultdict(list)
        for holding in state.chips.holdings.values():
            self.holdings[holding.org].append(holding)
        self.orders: dict[str, list[Order]] = defaultdict(list)
        for order in state.chips.orders.values():
            self.orders[order.org].append(order)
        self.coming: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        for shipment in state.chips.shipments.values():
            self.coming[shipment.org][shipment.chip] += shipment.gpus
        self.sites: dict[str, list[Site]] = defaultdict(list)
        for site in state.sites.sites.values():
            self.sites[site.owner].append(site)
        self.buildings: dict[str, list[Building]] = defaultdict(list)
        for building in state.sites.buildings.values():
            self.buildings[building.org].append(building)
        self.rented: dict[str, list[Lease]] = defaultdict(list)
        self.let: dict[str, list[Lease]] = defaultdict(list)
        for lease in state.leases.leases.values():
            self.rented[lease.lessee].append(lease)
            self.let[lease.lessor].append(lease)
        self.asking: dict[str, list[Request]] = defaultdict(list)
        self.asked: dict[str, list[Request]] = defaultdict(list)
        for request in state.leases.requests.values():
            self.asking[request.lessee].append(request)
            self.asked[request.lessor].append(request)
        self.quotes_to: dict[str, list[Quote]] = defaultdict(list)
        self.quotes_by: dict[str, list[Quote]] = defaultdict(list)
        for quote in state.leases.quotes.values():
            self.quotes_to[quote.lessee].append(quote)
            self.quotes_by[quote.lessor].append(quote)

    @cached_property
    def lead_time_weeks(self) -> float:
        """Market lead time of the latest week."""
        return self.state.chips.lead_times[-1] if self.state.chips.lead_times else 0.0

    @cached_property
    def on_demand_cents(self) -> dict[str, float]:
        """What clouds earn on demand in four weeks at this week's prices and fill."""
        capacity = Capacity(self.state, self.day)
        wanted = rest_wanted(self.state, self.day)
        fill = min(1.0, wanted / capacity.total_free) if capacity.total_free else 0.0
        earned: dict[str, float] = defaultdict(float)
        for place, free in capacity.free.items():
            earned[place.org] += free * fill * self.state.leases.spot_usd_per_h100e_hour * 24 * 28 * 100
        return earned

    @cached_property
    def cost_of_mix(self) -> float:
        """Replacement cost of what is on sale."""
        return cost_of_mix(self.state, self.day)

    @cached_property
    def busy(self) -> dict[Place, int]:
        """GPUs of each holding that train, are owed under leases, or stand in quotes."""
        busy: dict[Place, int] = defaultdict(int)
        for run in self.state.training.runs.values():
            busy[Place(run.org, run.chip, run.site)] += run.gpus
        for lease in self.state.leases.leases.values():
            if lease.parent_lease_id is None and lease.owed:
                busy[Place(lease.lessor, lease.chip, lease.site)] += lease.owed
        for quote in self.state.leases.quotes.values():
            if quote.parent_lease_id is None:
                busy[Place(quote.lessor, quote.chip, quote.site)] += quote.gpus
        return busy

    @cached_property
    def queues_kw(self) -> dict[str, int]:
        """Power in the interconnection queue of each region."""
        buildings = self.state.sites.buildings
        return {
            name: sum(buildings[building].power_kw for building in region.queue)
            for name, region in self.state.run.regions.items()
        }

    @cached_property
    def machines(self) -> dict[str, list[Machine]]:
        """Machines on which labs could begin a run."""
        return machines(self.state, self.fleets_h100e, self.day)

    @cached_property
    def quote_yields(self) -> dict[str, float]:
        """Training throughput per H100e of open quotes, over that of H100s."""
        return quote_yields(self.state, self.day)

    @cached_property
    def outlook(self) -> dict[str, int]:
        """Supply at the day when an order of today is due."""
        return outlook(self.state, self.day + round(7 * self.lead_time_weeks))

    @cached_property
    def owned_h100e(self) -> dict[str, float]:
        """H100e installed by owner."""
        owned: dict[str, float] = defaultdict(float)
        for holding in self.state.chips.holdings.values():
            owned[holding.org] += holding.owned * self.state.chips.chips[holding.chip].h100e
        return owned

    @cached_property
    def fleets_h100e(self) -> dict[str, float]:
        """H100e that each org can use."""
        return fleets_h100e(self.state)
