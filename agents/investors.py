"""Investors: answer the rounds that orgs seek; lenders answer by the debt-service rule alone."""

from __future__ import annotations

from dataclasses import dataclass

from events.commands import Command
from events.commands.finance import DeclineRound, FundRound
from market.rng import Draws
from market.view import Books, MarketView


@dataclass(frozen=True)
class Investor:
    """Lead the rounds that fall to it, while cash and the year's appetite last."""

    index: int

    def act(self, view: MarketView, draws: Draws) -> list[Command]:
        """Answer the week."""
        if view.is_lender(view.me):
            return []
        commands: list[Command] = []
        p = view.param
        cap = p("finance.rounds_usd_per_year") * (1 + p("finance.rounds_growth_per_year")) ** (view.week // 52)
        left = round(cap * 100) - view.raised_this_year_cents()
        cash = view.cash_cents
        for books in view.rounds_sought():
            if leader(view, books) != view.me:
                continue
            amount = books.sought_cents
            if amount > min(left, cash):
                reason = "market closed" if amount > left else "investors without cash"
                commands.append(DeclineRound(actor=view.me, because=f"{books.org}/round", org=books.org, reason=reason))
                continue
            left, cash = left - amount, cash - amount
            value = round(amount / p("finance.round_share"))
            commands.append(
                FundRound(
                    actor=view.me,
                    because=f"{books.org}/round",
                    org=books.org,
                    amount_usd_cents=amount,
                    valuation_usd_cents=value,
                )
            )
        return commands


def leader(view: MarketView, books: Books) -> str:
    """Name the investor who leads: strategic money for large rounds, venture for small ones."""
    equity = view.funds()
    large = books.sought_cents >= view.param("finance.strategic_round_usd") * 100
    return equity[-1] if large else equity[0]
