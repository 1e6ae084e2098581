"""Ids are counted per owner and family; the count moves when a thing's first event is applied. Indexes hold them."""

from __future__ import annotations

from market.state import State
from market.state.chips import Place
from market.state.index import Ids
from market.state.leases import Lease


def count(state: State, name: str) -> None:
    """Record that `owner/family/n` exists."""
    stem, _, number = name.rpartition("/")
    state.run.counters[stem] = int(number)


def enter(index: Ids, owner: str, name: str) -> None:
    """Note that a thing is an owner's."""
    index.setdefault(owner, {})[name] = None


def drop(index: Ids, owner: str, name: str) -> None:
    """Forget a thing of an owner, and an owner who has no more."""
    names = index[owner]
    del names[name]
    if not names:
        del index[owner]


def owe(state: State, lease: Lease, gpus: int) -> None:
    """Count GPUs that the lessor of a lease owes beside what it owed: fewer where they are handed over."""
    index, lessor = state.index, lease.lessor
    _add(index.owing, lessor, lease.lease_id, gpus)
    places = index.owed if lease.parent_lease_id is None else index.owed_on
    _add(places, lessor, Place(lessor, lease.chip, lease.site), gpus)


def _add[Name](index: dict[str, dict[Name, int]], owner: str, name: Name, count: int) -> None:
    """Add to a count of an owner; none is kept that is zero."""
    counts = index.setdefault(owner, {})
    counts[name] = counts.get(name, 0) + count
    if not counts[name]:
        del counts[name]
    if not counts:
        del index[owner]
