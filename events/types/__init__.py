"""Events, past tense, by family. `EVENTS` maps every type name to its class."""

from __future__ import annotations

from events.types import (
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
from events.types.base import Batch, Entry, Event

FAMILIES = {
    "run": run,
    "chips": chips,
    "clearing": clearing,
    "sites": sites,
    "leases": leases,
    "contracts": contracts,
    "clauses": clauses,
    "demand": demand,
    "training": training,
    "finance": finance,
    "estates": estates,
    "vendors": vendors,
    "policy": policy,
}

EVENTS: dict[str, type[Event]] = {
    name: kind
    for module in FAMILIES.values()
    for name, kind in vars(module).items()
    if isinstance(kind, type) and issubclass(kind, Event) and kind is not Event
}

__all__ = ["EVENTS", "FAMILIES", "Batch", "Entry", "Event", *FAMILIES]
