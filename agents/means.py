"""What ways an org has to get compute, and what each costs, how long it takes and what delays it.

Costs carry levies and the owner's cost of capital; waits carry the usual slip. What a decision makes of them is in
`agents.decision`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from agents import permission
from agents.decision import HALF_YEAR_WEEKS, Target, Weights
from agents.valuation import once, once_each
from events.kinds import NewSiteKind
from events.terms import schedule
from market.rng import LIFETIME, Draws
from market.units import HOURS_PER_YEAR, YEAR_WEEKS
from market.view import Chip, MarketView, Quote, Site

SLIP_WEEKS = 13  # a slip that counts
YEAR_DAYS = 365
LEAST_WAIT_WEEKS = 4  # what is nearer does not slip


def weights(view: MarketView) -> Weights:
    """What the org's scores are measured in."""
    p = view.param
    return Weights(
        view.price, p("choice.risk_weight"), p("choice.presence_weight"), pace_per_year=p("labs.race_pace_per_year")
    )


class Slip(NamedTuple):
    """Chance that a wait grows by more than a quarter, and the weeks that this is expected to cost."""

    slip_share: float
    late_weeks: float


def slip(view: MarketView, wait_weeks: float) -> Slip:
    """What a wait may still slip by, the usual slip counted in already (lognormal)."""
    return _slip(wait_weeks, view.param("sites.slip_sd"))


@lru_cache(1 << 12)
def _slip(wait_weeks: float, sd: float) -> Slip:
    if wait_weeks <= LEAST_WAIT_WEEKS:
        return Slip(0.0, 0.0)
    z = math.log(1 + SLIP_WEEKS / wait_weeks) / sd
    share, grown = _tail(z), math.exp(sd * sd / 2) * _tail(z - sd)  # grown: E[factor; slip beyond a quarter]
    return Slip(share, max(0.0, wait_weeks * (grown - share)))


def _tail(z: float) -> float:
    """Chance that a normal draw exceeds z."""
    return 0.5 * math.erfc(z / math.sqrt(2))


def queue_weeks(view: MarketView, chip: Chip) -> float:
    """Weeks until an order of today is allotted.

    A chip in volume states its queue. One that nobody makes yet has to be made first, and to ramp; it begins with its
    backlog, at the pace that its maker promises, where it promises any yet.
    """
    if chip.in_volume:
        return chip.lead_time_weeks
    promised = view.outlook().get(chip.name, 0)
    waiting = min(YEAR_WEEKS, chip.backlog_gpus / promised) if promised else 0.0
    return max(0.0, (chip.start_day - view.day) / 7) + view.param("supply.ramp_lag_weeks") + waiting


def chip_weeks(view: MarketView, chip: Chip) -> float:
    """Weeks from an order to GPUs that run."""
    return queue_weeks(view, chip) + view.param("shipping.weeks")


class Offered(NamedTuple):
    """A chip that the org may order: cost of an hour, weeks until it is served, part of promised supply by value."""

    chip: Chip
    cost_usd_per_h100e_hour: float
    wait_weeks: float
    share: float


@once
def offers(view: MarketView) -> tuple[Offered, ...]:
    """Chips that the org may order, as suppliers promise them for the day when an order of today is due."""
    sold = [(chip, worth) for chip, worth in view.outlook_usd() if view.may_buy(chip.name)]
    last, total, found = view.day + view.param("orders.ahead_days"), sum(worth for _, worth in sold), []
    for chip, worth in sold:
        if chip.start_day <= last:
            wait = min(queue_weeks(view, chip), YEAR_WEEKS)
            found.append(Offered(chip, view.own_cost(chip.name), wait, worth / total))
    return tuple(found)


def _merit(view: MarketView, offer: Offered, urgency: float, wait_weeks: float) -> float:
    """Score of a chip: buyers of scarce chips take the mix that they are offered."""
    scarce = view.param("choice.chip_temperature") * math.log(offer.share)
    return scarce - math.log(offer.cost_usd_per_h100e_hour) - urgency * wait_weeks / HALF_YEAR_WEEKS


@once
def best_chip(view: MarketView) -> Chip | None:
    """The chip that most of an order of today would go to."""
    urgency = view.param("choice.chip_wait_weight")
    best = max(offers(view), key=lambda offer: _merit(view, offer, urgency, offer.wait_weeks), default=None)
    return best.chip if best else None


def chip_for(view: MarketView, target: Target) -> Chip | None:
    """The chip that the org would order for a target: the one asked for, else the best on offer in time."""
    if target.chip is not None and target.chip in {c.name for c in view.chips()} and view.may_buy(target.chip):
        return view.chip(target.chip)
    if target.is_fleet:
        return best_chip(view)
    kin = supplier_of(view) if view.lab is not None else None
    found = [
        (_merit(view, offer, target.urgency, chip_weeks(view, offer.chip)), offer.chip.name)
        for offer in offers(view)
        if kin is None or offer.chip.supplier == kin
    ]
    return view.chip(max(found)[1]) if found else None


@once
def supplier_of(view: MarketView) -> str | None:
    """The maker of most of what a lab computes on: its code runs there, and a frontier run does not change makers."""
    held = view.makers_h100e()
    return max(held, key=lambda name: (held[name], name), default=None)


def h100e_of_kw(chip: Chip, kw: float) -> float:
    """H100 equivalents of a chip that so much IT power carries."""
    return kw / chip.power_kw_it_per_gpu * chip.h100e


class Build(NamedTuple):
    """A way to build: where, of which kind, on whose power, and whether that is there at all hours."""

    kind: NewSiteKind
    region: str
    on_site: bool
    is_firm: bool = True


build_of = lru_cache(1 << 10)(Build)  # each made once: there are few, and they are asked for ten thousand times


@once_each
def shell_weeks(view: MarketView, kind: str, region: str) -> float:
    """Weeks until there is a shell in a region, with the usual slip; `next` is another building of an own campus."""
    p = view.param
    days = p(f"sites.{kind}_days") if kind != "next" else (p("sites.next_days_min") + p("sites.next_days_max")) / 2
    return view.shell_time_factor(region) * days * p("sites.slip_median") / 7


def queue_days(view: MarketView, build: Build, kw: float) -> float:
    """Days until power flows for a load that was applied for ahead."""
    kind, region, on_site, is_firm = build
    return view.power_days(region, kind, on_site, kw) if is_firm else view.non_firm_days(region, kw)


def power_weeks(view: MarketView, build: Build, kw: float) -> float:
    """Weeks until power flows: own plant by its makers' wait, the grid by the region's queue, or by a study alone."""
    days, (kind, region, on_site, is_firm) = queue_days(view, build, kw), build
    if kind == "brownfield" and is_firm and not on_site and kw > view.param("sites.hall_grid_kw"):
        days += min(view.param("sites.power_lead_days"), view.region_param(region, "queue_days"))
    return days / 7  # none is applied for ahead beyond a hall's own connection


def fleet_power_weeks(view: MarketView, build: Build, kw: float) -> float:
    """Weeks until power flows for a part of a fleet: its owner applies ahead of each ground-breaking."""
    return queue_days(view, build, kw) / 7


def bill_usd(view: MarketView, chip: Chip, gpus: int, build: Build | None) -> float:
    """Whole bill of a build: chips with servers, shell, own plant; no shell where power stands or is leased."""
    p, kw = view.param, gpus * chip.power_kw_it_per_gpu
    chips = gpus * chip.price_usd_per_gpu * (1 + p("shipping.server_cost_share") + view.levy_on_chips(chip.name))
    return chips + (works_usd(view, build, kw) if build else 0.0)


def works_usd(view: MarketView, build: Build, kw: float) -> float:
    """Bill of a build without its chips: shell and own plant, with levies."""
    p = view.param
    plant = view.plant_usd_per_kw * view.region_param(build.region, "pue") if build.on_site else 0.0
    usd = kw * (plant + (0.0 if build.kind == "leased" else p("build.shell_usd_per_kw")))
    return usd + permission.building_levy_usd(
        view, build.region, (kw, usd), on_site=build.on_site, is_firm=build.is_firm
    )


def shell_rent_usd(view: MarketView, build: Build, kw: float) -> float:
    """Rent of an hour for so much power in a developer's shell."""
    return kw * view.param("build.leased_usd_per_kw_year") / HOURS_PER_YEAR if build.kind == "leased" else 0.0


def has_tenants_credit(view: MarketView) -> bool:
    """Whether developers' lenders take the org as a tenant: it lives on contracts, or has other business."""
    return bool(view.trait("borrows")) or view.trait("income_usd_per_year") > 0


def ways_to_build(view: MarketView, halls: Sequence[str], kw: float, only: str = "") -> Iterator[Build]:
    """New land and developers' shells in every region at home, old halls in some, on the grid or with own plant.

    Plant of its own comes with new land, with a hall where the org takes that on. `only` : one region, where named.
    """
    is_tenant = has_tenants_credit(view)
    for region in view.home_regions():
        if only not in ("", region):
            continue
        if is_tenant and has_shell(view, shell := build_of("leased", region, False), kw):
            yield shell
        yield build_of("greenfield", region, False)
        yield build_of("greenfield", region, True)
        yield from not_firm(view, "greenfield", region)
        if region not in halls:
            continue
        yield build_of("brownfield", region, False)
        yield from not_firm(view, "brownfield", region)
        if view.trait("on_site_power"):
            yield build_of("brownfield", region, True)


def not_firm(view: MarketView, kind: NewSiteKind, region: str) -> Iterator[Build]:
    """The same on a grid that may switch it off, where the region still has room for such loads."""
    if view.non_firm_kw(region) > 0:
        yield build_of(kind, region, False, is_firm=False)


def holds(view: MarketView, site: Site, kw: float) -> bool:
    """Whether a machine of so much power can stand at one place there: a pool is many halls, none larger than known."""
    return site.kind != "pool" or kw <= view.param("sites.pool_place_kw")


def has_shell(view: MarketView, build: Build, kw: float) -> bool:
    """Whether developers have so much to lease out in a region in the time that anybody would wait for it."""
    longest = shell_weeks(view, "leased", build.region) + view.param("sites.patience_weeks")
    return power_weeks(view, build, kw) <= longest


@once
def hall_region(draws: Draws, regions: Sequence[str]) -> str:
    """The region in which an org's search for a hall ends: one draw for life over the regions open to it."""
    return max(sorted(regions), key=lambda region: draws.uniform("hall region", region, LIFETIME), default="")


def has_hall(view: MarketView, since_day: int) -> bool:
    """Whether a hall has been found since the search began: an exponential wait, drawn once for each search."""
    u = view.draws.uniform("hall", str(since_day), LIFETIME)
    return view.day - since_day >= -7 * view.param("talks.hall_weeks") * math.log(1 - u)


def other_burn_usd(view: MarketView) -> float:
    """What an org spends in a year beside the machine in question, beyond what it earns."""
    p, lab = view.param, view.lab
    revenue = lab.revenue_usd_per_year if lab else 0.0
    earned = p("finance.revenue_margin") * revenue + view.income_usd_per_year()
    return max(0.0, 13 * p("finance.spend_burn") * view.monthly_rent_cents() / 100 - earned)


def kept_for_contracts_usd(view: MarketView) -> float:
    """Cash that contracts due within a year are to be paid from: a part of a year's rent of what is not drawn yet."""
    mine = (c for c in view.contracts() if c.lessee == view.me and c.start_day - view.day < YEAR_DAYS)
    rents = math.fsum(c.undrawn * c.price_usd_per_gpu_hour for c in mine)
    return view.param("labs.race_money_share") * rents * HOURS_PER_YEAR


def paid_first_usd(view: MarketView, target: Target, quote: Quote) -> float:
    """Cash that a quote must find: deposits, prepayment beside a year's burn, of a machine a part of a year's rent.

    What is signed years ahead is paid from revenue believed in, within which it was asked for.
    """
    deposits = deposits_usd(view, quote)
    if quote.form != "contract":
        return deposits
    prepaid = quote.prepaid_share * quote.worth_usd
    if target.is_machine:
        year = quote.gpus * quote.price_usd_per_gpu_hour * HOURS_PER_YEAR
        return max(view.param("labs.race_money_share") * year, prepaid + deposits)
    return deposits + (prepaid + other_burn_usd(view) if prepaid else 0.0)


def deposits_usd(view: MarketView, quote: Quote) -> float:
    """Deposits on the tranches of a quote that begin within a year: later ones are paid from revenue."""
    soon = sum(gpus for _, gpus, first in schedule(quote) if first - view.day < YEAR_DAYS)
    return quote.deposit_usd(soon)
