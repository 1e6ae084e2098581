"""(state, event) -> state: the only writers of state. No rule and no check stands here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from events.types import EVENTS, Event
from events.types.base import Retired
from market.evolve import (
    chips,
    clauses,
    clearing,
    contracts,
    demand,
    estates,
    finance,
    leases,
    policy,
    run,
    sites,
    training,
    vendors,
)
from market.state import State

Applier = Callable[[State, Any, int], None]


def _inert(state: State, event: Event, day: int) -> None:
    """Leave the state as it is: some events only tell."""


class _Appliers(dict[type[Event], Applier]):
    """What applies each event type; a type that is written no more changes nothing."""

    def __missing__(self, kind: type[Event]) -> Applier:
        if not issubclass(kind, Retired):
            raise KeyError(kind)
        return _inert


APPLIERS: dict[type[Event], Applier] = _Appliers()
_FAMILIES = (
    run, chips, clearing, sites, leases, contracts, clauses, demand, training, finance, estates, vendors, policy,
)  # fmt: skip
for _family in _FAMILIES:
    APPLIERS.update(_family.APPLY)
    APPLIERS.update(dict.fromkeys(_family.INERT, _inert))

if missing := sorted(set(EVENTS.values()) - set(APPLIERS), key=lambda kind: kind.__name__):
    raise TypeError(f"no evolve case for {', '.join(kind.__name__ for kind in missing)}")


def evolve(state: State, event: Event, day: int) -> None:
    """Apply one event that takes effect on `day`."""
    APPLIERS[type(event)](state, event, day)
