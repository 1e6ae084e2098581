"""The state of a week, its records grouped by org, once for all views."""

from __future__ import annotations

from typing import Any, Protocol

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
    """Records of the state by org, and frozen copies of them for its view, made when first asked for."""

    def __init__(self) -> None:
        super().__init__()
        self._copies: dict[str, tuple[T, ...]] = {}

    def __missing__(self, org: str) -> list[T]:
        self[org] = []
        return self[org]

    def copies(self, org: str) -> tuple[T, ...]:
        """Frozen copies of an org's records."""
        if org not in self._copies:
            self._copies[org] = all_frozen(self.get(org, ()))
        return self._copies[org]


class Grouped:
    """The state of a week, and whose each record is."""

    def __init__(self, state: State, hooks: Policies | None = None) -> None:
        self.state = state
        self.hooks = hooks
        self.week = state.run.week + 1
        self.day = state.run.start_day + 7 * self.week + 6
        self.holdings = ByOrg[Holding]()
        for holding in state.chips.holdings.values():
            self.holdings[holding.org].append(holding)
        self.orders = ByOrg[Order]()
        for order in state.chips.orders.values():
            self.orders[order.org].append(order)
        self.coming: dict[str, dict[str, int]] = {}
        for shipment in state.chips.shipments.values():
            coming = self.coming.setdefault(shipment.org, {})
            coming[shipment.chip] = coming.get(shipment.chip, 0) + shipment.gpus
        self.sites = ByOrg[Site]()
        for site in state.sites.sites.values():
            self.sites[site.owner].append(site)
        self.buildings = ByOrg[Building]()
        for building in state.sites.buildings.values():
            self.buildings[building.org].append(building)
        self.plant_permits = ByOrg[PlantPermit]()
        for permit in state.sites.permits.values():
            self.plant_permits[state.sites.sites[permit.site].owner].append(permit)
        self.rented = ByOrg[Lease]()
        self.let = ByOrg[Lease]()
        for lease in state.leases.leases.values():
            self.rented[lease.lessee].append(lease)
            self.let[lease.lessor].append(lease)
        self.asking = ByOrg[Request]()
        self.asked = ByOrg[Request]()
        for request in state.leases.requests.values():
            self.asking[request.lessee].append(request)
            self.asked[request.lessor].append(request)
        self.quotes_to = ByOrg[Quote]()
        self.quotes_by = ByOrg[Quote]()
        for quote in state.leases.quotes.values():
            self.quotes_to[quote.lessee].append(quote)
            self.quotes_by[quote.lessor].append(quote)
