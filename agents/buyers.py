"""How anyone who builds buys chips and power: clouds, labs that build, and the rest."""

from __future__ import annotations

import math
from collections.abc import Iterator

from msgspec.structs import replace

from agents.resources import buildable_kw, means_usd_per_year, spendable_usd
from agents.valuation import choose, is_my_week, price_term, time_term, why_left
from events.commands import Choice, Command, Terms
from events.commands.chips import CancelOrder, PlaceOrder
from events.commands.finance import SeekLoan, SetBudget
from events.commands.sites import PlanSite, StartBuilding
from events.kinds import BudgetReason, BuildingKind, NewSiteKind
from market import rng
from market.rng import Draws
from market.units import MONTH_WEEKS, QUARTER_WEEKS, YEAR_WEEKS, clip
from market.view import MarketView

NODE_GPUS = 8  # nobody orders less than a server


def purchases(view: MarketView, draws: Draws) -> Iterator[Command]:
    """Revise the budget, order chips or cancel orders once a month; start buildings once a quarter."""
    if not view.books.budget_usd_per_year:
        return
    if is_my_week(view, MONTH_WEEKS):
        yield budget(view)
        yield from orders(view)
        yield from cancellations(view)
        yield from loan(view)
    if is_my_week(view, QUARTER_WEEKS):
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
    means = p("budget.means_share") * means_usd_per_year(view)
    reason: BudgetReason = "rents above cost" if view.price > fair else "rents below cost"
    if value > means:
        value, reason = max(means, p("budget.keep_min") * view.books.budget_usd_per_year), "means"
    return SetBudget(actor=view.me, because=view.me, value=value, reason=reason)


def spending_usd(view: MarketView) -> float:
    """Chips to order this month: the budget's part, more when lead times are long, less when chips wait for power."""
    p, lead = view.param, view.lead_time_weeks
    usd = p("orders.fraction") * view.books.budget_usd_per_year * MONTH_WEEKS / YEAR_WEEKS
    patience, stop = p("orders.lead_time_patience_weeks"), p("orders.lead_time_stop_weeks")
    usd *= 1 + p("orders.hoarding") * clip((lead - patience) / stop, 0, 1)
    usd *= math.exp(-max(0.0, lead - stop) / stop)
    return usd * appetite(view)


def appetite(view: MarketView) -> float:
    """Part of its orders that a buyer still places: less the more chips wait for power, by a quarter's arrivals."""
    p, waiting = view.param, sum(view.warehouse().values())
    arrivals = sum(view.coming().values()) * p("orders.warehouse_weeks") / p("shipping.weeks")
    return 1 - p("orders.warehouse_drag") * clip(waiting / max(1.0, arrivals), 0, 1)


def offers(view: MarketView) -> list[tuple[str, Terms]]:
    """Chips that the org may order, scored by cost per H100e, by the wait, and by what suppliers can promise of them.

    `term_control` is the log of a chip's share in the value of promised supply: buyers of scarce chips take the mix
    that they are offered.
    """
    p, found = view.param, []
    promised = view.outlook()
    value = {
        c.name: promised.get(c.name, 0) * c.price_usd_per_gpu
        for c in view.chips()
        if c.buyers != "own" and not c.retired and view.may_buy(c.name)
    }
    total = sum(value.values())
    for name, worth in value.items():
        chip = view.chip(name)
        weeks_ahead = max(0.0, (chip.start_day - view.day) / 7)
        if worth <= 0 or weeks_ahead > p("orders.ahead_days") / 7:
            continue
        wait = max(weeks_ahead, chip.lead_time_weeks if chip.in_volume else weeks_ahead + p("supply.ramp_lag_weeks"))
        terms = Terms(
            name,
            term_price=price_term(view.cost(name), p("price.tco_usd_per_h100e_hour")),
            term_time=time_term(min(wait, 52.0), p("choice.chip_wait_weight")),
            term_control=p("choice.chip_temperature") * math.log(worth / total),
        )
        found.append((name, terms))
    return found


def orders(view: MarketView) -> Iterator[Command]:
    """Order what signed leases lack and what own lines make, then split the month's money by the scores of chips."""
    lease_orders = list(_lease_orders(view))
    yield from lease_orders
    yield from _own_orders(view)
    spent = sum(order.gpus * view.chip(order.chip).price_usd_per_gpu for order in lease_orders)
    money = min(spending_usd(view), spendable_usd(view) - spent)
    found = offers(view)
    if not found or money <= 0:
        return
    heat = view.param("choice.chip_temperature")
    top = max(terms.score for _, terms in found)
    weights = [math.exp((terms.score - top) / heat) for _, terms in found]
    total = sum(weights)
    ranked = sorted(zip(weights, found, strict=True), key=lambda item: (-item[0], item[1][0]))
    for weight, (chip, terms) in ranked[:4]:
        stop = view.param("orders.lead_time_stop_weeks")
        keen = math.exp(-max(0.0, view.chip(chip).lead_time_weeks - stop) / stop)
        gpus = int(keen * money * weight / total / view.chip(chip).price_usd_per_gpu)
        best = max((other for name, other in found if name != chip), key=lambda t: t.score, default=None)
        if gpus >= NODE_GPUS:
            yield PlaceOrder(
                actor=view.me,
                because=f"{view.me}/budget",
                chip=chip,
                gpus=gpus,
                why=Choice("chip", terms, (replace(best, reason=why_left(best, terms)),) if best else ()),
            )


def _own_orders(view: MarketView) -> Iterator[Command]:
    """Take what the own house's lines will make in the next month."""
    promised = view.outlook()
    for chip in view.own_lines():
        backlog = sum(order.gpus for order in view.orders() if order.chip == chip.name)
        weeks = (MONTH_WEEKS + view.lead_time_weeks) * appetite(view)
        gpus = round(weeks * promised.get(chip.name, 0))
        if chip.start_day <= view.day and gpus - backlog >= NODE_GPUS:
            yield PlaceOrder(actor=view.me, because=chip.name, chip=chip.name, gpus=gpus - backlog)


def _lease_orders(view: MarketView) -> Iterator[PlaceOrder]:
    owed: dict[str, int] = {}
    because: dict[str, str] = {}
    for lease in view.let():
        if lease.parent_lease_id is None and lease.owed:
            owed[lease.chip] = owed.get(lease.chip, 0) + lease.owed
            because.setdefault(lease.chip, lease.lease_id)
    for chip, gpus in sorted(owed.items()):
        cover = view.warehouse().get(chip, 0) + view.coming().get(chip, 0)
        cover += sum(order.gpus for order in view.orders() if order.chip == chip)
        if gpus - cover >= NODE_GPUS and view.may_buy(chip) and not view.chip(chip).retired:
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
    """Borrow against contracts when cash runs below some months of chips."""
    if (
        view.trait("borrows")
        and view.cash_cents / 100 < view.param("finance.loan_below_years") * view.books.budget_usd_per_year
    ):
        usd = (
            view.param("finance.loan_share") * view.param("finance.loan_budget_years") * view.books.budget_usd_per_year
        )
        lenders = [name for name in view.orgs("investor") if view.is_lender(name)]
        if lenders and view.coverage(round(usd * 100)) >= view.param("finance.coverage_min"):
            lender = max(lenders, key=lambda name: (rng.uniform(view.seed, "lender", f"{view.me} {name}"), name))
            yield SeekLoan(actor=view.me, because=view.me, lender=lender, amount_usd_cents=round(usd * 100))


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
    need += p("letters.trust") * view.letters_to_me() / chip.h100e * chip.power_kw_it_per_gpu
    need += sum(site.installed_w for site in view.sites()) / 1000
    ready = sum(site.energised_kw for site in view.sites()) + sum(b.power_kw for b in view.buildings())
    return need * p("sites.pool_margin") - ready


def buildings(view: MarketView, draws: Draws) -> Iterator[Command]:
    """Close a part of the coming power gap each quarter: mostly greenfield, some brownfield when chips wait."""
    p, gap = view.param, power_gap_kw(view)
    waiting = sum(n * view.chip(c).power_kw_it_per_gpu for c, n in view.warehouse().items())
    quick = p("sites.brownfield_share") * max(0.0, gap) + p("sites.waiting_share") * waiting
    slow = (1 - p("sites.brownfield_share")) * gap
    left = buildable_kw(view)
    sizes: tuple[tuple[NewSiteKind, float], ...] = (("greenfield", slow), ("brownfield", quick))
    for kind, kw in sizes:
        kw = min(kw, left)
        left -= max(0.0, kw)
        count = max(1, math.ceil(kw / p("sites.building_kw_max")))
        for number in range(count):
            if kw / count >= p("sites.building_kw_min"):
                yield from _build(view, draws, kind, (int(kw / count), number))


def power_options(view: MarketView, kind: NewSiteKind, kw: int) -> list[tuple[str, bool, Terms]]:
    """Regions with grid power, and with own generation where the grid is slow, scored by wait, energy and presence."""
    p, options = view.param, []
    present = {site.region for site in view.sites()}
    for region in view.home_regions():
        energy = price_term(view.region_param(region, "energy_usd_per_mwh"), p("energy.reference_usd_per_mwh"))
        energy *= p("choice.energy_weight")
        here = p("choice.presence_weight") if region in present else 0.0
        grid = view.queue_days(region) + view.queue_delay_days(region, kw)
        own = view.on_site_days(kind)
        for on_site, wait, extra in ((False, grid, 0.0), (True, own, math.log(p("build.on_site_cost_factor")))):
            if on_site and kind == "brownfield" and not view.trait("on_site_power"):
                continue
            terms = Terms(
                region, term_price=energy - extra, term_time=time_term(wait / 7, p("choice.power_wait_weight")),
                term_control=here, on_site_power=on_site,
            )  # fmt: skip
            options.append((region, on_site, terms))
    return options


def _build(view: MarketView, draws: Draws, kind: NewSiteKind, size: tuple[int, int]) -> Iterator[Command]:
    """Choose a region and its power, and start a building there."""
    kw, number = size
    options = power_options(view, kind, kw)
    if not options:
        return
    u = draws.uniform(f"region {kind} {number}", view.me)
    i, why = choose("region", [terms for _, _, terms in options], view.param("choice.temperature"), u)
    region, on_site, _ = options[i]
    own = {site.region: site for site in view.sites()}
    site, because = own.get(region), f"{view.me}/budget"
    if site is None:
        yield PlanSite(
            actor=view.me,
            because=because,
            region=region,
            kind=kind,
            power_kw_it=kw,
            on_site_power=on_site,
            why=why,
        )
        return
    follow: BuildingKind = "next" if site.kind != "pool" and site.energised_kw and kind == "brownfield" else kind
    yield StartBuilding(
        actor=view.me, because=because, site=site.name, kind=follow, power_kw_it=kw, on_site_power=on_site, why=why
    )
