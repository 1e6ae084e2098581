"""The state of a week, its records grouped by org, once for all views."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Protocol
from weakref import proxy

import msgspec

from events.commands import Command
from market.rules.permits import Permission
from market.state import State
from market.state.chips import Holding, Order
from market.state.leases import Lease, Quote, Request
from market.state.sites import Building, PlantPermit, Site
from market.view.frozen import all_frozen


class Policies(Protocol):
    """What policies answer before a command is given."""

    def may(self, state: State, command: Command, day: int, today: int) -> Permission:
        """What they would say of a command on a day."""

    def owed_usd(self, state: State, name: str, case: dict[str, Any], day: int, today: int) -> float:
        """What an event on a day would cost its org."""


class ByOrg[T: msgspec.Struct](dict[str, list[T]]):
    """Records of the state by org, and frozen copies of them for its view, made when first asked for.

    `index` holds the ids of each org's `records` where the state keeps them: then its list too is made when asked for.

    Attributes
    ----------
    copies : gives frozen copies of an org's records; no method of ours, for behaviours ask a hundred thousand times.
    """

    def __init__(
        self, index: Mapping[str, Iterable[Any]] = MappingProxyType({}), records: Mapping[Any, T] = {}
    ) -> None:
        super().__init__()
        self._index, self._record = index, records.__getitem__
        self.copies = _Copies(self).__getitem__

    def __missing__(self, org: str) -> list[T]:
        found = self[org] = list(map(self._record, self._index.get(org, ())))
        return found


class _Copies[T: msgspec.Struct](dict[str, tuple[T, ...]]):
    """Frozen copies of each org's records."""

    def __init__(self, records: ByOrg[T]) -> None:
        super().__init__()
        self._records = proxy(records)  # which hold this: no circle keeps a week in memory

    def __missing__(self, org: str) -> tuple[T, ...]:
        held = self._records[org]
        found = self[org] = all_frozen(held) if held else ()
        return found


class Grouped:
    """The state of a week, and whose each record is."""

    def __init__(self, state: State, hooks: Policies | None = None) -> None:
        self.state = state
        self.hooks = hooks
        self.week = state.run.week + 1
        self.day = state.run.start_day + 7 * self.week + 6
        index, leases = state.index, state.leases
        self.holdings = ByOrg[Holding](index.holdings, state.chips.holdings)
        self.orders = orders = ByOrg[Order]()
        for order in state.chips.orders.values():
            orders[order.org].append(order)
        self.coming: dict[str, dict[str, int]] = defaultdict(dict)
        self.integrating: dict[str, int] = defaultdict(int)  # GPUs under integration and on their way, by OEM
        coming, integrating = self.coming, self.integrating
        for shipment in state.chips.shipments.values():
            mine, chip, gpus = coming[shipment.org], shipment.chip, shipment.gpus
            mine[chip] = mine[chip] + gpus if chip in mine else gpus
            integrating[shipment.oem] += gpus
        self.sites = ByOrg[Site]()
        for site in state.sites.sites.values():
            self.sites[site.owner].append(site)
        self.buildings = buildings = ByOrg[Building]()
        running = {name for name, permit in state.sites.permits.items() if permit.is_running}
        for name, building in state.sites.buildings.items():
            if name not in running:  # else it is of use, and waits for the grid beside its plant
                buildings[building.org].append(building)
        self.plant_permits = ByOrg[PlantPermit]()
        for permit in state.sites.permits.values():
            self.plant_permits[state.sites.sites[permit.site].owner].append(permit)
        self.rented = ByOrg[Lease](index.rented, leases.leases)
        self.let = ByOrg[Lease](index.let, leases.leases)
        self.asking = ByOrg[Request](index.asked, leases.requests)
        self.asked = ByOrg[Request]()
        for request in leases.requests.values():
            self.asked[request.lessor].append(request)
        self.quotes_by = ByOrg[Quote](index.quoted, leases.quotes)
        self.quotes_to = ByOrg[Quote]()
        for quote in leases.quotes.values():
            self.quotes_to[quote.lessee].append(quote)
