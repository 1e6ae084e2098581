"""A lab that asks for compute only when it has become cheaper than it was at the start."""

from __future__ import annotations

from dataclasses import dataclass

from agents.labs import Lab
from events.commands import Command
from events.commands.leases import RequestLease, SignLetter
from market.rng import Draws
from market.view import MarketView

DISCOUNT = 0.85  # part of the first price at which it begins to ask; an assumption of this example


@dataclass(frozen=True)
class PatientLab:
    """Does what other labs do, but signs nothing new while the price is above its limit."""

    def act(self, view: MarketView, draws: Draws) -> list[Command]:
        """Answer the week."""
        commands = Lab().act(view, draws)
        if view.price <= DISCOUNT * view.param("price.start_usd_per_h100e_hour"):
            return commands
        return [command for command in commands if not isinstance(command, RequestLease | SignLetter)]
