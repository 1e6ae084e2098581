"""Suppliers: list prices along the roadmap."""

from __future__ import annotations

import math
from dataclasses import dataclass

from events.commands import Command
from events.commands.chips import ListPrice
from market.rng import Draws
from market.units import clip, ends_quarter
from market.view import MarketView


@dataclass(frozen=True)
class Supplier:
    """Reprice every chip in volume once a quarter: a trend, and an answer to the backlog."""

    def act(self, view: MarketView, draws: Draws) -> list[Command]:
        """Answer the week."""
        if not ends_quarter(view.week):
            return []
        commands: list[Command] = []
        p, lead = view.param, view.lead_time_weeks
        for chip in view.chips():
            if chip.supplier != view.me or not chip.in_volume or chip.retired:
                continue
            trend = view.chip_param(chip.name, "price_change_per_year")
            pull = p("supply.list_price_pull") * math.log(max(lead, 0.1) / p("supply.list_price_balance_weeks"))
            pull = clip(pull, p("supply.list_price_min"), p("supply.list_price_max"))
            price = chip.price_usd_per_gpu * math.exp((math.log1p(trend) + pull) / 4)
            commands.append(ListPrice(actor=view.me, because=chip.name, chip=chip.name, price_usd_per_gpu=price))
        return commands
