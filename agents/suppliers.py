"""Suppliers: list prices along the roadmap."""

from __future__ import annotations

from dataclasses import dataclass

from events.commands import Command
from events.commands.chips import ListPrice
from market.rng import Draws
from market.units import clip, ends_quarter
from market.view import MarketView


@dataclass(frozen=True)
class Supplier:
    """Reprice every chip in volume once a quarter: a trend, held up by long lead times and cut by stock."""

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
            patience = p("orders.lead_time_patience_weeks")
            pull = p("supply.price_response") * clip(lead / patience - 1, -1, 1)
            price = chip.price_usd_per_gpu * (1 + trend + pull) ** 0.25
            commands.append(ListPrice(actor=view.me, because=chip.name, chip=chip.name, price_usd_per_gpu=price))
        return commands
