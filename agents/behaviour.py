"""What a behaviour is: a frozen value that answers a view with commands, and remembers nothing."""

from __future__ import annotations

from typing import Protocol

from events.commands import Command
from market.rng import Draws
from market.view import MarketView


class Behaviour(Protocol):
    """Decides for one org. All that it knows is in the view; all chance comes from `draws`."""

    def act(self, view: MarketView, draws: Draws) -> list[Command]:
        """Answer the week with commands."""
        ...
