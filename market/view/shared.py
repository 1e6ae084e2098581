"""What every view of a week reads, indexed once. It holds the state, and no view gives it away."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cached_property
from operator import attrgetter
from types import MappingProxyType

from msgspec.structs import replace

from market import rng
from market.rules import work, worth
from market.rules.chips import outlook
from market.rules.estates import is_open, reserve_cents
from market.rules.finance import lease_rent
from market.rules.index import Capacity, tail_price, tail_wanted
from market.rules.prices import cost_of_mix, cost_of_work
from market.state.chips import Place
from market.state.contracts import Contract
from market.state.finance import Books
from market.state.run import Org
from market.units import CENTS, MONTH_HOURS, YEAR_WEEKS
from market.view.each import once_each
from market.view.frozen import all_frozen, frozen
from market.view.labs import SharedLabs
from market.view.records import Chip, Lot, Round

_CHIP_SEEN = attrgetter(*Chip.__struct_fields__)


class Shared(SharedLabs):
    """The records of a week by org, and what is computed once for all."""

    @cached_property
    def contracts(self) -> dict[str, tuple[Contract, ...]]:
        """Contracts for capacity by lessor and by lessee, of which something is still to be drawn."""
        found: dict[str, list[Contract]] = defaultdict(list)
        for contract in self.state.contracts.open.values():
            copy = replace(frozen(contract), schedule=all_frozen(contract.schedule))
            found[copy.lessor].append(copy)
            found[copy.lessee].append(copy)
        return {org: tuple(mine) for org, mine in found.items()}

    @cached_property
    def orgs(self) -> Mapping[str, Org]:
        """Registrations by id."""
        return MappingProxyType({name: frozen(org) for name, org in self.state.run.orgs.items()})

    @cached_property
    def chips(self) -> Mapping[str, Chip]:
        """Chips as their suppliers tell the market."""
        chips = self.state.chips.chips
        return MappingProxyType({n: Chip(*_CHIP_SEEN(chip)) for n, chip in chips.items()})

    @cached_property
    def all_chips(self) -> tuple[Chip, ...]:
        """The same, one after the other."""
        return tuple(self.chips.values())

    @cached_property
    def works(self) -> dict[str, float]:
        """Work of a GPU of each chip, in H100e of mean work."""
        return work.in_h100e(self.state, self.day)

    @cached_property
    def costs(self) -> dict[str, float]:
        """Replacement cost of each chip for an H100e of mean work, with the mean of levies."""
        return {name: cost_of_work(self.state, chip, self.works[name]) for name, chip in self.state.chips.chips.items()}

    @cached_property
    def costs_without_levy(self) -> dict[str, float]:
        """The same without any levy."""
        return {
            name: cost_of_work(self.state, chip, self.works[name], 0.0) for name, chip in self.state.chips.chips.items()
        }

    @cached_property
    def rounds(self) -> tuple[Round, ...]:
        """Rounds that are sought, by id of the org."""
        return tuple(self._round(books) for _, books in sorted(self.state.finance.books.items()) if books.sought_cents)

    @cached_property
    def round_backers(self) -> frozenset[str | None]:
        """Those who have put most into the orgs that seek rounds in return for their custom."""
        return frozenset(self.backer(books.org) for books in self.rounds)

    def _round(self, books: Books) -> Round:
        seed, org, day = self.state.run.seed, books.org, books.sought_day
        funds = (name for name, each in self.state.run.orgs.items() if "investor" in each.roles)
        draws = {name: rng.uniform(seed, "leads", f"{org} {name}", day) for name in funds}
        backer = rng.uniform(seed, "backer leads", org, day)
        compute = self._compute_h100e(org)
        return Round(org, books.sought_cents, day, books.valuation_cents, compute, backer, MappingProxyType(draws))

    def _compute_h100e(self, org: str) -> float:
        """Compute that an org can use, and what it has on order or is owed under leases."""
        chips = self.state.chips.chips
        coming = [*self.pending(org), *((lease.chip, lease.owed) for lease in self.rented[org])]
        return self.fleets_h100e.get(org, 0.0) + sum(gpus * chips[chip].h100e for chip, gpus in coming)

    @cached_property
    def lots(self) -> tuple[Lot, ...]:
        """What estates offer, by estate and lot."""
        found = []
        for estate in self.state.finance.estates.values():
            for lot in estate.lots.values():
                if not is_open(self.state, lot, self.day):
                    continue
                site = self.state.sites.sites.get(lot.site)
                value = worth.site_cents(self.state, site, self.day) if site else lot.value_cents
                there = [h for h in self.holdings[estate.org] if site and h.site == lot.site]
                gpus = sum(h.owned for h in there) if site else lot.gpus
                weights = {name: chip.h100e for name, chip in self.state.chips.chips.items()}
                h100e = sum(h.owned * weights[h.chip] for h in there) if site else lot.gpus * weights[lot.chip]
                region = site.region if site else ""
                least = reserve_cents(self.state, lot, self.day)
                found.append(
                    Lot(lot.lot_id, estate.org, lot.kind, lot.site, region, lot.chip, gpus, h100e, value, least)
                )
        return tuple(found)

    @cached_property
    def funds(self) -> tuple[str, ...]:
        """Investors that do nothing else, do not lend and have any money, by id."""
        run, money = self.state.run, self.state.finance.ledger.accounts
        return tuple(
            name
            for name, org in run.orgs.items()
            if org.roles == ("investor",) and not run.parameters.get(f"orgs.{name}.lends") and money.get(name, 0) > 0
        )

    @cached_property
    def clouds(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Clouds that trade and have GPUs, the largest first: those outside China and those in it."""
        outside, inside = (
            self.by_size(x for x in names if self.fleets_h100e.get(x)) for names in self.of_role("cloud")
        )
        return outside, inside

    @cached_property
    def lessors(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The same with the labs that lease out what is idle."""
        orgs, (outside, inside) = self.state.run.orgs, self.clouds
        chinese = {name for name in self.idle_labs if orgs[name].country == "CN"}
        others = (name for name in self.idle_labs if name not in chinese)
        return self.by_size((*outside, *others)), self.by_size((*inside, *chinese))

    def by_size(self, orgs: Iterable[str]) -> tuple[str, ...]:
        """Orgs by what they own, the largest first."""
        return tuple(sorted(orgs, key=lambda name: (-self.owned_h100e.get(name, 0.0), name)))

    @cached_property
    def lead_time_weeks(self) -> float:
        """Market lead time of the latest week."""
        return self.state.chips.lead_times[-1] if self.state.chips.lead_times else 0.0

    @cached_property
    def on_demand_cents(self) -> dict[str, float]:
        """What clouds earn on demand in four weeks at this week's prices and fill."""
        capacity = self.capacity
        wanted = tail_wanted(self.state)
        fill = min(1.0, wanted / capacity.total_free) if capacity.total_free else 0.0
        earned: dict[str, float] = defaultdict(float)
        chips, prices = self.state.chips.chips, {x: tail_price(self.state, x) for x in capacity.by_cloud}
        for (cloud, chip, _), free in capacity.free.items():
            let = free / chips[chip].h100e * self.works[chip] * fill
            earned[cloud] += let * prices[cloud] * MONTH_HOURS * CENTS
        return earned

    @once_each
    def monthly_let_cents(self, org: str) -> int:
        """Rent that an org earns in four weeks, on demand included."""
        return round(sum(map(lease_rent, self.let[org])) + self.on_demand_cents.get(org, 0.0))

    @once_each
    def rent_cents(self, org: str) -> int:
        """Rent that a lessee pays in four weeks."""
        return sum(map(lease_rent, self.rented[org]))

    @cached_property
    def captive(self) -> dict[str, float]:
        """Part of its own fleet that each cloud keeps for its own users."""
        return self.capacity.captive

    @cached_property
    def capacity(self) -> Capacity:
        """H100e that clouds have to let."""
        return Capacity(self.state)

    @cached_property
    def cost_of_mix(self) -> float:
        """Replacement cost of what is on sale."""
        return cost_of_mix(self.state, self.day)

    @cached_property
    def busy(self) -> dict[Place, int]:
        """GPUs of each holding that train, are owed under leases, or are in quotes of leases.

        A contract is offered without any GPUs in particular: it is served later, from what is free or still to come.
        """
        busy: dict[Place, int] = defaultdict(int)
        for run in self.state.training.runs.values():
            busy[Place(run.org, run.chip, run.site)] += run.gpus
        for owed in self.state.index.owed.values():
            for place, gpus in owed.items():
                busy[place] += gpus
        for quote in self.state.leases.quotes.values():
            if quote.parent_lease_id is None and quote.form == "lease":
                busy[Place(quote.lessor, quote.chip, quote.site)] += quote.gpus
        return busy

    @once_each
    def free(self, org: str) -> dict[tuple[str, str], int]:
        """GPUs that an org could hand over today, by chip and site."""
        busy, found = self.busy, {}
        for place in self.state.index.holdings.get(org, ()):
            holding = self.state.chips.holdings[place]
            found[holding.chip, holding.site] = holding.held - busy.get(place, 0)
        return found

    @cached_property
    def outlook(self) -> Mapping[str, int]:
        """Supply at the day when an order of today is due."""
        return MappingProxyType(outlook(self.state, self.day + round(7 * self.lead_time_weeks)))

    @once_each
    def outlook_in(self, weeks: float) -> Mapping[str, int]:
        """Supply so many weeks ahead, when packaging has grown by its plan."""
        return MappingProxyType(outlook(self.state, self.day + round(7 * weeks), weeks / YEAR_WEEKS))

    @cached_property
    def outlook_usd(self) -> tuple[tuple[Chip, float], ...]:
        """That supply at list prices, of chips that are sold to others."""
        sold = (chip for chip in self.all_chips if chip.buyers != "own" and not chip.retired)
        worth = ((chip, self.outlook.get(chip.name, 0) * chip.price_usd_per_gpu) for chip in sold)
        return tuple((chip, usd) for chip, usd in worth if usd > 0)

    @cached_property
    def least_h100e_per_kw(self) -> float:
        """H100 equivalents that a kW of IT power carries of the chip that draws most."""
        return min((chip.h100e / chip.power_kw_it_per_gpu for chip in self.all_chips), default=0.0)

    @cached_property
    def least_usd_per_h100e(self) -> float:
        """Bill of an H100 equivalent where that is least, with its part of a server and a shell, levies left out."""
        p = self.state.run.parameters
        dearer, shell = 1 + p["shipping.server_cost_share"], p["build.shell_usd_per_kw"]
        bills = (
            (chip.price_usd_per_gpu * dearer + chip.power_kw_it_per_gpu * shell) / chip.h100e for chip in self.all_chips
        )
        return min(bills, default=0.0)

    @cached_property
    def owned_h100e(self) -> dict[str, float]:
        """H100e installed by owner."""
        owned: dict[str, float] = defaultdict(float)
        for holding in self.state.chips.holdings.values():
            owned[holding.org] += holding.owned * self.state.chips.chips[holding.chip].h100e
        return owned
