"""How anyone who builds buys chips and power: clouds, labs that build, and the rest."""

from __future__ import annotations

import math
from collections.abc import Iterator

from agents.valuation import MONTH_WEEKS, choose, clip, is_my_week, price_term, time_term
from events.commands import Command, Terms
from events.commands.chips import CancelOrder, PlaceOrder
from events.commands.finance import SeekLoan, SetBudget
from events.commands.sites import PlanSite, StartBuilding
from market import rng
from market.rng import Draws
from market.view import MarketView

QUARTER_WEEKS = 13
YEAR_WEEKS = 52


def purchases(view: MarketView, draws: Draws, index: int) -> Iterator[Command]:
    """Revise the budget, order chips or cancel orders once a month; start buildings once a quarter."""
    if not view.books.budget_usd_per_year:
        return
    if is_my_week(view.week, index, MONTH_WEEKS):
        yield budget(view)
        yield from orders(view)
        yield from cancellations(view)
        yield from loan(view)
    if is_my_week(view.week, index, QUARTER_WEEKS):
        yield from buildings(view, draws)


def budget(view: MarketView) -> SetBudget:
    """Grow the budget with AI demand and with the margin that rents leave over replacement cost (equations, orders)."""
    p, years = view.param, view.week / YEAR_WEEKS
    growth = p("budget.growth_per_year") * math.exp(-years / p("budget.growth_decay_years"))
    fair = view.cost_of_mix * (1 + p("price.margin"))
    growth += p("budget.price_response") * math.log(view.price / fair)
    growth = clip(growth, p("budget.growth_min"), p("budget.growth_max"))
    if view.trait("challenger"):
        growth += p("budget.challenger_growth_per_year") * math.exp(-years / p("budget.challenger_decay_years"))
    growth += p("budget.shock_sd") * rng.normal(view.seed, "budget", view.me)
    value = view.books.budget_usd_per_year * math.exp(growth * MONTH_WEEKS / YEAR_WEEKS)
    reason = "rents above cost" if view.price > fair else "rents below cost"
    return SetBudget(actor=view.me, because=view.me, value=value, reason=reason)


def spending_usd(view: MarketView) -> float:
    """Chips to order this month: the budget's part, more when lead times are long, less when chips wait for power."""
    p, lead = view.param, view.lead_time_weeks
    usd = p("orders.fraction") * view.books.budget_usd_per_year * MONTH_WEEKS / YEAR_WEEKS
    patience, stop = p("orders.lead_time_patience_weeks"), p("orders.lead_time_stop_weeks")
    usd *= 1 + p("orders.hoarding") * clip((lead - patience) / stop, 0, 1)
    usd *= math.exp(-max(0.0, lead - stop) / stop)
    waiting = sum(view.warehouse().values())
    arrivals = sum(view.coming().values()) * p("orders.warehouse_weeks") / p("shipping.weeks")
    if waiting:
        usd *= 1 - p("orders.warehouse_drag") * clip(waiting / max(1.0, arrivals), 0, 1)
    return usd


def offers(view: MarketView) -> list[tuple[str, Terms]]:
    """Chips that the org may order, scored by cost per H100e and by the wait for volume and backlog."""
    p, found = view.param, []
    for chip in view.chips():
        weeks_ahead = max(0.0, (chip.start_day - view.day) / 7)
        if chip.retired or not view.may_buy(chip.name) or weeks_ahead > p("orders.ahead_days") / 7:
            continue
        if chip.in_volume and chip.end_day - view.day < 7 * chip.lead_time_weeks:
            continue
        wait = weeks_ahead + p("supply.ramp_lag_weeks") if not chip.in_volume else chip.lead_time_weeks
        terms = Terms(
            chip.name,
            term_price=price_term(view.cost(chip.name), p("price.tco_usd_per_h100e_hour")),
            term_time=time_term(wait, p("choice.chip_wait_weight")),
        )
        found.append((chip.name, terms))
    return found


def orders(view: MarketView) -> Iterator[Command]:
    """Order what signed leases lack, then split the rest of the month's money among the chips by their scores."""
    money = min(spending_usd(view), view.spendable_usd())
    yield from _lease_orders(view)
    found = offers(view)
    if not found or money <= 0:
        return
    heat = view.param("choice.chip_temperature")
    top = max(terms.score for _, terms in found)
    weights = [math.exp((terms.score - top) / heat) for _, terms in found]
    total = sum(weights)
    ranked = sorted(zip(weights, found, strict=True), key=lambda item: (-item[0], item[1][0]))
    for weight, (chip, terms) in ranked[:3]:
        gpus = int(money * weight / total / view.chip(chip).price_usd_per_gpu)
        rest = [other for name, other in found if name != chip]
        if gpus >= 8:
            best = max(rest, key=lambda t: t.score) if rest else None
            yield PlaceOrder(
                actor=view.me, because=view.me, chip=chip, gpus=gpus, why=view.choice("chip", terms, best)
            )


def _lease_orders(view: MarketView) -> Iterator[Command]:
    owed: dict[str, int] = {}
    because: dict[str, str] = {}
    for lease in view.let():
        if lease.parent_lease_id is None and lease.owed:
            owed[lease.chip] = owed.get(lease.chip, 0) + lease.owed
            because.setdefault(lease.chip, lease.lease_id)
    for chip, gpus in sorted(owed.items()):
        cover = view.warehouse().get(chip, 0) + view.coming().get(chip, 0)
        cover += sum(order.gpus for order in view.orders() if order.chip == chip)
        if gpus - cover >= 8 and view.may_buy(chip) and not view.chip(chip).retired:
            yield PlaceOrder(actor=view.me, because=because[chip], chip=chip, gpus=gpus - cover)


def cancellations(view: MarketView) -> Iterator[Command]:
    """Cancel duplicates when lead times are short, newest order first."""
    p, lead = view.param, view.lead_time_weeks
    patience = p("orders.lead_time_patience_weeks")
    rate = MONTH_WEEKS * p("orders.cancel_per_week") * clip((patience - lead) / patience, 0, 1)
    left = int(rate * sum(order.gpus for order in view.orders()))
    for order in reversed(view.orders()):
        if left <= 0:
            return
        gpus = min(left, order.gpus)
        left -= gpus
        yield CancelOrder(actor=view.me, because=order.order_id, order_id=order.order_id, gpus=gpus)


def loan(view: MarketView) -> Iterator[Command]:
    """Borrow against contracts when cash runs below two months of chips."""
    if view.trait("borrows") and view.cash_cents / 100 < view.books.budget_usd_per_year / 6:
        usd = view.param("finance.loan_share") * view.books.budget_usd_per_year / 4
        lenders = [name for name in view.orgs("investor") if view.is_lender(name)]
        if lenders and view.coverage(round(usd * 100)) >= view.param("finance.coverage_min"):
            yield SeekLoan(actor=view.me, because=view.me, lender=lenders[0], amount_usd_cents=round(usd * 100))


def power_gap_kw(view: MarketView) -> float:
    """IT power that the org will lack a greenfield's time from now: fleet, backlog and purchases over what comes."""
    p = view.param
    years = p("sites.greenfield_days") / 365
    grow = p("budget.growth_per_year") * math.exp(-view.week / YEAR_WEEKS / p("budget.growth_decay_years"))
    spend = p("orders.fraction") * view.books.budget_usd_per_year * (math.exp(grow * years) - 1) / max(grow, 1e-6)
    best = max(offers(view), key=lambda item: item[1].score, default=None)
    if best is None:
        return 0.0
    chip = view.chip(best[0])
    need = spend / chip.price_usd_per_gpu * chip.power_kw_it_per_gpu
    pending = [*view.warehouse().items(), *view.coming().items(), *((o.chip, o.gpus) for o in view.orders())]
    need += sum(gpus * view.chip(name).power_kw_it_per_gpu for name, gpus in pending)
    need += sum(site.installed_w for site in view.sites()) / 1000
    ready = sum(site.energised_kw for site in view.sites()) + sum(b.power_kw for b in view.buildings())
    return need * p("sites.pool_margin") - ready


def buildings(view: MarketView, draws: Draws) -> Iterator[Command]:
    """Close a part of the coming power gap each quarter: mostly greenfield, some brownfield when chips wait."""
    p, gap = view.param, power_gap_kw(view)
    waiting = sum(n * view.chip(c).power_kw_it_per_gpu for c, n in view.warehouse().items())
    quick = p("sites.brownfield_share") * max(0.0, gap) + 0.5 * waiting
    slow = (1 - p("sites.brownfield_share")) * gap
    for kind, kw in (("greenfield", slow), ("brownfield", quick)):
        kw = min(kw, view.buildable_kw())
        if kw >= p("sites.building_kw_min"):
            yield from _build(view, draws, kind, int(kw))


def _build(view: MarketView, draws: Draws, kind: str, kw: int) -> Iterator[Command]:
    """Choose a region by queue, price of energy and own presence, and start there."""
    p, regions = view.param, view.home_regions()
    own = {site.region: site for site in view.sites()}
    turbines = kind == "brownfield" and bool(view.trait("on_site_power"))
    options = []
    for region in regions:
        wait = p("sites.turbine_days") if turbines else view.queue_days(region) + view.queue_delay_days(region, kw)
        options.append(
            Terms(
                region,
                term_price=p("choice.energy_weight")
                * price_term(view.region_param(region, "energy_usd_per_mwh"), p("energy.reference_usd_per_mwh")),
                term_time=time_term(wait / 7, p("choice.power_wait_weight")),
                term_control=p("choice.presence_weight") if region in own else 0.0,
            )
        )
    if not options:
        return
    u = draws.uniform(f"region {kind}", view.me)
    i, why = choose("region", options, p("choice.temperature"), u)
    region = options[i].option
    site = own.get(region)
    if site is None:
        yield PlanSite(
            actor=view.me, because=view.me, region=region, kind=kind, power_kw_it=kw, on_site_power=turbines, why=why
        )
        return
    follow = "next" if site.kind != "pool" and site.energised_kw and kind == "brownfield" else kind
    yield StartBuilding(
        actor=view.me, because=site.name, site=site.name, kind=follow, power_kw_it=kw, on_site_power=turbines, why=why
    )
