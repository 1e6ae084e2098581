"""The rest: enterprise, sovereign and Chinese buyers, as one demand each."""

from __future__ import annotations

from dataclasses import dataclass

from agents.bidders import bids
from agents.buyers import purchases
from agents.siting import renewals, works
from events.commands import Command
from market.rng import Draws
from market.view import MarketView


@dataclass(frozen=True)
class Rest:
    """Buy chips and power for own use, and what estates sell."""

    def act(self, view: MarketView, draws: Draws) -> list[Command]:
        """Answer the week."""
        return [*purchases(view), *works(view, draws), *renewals(view), *bids(view)]
