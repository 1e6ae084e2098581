"""Labs: want compute for capability and revenue, lease or build it, split it, train, raise money."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from agents.bidders import bids
from agents.buyers import purchases
from agents.decision import Target
from agents.desk import pursue
from agents.fulfilment import power_chips
from agents.race import bridge, frontier, is_machine, is_racing
from agents.research import projects, split, train
from agents.resources import committed_usd, pending_h100e
from agents.rights import options_of_lab, taken_h100e
from agents.shelf import answer_counters, answer_requests
from agents.siting import renewals, works
from agents.targets import announced, far, near, rent_promised_usd, wanted_h100e
from agents.valuation import is_my_week
from events.commands import Command
from events.commands.finance import SeekRound
from events.commands.leases import SignLetter
from events.commands.training import AdoptPlan
from events.kinds import PlanReason
from market.rng import Draws
from market.units import HOURS_PER_YEAR, MONTH_WEEKS, QUARTER_WEEKS, YEAR_WEEKS, clip
from market.view import Lab as LabRecord
from market.view import MarketView


@dataclass(frozen=True)
class Lab:
    """Capability and revenue: next frontier run, lease or build, internal allocation, funding."""

    def act(self, view: MarketView, draws: Draws) -> list[Command]:
        """Answer the week."""
        lab = view.lab
        if lab is None:
            return []
        commands: list[Command] = []
        if view.trait("build") and view.trait("income_usd_per_year") > 0:
            commands.extend([*purchases(view), *works(view, draws), *bids(view)])
        options = list(options_of_lab(view, lab)) if is_my_week(view, MONTH_WEEKS) and rents_outside(view) else []
        commands.extend(options)
        commands.extend(pursue(view, list(wanted_targets(view, lab, taken_h100e(view, options))), draws))
        if is_my_week(view, MONTH_WEEKS):
            if rents_outside(view):
                commands.extend(plan(view, lab, draws))
            commands.append(split(view, lab))
            if view.trait("build") and not view.trait("income_usd_per_year"):
                commands.extend(power_chips(view))
        if view.requests_to_me():
            commands.extend([*answer_requests(view), *answer_counters(view)])
        commands.extend(train(view, lab))
        commands.extend(projects(view, lab, draws))
        commands.extend(renewals(view))
        commands.extend(raise_money(view, draws))
        return commands


# --- what a lab wants


def coming_h100e(view: MarketView) -> float:
    """Compute signed for or ordered and not yet at hand, less what ends within half a year."""
    total = 0.0
    for lease in view.rented():
        weight = view.chip(lease.chip).h100e
        total += lease.owed * weight
        if lease.last_day - view.day < 7 * view.param("price.need_slack_weeks") and lease.kind != "internal":
            total -= lease.delivered * weight
    return total + pending_h100e(view)


def plan(view: MarketView, lab: LabRecord, draws: Draws) -> Iterator[Command]:
    """Once a month: revise what is wanted, and announce what no talks are about yet."""
    p = view.param
    wanted = wanted_h100e(view, lab, 0.0, view.contract_price(365, 0.0))
    if abs(wanted - lab.wanted_h100e) > p("labs.plan_change_min") * max(lab.wanted_h100e, 1.0):
        reason: PlanReason = "customers wait" if view.served_share() < 1 else "growth"
        yield AdoptPlan(
            actor=view.me, because=lab.best_model or view.me, h100e=wanted, due_day=view.day + 182, reason=reason
        )
    for target in announced(view, lab):
        yield from announce(view, draws, target)


def rents_outside(view: MarketView) -> bool:
    """Whether a lab looks for compute beyond its own group."""
    return not view.parent_of(view.me) and not view.trait("in_house")


def wanted_targets(view: MarketView, lab: LabRecord, taken: float) -> Iterator[Target]:
    """All that the lab would have talks about this week: a machine, a bridge to it, compute soon and years ahead.

    `taken` : H100e that options of its leases give it this week.
    """
    if parent := view.parent_of(view.me):
        yield from internal(view, parent) if is_my_week(view, MONTH_WEEKS) else ()
        return
    talks = [request for request in view.requests_by_me() if request.kind == "frontier"]
    machine = [] if any(map(is_machine, talks)) else list(frontier(view))  # one machine at a time
    yield from machine
    yield from bridge(view)
    if view.trait("in_house"):
        return
    if is_my_week(view, MONTH_WEEKS):
        yield from near(view, lab, taken)
    if is_my_week(view, QUARTER_WEEKS) and not (talks or machine or is_racing(view)):
        yield from far(view, lab)


def announce(view: MarketView, draws: Draws, target: Target) -> Iterator[Command]:
    """Announce with a large lessor what is wanted years ahead, unless a letter stands."""
    if view.letters() or not draws.chance(view.param("letters.chance"), "letter"):
        return
    clouds = [name for name in view.orgs_of_bloc("cloud") if name != view.me]
    if not clouds:
        return
    lessor = max(clouds, key=lambda name: (view.fleet_owned_by(name) * draws.uniform("letter with", name), name))
    yield SignLetter(actor=view.me, because=target.because, lessor=lessor, h100e=target.h100e, due_day=target.due_day)


def internal(view: MarketView, parent: str) -> Iterator[Target]:
    """What the lab lacks of its share of the parent's fleet."""
    share = view.trait("parent_share") * view.fleet_owned_by(parent)
    gap = share - view.fleet_h100e - coming_h100e(view)
    if gap > max(view.param("labs.ask_min_h100e"), view.param("labs.internal_gap_min") * share):
        yield Target(
            kind="internal", h100e=gap, due_day=view.day + 7, years=view.param("labs.internal_term_years"),
            worth_usd_per_h100e_hour_max=view.price, because=view.me,
        )  # fmt: skip


def raise_money(view: MarketView, draws: Draws) -> Iterator[Command]:
    """Seek a round with less runway than cash is meant to last, with a hazard that grows as it shrinks."""
    p, books = view.param, view.books
    if view.parent_of(view.me) or books.sought_cents:
        return
    if view.day - books.round_day < 7 * p("finance.round_gap_weeks"):
        return
    calm, keen, weeks = p("finance.round_calm"), p("finance.round_keen"), p("finance.round_hazard_weeks")
    if not draws.chance(max(calm, keen) / weeks, "seek a round"):
        return  # nor would it with no runway at all
    runway, reference = planned_runway_weeks(view), YEAR_WEEKS * p("labs.cash_years")
    if runway >= reference:
        return
    hazard = clip(keen - (keen - calm) * runway / reference, calm, keen) / weeks
    if draws.chance(hazard, "seek a round"):
        cents = round(p("finance.round_share") * worth_usd(view) * 100)
        yield SeekRound(actor=view.me, because=view.me, amount_usd_cents=cents)


def planned_runway_weeks(view: MarketView) -> float:
    """Weeks that cash lasts at the spending that the lab aims at, or has promised, half a year from now.

    No more than at its present burn; a lab that would earn what it spends lasts as long as its books say. What chips on
    order and shells under way will cost is no cash.
    """
    p, lab, booked_weeks = view.param, view.lab, view.runway_days() / 7
    if lab is None or view.trait("in_house"):
        return booked_weeks
    cash = view.cash_cents / 100
    left = max(0.0, cash - committed_usd(view))
    booked_weeks *= left / cash if cash > 0 else 1.0
    ahead_weeks = p("labs.near_weeks")
    aimed = wanted_h100e(view, lab, ahead_weeks, view.reference) * HOURS_PER_YEAR * view.reference
    spend = p("finance.spend_burn") * max(aimed, rent_promised_usd(view, ahead_weeks))
    burn = spend - p("finance.revenue_margin") * lab.revenue_usd_per_year
    return min(booked_weeks, YEAR_WEEKS * left / burn) if burn > 0 else booked_weeks


def worth_usd(view: MarketView) -> float:
    """What an org may claim to be worth: by revenue, by compute at today's rents, never below a floor."""
    p, lab = view.param, view.lab
    revenue = lab.revenue_usd_per_year if lab else 0.0
    compute = view.fleet_h100e + coming_h100e(view)
    compute *= min(1.0, view.clearing / view.entry_price)  # worth less once its rent does not cover what it cost
    floor = min(p("finance.value_floor_usd"), max(view.books.valuation_cents / 100, p("finance.value_least_usd")))
    return max(p("finance.value_per_revenue") * revenue, p("finance.value_per_h100e_usd") * compute, floor)
