"""What views read of one org at a time, worked out when it is first asked for in a week."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING
from weakref import ref

from market.rules.base import trait
from market.rules.credit import service_and_income
from market.rules.foresee import Users, users_of
from market.rules.free import promised_by
from market.state.finance import Books
from market.state.training import Lab
from market.units import DAYS_PER_YEAR
from market.view.frozen import frozen
from market.view.grouped import Grouped
from market.view.settable import Settable, settable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def once_each[S: EachOrg, Key, T](find: Callable[[S, Key], T]) -> cached_property[Callable[[Key], T]]:
    """Keep what a reading finds of an org, a role or a time ahead for as long as its week lasts."""
    kept = cached_property(lambda shared: _Kept(find, shared).__getitem__)
    kept.__doc__ = find.__doc__
    return kept


class _Kept[S: EachOrg, Key, T](dict[Key, T]):
    """What a reading found, by what it was asked for; its own method reads it: behaviours ask thousands of times."""

    def __init__(self, find: Callable[[S, Key], T], shared: S) -> None:
        super().__init__()
        self._find, self._shared = find, ref(shared)  # which holds this: no circle keeps a week in memory

    def __missing__(self, key: Key) -> T:
        shared = self._shared()
        assert shared is not None  # its views hold it
        found = self[key] = self._find(shared, key)
        return found


class EachOrg(Grouped):
    """Readings of single orgs and roles."""

    @cached_property
    def parameters(self) -> Settable:
        """Settable numbers: those that are no org's own, and those of orgs."""
        return settable(self.state.run.parameters)

    @once_each
    def trading(self, role: str) -> tuple[str, ...]:
        """Orgs of a role that trade: those in default do not."""
        orgs, idle = self.state.run.orgs, self.state.finance.estates
        return tuple(name for name, org in orgs.items() if role in org.roles and name not in idle)

    @once_each
    def of_role(self, role: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The same by bloc: those outside China and those in it."""
        known, orgs = self.trading(role), self.state.run.orgs
        inside = {name for name in known if orgs[name].country == "CN"}
        return tuple(x for x in known if x not in inside), tuple(x for x in known if x in inside)

    @once_each
    def service_and_income(self, org: str) -> tuple[float, float]:
        """Instalments that an org owes in a year, and its income of a year less rents and running costs; cents."""
        return service_and_income(self.state, org)

    @once_each
    def raised_in_a_year_cents(self, role: str) -> int:
        """Equity that all orgs of a role raised in the year up to today."""
        raised = self.state.finance.raised.get(role, ())
        return sum(cents for day, cents in raised if day > self.day - DAYS_PER_YEAR)

    @once_each
    def books(self, org: str) -> Books:
        """An org's books."""
        return frozen(self.state.finance.books[org])

    @once_each
    def lab(self, org: str) -> Lab | None:
        """An org's record as a lab, if it is one."""
        lab = self.state.training.labs.get(org)
        return None if lab is None else frozen(lab)

    @once_each
    def used_share(self, org: str) -> float:
        """Part of an org's power that its GPUs use, plant left out that stands still; 1 without any."""
        sites = self.sites[org]
        running = sum(site.running_kw for site in sites)
        used = sum(site.used_w for site in sites) / 1000
        return min(1.0, used / running) if running else 1.0

    @once_each
    def pending_kw(self, org: str) -> float:
        """Power that an org's chips on order, in transit and in the warehouse will take."""
        chips = self.state.chips.chips
        return sum(gpus * chips[name].power_kw_it_per_gpu for name, gpus in self.pending(org))

    def pending(self, org: str) -> list[tuple[str, int]]:
        """Chips in the warehouse of an org, in transit and on order."""
        orders = ((order.chip, order.gpus) for order in self.orders[org])
        return [*self.state.chips.warehouse.get(org, {}).items(), *self.coming.get(org, {}).items(), *orders]

    @once_each
    def users_of(self, org: str) -> tuple[Users, ...]:
        """Those who spend on an org's compute."""
        return users_of(self.state, org)

    @once_each
    def promised_watts(self, org: str) -> dict[str, int]:
        """Power that an org's leases and quotes will take at its sites beyond what is installed."""
        return promised_by(self.state, org)

    @once_each
    def home_regions(self, org: str) -> tuple[str, ...]:
        """Regions where an org would build."""
        run, home = self.state.run, self.state.run.orgs[org].country
        abroad, present = trait(self.state, org, "builds_abroad"), {site.region for site in self.sites[org]}
        return tuple(
            name
            for name, region in run.regions.items()
            if (region.country == home or name in present or (abroad and region.country != "CN"))
            and (name in present or run.parameters[f"regions.{name}.grid_mw_per_year"] > 0)
        )

    @once_each
    def places_h100e(self, org: str) -> dict[str, float]:
        """Compute that an org can use at each site, and is owed there under its leases."""
        found, chips = dict[str, float](), self.state.chips.chips
        for holding in self.holdings[org]:
            here = found.get(holding.site, 0.0)
            found[holding.site] = here + holding.held * chips[holding.chip].h100e
        for lease in self.rented[org]:
            if owed := lease.gpus - lease.delivered:
                found[lease.site] = found.get(lease.site, 0.0) + owed * chips[lease.chip].h100e
        return found

    @once_each
    def owed_gpus(self, org: str) -> dict[str, int]:
        """GPUs by chip that an org owes under leases of its own."""
        found: dict[str, int] = {}
        for place, gpus in self.state.index.owed.get(org, {}).items():
            found[place.chip] = found.get(place.chip, 0) + gpus
        return found

    def undelivered_usd(self, org: str) -> float:
        """The same at list prices, lease by lease."""
        if org not in self.state.index.owed:
            return 0.0
        chips, mine = self.state.chips.chips, (x for x in self.let[org] if x.parent_lease_id is None)
        return sum(owed * chips[x.chip].price_usd_per_gpu for x in mine if (owed := x.gpus - x.delivered))

    @once_each
    def makers_h100e(self, org: str) -> dict[str, float]:
        """Compute that an org can use of the chips of each supplier."""
        found, chips = dict[str, float](), self.state.chips.chips
        for holding in self.holdings[org]:
            chip = chips[holding.chip]
            found[chip.supplier] = found.get(chip.supplier, 0.0) + holding.held * chip.h100e
        return found

    @cached_property
    def backed(self) -> Mapping[str, tuple[str, ...]]:
        """Labs by the investor that has put most into each in return for its custom."""
        found: dict[str, list[str]] = {}
        for lab in self.state.training.labs:
            if (backer := self.backer(lab)) is not None:
                found.setdefault(backer, []).append(lab)
        return {backer: tuple(labs) for backer, labs in found.items()}

    @once_each
    def backer(self, org: str) -> str | None:
        """The investor that has put most into an org in return for its custom."""
        orgs, estates = self.state.run.orgs, self.state.finance.estates
        found = [
            (x.for_compute_cents, name)
            for name, x in self.state.finance.stakes.get(org, {}).items()
            if x.for_compute_cents and name in orgs and name not in estates
        ]
        return max(found)[1] if found else None
