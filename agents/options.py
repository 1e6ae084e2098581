"""The options of a decision: all ways in which an org could meet a target, with their terms and gates."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from agents import permission
from agents.amounts import spare_usd_per_year
from agents.decision import Gate, Option, Target, Way, score
from agents.means import (
    SLIP_WEEKS,
    Build,
    bill_usd,
    chip_for,
    chip_weeks,
    fleet_power_weeks,
    hall_region,
    has_hall,
    holds,
    kept_for_contracts_usd,
    offers,
    other_burn_usd,
    paid_first_usd,
    power_weeks,
    shell_rent_usd,
    shell_weeks,
    slip,
    ways_to_build,
    weights,
    works_usd,
)
from agents.owning import Place, capital_rate, capital_share, hour_usd, owning_usd, upkeep_usd
from agents.resources import coming_kw, committed_usd, own_part, powered_day
from agents.rights import rebated
from agents.valuation import once, tie
from market.units import YEAR_WEEKS
from market.view import Chip, MarketView, Quote

KINDS: dict[str, Way] = {"greenfield": Way.GREENFIELD, "brownfield": Way.BROWNFIELD, "leased": Way.LEASED_SHELL}


def builds(view: MarketView, target: Target, since_day: int) -> list[Option]:
    """The best site of each kind, by cost and wait; a hall not found yet is a hope."""
    found = every_build(view, target, since_day)
    ways = [[option for option in found if option.way == way] for way in KINDS.values()]
    return [_best(view, options, target) for options in ways if options]


def every_build(
    view: MarketView, target: Target, since_day: int, *, halls: bool = True, region: str = ""
) -> list[Option]:
    """Every place and power on which the org could build for a target, in one region where one is given.

    For a fleet `halls` where some can be found.
    """
    chip = chip_for(view, target)
    if chip is None or (view.lab is not None and not view.trait("build")):
        return []
    gpus = math.ceil(target.h100e / chip.h100e)
    regions = view.home_regions()  # a fleet takes what halls there are, the search for a single one ends in one region
    open_halls = (regions if halls else ()) if target.is_fleet else (hall_region(view.draws, regions),)
    kw = gpus * chip.power_kw_it_per_gpu
    ways = list(ways_to_build(view, open_halls, kw, region))
    usd, weeks = (0.0, 0.0) if target.chips_wait else (bill_usd(view, chip, gpus, None), chip_weeks(view, chip))
    is_found = target.is_fleet or has_hall(view, since_day)
    share = capital_share(view, capital_rate(view, is_contracted=target.is_fleet))
    work_factor = chip.h100e / unit_h100e(view, target, chip, gpus)
    here = present(view) if target.is_fleet else frozenset(regions)
    common = Common(chip, gpus, kw, usd, weeks, share, is_found, target.is_fleet, work_factor, here)
    return [_built(view, target, build, common) for build in ways]


class Common(NamedTuple):
    """What all builds for a target share."""

    chip: Chip
    gpus: int
    kw: float
    usd: float  # of the chips
    weeks: float  # until they run
    capital_share: float  # of a bill, that capital costs in a year
    is_hall_found: bool
    is_fleet: bool
    work_factor: float  # H100e of a GPU over those that its cost is spread over
    here: frozenset[str]  # regions where a build is not far from what the org has


def _built(view: MarketView, target: Target, build: Build, common: Common) -> Option:
    """A build as an option: late by its hall, its works, its power, its chips or its licence."""
    kind, region, on_site, is_firm = build
    chip, kw, is_fleet = common.chip, common.kw, common.is_fleet
    h100e, is_found = common.gpus * chip.h100e, kind != "brownfield" or common.is_hall_found
    bill, shell = common.usd + works_usd(view, build, kw), shell_weeks(view, kind, region)
    power = fleet_power_weeks(view, build, kw) if target.is_funded else power_weeks(view, build, kw)
    wait, is_open = max(shell, power), True
    if view.is_regulated:
        may = permission.to_build(view, region, kind, kw, on_site=on_site, is_firm=is_firm)
        bill, is_open = bill + may.usd, may.is_worth_asking
        wait += may.wait_days / 7 if is_open else 0.0
    wait = max(common.weeks, wait)
    failed: tuple[Gate, ...] = ()
    if not target.is_funded:
        failed = gates(view, bill - (raised_usd(view, wait) if is_fleet else 0.0))
    if is_fleet and not target.chips_wait and power > shell + view.param("sites.patience_weeks"):
        failed = (*failed, "power")
    slip_share, late_weeks = slip(view, wait)
    upkeep = upkeep_usd(view, chip, Place(region, float(on_site)))
    cost = hour_usd(bill / h100e, common.capital_share, upkeep)
    cost += shell_rent_usd(view, build, kw / h100e)
    cost *= common.work_factor
    return Option(
        name=f"{kind} {region}{' with own plant' if on_site else '' if is_firm else ' not firm'}",
        way=KINDS[kind],
        h100e=h100e,
        cost_usd_per_h100e_hour=cost,
        wait_weeks=wait if is_found else wait + view.param("talks.hall_weeks"),
        slip_share=slip_share,
        late_weeks=late_weeks,
        is_owned=True,
        failed=failed if is_open else (*failed, "permission"),
        is_executable=is_found,
        region=region,
        chip=chip.name,
        on_site_power=on_site,
        is_firm=is_firm,
        is_away=region not in common.here,
    )


def unit_h100e(view: MarketView, target: Target, chip: Chip, gpus: int) -> float:
    """H100e over which the cost of each of so many GPUs is spread, by the work that they do, however they are got.

    A machine trains, as well as so many of its chip train together; a fleet does the work that is paid for.
    """
    return chip.h100e * view.training_yield(chip.name, gpus) if target.is_machine else view.work_h100e(chip.name)


@once
def present(view: MarketView) -> frozenset[str]:
    """Regions in which the org has a site; all of them for an org without any."""
    return frozenset(site.region for site in view.sites()) or frozenset(view.regions())


def _best(view: MarketView, options: Sequence[Option], target: Target) -> Option:
    """The best of ways that differ in their place alone, as all are weighed; of equals one by a draw for life."""
    measure = weights(view)
    return max(
        options, key=lambda o: ("permission" not in o.failed, score(target, o, measure).score, tie(view, o.name))
    )


def raised_usd(view: MarketView, weeks: float) -> float:
    """What a builder can raise until a day beyond what its budget for chips takes: a fleet is paid for as it comes."""
    return spare_usd_per_year(view) * weeks / YEAR_WEEKS


def gates(view: MarketView, bill: float) -> tuple[Gate, ...]:
    """Finance of the whole bill: cash and what bonds would bring, less a year of other costs."""
    return () if ready_usd(view) >= view.param("talks.bill_share") * bill else ("finance",)


@once
def ready_usd(view: MarketView) -> float:
    """Cash and what bonds would bring, less a year of other costs."""
    return (view.cash_cents - view.duty_cents() + view.bond_room_cents()) / 100 - other_burn_usd(view)


def orders(view: MarketView) -> list[Option]:
    """Order for own power that stands or is promised, one option for each chip: as much of each as makers promise."""
    return [
        Option(
            name=f"own site with {offer.chip.name}",
            way=Way.OWN_SITE,
            h100e=0.0,
            cost_usd_per_h100e_hour=offer.cost_usd_per_h100e_hour,
            wait_weeks=offer.wait_weeks,
            is_owned=True,
            chip=offer.chip.name,
            available=offer.share,
        )
        for offer in offers(view)
    ]


def own_sites(view: MarketView, target: Target) -> list[Option]:
    """Order for power that the org has, or that is promised to it, at one place."""
    chip = chip_for(view, target)
    if chip is None or not view.sites():
        return []
    gpus, rate, found = math.ceil(target.h100e / chip.h100e), capital_rate(view), []
    for site in view.sites():
        coming, free = coming_kw(view, site), site.spare_w / 1000 - view.promised_kw(site.name)
        size = min(gpus, int((free + sum(kw for _, kw in coming)) / chip.power_kw_it_per_gpu))
        if target.is_machine and not holds(view, site, gpus * chip.power_kw_it_per_gpu):
            continue
        if size < view.param("desk.part_min") * gpus:
            continue
        due = powered_day(free, coming, size * chip.power_kw_it_per_gpu)
        wait = max(chip_weeks(view, chip), (due - view.day) / 7)
        bill = bill_usd(view, chip, size, None)
        cost = owning_usd(view, bill, (chip, size), Place(site.region, site.plant_share), rate)
        cost *= chip.h100e / unit_h100e(view, target, chip, size)
        found.append(
            Option(
                name=f"own site {site.name}",
                way=Way.OWN_SITE,
                h100e=size * chip.h100e,
                cost_usd_per_h100e_hour=cost,
                wait_weeks=wait,
                **slip(view, wait)._asdict(),
                is_owned=True,
                failed=gates(view, bill),
                site=site.name,
                region=site.region,
                chip=chip.name,
            )
        )
    return [_best(view, found, target)] if found else []


def quoted(view: MarketView, target: Target, quote: Quote) -> Option:
    """A quote as an option: gated where permission or money lacks."""
    found = rented(view, target, quote)
    is_allowed = permission.accepting(view, quote).is_worth_asking
    return found if is_allowed else replace(found, failed=("permission", *found.failed))


def rented(view: MarketView, target: Target, quote: Quote) -> Option:
    """What a quote offers, permission left out: gated where money lacks."""
    chip, p = view.chip(quote.chip), view.param
    price = quote.price_usd_per_gpu_hour / unit_h100e(view, target, chip, quote.gpus)
    price *= 1 + permission.quote_levy(view, quote)
    wait = max(0.0, (quote.start_day - view.day) / 7)
    price *= rebated(quote, slip(view, wait).late_weeks)
    if view.rented() and all(lease.lessor != quote.lessor for lease in view.rented()):
        price *= 1 + p("talks.switching_share")
    cash = (view.cash_cents - view.duty_cents(quote.lessor)) / 100 - kept_for_contracts_usd(view)
    first = paid_first_usd(view, target, quote)
    left = cash - own_part(view) * committed_usd(view) if first else cash
    is_poor = left < first and (first or quote.form == "contract")
    way = Way.CONTRACT if quote.form == "contract" else Way.SUBLEASE if quote.parent_lease_id else Way.LEASE
    return Option(
        name=f"{way} {quote.quote_id}", way=way,
        h100e=quote.gpus * chip.h100e, cost_usd_per_h100e_hour=price, wait_weeks=wait, **slip(view, wait)._asdict(),
        failed=("finance",) if is_poor else (), counterparty=quote.lessor, region=quote.region, site=quote.site,
        chip=quote.chip, quote_id=quote.quote_id,
        is_slot_lost=quote.start_day > quote.first_start_day + 7 * SLIP_WEEKS,
    )  # fmt: skip


def from_others(view: MarketView, target: Target) -> Option:
    """Capacity that others could lease out, at the quote for its term and first day: a hope until one offers it."""
    wait, chip = max(0.0, (target.due_day - view.day) / 7), chip_for(view, target)
    each = unit_h100e(view, target, chip, math.ceil(target.h100e / chip.h100e)) if chip else 1.0
    price = view.rent(chip.name, target.duration_days, wait) / each if chip else math.inf
    return Option(
        name="contract",
        way=Way.CONTRACT,
        h100e=target.h100e,
        cost_usd_per_h100e_hour=price * (1 + permission.rent_levy(view, target.duration_days)),
        wait_weeks=wait,
        **slip(view, wait)._asdict(),
        is_executable=False,
    )


def fleet(view: MarketView, target: Target, *, halls: bool) -> list[Option]:
    """Every way to add to a fleet for which power has still to come: to build, or to take what others build."""
    return [
        *every_build(view, target, view.day, halls=halls),
        *([from_others(view, target)] if view.captive_share() > 0 else []),
    ]


def on_demand(view: MarketView, target: Target) -> list[Option]:
    """By the hour, paid for hours used alone; only what clouds could have free is there at all."""
    if target.h100e > view.param("contracts.ask_min_h100e") or view.tightness > 1:
        return []
    return [
        Option(
            name="on demand", way=Way.ON_DEMAND, h100e=target.h100e, cost_usd_per_h100e_hour=view.spot, wait_weeks=0.0
        )
    ]


def all_options(view: MarketView, target: Target, quotes: Iterable[Quote], since_day: int) -> list[Option]:
    """Every way that the org has today to meet a target."""
    return [
        *(quoted(view, target, quote) for quote in quotes),
        *([] if target.is_fleet else own_sites(view, target)),  # own power is taken off what a fleet lacks
        *builds(view, target, since_day),
        *on_demand(view, target),
    ]
