"""(state, command) -> events: every rule of the world, and no effect. Their order in a week is in `market.week`."""

from __future__ import annotations

from collections.abc import Sequence

from events.commands import Command
from events.types import Event
from events.types.estates import TradeRefused
from market.rules import (
    chips,
    contracts,
    credit,
    entry,
    estates,
    finance,
    leases,
    letters,
    plant,
    projects,
    quotes,
    rights,
    sites,
    training,
    vendors,
)
from market.rules.base import Deciders
from market.rules.standing import calibrate
from market.state import State

DECIDERS: Deciders = {}
_FAMILIES = (
    chips, sites, plant, leases, quotes, contracts, rights, letters, training, projects, finance, estates, entry,
    credit, vendors,
)  # fmt: skip
for _family in _FAMILIES:
    DECIDERS.update(_family.DECIDE)


def decide(state: State, command: Command, day: int) -> list[Event]:
    """Answer one command with events; a refusal is an event with a reason."""
    if command.actor not in state.run.orgs:
        return [TradeRefused(org=command.actor, kind=type(command).__name__, reason="not in the market")]
    if command.actor in state.finance.estates:
        return [TradeRefused(org=command.actor, kind=type(command).__name__, reason="in default")]
    return DECIDERS[type(command)](state, command, day)


def refused(answer: Sequence[Event]) -> bool:
    """Whether an answer to a command does nothing of what was asked."""
    return all(type(event).__name__.endswith("Refused") for event in answer)


__all__ = ["DECIDERS", "calibrate", "decide", "refused"]
