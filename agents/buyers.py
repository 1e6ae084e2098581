"""How anyone who builds buys chips and power: clouds, labs that build, and the rest."""

from __future__ import annotations

import math
from collections.abc import Iterator

from agents import means, options, permission
from agents.amounts import (
    finance_usd_per_year,
    fleet,
    horizon_weeks,
    position_h100e,
    powered_usd_per_year,
    shells_usd_per_year,
    spending_usd,
    target_h100e,
    usd_per_h100e,
    wish_usd_per_year,
)
from agents.decision import Scored, decide, divide, true_reason
from agents.resources import lacking, room_kw, spendable_usd, unspent_usd
from agents.valuation import is_my_week, ties
from events.commands import Choice, Command, Terms
from events.commands.chips import CancelOrder, PlaceOrder
from events.commands.finance import SeekLoan, SeekRound, SetBudget
from events.kinds import BudgetReason
from market.rng import LIFETIME
from market.units import CENTS, MONTH_WEEKS, YEAR_MONTHS, clip
from market.view import MarketView

NODE_GPUS = 8  # no order is smaller than a server


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


def orders(view: MarketView) -> Iterator[Command]:
    """Order what signed leases lack and what own lines make, then divide the month's money over the chips on offer."""
    lease_orders = list(_lease_orders(view))
    yield from lease_orders
    yield from _own_orders(view)
    spent = sum(order.gpus * view.chip(order.chip).price_usd_per_gpu for order in lease_orders)
    money = min(spending_usd(view), spendable_usd(view) - spent)
    found = options.orders(view)
    if not found or money <= 0:
        return
    wanted = fleet(view, money / usd_per_h100e(view), horizon_weeks(view), view.param("choice.chip_wait_weight"))
    decision = decide(wanted, found, means.weights(view), tie=ties(view))
    refused = permission.refused_chips(view)
    parts = divide(decision, view.param("choice.chip_temperature"))[: round(view.param("orders.chips_at_once"))]
    for scored, part in parts:
        chip = scored.option.chip
        wished = int(money * part / view.chip(chip).price_usd_per_gpu / (1 + view.levy_on_chips(chip)))
        gpus, cut = permission.order_size(view, chip, wished)
        if gpus >= NODE_GPUS:
            best = next((s for s in decision.ranked if s.option.chip != chip), None)
            why = Choice("chip", scored.terms, (_left(best, scored),) if best else ())
            yield PlaceOrder(
                actor=view.me, because=wanted.because, chip=chip, gpus=gpus,
                why=permission.with_refused(why, (*refused, *cut)),
            )  # fmt: skip


def _left(left: Scored, taken: Scored) -> Terms:
    return left.told(true_reason(left, taken))


def _own_orders(view: MarketView) -> Iterator[Command]:
    """Take what the lines of the org's own group will make in the next month, as far as power for it is to come."""
    promised, room = view.outlook(), room_kw(view, horizon_weeks(view))
    for chip in sorted(view.own_lines(), key=lambda x: (-x.start_day, x.name)):  # of one room, the newest first
        backlog = sum(order.gpus for order in view.orders() if order.chip == chip.name)
        weeks = MONTH_WEEKS + view.lead_time_weeks if wish_usd_per_year(view) > 0 else 0.0
        gpus = min(round(weeks * promised.get(chip.name, 0)), backlog + int(max(0.0, room) / chip.power_kw_it_per_gpu))
        if chip.start_day <= view.day and gpus - backlog >= NODE_GPUS:
            room -= (gpus - backlog) * chip.power_kw_it_per_gpu
            yield PlaceOrder(actor=view.me, because=chip.name, chip=chip.name, gpus=gpus - backlog)


def _lease_orders(view: MarketView) -> Iterator[PlaceOrder]:
    for chip, lack in lacking(view).items() if view.owed_gpus() else ():
        if lack.leases >= NODE_GPUS and view.may_buy(chip) and not view.chip(chip).retired:
            owed = (x for x in view.let() if x.chip == chip and x.owed and x.parent_lease_id is None)
            first = min(owed, key=lambda lease: (lease.start_day, lease.lease_id))
            yield PlaceOrder(actor=view.me, because=first.lease_id, chip=chip, gpus=lack.leases)


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
    for order in reversed(view.orders()):  # as they were placed
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
