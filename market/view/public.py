"""What the market sees: prices, roadmaps, regions, leases signed, clusters, released models, rounds closed."""

from __future__ import annotations

from collections.abc import Mapping

from events.commands.chips import PlaceOrder
from market.rules import vendors
from market.rules.chips import may_buy
from market.rules.machines import LabMachine, leading_flop
from market.rules.power import non_firm_days
from market.state.sites import Site
from market.view.base import shared_of, state_of
from market.view.frozen import frozen
from market.view.policy import PolicyView
from market.view.records import Chip, LabSeen, Lot


class PublicView(PolicyView):
    """Readings that every org may take."""

    __slots__ = ()

    # --- prices

    @property
    def price(self) -> float:
        """One-year reference price, USD/H100e-hour."""
        return state_of(self).leases.price_usd_per_h100e_hour

    @property
    def spot(self) -> float:
        """Posted on-demand price, USD/H100e-hour."""
        return state_of(self).leases.spot_usd_per_h100e_hour

    @property
    def tightness(self) -> float:
        """Compute wanted over compute on the market."""
        return state_of(self).demand.tightness

    @property
    def lead_time_weeks(self) -> float:
        """Weeks of output in suppliers' backlog."""
        return shared_of(self).lead_time_weeks

    def cost(self, chip: str) -> float:
        """Replacement cost of a chip for an H100e of mean work, USD/H100e-hour."""
        return shared_of(self).costs[chip]

    @property
    def cost_of_mix(self) -> float:
        """Replacement cost of what is on sale this week, USD/H100e-hour."""
        return shared_of(self).cost_of_mix

    # --- orgs

    def orgs(self, role: str) -> tuple[str, ...]:
        """Names of the orgs of a role that trade, by id: those in default do not."""
        return shared_of(self).trading(role)

    def orgs_of_bloc(self, role: str) -> tuple[str, ...]:
        """Names of the orgs of a role in the own bloc that trade."""
        return shared_of(self).of_role(role)[self.org.country == "CN"]

    def clouds(self) -> tuple[str, ...]:
        """Clouds of the own bloc that trade and have GPUs, the largest fleet first."""
        return shared_of(self).clouds[self.org.country == "CN"]

    def lessors_by_size(self) -> tuple[str, ...]:
        """The same, and labs of the own bloc that lease out what is idle, the largest fleet first."""
        return shared_of(self).lessors[self.org.country == "CN"]

    def parent_of(self, org: str) -> str | None:
        """Owner of an org."""
        return shared_of(self).orgs[org].parent

    def country_of(self, org: str) -> str:
        """Country of an org."""
        return shared_of(self).orgs[org].country

    def same_bloc(self, org: str) -> bool:
        """Whether two orgs are both in China or both outside it."""
        return (self.org.country == "CN") == (self.country_of(org) == "CN")

    def funds(self) -> tuple[str, ...]:
        """Investors that do nothing else, buy equity and have any money, by id."""
        return shared_of(self).funds

    def vendor_room_cents(self, org: str) -> int:
        """What a supplier would still lend to those who buy from it, as it tells them."""
        return vendors.loan_room_cents(state_of(self), org)

    def is_lender(self, org: str) -> bool:
        """Whether an investor lends."""
        return bool(state_of(self).run.parameters.get(f"orgs.{org}.lends", 0.0))

    def is_strategic(self, org: str) -> bool:
        """Whether an investor is a company or state that leads large rounds."""
        return bool(state_of(self).run.parameters.get(f"orgs.{org}.strategic", 0.0))

    def lots(self) -> tuple[Lot, ...]:
        """What estates offer for sale and take bids for."""
        return shared_of(self).lots

    def fleet_owned_by(self, org: str) -> float:
        """H100e that an org owns, as observers estimate it."""
        return shared_of(self).owned_h100e.get(org, 0.0)

    def fleet_of(self, lab: str) -> float:
        """H100e of a lab, as observers estimate it."""
        return shared_of(self).fleets_h100e.get(lab, 0.0)

    def idle_h100e(self, lab: str) -> float:
        """H100e of a lab's own that it offers to anybody: beyond what it wants."""
        return shared_of(self).idle_h100e.get(lab, 0.0)

    def labs(self) -> Mapping[str, LabSeen]:
        """Released models and reported revenue of all labs."""
        return shared_of(self).labs

    @property
    def labs_revenue_usd_per_year(self) -> float:
        """Reported revenue of all labs."""
        return shared_of(self).labs_revenue_usd_per_year

    def leading_flop(self, ready_weeks: float) -> float:
        """Effective FLOP of a run that would lead when it is released, on a machine ready in so many weeks."""
        return leading_flop(state_of(self), shared_of(self).leader, self.day, ready_weeks)

    def lab_machines(self) -> tuple[LabMachine, ...]:
        """Machines of labs that are known: clusters that were announced, and contracts signed for one."""
        return shared_of(self).lab_machines

    def rival_h100e(self, weeks: float) -> float:
        """Machine, ready so many weeks ahead, that would lead over the largest that a rival has shown or signed for."""
        found = shared_of(self).leading_machines(self.day + round(7 * weeks))
        return next((h100e for h100e, lab in found if lab != self.me), 0.0)

    def leases_from(self, lessee: str, lessor: str) -> bool:
        """Whether one org rents from another (leases signed are public)."""
        return any(lease.lessor == lessor for lease in shared_of(self).rented[lessee])

    def compute_backer(self, org: str) -> str | None:
        """The cloud that has put most into an org in return for its custom, if there is one."""
        return shared_of(self).backer(org)

    def backed_labs(self, org: str) -> tuple[str, ...]:
        """Labs of which an org is the cloud that has put most into them in return for their custom."""
        return shared_of(self).backed.get(org, ())

    def raised_in_a_year_cents(self, role: str) -> int:
        """Equity that all labs, or all builders, raised in the year up to today."""
        return shared_of(self).raised_in_a_year_cents(role)

    # --- regions and sites

    def regions(self) -> tuple[str, ...]:
        """Names of the power regions."""
        return tuple(state_of(self).run.regions)

    def region_country(self, region: str) -> str:
        """Country of a region."""
        return state_of(self).run.regions[region].country

    def region_param(self, region: str, name: str) -> float:
        """Read a number of a region."""
        return state_of(self).run.parameters[f"regions.{region}.{name}"]

    def power_days(self, region: str, kind: str, on_site: bool, kw: float) -> float:
        """Days until a load that asks for power today would have it: its works, and all who asked before."""
        if on_site:
            server, ahead = shared_of(self).plant_makers
            before_kw, works = ahead[kind]
            clears = server.clears_days(kw + before_kw)
        elif kind == "leased":
            return shared_of(self).developers[region].clears_days(kw)
        else:
            server, queued, works = shared_of(self).grids[region]
            clears = server.clears_days(kw + queued)
        return clears if clears > works else works

    def non_firm_kw(self, region: str) -> float:
        """IT power that the grid would still connect without works for it, to loads that it may switch off."""
        return shared_of(self).non_firm_kw[region]

    def non_firm_days(self, region: str, kw: float) -> float:
        """Days until the grid would connect a load that it may switch off; ten years where it has no room for it."""
        return non_firm_days(state_of(self), region, kw)

    def site(self, name: str) -> Site:
        """One site: plans, energised power and installations are announced."""
        return frozen(state_of(self).sites.sites[name])

    # --- chips

    def chips(self) -> tuple[Chip, ...]:
        """All chips announced."""
        return shared_of(self).all_chips

    def chip_param(self, chip: str, name: str) -> float:
        """Read a number of a chip."""
        return state_of(self).run.parameters[f"chips.{chip}.{name}"]

    def is_for_sale(self, chip: str) -> bool:
        """Whether a chip is for sale to the org, policies apart."""
        state = state_of(self)
        return not may_buy(state, self.me, state.chips.chips[chip])

    def may_buy(self, chip: str) -> bool:
        """Whether a chip is for sale to the org, and policies let it order the chip or decide on a licence for it."""
        return self.is_for_sale(chip) and (
            not self.is_regulated
            or self.may(PlaceOrder(actor=self.me, because=self.me, chip=chip, gpus=1)).is_worth_asking
        )

    def own_lines(self) -> tuple[Chip, ...]:
        """Chips that a supplier of the org's own group makes for it."""
        own = (c for c in self.chips() if c.buyers == "own" and not c.retired)
        return tuple(c for c in own if self.parent_of(c.supplier) == self.me)

    def outlook_usd(self) -> tuple[tuple[Chip, float], ...]:
        """What suppliers say that they will make in a week of the chips that they sell to others, at their prices."""
        return shared_of(self).outlook_usd

    @property
    def least_h100e_per_kw(self) -> float:
        """H100 equivalents that a kW of IT power carries of the chip that draws most."""
        return shared_of(self).least_h100e_per_kw

    @property
    def least_usd_per_h100e(self) -> float:
        """Bill of an H100 equivalent where that is least, with its part of a server and a shell, levies left out."""
        return shared_of(self).least_usd_per_h100e

    def outlook(self) -> Mapping[str, int]:
        """GPUs a week by chip that suppliers say they will make when an order of today is due."""
        return shared_of(self).outlook

    def outlook_in(self, weeks: float) -> Mapping[str, int]:
        """GPUs a week by chip that suppliers say they will make so many weeks ahead, as packaging grows by its plan."""
        return shared_of(self).outlook_in(weeks)
