"""What belongs to whom at the start, grouped once, so that thousands of builders look at their own alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from market.state import State
from market.state.chips import Order, Shipment
from market.state.leases import Lease
from market.state.sites import Building, Site


class Belongings(NamedTuple):
    """What each org has at the start, grouped once for all builders, each in the order of the state."""

    shipments: dict[str, list[Shipment]]
    orders: dict[str, list[Order]]
    leases: dict[str, list[Lease]]
    sites: dict[str, list[Site]]
    buildings: dict[str, list[Building]]

    @classmethod
    def of(cls, state: State) -> Belongings:
        """Group the parts of a state by the org that they belong to; a lease belongs to both of its sides."""
        chips, sites, leases = state.chips, state.sites, state.leases.leases.values()
        return cls(
            _by(chips.shipments.values(), lambda shipment: (shipment.org,)),
            _by(chips.orders.values(), lambda order: (order.org,)),
            _by(leases, lambda lease: dict.fromkeys((lease.lessor, lease.lessee))),
            _by(sites.sites.values(), lambda site: (site.owner,)),
            _by(sites.buildings.values(), lambda building: (building.org,)),
        )


def _by[T](things: Iterable[T], orgs: Callable[[T], Iterable[str]]) -> dict[str, list[T]]:
    found: dict[str, list[T]] = {}
    for thing in things:
        for org in orgs(thing):
            found.setdefault(org, []).append(thing)
    return found
