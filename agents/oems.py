"""OEMs: rack and ship; add integration capacity when it fills."""

from __future__ import annotations

from dataclasses import dataclass

from agents.valuation import is_my_week
from events.commands import Command
from events.commands.chips import ExpandIntegration
from market.rng import Draws
from market.units import MONTH_WEEKS
from market.view import MarketView


@dataclass(frozen=True)
class Oem:
    """Expand when the load on the lines passes a share of what they can hold."""

    def act(self, view: MarketView, draws: Draws) -> list[Command]:
        """Answer the week."""
        if not is_my_week(view, MONTH_WEEKS):
            return []
        capacity, load = view.integration()
        p = view.param
        if not capacity or load < p("oem.expand_above") * capacity * p("shipping.weeks"):
            return []
        gpus = max(1, round(p("oem.expand_by") * capacity))
        return [ExpandIntegration(actor=view.me, because=view.me, gpus=gpus)]
