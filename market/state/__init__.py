"""What is true now, one file a family. Only `market.evolve` writes it."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from market.state.chips import Chips, Place
from market.state.contracts import Contracts
from market.state.demand import Demand
from market.state.finance import Finance
from market.state.form import NUMBER, form_of
from market.state.index import Index
from market.state.leases import Leases
from market.state.run import Run
from market.state.sites import Sites
from market.state.training import Training

FAMILIES = ("chips", "contracts", "demand", "finance", "leases", "run", "sites", "training")
_ENCODER = msgspec.msgpack.Encoder(order="deterministic")
Family = Run | Chips | Sites | Leases | Training | Finance


class State(msgspec.Struct):
    """Everything that is true at one moment, and `index`, which finds it.

    `trail` maps the id of every thing to the seq of the latest event about it and that event's root; `world` is the
    first event, the start. It finds causes, holds positions in the log, and so stays outside the hash.
    """

    run: Run = msgspec.field(default_factory=Run)
    chips: Chips = msgspec.field(default_factory=Chips)
    sites: Sites = msgspec.field(default_factory=Sites)
    demand: Demand = msgspec.field(default_factory=Demand)
    leases: Leases = msgspec.field(default_factory=Leases)
    contracts: Contracts = msgspec.field(default_factory=Contracts)
    training: Training = msgspec.field(default_factory=Training)
    finance: Finance = msgspec.field(default_factory=Finance)
    index: Index = msgspec.field(default_factory=Index)
    trail: dict[str, tuple[int, int]] = msgspec.field(default_factory=lambda: {"world": (0, 0)})


def state_form() -> str:
    """Name the form of the state, which a run's state hashes presuppose."""
    return form_of(State, NUMBER)


def state_hash(state: State) -> str:
    """Hash the hashes of all families by name: deterministic MessagePack, mappings sorted by key."""
    digest = hashlib.sha256()
    for family in FAMILIES:
        content = hashlib.sha256(_ENCODER.encode(_fields(getattr(state, family))))
        digest.update(f"{family} {content.hexdigest()}\n".encode())
    return digest.hexdigest()


def _fields(family: Family) -> list[Any]:
    """The fields of a family; mappings by what is no text, which the encoder would not sort, as sorted pairs."""
    return [_sorted(name, getattr(family, name)) for name in family.__struct_fields__]


def _sorted(name: str, value: Any) -> Any:
    """A mapping by what is no text as sorted pairs, places by their texts joined; another value as it is."""
    first = next(iter(value), "") if isinstance(value, dict) else ""
    if type(first) is str:
        return value
    if type(first) is not Place:
        return sorted(value.items())
    before, order = _ORDERS.get(name, ([], []))
    if before != (places := list(value)):
        by_text = dict(zip(map("\0".join, places), places, strict=True))
        order = list(map(by_text.__getitem__, sorted(by_text)))
        _ORDERS[name] = places, order
    return list(zip(order, map(value.__getitem__, order), strict=True))


_ORDERS: dict[str, tuple[list[Place], list[Place]]] = {}
"""Places in the order of a mapping when it was last hashed, and sorted: for most weeks they are the same."""


def next_id(state: State, owner: str, family: str) -> str:
    """Name the next thing of that family of that owner. The counter moves when its event is applied."""
    return f"{owner}/{family}/{state.run.counters.get(f'{owner}/{family}', 0) + 1}"
