"""What an org could spend, build and hand over: sums that buyers and lessors reckon with."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate

from agents.valuation import once
from market.units import CENTS
from market.view import MarketView

QUARTER_MONTHS = 3
HALF_YEAR_DAYS = 182


@once
def unspent_usd(view: MarketView) -> float:
    """Cash with a quarter of income and rents, less what chips on order and shells will cost; below zero if short."""
    p = view.param
    income = view.trait("income_usd_per_year") / 4 + QUARTER_MONTHS * view.monthly_let_cents() / CENTS
    rent = QUARTER_MONTHS * view.monthly_rent_cents() / CENTS
    chips = sum(order.gpus * order.price_usd_per_gpu for order in view.orders())
    committed = chips * (1 + p("shipping.server_cost_share")) + shells_usd(view)
    return view.cash_cents / CENTS + income - rent - committed


def shells_usd(view: MarketView) -> float:
    """What is still to be paid for shells that are due within half a year."""
    p, last = view.param, view.day + HALF_YEAR_DAYS
    kw = sum(b.power_kw for b in view.buildings() if not b.shell_ready and b.paused_day < 0 and b.due_day <= last)
    return kw * p("build.shell_usd_per_kw") * (1 - p("build.cash_share"))


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


def trusted_kw(view: MarketView, weeks: float, trust: float | None = None) -> float:
    """IT power that the org reckons with so many weeks ahead: what stands, and a part of what it expects by then.

    A building is expected when it is promised, and no sooner than the usual slip of its first promise says. `trust` is
    that part, `sites.trust` when None.
    """
    days, power = expected_kw(view)
    part = view.param("sites.trust") if trust is None else trust
    soon = power[bisect_right(days, view.day + 7 * weeks)]
    return sum(site.energised_kw for site in view.sites()) + part * soon


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
    own = 1 - view.param("finance.loan_share") if view.trait("borrows") else 1.0
    return max(0.0, unspent_usd(view)) / own


def pending_h100e(view: MarketView) -> float:
    """Compute that waits for power, is in transit or on order."""
    pending = [*view.warehouse().items(), *view.coming().items(), *((o.chip, o.gpus) for o in view.orders())]
    return sum(gpus * view.chip(name).h100e for name, gpus in pending)


def queued_kw(view: MarketView) -> float:
    """Power that chips in the warehouse will take at each own site, given that all sites share them evenly."""
    power = sum(n * view.chip(c).power_kw_it_per_gpu for c, n in view.warehouse().items())
    return power / max(1, len(view.sites()))
