"""What an org knows of itself, and of those with whom it deals."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from events.types import leases as events
from market.rules import vendors
from market.rules.base import overhead_share
from market.rules.credit import bond_room_cents, coverage
from market.rules.finance import burn_cents, runway_days
from market.rules.machines import Machine, step_flop
from market.rules.rights import takeable
from market.state.chips import Holding, Order
from market.state.contracts import Contract
from market.state.finance import Books
from market.state.leases import Lease, Letter, Quote, Request
from market.state.sites import Building, PlantPermit, Site
from market.state.training import Lab, Project, TrainingRun
from market.view.base import NotVisible, may_see, shared_of, state_of
from market.view.frozen import all_frozen, frozen
from market.view.public import PublicView


class OwnView(PublicView):
    """Readings of the own books, machines, sites, orders and talks."""

    __slots__ = ()

    # --- money

    @property
    def cash_cents(self) -> int:
        """Own cash."""
        return state_of(self).finance.ledger.accounts.get(self.me, 0)

    @property
    def books(self) -> Books:
        """Own books."""
        return shared_of(self).books(self.me)

    def stakes(self) -> tuple[str, ...]:
        """Orgs in which the org holds equity."""
        found = state_of(self).finance.stakes.items()
        return tuple(org for org, stakes in found if self.me in stakes and stakes[self.me].invested_cents > 0)

    def has_granted_warrants(self) -> bool:
        """Whether warrants that the org granted are still open."""
        return any(x.supplier == self.me for x in state_of(self).finance.warrants.values())

    def duty_cents(self, but: str = "") -> int:
        """Cash taken for equity that is still to be spent on the investors' compute, one of them left out."""
        return vendors.duty_cents(state_of(self), self.me, but)

    def monthly_let_cents(self) -> int:
        """Rent earned in four weeks, on demand included."""
        return shared_of(self).monthly_let_cents(self.me)

    def monthly_kept_cents(self) -> int:
        """What overheads leave of the rent earned in four weeks."""
        return round((1 - overhead_share(state_of(self), self.me)) * self.monthly_let_cents())

    def monthly_rent_cents(self) -> int:
        """Rent of four weeks."""
        return shared_of(self).rent_cents(self.me)

    def burn_cents(self) -> int:
        """Spending of four weeks beyond earnings."""
        return burn_cents(state_of(self), self.me, self.monthly_rent_cents())

    def runway_days(self) -> int:
        """Days that cash lasts."""
        return runway_days(state_of(self), self.me, self.monthly_rent_cents())

    def coverage(self, extra_cents: int) -> float:
        """Debt-service coverage with a new loan."""
        return coverage(state_of(self), self.me, extra_cents, shared_of(self).service_and_income(self.me))

    def bond_room_cents(self) -> int:
        """What the org may still borrow on its rating."""
        return bond_room_cents(state_of(self), self.me, self.day)

    # --- machines

    @property
    def fleet_h100e(self) -> float:
        """H100e that the org can use."""
        return shared_of(self).fleets_h100e[self.me]

    def captive_share(self) -> float:
        """Part of the own fleet that never leaves the org."""
        if "cloud" in self.org.roles:
            return shared_of(self).captive.get(self.me, 0.0)
        owned = shared_of(self).owned_h100e.get(self.me, 0.0)
        if self.lab is not None and owned:
            return 1 - min(1.0, self.idle_h100e(self.me) / owned)
        return self.trait("captive_share")

    def holdings(self) -> tuple[Holding, ...]:
        """Own holdings."""
        return shared_of(self).holdings.copies(self.me)

    def places_h100e(self) -> Mapping[str, float]:
        """Compute that the org can use at each site, and is owed there under its leases."""
        return MappingProxyType(shared_of(self).places_h100e(self.me))

    def makers_h100e(self) -> Mapping[str, float]:
        """Compute that the org can use of the chips of each supplier."""
        return MappingProxyType(shared_of(self).makers_h100e(self.me))

    def free(self, chip: str, site: str) -> int:
        """GPUs that the org could hand over today."""
        return shared_of(self).free(self.me).get((chip, site), 0)

    def orders(self) -> tuple[Order, ...]:
        """Own open orders."""
        return shared_of(self).orders.copies(self.me)

    def coming(self) -> Mapping[str, int]:
        """GPUs in integration and transport, by chip."""
        return MappingProxyType(shared_of(self).coming.get(self.me, {}))

    def warehouse(self) -> Mapping[str, int]:
        """GPUs that wait for power, by chip."""
        return MappingProxyType(state_of(self).chips.warehouse.get(self.me, {}))

    def pending_kw(self) -> float:
        """Power that own chips on order, in transit and in the warehouse will take."""
        return shared_of(self).pending_kw(self.me)

    def integration(self) -> tuple[int, int]:
        """Own rack capacity in GPUs a week, and GPUs under integration (OEMs)."""
        chips = state_of(self).chips
        return chips.integration_gpus_per_week.get(self.me, 0), shared_of(self).integrating.get(self.me, 0)

    # --- sites

    def sites(self) -> tuple[Site, ...]:
        """Own sites."""
        return shared_of(self).sites.copies(self.me)

    def buildings(self) -> tuple[Building, ...]:
        """Own buildings under way."""
        return shared_of(self).buildings.copies(self.me)

    def queued_plant(self) -> tuple[str, ...]:
        """Buildings in use whose load waits for the grid to take over from own plant."""
        waiting = state_of(self).sites.buildings
        return tuple(x.building_id for x in shared_of(self).plant_permits.copies(self.me) if x.building_id in waiting)

    def plant_permits(self) -> tuple[PlantPermit, ...]:
        """Permits of plant at own sites."""
        return shared_of(self).plant_permits.copies(self.me)

    def home_regions(self) -> tuple[str, ...]:
        """Regions where the org would build: at home, where it has a site, abroad with the trait `builds_abroad`.

        None without a grid, but where the org has a site. What policies say of a building there, `may` tells.
        """
        return shared_of(self).home_regions(self.me)

    def promised_kw(self, site: str) -> float:
        """Power that own leases and quotes will take at an own site beyond what is installed."""
        if state_of(self).sites.sites[site].owner != self.me:
            raise NotVisible(f"{site} is not {self.me}'s")
        return shared_of(self).promised_watts(self.me).get(site, 0) / 1000

    # --- leases

    def rented(self) -> tuple[Lease, ...]:
        """Leases as lessee."""
        return shared_of(self).rented.copies(self.me)

    def let(self) -> tuple[Lease, ...]:
        """Leases as lessor."""
        return shared_of(self).let.copies(self.me)

    def lease(self, lease_id: str) -> Lease:
        """One of the own leases."""
        lease = state_of(self).leases.leases[lease_id]
        if self.me not in (lease.lessee, lease.lessor):
            raise NotVisible(f"{lease_id} is between {lease.lessor} and {lease.lessee}")
        return frozen(lease)

    def may_take(self, lease_id: str) -> int:
        """GPUs that the org may take beside those of a lease today, as its lessor states."""
        lease = state_of(self).leases.leases[lease_id]
        if self.me != lease.lessee:
            raise NotVisible(f"{lease_id} is {lease.lessee}'s")
        return takeable(state_of(self), lease, self.day)

    def lost_lease(self) -> str:
        """The latest lease that was broken off under the org and that it has asked for no other since, or nothing."""
        return state_of(self).leases.lost.get(self.me, "")

    def requests_by_me(self) -> tuple[Request, ...]:
        """Own open requests."""
        return shared_of(self).asking.copies(self.me)

    def requests_to_me(self) -> tuple[Request, ...]:
        """Open requests that others made to the org."""
        return shared_of(self).asked.copies(self.me)

    def request(self, request_id: str) -> Request:
        """One open request of the org or to it."""
        request = state_of(self).leases.requests[request_id]
        if not may_see(events.LeaseRequested, self.me, request.lessee, request.lessor):
            raise NotVisible(f"{request_id} is between {request.lessee} and {request.lessor}")
        return frozen(request)

    def quotes_to_me(self) -> tuple[Quote, ...]:
        """Open quotes that others gave."""
        return shared_of(self).quotes_to.copies(self.me)

    def quotes_by_me(self) -> tuple[Quote, ...]:
        """Own open quotes."""
        return shared_of(self).quotes_by.copies(self.me)

    def contracts(self) -> tuple[Contract, ...]:
        """Own contracts for capacity, as lessor or lessee, of which something is still to be drawn."""
        return shared_of(self).contracts.get(self.me, ())

    def owed_gpus(self) -> Mapping[str, int]:
        """GPUs by chip that the org owes under leases of its own."""
        return MappingProxyType(shared_of(self).owed_gpus(self.me))

    def undelivered_usd(self) -> float:
        """The same at list prices."""
        return shared_of(self).undelivered_usd(self.me)

    def letters(self) -> tuple[Letter, ...]:
        """Own letters of intent that still stand."""
        return all_frozen(x for x in state_of(self).leases.letters.values() if x.org == self.me)

    # --- labs

    @property
    def lab(self) -> Lab | None:
        """Own record as a lab."""
        return shared_of(self).lab(self.me)

    def machines(self) -> tuple[Machine, ...]:
        """Own machines on which a run could begin, by the FLOP of a run, best first; none while a run is under way."""
        return tuple(shared_of(self).machines.get(self.me, ()))

    def step_flop(self) -> float:
        """Effective FLOP from which the lab begins a run."""
        return step_flop(state_of(self), shared_of(self).leader, state_of(self).training.labs[self.me], self.day)

    def serving_capacity_usd(self) -> float:
        """Revenue a year that the whole fleet could serve."""
        return shared_of(self).serving_capacity_usd.get(self.me, 0.0)

    def runs(self) -> tuple[TrainingRun, ...]:
        """Own frontier runs under way."""
        return all_frozen(run for run in state_of(self).training.runs.values() if run.org == self.me)

    def projects(self) -> tuple[Project, ...]:
        """Own projects under way and on the list."""
        training = state_of(self).training
        return all_frozen((*training.projects.get(self.me, {}).values(), *training.waiting.get(self.me, {}).values()))

    def research_h100e(self) -> float:
        """Own compute for research: what does not serve customers and is not captive."""
        on = shared_of(self).benches.get(self.me)
        return on.research if on else 0.0

    def listed_h100e(self) -> float:
        """Least sizes of all own projects, under way and on the list."""
        on = shared_of(self).benches.get(self.me)
        return on.listed if on else 0.0
