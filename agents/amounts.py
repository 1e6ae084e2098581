"""How much a builder wants by when, how much of it is worth its cost and what it can pay: the amounts of targets."""

from __future__ import annotations

import math

from agents.decision import Target
from agents.means import best_chip, offers
from agents.resources import installed_kw, pending_h100e, room_kw, running_kw, trusted_kw, works_left_usd
from agents.valuation import once, own_weight
from market.units import MONTH_WEEKS, QUARTER_WEEKS, YEAR_WEEKS, clip
from market.view import MarketView


def lead_weeks(view: MarketView) -> float:
    """Wait for chips that a builder reckons with."""
    return clip(view.lead_time_weeks, view.param("targets.lead_weeks_min"), view.param("targets.lead_weeks_max"))


def horizon_weeks(view: MarketView) -> float:
    """How far ahead orders of today must look: the wait for chips, and from sold to running."""
    return lead_weeks(view) + view.param("targets.horizon_weeks")


@once
def position_h100e(view: MarketView) -> float:
    """Compute that the org owns, rents, has in transit or in the warehouse, or has on order or under contract."""
    return owned_h100e(view) + rented_h100e(view) + pending_h100e(view)


def owned_h100e(view: MarketView) -> float:
    """Compute that the org owns and that runs."""
    return sum(h.owned * view.chip(h.chip).h100e for h in view.holdings())


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
    dearer = min(o.cost_usd_per_h100e_hour for o in found) / min(view.cost(o.chip.name) for o in found)
    cost = view.mix_cost * dearer
    rent = view.forward(lead_weeks(view) + p("targets.npv_weeks"))
    return clip(1 + p("targets.npv_slope") * math.log(rent / ((1 + p("targets.cost_margin")) * cost)), 0.0, 1.0)


def usd_per_h100e(view: MarketView) -> float:
    """Price of an H100 equivalent of the chips on offer, by what suppliers promise of each, levies left out."""
    promised, paid, got = view.outlook(), 0.0, 0.0
    for offer in offers(view):
        gpus = promised.get(offer.chip.name, 0)
        paid += gpus * offer.chip.price_usd_per_gpu
        got += gpus * offer.chip.h100e
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
    chip = best_chip(view)
    if chip is None:
        return 0.0
    room = max(0.0, room_kw(view, horizon_weeks(view))) / chip.power_kw_it_per_gpu * chip.price_usd_per_gpu
    return room / view.param("orders.room_weeks") * YEAR_WEEKS / view.param("orders.fraction")


@once
def finance_usd_per_year(view: MarketView) -> float:
    """Whole bills a year that the org can raise: cash flow, rent, what lenders give on contracts, cash in hand."""
    p = view.param
    money = p("finance.income_share") * view.income_usd_per_year() + 13.0 * view.monthly_kept_cents() / 100
    money -= 13.0 * view.monthly_rent_cents() / 100
    money += p("finance.backlog_share") * p("finance.bill_factor") * view.undelivered_usd()
    money += (max(0.0, view.cash_cents / 100) + view.bond_room_cents() / 100) / 2
    return max(0.0, money * view.trait("finance_factor", 1.0) - shells_usd_per_year(view))


def shells_usd_per_year(view: MarketView) -> float:
    """What is still to be paid for the works under way, spread over the time that a greenfield takes."""
    return works_left_usd(view, (b for b in view.buildings() if b.paused_day < 0)) / greenfield_years(view)


def greenfield_years(view: MarketView) -> float:
    """Time that new land takes, with the usual slip."""
    return view.param("sites.greenfield_days") * view.param("sites.slip_median") / 365


def spending_usd(view: MarketView) -> float:
    """Chips to order this month: the budget's part."""
    return view.param("orders.fraction") * view.books.budget_usd_per_year * MONTH_WEEKS / YEAR_WEEKS


def fleet(view: MarketView, h100e: float, weeks: float, urgency: float) -> Target:
    """Compute for own users and tenants by a day, of an amount that the org can pay for."""
    p = view.param
    return Target(
        kind="capacity", h100e=h100e, due_day=view.day + round(7 * weeks), years=p("labs.far_term_years"),
        worth_usd_per_h100e_hour_max=math.inf, urgency=urgency, control=own_weight(view),
        because=f"{view.me}/budget", is_funded=True,
    )  # fmt: skip


def chips_gate(view: MarketView) -> float:
    """Part of its wish for shells that a builder starts: none while those under way wait for chips of the next year."""
    p = view.param
    chip = best_chip(view)
    if chip is None:
        return 0.0
    power = view.pending_kw() + installed_kw(view)
    usd = p("orders.fraction") * min(wish_usd_per_year(view), finance_usd_per_year(view) / p("finance.bill_factor"))
    power += usd / chip.price_usd_per_gpu * chip.power_kw_it_per_gpu
    ready = trusted_kw(view, YEAR_WEEKS)
    return clip((p("sites.chips_ahead") * power - ready) / (p("sites.chips_band") * max(1.0, power)), 0.0, 1.0)


def power_needed_kw(view: MarketView) -> float:
    """IT power that the org foresees a greenfield's time from now: its fleet, and new chips up to its target."""
    chip, installed, weeks = best_chip(view), installed_kw(view), greenfield_weeks(view)
    if chip is None:
        return installed
    new = max(0.0, target_h100e(view, weeks) - owned_h100e(view) - rented_h100e(view))
    return installed + new / chip.h100e * chip.power_kw_it_per_gpu


def greenfield_weeks(view: MarketView) -> float:
    """How far ahead starts of today look: most of the time that new land takes."""
    p = view.param
    return p("sites.start_lead_share") * p("sites.greenfield_days") * p("sites.slip_median") / 7


def power_gap_kw(view: MarketView) -> float:
    """IT power that the org would start now: its part of what is foreseen over what stands and is under way."""
    p = view.param
    coming = sum(b.power_kw for b in view.buildings())  # paused ones too: they are taken up first
    gap = p("sites.need_margin") * power_needed_kw(view) - running_kw(view) - coming
    part = QUARTER_WEEKS / p("sites.start_weeks") * margin(view) * chips_gate(view)
    return gap * part


@once
def spare_usd_per_year(view: MarketView) -> float:
    """What a builder can raise in a year beyond what its budget for chips takes."""
    spare = finance_usd_per_year(view) - view.param("finance.bill_factor") * view.books.budget_usd_per_year
    return max(0.0, spare)


def fundable_kw(view: MarketView) -> float:
    """Shells that the org could pay in full over the time they take, beside its chips and those under way."""
    return spare_usd_per_year(view) * greenfield_years(view) / view.param("build.shell_usd_per_kw")


def urgency(view: MarketView) -> float:
    """Score lost by half a year without compute: the margin on its rent over its cost, over the life of a contract."""
    chip = best_chip(view)
    cost = view.own_cost(chip.name) if chip else math.inf
    return max(0.0, view.price - cost) / cost / 2 / view.param("power.horizon_years")
