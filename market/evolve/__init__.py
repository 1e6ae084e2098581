"""(state, event) -> state: the only writers of state. No rule and no check stands here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import astuple

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
RowApplier = Callable[[State, Any, int], None]  # takes the fields of an event in their order, as a tuple


def _inert(state: State, event: Event, day: int) -> None:
    """Leave the state as it is: some events only tell."""


class _Appliers(dict[type[Event], Applier]):
    """What applies each event type; a type that is written no more changes nothing."""

    def __missing__(self, kind: type[Event]) -> Applier:
        if not issubclass(kind, Retired):
            raise KeyError(kind)
        return _inert


def _by_row(apply: RowApplier) -> Applier:
    """Apply an event by its fields."""
    return lambda state, event, day: apply(state, astuple(event), day)


APPLIERS: dict[type[Event], Applier] = _Appliers()
ROWS: dict[type[Event], RowApplier] = {}
"""What applies the rows of a batch without making events of them, of those types that come in large batches."""
_FAMILIES = (
    run, chips, clearing, sites, leases, contracts, clauses, demand, training, finance, estates, vendors, policy,
)  # fmt: skip
for _family in _FAMILIES:
    APPLIERS.update(_family.APPLY)
    APPLIERS.update(dict.fromkeys(_family.INERT, _inert))
    ROWS.update(dict.fromkeys(_family.INERT, _inert))
for _family in (chips, finance):
    ROWS.update(_family.ROWS)
    APPLIERS.update({kind: _by_row(apply) for kind, apply in _family.ROWS.items()})

if missing := sorted(set(EVENTS.values()) - set(APPLIERS), key=lambda kind: kind.__name__):
    raise TypeError(f"no evolve case for {', '.join(kind.__name__ for kind in missing)}")


def evolve(state: State, event: Event, day: int) -> None:
    """Apply one event that takes effect on `day`."""
    APPLIERS[type(event)](state, event, day)
