"""The state of a week, its records grouped by org, once for all views."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from operator import attrgetter
from typing import Any, Protocol

import msgspec

from events.commands import Command
from market.rules.base import to_come
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
    """Records of the state by org, and frozen copies of them for its view, found when first asked for.

    Attributes
    ----------
    copies : gives frozen copies of an org's records; no method of ours, for behaviours ask a hundred thousand times.
    """

    def __init__(self, find: Callable[[str], list[T]]) -> None:
        super().__init__()
        self._find = find
        self.copies = _Copies(find).__getitem__  # which does not hold this: no circle keeps a week in memory

    def __missing__(self, org: str) -> list[T]:
        found = self[org] = self._find(org)
        return found


class _Copies[T: msgspec.Struct](dict[str, tuple[T, ...]]):
    """Frozen copies of each org's records."""

    def __init__(self, find: Callable[[str], list[T]]) -> None:
        super().__init__()
        self._find = find

    def __missing__(self, org: str) -> tuple[T, ...]:
        held = self._find(org)
        found = self[org] = all_frozen(held) if held else ()
        return found


def indexed[T: msgspec.Struct](index: Mapping[str, Iterable[Any]], records: Mapping[Any, T]) -> ByOrg[T]:
    """Records of which the state keeps the ids by org."""
    record = records.__getitem__
    return ByOrg(lambda org: list(map(record, index[org])) if org in index else [])


def grouped[T: msgspec.Struct](records: Iterable[T], owner: Callable[[T], str]) -> ByOrg[T]:
    """Records by what names their org."""
    found: defaultdict[str, list[T]] = defaultdict(list)
    for record in records:
        found[owner(record)].append(record)
    return ByOrg(found.__getitem__)


class Grouped:
    """The state of a week, and whose each record is."""

    def __init__(self, state: State, hooks: Policies | None = None) -> None:
        self.state = state
        self.hooks = hooks
        self.week = state.run.week + 1
        self.day = state.run.start_day + 7 * self.week + 6
        index, leases = state.index, state.leases
        self.holdings: ByOrg[Holding] = indexed(index.holdings, state.chips.holdings)
        self.orders: ByOrg[Order] = grouped(state.chips.orders.values(), attrgetter("org"))
        self.coming: dict[str, dict[str, int]] = defaultdict(dict)
        self.integrating: dict[str, int] = defaultdict(int)  # GPUs under integration and on their way, by OEM
        coming, integrating = self.coming, self.integrating
        for shipment in state.chips.shipments.values():
            mine, chip, gpus = coming[shipment.org], shipment.chip, shipment.gpus
            mine[chip] = mine[chip] + gpus if chip in mine else gpus
            integrating[shipment.oem] += gpus
        self.sites: ByOrg[Site] = grouped(state.sites.sites.values(), attrgetter("owner"))
        self.buildings: ByOrg[Building] = grouped(to_come(state, state.sites.buildings.values()), attrgetter("org"))
        sites = state.sites.sites
        self.plant_permits: ByOrg[PlantPermit] = grouped(state.sites.permits.values(), lambda x: sites[x.site].owner)
        self.rented: ByOrg[Lease] = indexed(index.rented, leases.leases)
        self.let: ByOrg[Lease] = indexed(index.let, leases.leases)
        self.asking: ByOrg[Request] = indexed(index.asked, leases.requests)
        self.asked: ByOrg[Request] = grouped(leases.requests.values(), attrgetter("lessor"))
        self.quotes_by: ByOrg[Quote] = indexed(index.quoted, leases.quotes)
        self.quotes_to: ByOrg[Quote] = grouped(leases.quotes.values(), attrgetter("lessee"))
