"""Clouds: buy chips, build sites, quote leases, rent from and sublet to each other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from agents.amounts import finance_usd_per_year, horizon_weeks, margin, owned_h100e, rented_h100e, target_h100e
from agents.bidders import bids
from agents.buyers import purchases
from agents.decision import Target
from agents.desk import pursue
from agents.fulfilment import fulfil
from agents.investors import fund_rounds
from agents.lessors import concessions, first_offers
from agents.means import best_chip
from agents.resources import installed_kw, trusted_kw
from agents.rights import options_of_cloud
from agents.shelf import answer_counters, answer_requests
from agents.siting import renewals, works
from agents.targets import asked_h100e, users_urgency
from agents.valuation import is_my_week, own_weight
from events.commands import Command
from market.rng import Draws
from market.units import HOURS_PER_YEAR, MONTH_WEEKS, QUARTER_WEEKS
from market.view import MarketView


@dataclass(frozen=True)
class Cloud:
    """Margin on capacity: fill what is free, sell forward what can be ordered and powered, resell what is rented."""

    def act(self, view: MarketView, draws: Draws) -> list[Command]:
        """Answer the week."""
        commands: list[Command] = [*purchases(view), *works(view, draws), *renewals(view)]
        commands.extend(answer_requests(view))
        commands.extend(answer_counters(view))
        commands.extend(first_offers(view))
        commands.extend(concessions(view, draws))
        commands.extend(fulfil(view, commands))
        commands.extend(bids(view))
        commands.extend(options_of_cloud(view) if is_my_week(view, MONTH_WEEKS) else ())
        short = list(capacity(view)) if is_my_week(view, QUARTER_WEEKS) else []
        commands.extend(pursue(view, short, draws))
        commands.extend(fund_rounds(view, "equity for compute"))
        return commands


def capacity(view: MarketView) -> Iterator[Target]:
    """What a cloud lacks for its own users because its power comes too late: its part of a quarter, for some years.

    No more than makers make for one buyer, and than it could pay for with all that it raises in a year.
    """
    p, weeks = view.param, horizon_weeks(view)
    chip = best_chip(view)
    if view.captive_share() <= 0 or chip is None or view.cash_cents <= 0:
        return
    owned = owned_h100e(view) + rented_h100e(view)
    room = max(0.0, trusted_kw(view, weeks) - installed_kw(view))
    short = target_h100e(view, weeks) - owned - room / chip.power_kw_it_per_gpu * chip.h100e
    price = view.contract_price(365 * p("labs.far_term_years"), weeks)
    payable = finance_usd_per_year(view) / (HOURS_PER_YEAR * price)
    part = margin(view) * min(1.0, QUARTER_WEEKS / p("sites.start_weeks"))
    asked = min(short * part, asked_h100e(view, weeks), payable)
    if asked >= p("contracts.ask_min_h100e"):
        yield Target(
            kind="capacity", h100e=asked, due_day=view.day + round(7 * weeks), years=p("labs.far_term_years"),
            worth_usd_per_h100e_hour_max=price * p("price.walk_away"), because=view.me, control=own_weight(view),
            urgency=users_urgency(view, view.own_cost(chip.name), p("labs.far_term_years")),
        )  # fmt: skip
