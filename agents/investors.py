"""Investors: answer the rounds that orgs seek; lenders answer by the debt-service rule alone."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from agents.permission import funding, kept_from, may_fund
from events.commands import Choice, Command, Terms
from events.commands.finance import DeclineRound, FundRound
from events.kinds import RoundFailure, StakeKind
from market.rng import Draws
from market.units import CENTS, YEAR_WEEKS
from market.view import MarketView, Round

APPETITES: dict[str, str] = {"lab": "finance.rounds_usd_per_year", "cloud": "finance.builder_rounds_usd_per_year"}


@dataclass(frozen=True)
class Investor:
    """Lead the rounds that fall to it, while cash and the year's appetite last."""

    def act(self, view: MarketView, draws: Draws) -> list[Command]:
        """Answer the week."""
        return [] if view.is_lender(view.me) else list(fund_rounds(view, "equity"))


def fund_rounds(view: MarketView, kind: StakeKind) -> Iterator[Command]:
    """Close or turn down the open rounds that the org leads, within its cash and what the others leave of the year."""
    p, rounds = view.param, view.rounds_sought()
    if not rounds or not (view.backs_a_round() or view.me in view.funds()):
        return  # funds and backers alone lead
    left, cash = {role: appetite_cents(view, role) for role in APPETITES}, view.cash_cents
    for books in rounds:
        who, role = leader(view, books), "lab" if books.org in view.labs() else "cloud"
        most, because = most_cents(view, who), f"{books.org}/round"
        amount = math.floor(min(books.sought_cents, left[role], most, cash if who == view.me else math.inf))
        is_enough = amount >= p("finance.round_part_min") * min(books.sought_cents, most)
        if who == view.me and not is_enough:
            reason: RoundFailure = "market closed" if left[role] <= cash else "investors without cash"
            yield DeclineRound(actor=view.me, because=because, org=books.org, reason=reason)
        if not who or not is_enough:
            continue
        left[role] -= amount  # whoever leads: one year's money is that of all
        if who != view.me:
            continue
        cash -= amount
        value = round(min(books.sought_cents / p("finance.round_share"), carried_cents(view, books)))
        yield FundRound(
            actor=view.me, because=because, org=books.org, amount_usd_cents=amount, valuation_usd_cents=value,
            kind=kind, why=kept_out(view, books),
        )  # fmt: skip


def most_cents(view: MarketView, who: str) -> float:
    """Most that an org puts into one round: funds lead no more than one that is not yet large, others any."""
    is_small = who in view.funds() and not view.is_strategic(who)
    return round(view.param("finance.strategic_round_usd") * CENTS) if is_small else math.inf


def appetite_cents(view: MarketView, role: str) -> int:
    """What all investors would still put into labs, or into builders: a year's money, less what they put in."""
    p = view.param
    usd: float = p(APPETITES[role]) * (1 + p("finance.rounds_growth_per_year")) ** (view.week / YEAR_WEEKS)
    return round(usd * CENTS) - view.raised_in_a_year_cents(role)


def kept_out(view: MarketView, books: Round) -> Choice | None:
    """Say who would have led the round had policies not kept it out; None when they kept out nobody."""
    backer = view.compute_backer(books.org)
    known: list[tuple[str, StakeKind]] = [(name, "equity") for name in view.funds()]
    if backer is not None:
        known.insert(0, (backer, "equity for compute"))
    asked = ((name, funding(view, name, books, kind)) for name, kind in known)
    refused = tuple(kept_from(name, may) for name, may in asked if not may.is_worth_asking)
    return Choice("leader", Terms(view.me), refused) if refused else None


def carried_cents(view: MarketView, books: Round) -> float:
    """Most that investors value a lab at: what it was worth with the new money, by its revenue, by its compute."""
    p, lab = view.param, view.labs().get(books.org)
    if lab is None:
        return math.inf
    worth = max(p("finance.value_per_revenue") * lab.revenue_usd_per_year, p("finance.value_floor_usd"))
    worth = max(worth, p("finance.value_per_h100e_usd") * books.compute_h100e)
    return max(books.valuation_cents + books.sought_cents, worth * CENTS)


def leader(view: MarketView, books: Round) -> str:
    """Name who leads a round: a cloud that paid in compute before, else strategic money for large ones, or venture."""
    p, backer = view.param, view.compute_backer(books.org)
    is_keen = backer is not None and books.backer_draw < p("finance.backer_share")
    if backer is not None and is_keen and may_fund(view, backer, books, "equity for compute"):
        return backer
    is_large = books.sought_cents >= p("finance.strategic_round_usd") * 100
    open_ones = [name for name in view.funds() if may_fund(view, name, books, "equity")]
    funds = [name for name in open_ones if view.is_strategic(name) == is_large] or open_ones
    return max(funds, key=lambda name: (books.fund_draws[name], name), default="")
