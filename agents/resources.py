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


def queued_kw(view: MarketView) -> float:
    """Power that chips in the warehouse will take at each own site, given that all sites share them evenly."""
    power = sum(n * view.chip(c).power_kw_it_per_gpu for c, n in view.warehouse().items())
    return power / max(1, len(view.sites()))


def unmet_h100e(view: MarketView) -> float:
    """Compute that others ask of the org now, less what it could hand over."""
    asked = sum(r.h100e for r in view.requests_to_me() if r.kind != "internal")
    free = sum(max(0, view.free(h.chip, h.site)) * view.chip(h.chip).h100e for h in view.holdings() if h.owned)
    return asked - free * (1 - view.captive_share())
