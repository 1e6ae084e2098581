"""How anyone who builds buys chips and power: clouds, labs that build, and the rest."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache

from msgspec.structs import replace

from agents import permission
from agents.resources import buildable_kw, spendable_usd
from agents.valuation import choose, is_my_week, price_term, time_term, why_left
from events.commands import Choice, Command, Terms
from events.commands.chips import CancelOrder, PlaceOrder
from events.commands.finance import SeekLoan, SeekRound, SetBudget
from events.commands.sites import PauseBuilding, PlanSite, ResumeBuilding, StartBuilding
from events.kinds import BudgetReason, BuildingKind, NewSiteKind
from market.rng import LIFETIME, Draws
from market.units import CENTS, MONTH_WEEKS, QUARTER_WEEKS, YEAR_MONTHS, YEAR_WEEKS, clip
from market.view import MarketView

NODE_GPUS = 8  # no order is smaller than a server
once = lru_cache(maxsize=1)  # a view shows one moment: what several decisions of it ask for is worked out once


def purchases(view: MarketView, draws: Draws) -> Iterator[Command]:
    """Revise the budget, order chips or cancel orders once a month; start buildings once a quarter."""
    if not view.books.budget_usd_per_year:
        return
    if is_my_week(view, MONTH_WEEKS):
        yield budget(view)
        yield from orders(view)
        yield from cancellations(view)
        yield from loan(view)
        yield from equity(view)
        yield from pauses(view)
    if is_my_week(view, QUARTER_WEEKS):
        yield from buildings(view, draws)


def lead_weeks(view: MarketView) -> float:
    """Wait for chips that a builder reckons with."""
    return clip(view.lead_time_weeks, view.param("targets.lead_weeks_min"), view.param("targets.lead_weeks_max"))


def horizon_weeks(view: MarketView) -> float:
    """How far ahead orders of today must look: the wait for chips, and from sold to running."""
    return lead_weeks(view) + view.param("targets.horizon_weeks")


@once
def position_h100e(view: MarketView) -> float:
    """Compute that the org owns, has in transit or in the warehouse, or has on order."""
    total = sum(h.owned * view.chip(h.chip).h100e for h in view.holdings())
    pending = [*view.warehouse().items(), *view.coming().items(), *((o.chip, o.gpus) for o in view.orders())]
    return total + sum(gpus * view.chip(name).h100e for name, gpus in pending)


@once
def margin(view: MarketView) -> float:
    """Part of its wish that a builder orders, 0 to 1: by the rent foreseen a while after delivery over its own cost."""
    p = view.param
    found = offers(view)
    if not found:
        return 0.0
    dearer = min(view.own_cost(name) for name, _ in found) / min(view.cost(name) for name, _ in found)
    cost = view.mix_cost * dearer
    rent = view.forward(lead_weeks(view) + p("targets.npv_weeks"))
    return clip(1 + p("targets.npv_slope") * math.log(rent / ((1 + p("targets.cost_margin")) * cost)), 0.0, 1.0)


def usd_per_h100e(view: MarketView) -> float:
    """Price of an H100 equivalent of the chips on offer, by what suppliers promise of each, levies left out."""
    promised, paid, got = view.outlook(), 0.0, 0.0
    for name, _ in offers(view):
        chip, gpus = view.chip(name), promised.get(name, 0)
        paid += gpus * chip.price_usd_per_gpu
        got += gpus * chip.h100e
    return paid / got if got else 0.0


def target_h100e(view: MarketView, weeks: float) -> float:
    """Compute that the org means to own so many weeks ahead: what it can foresee, by the factor of its start."""
    return view.trait("target_factor", 1.0) * view.foreseen_h100e(weeks)


@once
def wish_usd_per_year(view: MarketView) -> float:
    """Chips a year that would close the gap between target and position, whatever power and money say."""
    gap = target_h100e(view, horizon_weeks(view)) - position_h100e(view)
    weekly = max(0.0, gap) / view.param("targets.close_weeks") * usd_per_h100e(view)
    return weekly * YEAR_WEEKS * margin(view) / view.param("orders.fraction")


def trusted_kw(view: MarketView, weeks: float) -> float:
    """IT power that the org reckons with so many weeks ahead: what stands, and promises shortened by the usual slip."""
    days = 7 * weeks / view.param("sites.slip_median")
    soon = sum(b.power_kw for b in view.buildings() if b.due_day <= view.day + days)
    return sum(site.energised_kw for site in view.sites()) + view.param("sites.trust") * soon


def powered_usd_per_year(view: MarketView) -> float:
    """Chips a year that would find power when they come, beside those in the warehouse, in transit and on order."""
    best = max(offers(view), key=lambda item: item[1].score, default=None)
    if best is None:
        return 0.0
    chip = view.chip(best[0])
    pending = [*view.warehouse().items(), *view.coming().items(), *((o.chip, o.gpus) for o in view.orders())]
    used = sum(gpus * view.chip(name).power_kw_it_per_gpu for name, gpus in pending)
    used += sum(site.installed_w for site in view.sites()) / 1000
    room = max(0.0, trusted_kw(view, horizon_weeks(view)) - used) / chip.power_kw_it_per_gpu * chip.price_usd_per_gpu
    return room / view.param("orders.room_weeks") * YEAR_WEEKS / view.param("orders.fraction")


@once
def finance_usd_per_year(view: MarketView) -> float:
    """Whole bills a year that the org can raise: cash flow, rent, what lenders give on contracts, cash in hand."""
    p = view.param
    money = p("finance.income_share") * view.income_usd_per_year() + 13.0 * view.monthly_let_cents() / 100
    money -= 13.0 * view.monthly_rent_cents() / 100
    undelivered = sum(x.owed * view.chip(x.chip).price_usd_per_gpu for x in view.let() if x.parent_lease_id is None)
    money += p("finance.backlog_share") * p("finance.bill_factor") * undelivered
    money += max(0.0, view.cash_cents / 100) / 2
    return max(0.0, money * view.trait("finance_factor", 1.0) - shells_usd_per_year(view))


def shells_usd_per_year(view: MarketView) -> float:
    """What is still to be paid for the shells under way, spread over the time that a greenfield takes."""
    p = view.param
    kw = sum(b.power_kw for b in view.buildings() if b.paused_day < 0)
    left = kw * p("build.shell_usd_per_kw") * (1 - p("build.cash_share"))
    return left / (p("sites.greenfield_days") * p("sites.slip_median") / 365)


def budget(view: MarketView) -> SetBudget:
    """Move the budget for chips towards what closes the gap to the target, within what money and power allow."""
    p, before = view.param, view.books.budget_usd_per_year
    limits: dict[BudgetReason, float] = {
        "demand": wish_usd_per_year(view),
        "finance": finance_usd_per_year(view) / p("finance.bill_factor"),
        "power": powered_usd_per_year(view),
        "no cash": 0.0 if view.cash_cents < 0 else math.inf,
    }
    reason = min(limits, key=lambda name: limits[name])
    step = MONTH_WEEKS * p("budget.speed_per_week") * math.log(max(limits[reason], 1.0) / max(before, 1.0))
    step = clip(step, -MONTH_WEEKS * p("budget.down_per_week"), MONTH_WEEKS * p("budget.up_per_week"))
    return SetBudget(actor=view.me, because=view.me, value=before * math.exp(step), reason=reason)


def spending_usd(view: MarketView) -> float:
    """Chips to order this month: the budget's part."""
    return view.param("orders.fraction") * view.books.budget_usd_per_year * MONTH_WEEKS / YEAR_WEEKS


@once
def offers(view: MarketView) -> tuple[tuple[str, Terms], ...]:
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
            term_price=price_term(view.own_cost(name), p("price.tco_usd_per_h100e_hour")),
            term_time=time_term(min(wait, 52.0), p("choice.chip_wait_weight")),
            term_control=p("choice.chip_temperature") * math.log(worth / total),
        )
        found.append((name, terms))
    return tuple(found)


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
    refused = permission.refused_chips(view)
    for weight, (chip, terms) in ranked[:4]:
        gpus = int(money * weight / total / view.chip(chip).price_usd_per_gpu / (1 + view.levy_on_chips(chip)))
        best = max((other for name, other in found if name != chip), key=lambda t: t.score, default=None)
        if gpus >= NODE_GPUS:
            yield PlaceOrder(
                actor=view.me,
                because=f"{view.me}/budget",
                chip=chip,
                gpus=gpus,
                why=permission.with_refused(
                    Choice("chip", terms, (replace(best, reason=why_left(best, terms)),) if best else ()), refused
                ),
            )


def _own_orders(view: MarketView) -> Iterator[Command]:
    """Take what the lines of the org's own group will make in the next month."""
    promised = view.outlook()
    for chip in view.own_lines():
        backlog = sum(order.gpus for order in view.orders() if order.chip == chip.name)
        weeks = MONTH_WEEKS + view.lead_time_weeks if wish_usd_per_year(view) > 0 else 0.0
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
    """Cancel a part of the backlog beyond the target, newest order first."""
    p = view.param
    backlog = sum(order.gpus * view.chip(order.chip).h100e for order in view.orders())
    excess = position_h100e(view) - p("orders.excess") * target_h100e(view, horizon_weeks(view))
    if excess <= 0 or backlog <= 0:
        return
    rate = min(1.0, MONTH_WEEKS * p("orders.excess_cancel_per_week")) * min(1.0, excess / backlog)
    left = rate * backlog
    for order in reversed(view.orders()):
        if left <= 0:
            return
        each = view.chip(order.chip).h100e
        gpus = min(order.gpus, math.ceil(left / each))
        left -= gpus * each
        yield CancelOrder(actor=view.me, because=order.order_id, order_id=order.order_id, gpus=gpus)


def quarter_bill_usd(view: MarketView) -> float:
    """Chips, servers and network of a quarter at the present budget."""
    return view.param("finance.bill_factor") * view.books.budget_usd_per_year / 4


def loan(view: MarketView) -> Iterator[Command]:
    """Borrow against contracts and GPUs for a quarter's bill when money would run out, as far as income covers it."""
    p, bill = view.param, quarter_bill_usd(view)
    if not view.trait("borrows") or spendable_usd(view) >= bill:
        return
    cents, least = round(p("finance.loan_share") * bill * CENTS), p("finance.loan_least_usd") * CENTS
    while cents >= least and view.coverage(cents) < p("finance.coverage_min"):
        cents //= 2
    lenders = [name for name in view.orgs("investor") if view.is_lender(name)]
    if lenders and cents >= least:
        lender = max(lenders, key=lambda name: (view.draws.uniform("lender", name, LIFETIME), name))
        yield SeekLoan(actor=view.me, because=view.me, lender=lender, amount_usd_cents=cents)


def equity(view: MarketView) -> Iterator[Command]:
    """Sell a part of an org that lives on contracts when its own money is short of a quarter's bill."""
    p, books = view.param, view.books
    if not view.trait("borrows") or books.sought_cents or spendable_usd(view) >= quarter_bill_usd(view):
        return
    if view.day - books.round_day < 7 * p("finance.builder_round_weeks") or wish_usd_per_year(view) <= 0:
        return
    worth = max(books.valuation_cents, CENTS * builder_worth_usd(view))
    cents = round(p("finance.round_share") * worth)
    if cents > 0:
        yield SeekRound(actor=view.me, because=view.me, amount_usd_cents=cents)


def builder_worth_usd(view: MarketView) -> float:
    """What a builder may claim to be worth: a multiple of the rents that it earns in a year."""
    return view.param("finance.value_per_rent") * YEAR_MONTHS * view.monthly_let_cents() / CENTS


def chips_gate(view: MarketView) -> float:
    """Part of its wish for shells that a builder starts: none while those under way wait for chips of the next year."""
    p = view.param
    best = max(offers(view), key=lambda item: item[1].score, default=None)
    if best is None:
        return 0.0
    chip = view.chip(best[0])
    pending = [*view.warehouse().items(), *view.coming().items(), *((o.chip, o.gpus) for o in view.orders())]
    power = sum(gpus * view.chip(name).power_kw_it_per_gpu for name, gpus in pending)
    usd = p("orders.fraction") * min(wish_usd_per_year(view), finance_usd_per_year(view) / p("finance.bill_factor"))
    power += usd / chip.price_usd_per_gpu * chip.power_kw_it_per_gpu
    power += sum(site.installed_w for site in view.sites()) / 1000
    ready = trusted_kw(view, YEAR_WEEKS)
    return clip((p("sites.chips_ahead") * power - ready) / (p("sites.chips_band") * max(1.0, power)), 0.0, 1.0)


@once
def power_needed_kw(view: MarketView) -> float:
    """IT power that the org foresees a greenfield's time from now: its fleet, and new chips up to its target."""
    p = view.param
    best = max(offers(view), key=lambda item: item[1].score, default=None)
    installed = sum(site.installed_w for site in view.sites()) / 1000
    if best is None:
        return installed
    chip = view.chip(best[0])
    weeks = p("sites.start_lead_share") * p("sites.greenfield_days") * p("sites.slip_median") / 7
    owned = sum(h.owned * view.chip(h.chip).h100e for h in view.holdings())
    new = max(0.0, target_h100e(view, weeks) - owned)
    return installed + new / chip.h100e * chip.power_kw_it_per_gpu


def power_gap_kw(view: MarketView) -> float:
    """IT power that the org would start now: its part of what is foreseen over what stands and is under way."""
    p = view.param
    ready = sum(site.energised_kw for site in view.sites())
    coming = sum(b.power_kw for b in view.buildings())  # paused ones too: they are taken up first
    gap = p("sites.need_margin") * power_needed_kw(view) - ready - coming
    part = QUARTER_WEEKS / p("sites.start_weeks") * margin(view) * chips_gate(view)
    return gap * part * p("sites.shells_factor")


def fundable_kw(view: MarketView) -> float:
    """Shells that the org could pay in full over the time they take, beside its chips and those under way."""
    p = view.param
    spare = finance_usd_per_year(view) - p("finance.bill_factor") * view.books.budget_usd_per_year
    years = p("sites.greenfield_days") * p("sites.slip_median") / 365
    return max(0.0, spare) * years / p("build.shell_usd_per_kw")


def pauses(view: MarketView) -> Iterator[Command]:
    """Pause the newest of what is under way beyond need, a part a month, and take paused work up again when needed."""
    p, paused = view.param, [b for b in view.buildings() if b.paused_day >= 0]
    working = [b for b in view.buildings() if b.paused_day < 0 and not b.shell_ready]
    ready = sum(site.energised_kw for site in view.sites())
    ready += sum(b.power_kw for b in view.buildings() if b.paused_day < 0)
    excess = ready - p("orders.excess") * p("sites.need_margin") * power_needed_kw(view)
    if view.cash_cents < 0:
        excess = float(ready)
    left = min(1.0, MONTH_WEEKS * p("sites.pause_per_week")) * excess
    for building in sorted(working, key=lambda b: (-b.start_day, b.building_id)):
        if left <= 0:
            break
        left -= building.power_kw
        yield PauseBuilding(actor=view.me, because=f"{view.me}/budget", building_id=building.building_id)
    if excess < 0 and view.cash_cents >= 0:
        wanted = -excess * margin(view)
        for building in sorted(paused, key=lambda b: (b.start_day, b.building_id)):
            if wanted <= 0:
                return
            wanted -= building.power_kw
            yield ResumeBuilding(actor=view.me, because=f"{view.me}/budget", building_id=building.building_id)


def buildings(view: MarketView, draws: Draws) -> Iterator[Command]:
    """Close a part of the coming power gap each quarter: mostly greenfield, some brownfield when chips wait."""
    p, gap = view.param, power_gap_kw(view)
    waiting = sum(n * view.chip(c).power_kw_it_per_gpu for c, n in view.warehouse().items())
    if view.cash_cents < 0:
        return
    quick = p("sites.brownfield_share") * max(0.0, gap) + p("sites.waiting_share") * waiting * margin(view)
    slow = (1 - p("sites.brownfield_share")) * gap
    left = min(buildable_kw(view), fundable_kw(view))
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
    present, own = {site.region for site in view.sites()}, view.on_site_days(kind)
    for region in view.home_regions():
        energy = price_term(view.energy_usd_per_mwh(region), p("energy.reference_usd_per_mwh"))
        energy *= p("choice.energy_weight")
        here = p("choice.presence_weight") if region in present else 0.0
        grid = view.queue_days(region) + view.queue_delay_days(region, kw)
        for on_site, wait, extra in ((False, grid, 0.0), (True, own, math.log(p("build.on_site_cost_factor")))):
            if on_site and kind == "brownfield" and not view.trait("on_site_power"):
                continue
            may = permission.to_build(view, region, kind, kw, on_site=on_site)
            licence = may.wait_days if may.is_worth_asking else 0.0
            levied = may.usd + permission.building_levy_usd(view, region, kw, on_site=on_site)
            extra += math.log1p(levied / (kw * p("build.shell_usd_per_kw")))
            terms = Terms(
                region, term_price=energy - extra, term_control=here, on_site_power=on_site,
                term_time=time_term((wait + licence) / 7, p("choice.power_wait_weight")),
                reason="not told" if may.is_worth_asking else "permission",
            )  # fmt: skip
            options.append((region, on_site, terms))
    return options


def _build(view: MarketView, draws: Draws, kind: NewSiteKind, size: tuple[int, int]) -> Iterator[Command]:
    """Choose a region and its power, and start a building there."""
    kw, number = size
    options = power_options(view, kind, kw)
    if not options:
        return
    u = draws.uniform(f"region {kind} {number}")
    open_ones = [option for option in options if option[2].reason != "permission"] or options  # then it is refused
    i, why = choose("region", [terms for _, _, terms in open_ones], view.param("choice.temperature"), u)
    region, on_site, _ = open_ones[i]
    why = permission.with_refused(why, [terms for _, _, terms in options if terms.reason == "permission"])
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
