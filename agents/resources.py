"""What an org could spend, build and hand over: sums that buyers and lessors reckon with."""

from __future__ import annotations

from market.units import CENTS
from market.view import MarketView

QUARTER_MONTHS = 3


def spendable_usd(view: MarketView) -> float:
    """Cash that the org would put into chips this month."""
    p = view.param
    income = view.trait("income_usd_per_year") / 4 + QUARTER_MONTHS * view.monthly_let_cents() / CENTS
    rent = QUARTER_MONTHS * view.monthly_rent_cents() / CENTS
    committed = sum(order.gpus * order.price_usd_per_gpu for order in view.orders())
    free = view.cash_cents / CENTS + income - rent - committed * (1 + p("shipping.server_cost_share"))
    return max(0.0, free * p("orders.cash_share"))


def buildable_kw(view: MarketView) -> float:
    """Shells whose deposit the org can pay now."""
    per_kw = view.param("build.shell_usd_per_kw") * view.param("build.cash_share") * CENTS
    return max(0.0, view.cash_cents * view.param("build.cash_use") / per_kw)


def pending_kw(view: MarketView) -> float:
    """Power that own chips on order, in transit and in the warehouse will take."""
    pending = [*view.warehouse().items(), *view.coming().items(), *((o.chip, o.gpus) for o in view.orders())]
    return sum(gpus * view.chip(name).power_kw_it_per_gpu for name, gpus in pending)


def installed_kw(view: MarketView) -> float:
    """Power that chips draw at own sites."""
    return sum(site.installed_w for site in view.sites()) / 1000


def trusted_kw(view: MarketView, weeks: float) -> float:
    """IT power that the org reckons with so many weeks ahead: what stands, and a part of what it expects by then.

    A building is expected when it is promised, and no sooner than the usual slip of its first promise says.
    """
    slip, last = view.param("sites.slip_median"), view.day + 7 * weeks
    under_way = (b for b in view.buildings() if b.paused_day < 0)
    soon = sum(b.power_kw for b in under_way if max(b.due_day, b.start_day + slip * b.planned_days) <= last)
    return sum(site.energised_kw for site in view.sites()) + view.param("sites.trust") * soon


def room_kw(view: MarketView, weeks: float) -> float:
    """Power to come within so many weeks that no chip is bought for yet; below zero where chips will wait for it."""
    return trusted_kw(view, weeks) - installed_kw(view) - pending_kw(view)


def queued_kw(view: MarketView) -> float:
    """Power that chips in the warehouse will take at each own site, given that all sites share them evenly."""
    power = sum(n * view.chip(c).power_kw_it_per_gpu for c, n in view.warehouse().items())
    return power / max(1, len(view.sites()))


def unmet_h100e(view: MarketView) -> float:
    """Compute that others ask of the org now, less what it could hand over."""
    asked = sum(r.h100e for r in view.requests_to_me() if r.kind != "internal")
    free = sum(max(0, view.free(h.chip, h.site)) * view.chip(h.chip).h100e for h in view.holdings() if h.owned)
    return asked - free * (1 - view.captive_share())
