"""What a lab wants: compute that is soon at hand, and new capacity years ahead, each with what an hour is worth.

A lab plans on the growth that it sees in its own revenue, less of it the further ahead, within what its money carries
(docs/odd.md, labs). Nothing here asks anybody for anything.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from agents.permission import rent_levy
from events.kinds import LeaseKind
from market.units import HOURS_PER_YEAR, YEAR_WEEKS, clip
from market.view import Lab as LabRecord
from market.view import MarketView


@dataclass(frozen=True, kw_only=True)
class Target:
    """Compute that an org wants by a day, for how long, and what an hour of it is worth at most."""

    kind: LeaseKind
    h100e: float
    due_day: int
    years: float
    worth_usd_per_h100e_hour_max: float
    because: str = ""


def runway_share(view: MarketView) -> float:
    """Part of its aims that a lab still spends on: all of it with half a year of cash, less with less."""
    years = view.runway_days() / 365
    return clip(2 * years, view.param("labs.runway_share_min"), 1.0)


def growth(view: MarketView) -> float:
    """Growth a year that the lab believes in for the near future."""
    return clip(view.revenue_growth(), 0.0, view.param("labs.belief_max_per_year"))


def believed_revenue_usd(view: MarketView, lab: LabRecord, weeks: float) -> float:
    """Revenue a year that the lab believes in so many weeks ahead: growth fades with the distance."""
    fade = view.param("labs.belief_years")
    years = fade * (1 - math.exp(-weeks / YEAR_WEEKS / fade))
    return max(lab.revenue_usd_per_year, lab.demand_usd_per_year) * math.exp(growth(view) * years)


def wanted_usd(view: MarketView, lab: LabRecord, weeks: float) -> float:
    """Spending on compute a year that the lab aims at: serving what it believes in, and research."""
    p, cash = view.param, max(0.0, view.cash_cents / 100)
    if view.cash_cents <= 0:
        return 0.0
    revenue = believed_revenue_usd(view, lab, weeks)
    research = believed_revenue_usd(view, lab, weeks + YEAR_WEEKS) if weeks else revenue * math.exp(growth(view))
    research = view.trait("research_share") * (research + cash / p("labs.want_cash_years"))
    return revenue / p("serving.revenue_per_inference_usd") + research * runway_share(view)


def wanted_h100e(view: MarketView, lab: LabRecord, weeks: float, price: float) -> float:
    """Compute that the lab aims at; a follower whose backer is strategic wants a part of the leader's at least."""
    wanted = wanted_usd(view, lab, weeks) / (HOURS_PER_YEAR * price)
    if view.trait("backed") and view.cash_cents > 0:
        largest = max((view.fleet_of(name) for name in view.labs() if not view.parent_of(name)), default=0.0)
        wanted = max(wanted, view.param("labs.follower_share") * largest)
    return wanted


def held_on(view: MarketView, day: int) -> float:
    """Compute that the lab will have on a day: owned, on order, and under leases in force then."""
    total = 0.0
    for lease in view.rented():
        if lease.start_day <= day < lease.end_day or lease.kind == "internal":
            total += lease.gpus * view.chip(lease.chip).h100e
    for contract in view.contracts():
        if contract.lessee == view.me:
            total += sum(t.gpus for t in contract.schedule if t.start_day <= day) * view.chip(contract.chip).h100e
    for holding in view.holdings():
        total += holding.owned * view.chip(holding.chip).h100e
    pending = [*view.warehouse().items(), *view.coming().items(), *((o.chip, o.gpus) for o in view.orders())]
    return total + sum(gpus * view.chip(name).h100e for name, gpus in pending)


def far_limit_usd(view: MarketView, lab: LabRecord, weeks: float) -> float:
    """Rent a year that the lab can promise years ahead: a part of the revenue it believes in, cash, a round."""
    p = view.param
    revenue = p("labs.far_revenue_share") * believed_revenue_usd(view, lab, weeks)
    money = max(0.0, view.cash_cents / 100) + p("labs.round_share") * view.books.sought_cents / 100
    return revenue + money / 2


def near_limit_usd(view: MarketView, lab: LabRecord) -> float:
    """Rent a year that the lab can carry soon: revenue, cash over its runway, a round, less its other costs."""
    p = view.param
    money = p("finance.revenue_margin") * believed_revenue_usd(view, lab, p("labs.near_weeks"))
    money += max(0.0, view.cash_cents / 100) / p("labs.cash_years")
    money += p("labs.round_share") * view.books.sought_cents / 100
    return money / p("finance.spend_burn")


def gap_h100e(view: MarketView, lab: LabRecord, weeks: float, price: float, limit_usd: float) -> float:
    """Compute that the lab aims at so many weeks ahead, within what it can carry, less what it will have."""
    wanted = min(wanted_h100e(view, lab, weeks, price), limit_usd / (HOURS_PER_YEAR * price))
    return wanted - held_on(view, view.day + round(7 * weeks))


def targets(view: MarketView, lab: LabRecord) -> list[Target]:
    """List what the lab would sign for this month: near compute, and its part of the gap years ahead."""
    p, found = view.param, []
    part = min(1.0, 4 / p("labs.sign_weeks") * (2 - view.served_share()))
    far = p("labs.far_weeks") + min(view.lead_time_weeks, p("targets.lead_weeks_max")) / 2
    soon = p("desk.lead_weeks")
    near_days, far_days = 365 * p("labs.near_term_years"), 365 * p("labs.far_term_years")
    near_price = view.contract_price(near_days, soon) * (1 + rent_levy(view, round(near_days)))
    far_price = view.contract_price(far_days, far) * (1 + rent_levy(view, round(far_days)))
    carried = near_limit_usd(view, lab)
    near_gap = max(gap_h100e(view, lab, weeks, near_price, carried) for weeks in (soon, p("labs.near_weeks")))
    far_gap = gap_h100e(view, lab, far, far_price, far_limit_usd(view, lab, far))
    for gap, weeks, years, price in (
        (near_gap, soon, p("labs.near_term_years"), near_price),
        (far_gap, far, p("labs.far_term_years"), far_price),
    ):
        ask = part * gap
        if ask >= p("labs.ask_min_h100e"):
            kind: LeaseKind = "frontier" if ask >= p("labs.frontier_ask_h100e") else "serving"
            worth, due = price * p("price.walk_away"), view.day + round(7 * weeks)
            found.append(
                Target(
                    kind=kind,
                    h100e=ask,
                    due_day=due,
                    years=years,
                    worth_usd_per_h100e_hour_max=worth,
                    because=f"{view.me}/plan",
                )
            )
    return found
