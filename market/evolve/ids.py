"""Ids are counted per owner and family; the count moves when a thing's first event is applied. Indexes hold them."""

from __future__ import annotations

from market.state import State
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


def note_owed(state: State, lease: Lease, gpus: int) -> None:
    """Keep a lease among those of which its lessor owes GPUs for as long as it owes any."""
    owing, lessor, name = state.index.owing, lease.lessor, lease.lease_id
    if gpus:
        enter(owing, lessor, name)
    elif name in owing.get(lessor, ()):
        drop(owing, lessor, name)
