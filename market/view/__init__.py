"""What one org may know: a read-only facade over the state, with what all views share computed once a week.

Public is what the market sees: prices, leases signed, clusters, released models, sites, regions. Own and party events
stay with the orgs that they name.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

from market.rules.chips import may_buy
from market.rules.finance import burn_cents, coverage, monthly_rent, runway_days
from market.rules.leases import promised_watts
from market.rules.prices import replacement_cost
from market.rules.sites import expected_wait, on_site_room_kw, on_site_wait
from market.state.chips import Chip, Holding, Order, Place
from market.state.finance import Books
from market.state.leases import Lease, Letter, Quote, Request
from market.state.run import Org
from market.state.sites import Building, Site
from market.state.training import Lab, Project, TrainingRun
from market.view.planning import Machine
from market.view.shared import Shared

__all__ = [
    "Books", "Building", "Chip", "Holding", "Lab", "Lease", "Letter", "MarketView", "Order", "Org", "Project", "Quote",
    "Request", "Shared", "Site", "TrainingRun",
]  # fmt: skip


class MarketView:
    """The week as `me` may know it."""

    def __init__(self, shared: Shared, me: str) -> None:
        self._state, self._shared = shared.state, shared
        self.me = me
        self.week, self.day = shared.week, shared.day

    # --- public

    def param(self, name: str) -> float:
        """Read a settable number."""
        return self._state.run.parameters[name]

    def trait(self, name: str, default: float = 0.0) -> float:
        """Read an own trait."""
        return self._state.run.parameters.get(f"orgs.{self.me}.{name}", default)

    @property
    def price(self) -> float:
        """One-year reference price, USD/H100e-hour."""
        return self._state.leases.price_usd_per_h100e_hour

    @property
    def spot(self) -> float:
        """Posted on-demand price, USD/H100e-hour."""
        return self._state.leases.spot_usd_per_h100e_hour

    @property
    def tightness(self) -> float:
        """Compute wanted over compute on the market."""
        return self._state.leases.tightness

    @property
    def lead_time_weeks(self) -> float:
        """Weeks of output in suppliers' backlog."""
        return self._shared.lead_time_weeks

    @property
    def org(self) -> Org:
        """The own registration."""
        return self._state.run.orgs[self.me]

    def orgs(self, role: str) -> list[str]:
        """Names of the orgs of a role, by id."""
        return [name for name, org in self._state.run.orgs.items() if role in org.roles]

    def parent_of(self, org: str) -> str | None:
        """Owner of an org."""
        return self._state.run.orgs[org].parent

    def country_of(self, org: str) -> str:
        """Country of an org."""
        return self._state.run.orgs[org].country

    def regions(self) -> list[str]:
        """Names of the power regions."""
        return list(self._state.run.regions)

    def region_country(self, region: str) -> str:
        """Country of a region."""
        return self._state.run.regions[region].country

    def queue_days(self, region: str) -> float:
        """Days that a new load expects to wait for power in a region."""
        return expected_wait(self._state, region)

    def on_site_days(self, kind: str) -> float:
        """Days that own generation takes, with what its makers are behind."""
        late = max(0.0, -on_site_room_kw(self._state, self.day)) / 1000
        return on_site_wait(self._state, kind) + 365 * late / self.param("sites.on_site_mw_per_year")

    def queue_kw(self, region: str) -> int:
        """Power in a region's interconnection queue."""
        return self._shared.queues_kw[region]

    def chips(self) -> Iterable[Chip]:
        """All chips announced."""
        return self._state.chips.chips.values()

    def chip(self, name: str) -> Chip:
        """One chip."""
        return self._state.chips.chips[name]

    def cost(self, chip: str) -> float:
        """Replacement cost of a chip, USD/H100e-hour."""
        return replacement_cost(self._state, self._state.chips.chips[chip], self.day)

    @property
    def cost_of_mix(self) -> float:
        """Replacement cost of what is on sale this week, USD/H100e-hour."""
        return self._shared.cost_of_mix

    @property
    def seed(self) -> int:
        """Seed of the run, for draws that hold for the org's whole life."""
        return self._state.run.seed

    def region_param(self, region: str, name: str) -> float:
        """Read a number of a region."""
        return self._state.run.parameters[f"regions.{region}.{name}"]

    def queue_delay_days(self, region: str, kw: int) -> float:
        """Days by which a load waits longer since the queue holds more than the region connects."""
        yearly = self.region_param(region, "grid_mw_per_year") * 1000
        return 365 * (self.queue_kw(region) + kw) / yearly if yearly else 3650.0

    def chip_param(self, chip: str, name: str) -> float:
        """Read a number of a chip."""
        return self._state.run.parameters[f"chips.{chip}.{name}"]

    def fleet_owned_by(self, org: str) -> float:
        """H100e that an org owns, as observers estimate it."""
        return self._shared.owned_h100e.get(org, 0.0)

    def home_regions(self) -> list[str]:
        """Regions where the org may build: at home, abroad with the trait `builds_abroad`, none that refused it."""
        home, abroad, run = self.org.country, self.trait("builds_abroad"), self._state.run
        refused = run.refusals.get(self.me, {})
        return [
            name
            for name, region in run.regions.items()
            if (region.country == home or (abroad and region.country != "CN"))
            and self.day - refused.get(name, -365) >= 365
        ]

    def may_buy(self, chip: str) -> bool:
        """Whether a chip is for sale to the org."""
        return not may_buy(self._state, self.me, self._state.chips.chips[chip])

    def outlook(self) -> dict[str, int]:
        """GPUs a week by chip that suppliers say they will make when an order of today is due."""
        return self._shared.outlook

    def own_lines(self) -> list[Chip]:
        """Chips that a supplier of the own house makes for the org."""
        orgs = self._state.run.orgs
        return [c for c in self.chips() if c.buyers == "own" and orgs[c.supplier].parent == self.me and not c.retired]

    def funds(self) -> list[str]:
        """Investors that do nothing else, buy equity and have any money, by id."""
        money = self._state.finance.ledger.accounts
        return [
            name
            for name, org in self._state.run.orgs.items()
            if org.roles == ("investor",) and not self.is_lender(name) and money.get(name, 0) > 0
        ]

    def is_lender(self, org: str) -> bool:
        """Whether an investor lends."""
        return bool(self._state.run.parameters.get(f"orgs.{org}.lends", 0.0))

    def is_strategic(self, org: str) -> bool:
        """Whether an investor is a company or state that leads large rounds."""
        return bool(self._state.run.parameters.get(f"orgs.{org}.strategic", 0.0))

    def labs(self) -> dict[str, Lab]:
        """Released models and revenue of all labs (announced or reported)."""
        return self._state.training.labs

    def fleet_of(self, lab: str) -> float:
        """H100e of a lab, as observers estimate it."""
        return self._shared.fleets_h100e.get(lab, 0.0)

    def site(self, name: str) -> Site:
        """One site."""
        return self._state.sites.sites[name]

    # --- own

    @property
    def cash_cents(self) -> int:
        """Own cash."""
        return self._state.finance.ledger.accounts.get(self.me, 0)

    @property
    def books(self) -> Books:
        """Own books."""
        return self._state.finance.books[self.me]

    @property
    def lab(self) -> Lab | None:
        """Own record as a lab."""
        return self._state.training.labs.get(self.me)

    def books_of(self, org: str) -> Books:
        """Books of an org that has opened them to investors."""
        return self._state.finance.books[org]

    @cached_property
    def fleet_h100e(self) -> float:
        """H100e that the org can use."""
        return self._shared.fleets_h100e[self.me]

    def captive_share(self) -> float:
        """Part of the own fleet that never leaves the org."""
        return self._state.run.parameters.get(f"orgs.{self.me}.captive_share", 0.0)

    def queued_kw(self, site: str) -> float:
        """Power at an own site that chips in the warehouse will take, given that all sites share them evenly."""
        power = sum(n * self.chip(c).power_kw_it_per_gpu for c, n in self.warehouse().items())
        return power / max(1, len(self.sites()))

    def unmet_h100e(self) -> float:
        """Compute that others ask of the org now, less what it could hand over."""
        asked = sum(r.h100e for r in self.requests_to_me() if r.kind != "internal")
        free = sum(max(0, self.free(h.chip, h.site)) * self.chip(h.chip).h100e for h in self.holdings() if h.owned)
        return asked - free * (1 - self.captive_share())

    def same_bloc(self, org: str) -> bool:
        """Whether two orgs are both in China or both outside it."""
        return (self.org.country == "CN") == (self.country_of(org) == "CN")

    def leases_from(self, lessee: str, lessor: str) -> bool:
        """Whether one org rents from another (public: leases signed)."""
        return any(lease.lessor == lessor for lease in self._shared.rented[lessee])

    def holdings(self) -> list[Holding]:
        """Own holdings."""
        return self._shared.holdings[self.me]

    def orders(self) -> list[Order]:
        """Own open orders."""
        return self._shared.orders[self.me]

    def coming(self) -> dict[str, int]:
        """GPUs in integration and transport, by chip."""
        return self._shared.coming[self.me]

    def warehouse(self) -> dict[str, int]:
        """GPUs that wait for power, by chip."""
        return self._state.chips.warehouse.get(self.me, {})

    def sites(self) -> list[Site]:
        """Own sites."""
        return self._shared.sites[self.me]

    def buildings(self) -> list[Building]:
        """Own buildings under way."""
        return self._shared.buildings[self.me]

    def spendable_usd(self) -> float:
        """Cash that the org would put into chips this month."""
        p = self.param
        income = self.trait("income_usd_per_year") / 4 + 3.0 * self.monthly_let_cents() / 100
        rent = 3.0 * self.monthly_rent_cents() / 100
        committed = sum(order.gpus * order.price_usd_per_gpu for order in self.orders())
        free = self.cash_cents / 100 + income - rent - committed * (1 + p("shipping.server_cost_share"))
        return max(0.0, free * p("orders.cash_share"))

    def means_usd_per_year(self) -> float:
        """What the org could spend in a year: cash, other business, rent earned."""
        earned = self.trait("income_usd_per_year") + 13.0 * self.monthly_let_cents() / 100
        return self.cash_cents / 100 + earned

    def monthly_let_cents(self) -> int:
        """Rent earned in four weeks, on demand included."""
        let = sum(x.delivered * x.price_usd_per_gpu_hour for x in self.let()) * 24 * 28 * 100
        return round(let + self._shared.on_demand_cents.get(self.me, 0.0))

    def buildable_kw(self) -> float:
        """Shells whose deposit the org can pay now."""
        per_kw = self.param("build.shell_usd_per_kw") * self.param("build.cash_share") * 100
        return max(0.0, self.cash_cents * self.param("build.cash_use") / per_kw)

    def spare_kw(self) -> float:
        """Own energised power that no GPU uses."""
        return sum(site.spare_w for site in self.sites()) / 1000

    def promised_kw(self, site: str) -> float:
        """Power that own leases and quotes will take at a site beyond what is installed."""
        return promised_watts(self._state, site) / 1000

    def free(self, chip: str, site: str) -> int:
        """GPUs that the org could hand over today."""
        shared, name = self._shared, Place(self.me, chip, site)
        holding = self._state.chips.holdings.get(name)
        return holding.held - shared.busy.get(name, 0) if holding else 0

    def rented(self) -> list[Lease]:
        """Leases as lessee."""
        return self._shared.rented[self.me]

    def let(self) -> list[Lease]:
        """Leases as lessor."""
        return self._shared.let[self.me]

    def lease(self, lease_id: str) -> Lease:
        """One of the own leases."""
        return self._state.leases.leases[lease_id]

    def requests_by_me(self) -> list[Request]:
        """Own open requests."""
        return self._shared.asking[self.me]

    def letters(self) -> list[Letter]:
        """Own letters of intent that still stand."""
        return [letter for letter in self._state.leases.letters.values() if letter.org == self.me]

    def letters_to_me(self) -> float:
        """H100e that letters of intent ask of the org."""
        return sum(x.h100e for x in self._state.leases.letters.values() if x.counterparty == self.me)

    def requests_to_me(self) -> list[Request]:
        """Open requests that others made to the org."""
        return self._shared.asked[self.me]

    def request(self, request_id: str) -> Request:
        """One open request."""
        return self._state.leases.requests[request_id]

    def quotes_to_me(self) -> list[Quote]:
        """Open quotes that others gave."""
        return self._shared.quotes_to[self.me]

    def quotes_by_me(self) -> list[Quote]:
        """Own open quotes."""
        return self._shared.quotes_by[self.me]

    def machines(self) -> list[Machine]:
        """Own machines on which a run could begin, by the FLOP of a run, best first; none while a run is under way."""
        return self._shared.machines.get(self.me, [])

    def training_yield(self, quote_id: str) -> float:
        """Training throughput per H100e of a quote for a training cluster, over that of H100s; 1 for others."""
        return self._shared.quote_yields.get(quote_id, 1.0)

    def runs(self) -> list[TrainingRun]:
        """Own frontier runs under way."""
        return [run for run in self._state.training.runs.values() if run.org == self.me]

    def projects(self) -> list[Project]:
        """Own projects under way."""
        return [project for project in self._state.training.projects.values() if project.org == self.me]

    def monthly_rent_cents(self) -> int:
        """Rent of four weeks."""
        return monthly_rent(self._state, self.me)

    def burn_cents(self) -> int:
        """Spending of four weeks beyond earnings."""
        return burn_cents(self._state, self.me)

    def runway_days(self) -> int:
        """Days that cash lasts."""
        return runway_days(self._state, self.me)

    def coverage(self, extra_cents: int) -> float:
        """Debt-service coverage with a new loan."""
        return coverage(self._state, self.me, extra_cents)

    # --- investors

    def rounds_sought(self) -> list[Books]:
        """Books of the orgs that seek a round."""
        return [books for books in self._state.finance.books.values() if books.sought_cents]

    def compute_backer(self, org: str) -> str | None:
        """The cloud that has put most into an org in return for its custom, if there is one."""
        stakes = self._state.finance.stakes.get(org, {})
        found = [(stake.for_compute_cents, investor) for investor, stake in stakes.items() if stake.for_compute_cents]
        return max(found)[1] if found else None

    def raised_this_year_cents(self) -> int:
        """Equity that all labs raised in this year of the run."""
        year = (self.day - self._state.run.start_day) // 365
        return self._state.finance.raised.get(year, 0)

    def integration(self) -> tuple[int, int]:
        """Own rack capacity in GPUs a week, and GPUs under integration (OEMs)."""
        capacity = self._state.chips.integration_gpus_per_week.get(self.me, 0)
        load = sum(s.gpus for s in self._state.chips.shipments.values() if s.oem == self.me)
        return capacity, load
