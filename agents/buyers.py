"""How anyone who builds buys chips and power: clouds, labs that build, and the rest."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache

from msgspec.structs import replace

from agents import permission
from agents.resources import room_kw, spendable_usd, unspent_usd
from agents.valuation import is_my_week, price_term, time_term, why_left
from events.commands import Choice, Command, Terms
from events.commands.chips import CancelOrder, PlaceOrder
from events.commands.finance import SeekLoan, SeekRound, SetBudget
from events.kinds import BudgetReason
from market.rng import LIFETIME
from market.units import CENTS, MONTH_WEEKS, YEAR_MONTHS, YEAR_WEEKS, clip
from market.view import MarketView

NODE_GPUS = 8  # no order is smaller than a server
once = lru_cache(maxsize=1)  # a view shows one moment: what several decisions of it ask for is worked out once


def purchases(view: MarketView) -> Iterator[Command]:
    """Revise the budget, order chips or cancel orders, borrow or sell equity once a month."""
    if not view.books.budget_usd_per_year:
        return
    if is_my_week(view, MONTH_WEEKS):
        yield budget(view)
        yield from orders(view)
        yield from cancellations(view)
        yield from loan(view)
        yield from equity(view)


def lead_weeks(view: MarketView) -> float:
    """Wait for chips that a builder reckons with."""
    return clip(view.lead_time_weeks, view.param("targets.lead_weeks_min"), view.param("targets.lead_weeks_max"))


def horizon_weeks(view: MarketView) -> float:
    """How far ahead orders of today must look: the wait for chips, and from sold to running."""
    return lead_weeks(view) + view.param("targets.horizon_weeks")


@once
def position_h100e(view: MarketView) -> float:
    """Compute that the org owns, rents, has in transit or in the warehouse, or has on order or under contract."""
    total = sum(h.owned * view.chip(h.chip).h100e for h in view.holdings()) + rented_h100e(view)
    pending = [*view.warehouse().items(), *view.coming().items(), *((o.chip, o.gpus) for o in view.orders())]
    return total + sum(gpus * view.chip(name).h100e for name, gpus in pending)


def rented_h100e(view: MarketView) -> float:
    """Compute that the org rents from others or will, as far as it is not passed on."""
    rented = sum((x.gpus - x.subleased) * view.chip(x.chip).h100e for x in view.rented() if x.kind == "capacity")
    coming = (c for c in view.contracts() if c.lessee == view.me and c.kind == "capacity")
    return rented + sum(c.undrawn * view.chip(c.chip).h100e for c in coming)


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
    """Compute that the org means to have so many weeks ahead: users by the factor of its start, contracts in full."""
    return view.trait("target_factor", 1.0) * view.users_h100e(weeks) + view.contracted_h100e()


@once
def wish_usd_per_year(view: MarketView) -> float:
    """Chips a year that would close the gap between target and position, whatever power and money say."""
    gap = target_h100e(view, horizon_weeks(view)) - position_h100e(view)
    weekly = max(0.0, gap) / view.param("targets.close_weeks") * usd_per_h100e(view)
    return weekly * YEAR_WEEKS * margin(view) / view.param("orders.fraction")


def powered_usd_per_year(view: MarketView) -> float:
    """Chips a year that would find power when they come, beside those in the warehouse, in transit and on order."""
    best = max(offers(view), key=lambda item: item[1].score, default=None)
    if best is None:
        return 0.0
    chip = view.chip(best[0])
    room = max(0.0, room_kw(view, horizon_weeks(view))) / chip.power_kw_it_per_gpu * chip.price_usd_per_gpu
    return room / view.param("orders.room_weeks") * YEAR_WEEKS / view.param("orders.fraction")


@once
def finance_usd_per_year(view: MarketView) -> float:
    """Whole bills a year that the org can raise: cash flow, rent, what lenders give on contracts, cash in hand."""
    p = view.param
    money = p("finance.income_share") * view.income_usd_per_year() + 13.0 * view.monthly_let_cents() / 100
    money -= 13.0 * view.monthly_rent_cents() / 100
    undelivered = sum(x.owed * view.chip(x.chip).price_usd_per_gpu for x in view.let() if x.parent_lease_id is None)
    money += p("finance.backlog_share") * p("finance.bill_factor") * undelivered
    money += (max(0.0, view.cash_cents / 100) + view.bond_room_cents() / 100) / 2
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
        wished = int(money * weight / total / view.chip(chip).price_usd_per_gpu / (1 + view.levy_on_chips(chip)))
        gpus, cut = permission.order_size(view, chip, wished)
        best = max((other for name, other in found if name != chip), key=lambda t: t.score, default=None)
        second = (replace(best, reason=why_left(best, terms)),) if best else ()
        if gpus >= NODE_GPUS:
            yield PlaceOrder(
                actor=view.me,
                because=f"{view.me}/budget",
                chip=chip,
                gpus=gpus,
                why=permission.with_refused(Choice("chip", terms, second), (*refused, *cut)),
            )


def _own_orders(view: MarketView) -> Iterator[Command]:
    """Take what the lines of the org's own group will make in the next month, as far as power for it is to come."""
    promised, room = view.outlook(), room_kw(view, horizon_weeks(view))
    for chip in view.own_lines():
        backlog = sum(order.gpus for order in view.orders() if order.chip == chip.name)
        weeks = MONTH_WEEKS + view.lead_time_weeks if wish_usd_per_year(view) > 0 else 0.0
        gpus = min(round(weeks * promised.get(chip.name, 0)), backlog + int(max(0.0, room) / chip.power_kw_it_per_gpu))
        if chip.start_day <= view.day and gpus - backlog >= NODE_GPUS:
            room -= (gpus - backlog) * chip.power_kw_it_per_gpu
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
    """Cancel a part of the backlog beyond the target or beyond the power to come, newest order first."""
    p = view.param
    backlog = sum(order.gpus * view.chip(order.chip).h100e for order in view.orders())
    if backlog <= 0:
        return
    excess = (position_h100e(view) - p("orders.excess") * target_h100e(view, horizon_weeks(view))) / backlog
    draw = sum(order.gpus * view.chip(order.chip).power_kw_it_per_gpu for order in view.orders())
    excess = max(excess, -room_kw(view, horizon_weeks(view)) / draw)
    if view.cash_cents < 0:
        excess = 1.0
    if excess <= 0:
        return
    rate = min(1.0, MONTH_WEEKS * p("orders.excess_cancel_per_week")) * min(1.0, excess)
    left = rate * backlog
    for order in reversed(view.orders()):
        if left <= 0:
            return
        each = view.chip(order.chip).h100e
        gpus = min(order.gpus, math.ceil(left / each))
        left -= gpus * each
        yield CancelOrder(actor=view.me, because=order.order_id, order_id=order.order_id, gpus=gpus)


def quarter_bill_usd(view: MarketView) -> float:
    """Chips, servers and network of a quarter at the present budget, and what is short of the chips on order."""
    return view.param("finance.bill_factor") * view.books.budget_usd_per_year / 4 + max(0.0, -unspent_usd(view))


def loan(view: MarketView) -> Iterator[Command]:
    """Borrow for a quarter's bill when money would run out: on the rating, else on contracts whose income covers it.

    Where that covers no loan it asks those who sell to it: they lend on the gear, as far as income just pays for it.
    """
    p, bill = view.param, quarter_bill_usd(view) + shells_usd_per_year(view) / 4
    room, least = view.bond_room_cents(), p("finance.loan_least_usd") * CENTS
    if not (view.trait("borrows") or room) or spendable_usd(view) >= bill:
        return
    part = round(p("finance.loan_share") * bill * CENTS)
    cents = min(room, round(bill * CENTS)) if room >= least else covered_cents(view, part, p("finance.coverage_min"))
    lenders = {name: cents for name in view.orgs("investor") if view.is_lender(name)} if cents >= least else {}
    if not lenders:
        gear = covered_cents(view, part, p("finance.covenant_min"))
        sellers = (*view.orgs("supplier"), *view.orgs("oem"))
        found = {name: min(gear, view.vendor_room_cents(name)) for name in sellers}
        lenders = {name: most for name, most in found.items() if most >= least}
    if lenders:
        lender = max(lenders, key=lambda name: (view.draws.uniform("lender", name, LIFETIME), name))
        yield SeekLoan(actor=view.me, because=view.me, lender=lender, amount_usd_cents=lenders[lender])


def covered_cents(view: MarketView, cents: int, least: float) -> int:
    """Halve a loan until income covers its service, and that of the others, so many times; 0 where it never does."""
    smallest = view.param("finance.loan_least_usd") * CENTS
    while cents >= smallest and view.coverage(cents) < least:
        cents //= 2
    return cents if cents >= smallest else 0


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
