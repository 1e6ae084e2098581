"""Read metrics off a state at the end of a week, and off the counts of the events that led to it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Iterator
from typing import get_args

from events.kinds import BuildingKind
from events.types.finance import LoanGranted, OrgDefaulted, RoundClosed
from events.types.leases import LeaseSigned, LeaseTalksFailed
from events.types.policy import CommandForbidden, LevyCharged, LicenceSought, ReportFiled, SubsidyPaid
from events.types.sites import LoadCurtailed, PlantStopped
from events.types.training import ModelReleased
from market.experiments.design.metrics import TO_POWER_WEEKS, describe
from market.experiments.results.tally import Tally
from market.state import State
from market.units import CENTS, WEEK_DAYS, digits

OF_ORGS = ("labs", "clouds", "countries")  # families of orgs, which may leave the market
HHI_POINTS = 10_000  # of a monopoly, as competition authorities count


def measure(state: State, tally: Tally, names: Iterable[str]) -> list[float]:
    """Read metrics off a state, in the order of `names`; families that are not asked for cost nothing.

    An org that has left the market has nothing.
    Sums of floats are rounded to 9 digits: the order of a sum is not an effect.
    """
    wanted = tuple(names)
    reading = _Reading(state, tally)
    values: dict[str, float] = {}
    for family in dict.fromkeys(name.partition(".")[0] for name in wanted):
        values.update(_FAMILIES[family](reading))
    return [digits(values[name] if name in values else _of_nobody(name)) for name in wanted]


def _of_nobody(name: str) -> float:
    """What an org that has left, or a country of such orgs, has; a name that is no metric's raises KeyError."""
    describe(name)
    if name.partition(".")[0] not in OF_ORGS:
        raise KeyError(name)
    return 0.0


class _Reading:
    """Sums over holdings that several families share."""

    def __init__(self, state: State, tally: Tally) -> None:
        self.state, self.tally = state, tally
        self.owned: dict[str, float] = defaultdict(float)
        self.held: dict[str, float] = defaultdict(float)
        self.rented: dict[str, float] = defaultdict(float)
        self.let: dict[str, float] = defaultdict(float)
        for h in state.chips.holdings.values():
            weight = state.chips.chips[h.chip].h100e
            self.owned[h.org] += weight * h.owned
            self.held[h.org] += weight * h.held
            self.rented[h.org] += weight * h.leased_in
            self.let[h.org] += weight * h.leased_out

    def with_role(self, role: str) -> list[str]:
        return [name for name, org in self.state.run.orgs.items() if role in org.roles]

    def cash_usd(self, org: str) -> float:
        return self.state.finance.ledger.accounts.get(org, 0) / CENTS

    def h100e(self, chip: str) -> float:
        return self.state.chips.chips[chip].h100e


Found = Iterator[tuple[str, float]]


def _labs(r: _Reading) -> Found:
    for org in r.with_role("lab"):
        lab, books = r.state.training.labs.get(org), r.state.finance.books.get(org)
        yield f"labs.{org}.h100e", r.held[org]
        yield f"labs.{org}.owned_h100e", r.owned[org]
        yield f"labs.{org}.rented_h100e", r.rented[org]
        yield f"labs.{org}.cash_usd", r.cash_usd(org)
        yield f"labs.{org}.valuation_usd", books.valuation_cents / CENTS if books else 0.0
        yield f"labs.{org}.revenue_usd_per_year", lab.revenue_usd_per_year if lab else 0.0
        yield f"labs.{org}.max_flop", lab.best_flop if lab else 0.0
        yield f"labs.{org}.capability", lab.capability if lab else 0.0
        yield f"labs.{org}.inference_share", lab.inference_share if lab else 0.0


def _clouds(r: _Reading) -> Found:
    for org in r.with_role("cloud"):
        yield f"clouds.{org}.owned_h100e", r.owned[org]
        yield f"clouds.{org}.let_h100e", r.let[org]
        yield f"clouds.{org}.cash_usd", r.cash_usd(org)


def _countries(r: _Reading) -> Found:
    owned: dict[str, float] = defaultdict(float)
    held: dict[str, float] = defaultdict(float)
    for name, org in r.state.run.orgs.items():
        owned[org.country] += r.owned[name]
        held[org.country] += r.held[name]
    imported = _imported_h100e(r)
    for country in sorted(owned):
        yield f"countries.{country}.owned_h100e", owned[country]
        yield f"countries.{country}.h100e", held[country]
        yield f"countries.{country}.imported_h100e", imported[country]


def _imported_h100e(r: _Reading) -> dict[str, float]:
    """Compute that makers abroad gave to buyers, by the country of the buyers' seat."""
    found: dict[str, float] = defaultdict(float)
    countries, chips = r.tally.countries, r.state.chips.chips
    for (org, name), gpus in r.tally.allocated.items():
        if countries[org] != countries.get(chips[name].supplier):
            found[countries[org]] += gpus * chips[name].h100e
    return found


def _waiting_kw(state: State) -> dict[str, int]:
    waiting: dict[str, int] = defaultdict(int)
    for building in state.sites.buildings.values():
        if not building.granted:
            waiting[building.region] += building.power_kw
    return waiting


def _regions(r: _Reading) -> Found:
    energised: dict[str, int] = defaultdict(int)
    for site in r.state.sites.sites.values():
        energised[site.region] += site.energised_kw
    waiting, plant, begun = _waiting_kw(r.state), _plant_kw(r.state), _begun_kw(r.tally)
    for name in r.state.run.regions:
        yield f"regions.{name}.energised_kw", energised[name]
        yield f"regions.{name}.waiting_kw", waiting[name]
        yield f"regions.{name}.own_plant_kw", plant[name]
        yield f"regions.{name}.begun_kw", begun[name]


def _plant_kw(state: State) -> dict[str, int]:
    """Power that own plant feeds, by region; plant that may not run feeds none."""
    found: dict[str, int] = defaultdict(int)
    for permit in state.sites.permits.values():
        if permit.is_running:
            found[permit.region] += permit.power_kw_it
    return found


def _begun_kw(tally: Tally) -> dict[str, int]:
    found: dict[str, int] = defaultdict(int)
    for building in tally.begun.values():
        found[building.region] += building.power_kw
    return found


def _weeks_to_power(r: _Reading, kinds: Container[BuildingKind]) -> float:
    """Mean weeks from ground-breaking to power of buildings begun a stated time ago or longer, and no more than that.

    What has no power yet counts with that time: a mean over energised buildings alone would leave out the slow ones.
    """
    last = r.state.run.start_day + WEEK_DAYS * (r.state.run.week + 1) - 1
    limit = WEEK_DAYS * TO_POWER_WEEKS
    days = [
        min(limit, (last if b.energised_day is None else b.energised_day) - b.day)
        for b in r.tally.begun.values()
        if b.day <= last - limit and b.kind in kinds
    ]
    return sum(days) / len(days) / WEEK_DAYS if days else 0.0


def _prices(r: _Reading) -> Found:
    desk = r.state.leases
    yield "prices.h100_contract", desk.price_usd_per_h100e_hour
    yield "prices.h100_spot", desk.spot_usd_per_h100e_hour
    capacity = r.state.sites.capacity
    yield "prices.capacity_usd_per_mw_day", capacity[max(capacity)] if capacity else 0.0
    yield "prices.cost_of_owning", r.state.demand.cost_usd_per_h100e_hour
    yield "prices.tightness", r.state.demand.tightness


def _supply(r: _Reading) -> Found:
    chips = r.state.chips
    waiting = sum(gpus * r.h100e(chip) for store in chips.warehouse.values() for chip, gpus in store.items())
    yield "supply.lead_time_weeks", chips.lead_times[-1] if chips.lead_times else 0.0
    yield "supply.backlog_gpus", sum(chip.backlog_gpus for chip in chips.chips.values())
    yield "supply.slots_per_week", sum(r.state.run.slots.values())
    yield "supply.made_gpus_per_week", sum(chip.made_gpus for chip in chips.chips.values())
    yield "supply.installed_h100e", sum(r.owned.values())
    yield "supply.warehouse_h100e", waiting


def herfindahl(amounts: Iterable[float]) -> float:
    """Herfindahl-Hirschman index of amounts, in points: 10,000 is a monopoly, 0 when there is nothing to share."""
    positive = [amount for amount in amounts if amount > 0]
    total = sum(positive)
    return HHI_POINTS * sum((amount / total) ** 2 for amount in positive) if positive else 0.0


def _concentration(r: _Reading) -> Found:
    labs = [r.held[org] for org in r.with_role("lab")]
    yield "concentration.hhi", herfindahl(labs)
    yield "concentration.hhi_owners", herfindahl(r.owned[org] for org in r.state.run.orgs)
    yield "concentration.top_share", max(labs, default=0.0) / (sum(labs) or 1.0)


def _models(r: _Reading) -> Found:
    labs = r.state.training.labs.values()
    yield "models.max_flop", max((lab.best_flop for lab in labs), default=0.0)
    yield "models.max_capability", max((lab.capability for lab in labs), default=0.0)
    yield "models.released", r.tally.counts[ModelReleased]


def _power(r: _Reading) -> Found:
    sites = r.state.sites
    yield "power.energised_kw", sum(site.energised_kw for site in sites.sites.values())
    yield "power.used_kw", sum(site.installed_w for site in sites.sites.values()) / 1000
    yield "power.building_kw", sum(building.power_kw for building in sites.buildings.values())
    yield "power.stopped_kw", sum(site.stopped_kw for site in sites.sites.values())
    yield "power.waiting_kw", sum(_waiting_kw(r.state).values())
    yield "power.own_plant_kw", sum(_plant_kw(r.state).values())
    yield "power.own_plant_stopped_kw", r.tally.sums[PlantStopped]
    yield "power.begun_kw", sum(_begun_kw(r.tally).values())
    yield "power.weeks_to_power", _weeks_to_power(r, get_args(BuildingKind))
    yield "power.weeks_to_power_greenfield", _weeks_to_power(r, ("greenfield",))


def _leases(r: _Reading) -> Found:
    leases = r.state.leases.leases.values()
    yield "leases.signed", r.tally.counts[LeaseSigned]
    yield "leases.signed_gpus", r.tally.sums[LeaseSigned]
    yield "leases.talks_failed", r.tally.counts[LeaseTalksFailed]
    yield "leases.in_force", len(leases)
    yield "leases.subleases", sum(lease.parent_lease_id is not None for lease in leases)
    yield (
        "leases.in_force_h100e",
        sum(x.delivered * r.h100e(x.chip) for x in leases if x.parent_lease_id is None),
    )


def _finance(r: _Reading) -> Found:
    yield "finance.raised_usd", r.tally.sums[RoundClosed] / CENTS
    yield "finance.borrowed_usd", r.tally.sums[LoanGranted] / CENTS
    yield "finance.labs_cash_usd", sum(r.cash_usd(org) for org in r.with_role("lab"))
    yield (
        "finance.labs_revenue_usd_per_year",
        sum(lab.revenue_usd_per_year for lab in r.state.training.labs.values()),
    )
    yield "finance.chip_budgets_usd_per_year", sum(b.budget_usd_per_year for b in r.state.finance.books.values())
    yield "finance.defaults", r.tally.counts[OrgDefaulted]


def _policy(r: _Reading) -> Found:
    yield "policy.refused", r.tally.counts[CommandForbidden] + r.tally.foreseen
    yield "policy.levied_usd", r.tally.sums[LevyCharged] / CENTS
    yield "policy.subsidised_usd", r.tally.sums[SubsidyPaid] / CENTS
    yield "policy.licences", r.tally.counts[LicenceSought]
    yield "policy.reports", r.tally.counts[ReportFiled]
    yield "policy.curtailments", r.tally.counts[LoadCurtailed]


_FAMILIES: dict[str, Callable[[_Reading], Found]] = {
    "labs": _labs,
    "clouds": _clouds,
    "countries": _countries,
    "regions": _regions,
    "prices": _prices,
    "supply": _supply,
    "concentration": _concentration,
    "models": _models,
    "power": _power,
    "leases": _leases,
    "finance": _finance,
    "policy": _policy,
}
