"""Suppliers: list prices along the roadmap, equity for buyers while lines are not sold out, rent of unsold compute."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from agents.decision import Target
from agents.desk import answer_quotes, ask_all
from agents.means import YEAR_DAYS
from agents.valuation import is_my_week
from events.commands import Command
from events.commands.chips import ListPrice
from events.commands.vendors import GrantWarrants
from market.rng import Draws
from market.units import CENTS, DAYS_PER_YEAR, HOURS_PER_YEAR, MONTH_WEEKS, WEEK_DAYS, YEAR_WEEKS, clip, ends_quarter
from market.view import Chip, MarketView

LEAST_WEEKS = 0.1  # keeps the logarithm of a lead time finite: `supply.list_price_min` bounds prices long before it


@dataclass(frozen=True)
class Supplier:
    """Once a quarter reprice every chip in volume, and grant warrants where there is output to place.

    Once a month rent what the clouds that it has put money into leave unsold, where it has agreed to.
    """

    def act(self, view: MarketView, draws: Draws) -> list[Command]:
        """Answer the week."""
        rented = list(backstop(view)) if view.trait("backstop_usd_per_year") else []
        if not ends_quarter(view.week):
            return rented
        own = [c for c in view.chips() if c.supplier == view.me and c.in_volume and not c.retired]
        return [*rented, *prices(view, own), *warrants(view, own)]


def prices(view: MarketView, own: list[Chip]) -> Iterator[ListPrice]:
    """Reprice by a trend, and by an answer to the backlog."""
    p, lead = view.param, view.lead_time_weeks
    for chip in own:
        trend = view.chip_param(chip.name, "price_change_per_year")
        pull = p("supply.list_price_pull") * math.log(max(lead, LEAST_WEEKS) / p("supply.list_price_balance_weeks"))
        pull = clip(pull, p("supply.list_price_min"), p("supply.list_price_max"))
        price = chip.price_usd_per_gpu * math.exp((math.log1p(trend) + pull) / 4)
        yield ListPrice(actor=view.me, because=chip.name, chip=chip.name, price_usd_per_gpu=price)


def warrants(view: MarketView, own: list[Chip]) -> Iterator[GrantWarrants]:
    """Offer the largest buyer equity that vests with orders, while no line is sold out.

    A maker whose backlog holds prices up would give equity away for sales that it has anyway.
    """
    p, usd = view.param, view.trait("warrant_share") * view.books.valuation_cents / CENTS
    made = [c for c in own if c.buyers == "all" and c.made_gpus]
    if (
        not usd
        or not made
        or view.has_granted_warrants()
        or any(c.lead_time_weeks >= p("supply.list_price_balance_weeks") for c in made)
    ):
        return
    chip = max(made, key=lambda c: (c.start_day, c.name))
    gpus = math.floor(usd / (p("vendors.warrant_price_share") * chip.price_usd_per_gpu))
    buyer = max(view.orgs_of_bloc("cloud"), key=lambda name: (view.fleet_owned_by(name), name), default=None)
    if buyer is not None and gpus:
        until = view.day + round(p("vendors.warrant_years") * DAYS_PER_YEAR)
        yield GrantWarrants(
            actor=view.me, because=chip.name, org=buyer, gpus=gpus, amount_usd_cents=round(usd * CENTS), end_day=until
        )


def backstop(view: MarketView) -> Iterator[Command]:
    """Answer quotes, and ask for compute that is unsold: of clouds in which the supplier has a stake, for a year."""
    yield from answer_quotes(view)
    clouds = [name for name in view.stakes() if name in view.clouds()]
    rents = HOURS_PER_YEAR * math.fsum(x.gpus * x.price_usd_per_gpu_hour for x in view.rented())
    price = view.contract_price(YEAR_DAYS, 0.0)
    asked = (view.trait("backstop_usd_per_year") - rents) / (HOURS_PER_YEAR * price)
    is_unsold = view.tightness < 1 and asked >= view.param("labs.ask_min_h100e") and not view.requests_by_me()
    if clouds and is_unsold and is_my_week(view, MONTH_WEEKS):
        wanted = Target(
            kind="serving", h100e=asked / len(clouds), due_day=view.day + WEEK_DAYS,
            years=YEAR_WEEKS * WEEK_DAYS / YEAR_DAYS,
            worth_usd_per_h100e_hour_max=price * view.param("price.walk_away"), because=view.me,
        )  # fmt: skip
        yield from ask_all(view, wanted, clouds, "")
