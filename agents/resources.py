"""What an org could spend, build and hand over: sums that buyers and lessors reckon with."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable
from itertools import accumulate
from typing import NamedTuple

from agents.valuation import once
from market.units import CENTS
from market.view import Building, MarketView, Site

QUARTER_MONTHS = 3
HALF_YEAR_DAYS = 182


@once
def unspent_usd(view: MarketView) -> float:
    """Cash with a quarter of income and of rents after overheads, less chips on order and shells; below 0 if short."""
    income = view.income_usd_per_year() / 4 + QUARTER_MONTHS * view.monthly_kept_cents() / CENTS
    rent = QUARTER_MONTHS * view.monthly_rent_cents() / CENTS
    return view.cash_cents / CENTS + income - rent - committed_usd(view)


@once
def committed_usd(view: MarketView) -> float:
    """What chips on order, with their servers, and shells that are due within half a year will cost."""
    chips = sum(order.gpus * order.price_usd_per_gpu for order in view.orders())
    return chips * (1 + view.param("shipping.server_cost_share")) + shells_usd(view)


def shells_usd(view: MarketView) -> float:
    """What is still to be paid for buildings due within half a year; of one that stands when power comes."""
    last = view.day + HALF_YEAR_DAYS
    return works_left_usd(view, (b for b in view.buildings() if b.paused_day < 0 and b.due_day <= last))


def works_left_usd(view: MarketView, buildings: Iterable[Building]) -> float:
    """What is still to be paid for buildings: the rest of shells of their own, and own plant at today's price.

    Nothing for one in use whose load waits for the grid in place of own plant.
    """
    left, usd = view.param("build.shell_usd_per_kw") * (1 - view.param("build.cash_share")), 0.0
    paid_for = view.queued_plant()  # their shells stand and run
    for b in (b for b in buildings if b.building_id not in paid_for):
        usd += b.power_kw * left if b.kind != "leased" else 0.0
        usd += b.power_kw * view.region_param(b.region, "pue") * view.plant_usd_per_kw if b.on_site else 0.0
    return usd


def spendable_usd(view: MarketView) -> float:
    """Cash that the org would put into chips this month."""
    return max(0.0, unspent_usd(view) * view.param("orders.cash_share"))


def buildable_kw(view: MarketView) -> float:
    """Shells whose deposit the org can pay now."""
    per_kw = view.param("build.shell_usd_per_kw") * view.param("build.cash_share") * CENTS
    return max(0.0, view.cash_cents * view.param("build.cash_use") / per_kw)


@once
def installed_kw(view: MarketView) -> float:
    """Power that chips draw at own sites."""
    return sum(site.installed_w for site in view.sites()) / 1000


@once
def running_kw(view: MarketView) -> int:
    """Power at own sites that chips may draw today."""
    return sum(site.running_kw for site in view.sites())


def trusted_kw(view: MarketView, weeks: float, trust: float | None = None) -> float:
    """IT power that the org reckons with so many weeks ahead: what stands, and a part of what it expects by then.

    A building is expected when it is promised, and no sooner than the usual slip of its first promise says. `trust` is
    that part, `sites.trust` when None.
    """
    days, power = expected_kw(view)
    part = view.param("sites.trust") if trust is None else trust
    soon = power[bisect_right(days, view.day + 7 * weeks)]
    return running_kw(view) + part * soon


def coming_kw(view: MarketView, site: Site) -> list[tuple[int, int]]:
    """Day and kW of each building to come at an own site, by day; of one that is paused, were it taken up today."""
    return _coming_kw(view).get(site.name, [])


@once
def _coming_kw(view: MarketView) -> dict[str, list[tuple[int, int]]]:
    found: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for b in view.buildings():
        found[b.site].append((b.due_day + b.resting_days(view.day), b.power_kw))
    return {site: sorted(coming) for site, coming in found.items()}


def powered_day(room_kw: float, coming: Iterable[tuple[int, int]], kw: float) -> int:
    """Day of the building with which so much is free, after those that come before it; 0 where it is free today."""
    day = 0
    for due, power in coming:
        if room_kw >= kw:
            break
        room_kw, day = room_kw + power, due
    return day


@once
def expected_kw(view: MarketView) -> tuple[list[float], list[int]]:
    """Days on which the org expects its buildings, in order, and their power together before each and after all."""
    slip, under_way = view.param("sites.slip_median"), (b for b in view.buildings() if b.paused_day < 0)
    due = sorted((max(b.due_day, b.start_day + slip * b.planned_days), b.power_kw) for b in under_way)
    return [day for day, _ in due], list(accumulate((kw for _, kw in due), initial=0))


def room_kw(view: MarketView, weeks: float, trust: float | None = None) -> float:
    """Power to come within so many weeks that no chip is bought for yet; below zero where chips will wait for it."""
    return trusted_kw(view, weeks, trust) - installed_kw(view) - view.pending_kw()


def payable_usd(view: MarketView) -> float:
    """Chips that the org could pay for beside those on order: with its cash, and where it borrows, lenders' part."""
    return max(0.0, unspent_usd(view)) / own_part(view)


def own_part(view: MarketView) -> float:
    """Part of a bill that the org pays itself: lenders give those who borrow the rest."""
    return 1 - view.param("finance.loan_share") if view.trait("borrows") else 1.0


def pending_h100e(view: MarketView) -> float:
    """Compute that waits for power, is in transit or on order."""
    pending = [*view.warehouse().items(), *view.coming().items(), *((o.chip, o.gpus) for o in view.orders())]
    return sum(gpus * view.chip(name).h100e for name, gpus in pending)


class Lack(NamedTuple):
    """GPUs of a chip that an org owes and has neither free nor to come: under leases in force, under contracts."""

    leases: int
    contracts: int


@once
def lacking(view: MarketView) -> dict[str, Lack]:
    """GPUs by chip that the org owes as a lessor beyond those on order, on their way, in the warehouse and free.

    What is to come goes to leases first: what covers one of them covers no contract.
    """
    owed, undrawn, coming = view.owed_gpus(), defaultdict[str, int](int), defaultdict[str, int](int)
    for contract in view.contracts():
        if contract.lessor == view.me and (gpus := contract.undrawn):
            undrawn[contract.chip] += gpus
    pending = (*view.coming().items(), *view.warehouse().items(), *((o.chip, o.gpus) for o in view.orders()))
    for chip, gpus in pending:
        coming[chip] += gpus
    free = defaultdict[str, int](int)
    for holding in view.holdings():
        if holding.chip in undrawn:
            free[holding.chip] += max(0, view.free(holding.chip, holding.site))
    return {
        chip: Lack(
            max(0, owed.get(chip, 0) - coming[chip]),
            max(0, undrawn[chip] - free[chip] - max(0, coming[chip] - owed.get(chip, 0))),
        )
        for chip in sorted(owed.keys() | undrawn.keys())
    }


def queued_kw(view: MarketView) -> float:
    """Power that chips in the warehouse will take at each own site, given that all sites share them evenly."""
    power = sum(n * view.chip(c).power_kw_it_per_gpu for c, n in view.warehouse().items())
    return power / max(1, len(view.sites()))
