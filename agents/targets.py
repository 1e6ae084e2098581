"""What a lab wants: compute that is soon at hand, and new capacity years ahead, each with what an hour is worth.

A lab plans on the growth that it sees in its own revenue, less of it the further ahead, within what its money carries
(docs/odd.md, labs). Nothing here asks anybody for anything.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from agents.decision import Target
from agents.permission import rent_levy
from agents.resources import pending_h100e
from agents.valuation import once_each, own_weight
from events.kinds import LeaseKind
from market.units import HOURS_PER_YEAR, MONTH_WEEKS, QUARTER_WEEKS, YEAR_WEEKS, clip
from market.view import Lab as LabRecord
from market.view import MarketView


def runway_share(view: MarketView) -> float:
    """Part of its aims that a lab still spends on: all of it with half a year of cash, less with less."""
    years = view.runway_days() / 365
    return clip(2 * years, view.param("labs.runway_share_min"), 1.0)


def growth(view: MarketView) -> float:
    """Growth a year that the lab believes in for the near future."""
    return clip(view.revenue_growth(), 0.0, view.param("labs.belief_max_per_year"))


def believed_revenue_usd(view: MarketView, lab: LabRecord, weeks: float) -> float:
    """Revenue a year that the lab believes in so many weeks ahead: growth fades with the distance."""
    believed = math.exp(growth(view) * believed_years(view, weeks))
    return max(lab.revenue_usd_per_year, lab.demand_usd_per_year) * believed


def believed_years(view: MarketView, weeks: float) -> float:
    """Years of growth that are believed in so many weeks ahead: less than they are, the more so the further ahead."""
    fade = view.param("labs.belief_years")
    return fade * (1 - math.exp(-weeks / YEAR_WEEKS / fade))


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
        if lease.start_day <= day < lease.last_day or lease.kind == "internal":
            total += lease.gpus * view.chip(lease.chip).h100e
    for contract in view.contracts():
        if contract.lessee == view.me:
            total += sum(t.gpus for t in contract.schedule if t.start_day <= day) * view.chip(contract.chip).h100e
    for holding in view.holdings():
        total += holding.owned * view.chip(holding.chip).h100e
    return total + pending_h100e(view)


def rent_promised_usd(view: MarketView, weeks: float) -> float:
    """Rent a year that leases and contracts signed will take so many weeks ahead."""
    day = view.day + round(7 * weeks)
    leases = (x.gpus * x.price_usd_per_gpu_hour for x in view.rented() if x.start_day <= day < x.last_day)
    mine = (c for c in view.contracts() if c.lessee == view.me)
    coming = (t.gpus * c.price_usd_per_gpu_hour for c in mine for t in c.schedule if t.start_day <= day)
    return HOURS_PER_YEAR * (math.fsum(leases) + math.fsum(coming))


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


def rent_usd(view: MarketView, years: float, weeks: float) -> float:
    """Rent of an hour for so many years from so many weeks ahead, with levies on it."""
    return view.contract_price(365 * years, weeks) * (1 + rent_levy(view, round(365 * years)))


def near(view: MarketView, lab: LabRecord, taken: float = 0.0) -> Iterator[Target]:
    """Compute that the lab lacks within half a year beyond what it takes under its leases: its part of a month."""
    p, weeks = view.param, view.param("desk.lead_weeks")
    price = rent_usd(view, p("labs.near_term_years"), weeks)
    carried = near_limit_usd(view, lab)
    gap = max(gap_h100e(view, lab, ahead, price, carried) for ahead in (weeks, p("labs.near_weeks")))
    yield from _target(view, "serving", (gap - taken, MONTH_WEEKS), weeks, price)


def far(view: MarketView, lab: LabRecord) -> Iterator[Target]:
    """New capacity years ahead: a quarter's part of the gap, signed in one piece, to come as the fleet grows."""
    p = view.param
    ramp = p("contracts.fleet_ramp_days") / 7
    weeks = p("labs.far_weeks") + min(view.lead_time_weeks, p("targets.lead_weeks_max")) / 2
    price = rent_usd(view, p("labs.far_term_years"), weeks)
    gap = gap_h100e(view, lab, weeks, price, far_limit_usd(view, lab, weeks))
    yield from _target(view, "frontier", (gap, QUARTER_WEEKS), weeks - ramp, price)


def announced(view: MarketView, lab: LabRecord) -> Iterator[Target]:
    """Compute that a lab lacks further ahead than it signs for: within what it could promise then, and makers make."""
    p = view.param
    weeks = YEAR_WEEKS * p("letters.ahead_years")
    price = rent_usd(view, p("labs.far_term_years"), weeks)
    gap = gap_h100e(view, lab, weeks, price, far_limit_usd(view, lab, weeks))
    h100e = min(gap, obtainable_h100e(view, 0.0, weeks))
    if h100e >= p("letters.h100e_min"):
        yield Target(
            kind="frontier", h100e=h100e, due_day=view.day + round(7 * weeks), years=p("labs.far_term_years"),
            worth_usd_per_h100e_hour_max=price * p("price.walk_away"), control=own_weight(view),
            because=f"{view.me}/plan",
        )  # fmt: skip


def asked_h100e(view: MarketView, first_weeks: float) -> float:
    """Compute that one buyer can get for one request: while its tranches come, the first in so many weeks."""
    return obtainable_h100e(view, first_weeks, view.param("contracts.fleet_ramp_days") / 7)


@once_each
def obtainable_h100e(view: MarketView, first_weeks: float, weeks: float) -> float:
    """Compute that one buyer can get in so many weeks from a first one on: a part of what makers will make then."""
    made = view.outlook_in(first_weeks + weeks / 2)
    weekly = math.fsum(gpus * view.chip(name).h100e for name, gpus in sorted(made.items()))
    return view.param("contracts.supply_share_max") * weekly * weeks


def users_urgency(view: MarketView, cost_usd_per_h100e_hour: float, years: float) -> float:
    """Score lost by half a year in which own users are not served: what serving earns beyond the cost, over a term."""
    earned = view.param("serving.revenue_per_inference_usd") * view.price
    return max(0.0, earned - cost_usd_per_h100e_hour) / cost_usd_per_h100e_hour / 2 / years


def _target(view: MarketView, kind: LeaseKind, gap: tuple[float, int], weeks: float, price: float) -> Iterator[Target]:
    """Part of a gap that is signed for in a decision's interval, the more the fewer customers are served."""
    p, (h100e, every) = view.param, gap
    part = min(1.0, (2 - view.served_share()) * (1 - math.exp(-every / p("labs.sign_weeks"))))
    if part * h100e >= p("labs.ask_min_h100e"):
        yield Target(
            kind=kind,
            h100e=min(part * h100e, asked_h100e(view, weeks)),
            due_day=view.day + round(7 * weeks),
            years=p("labs.near_term_years" if kind == "serving" else "labs.far_term_years"),
            worth_usd_per_h100e_hour_max=price * p("price.walk_away"),
            control=own_weight(view),
            because=view.me,
        )
