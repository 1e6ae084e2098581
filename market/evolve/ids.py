"""Ids are counted per owner and family; the count moves when a thing's first event is applied."""

from __future__ import annotations

from market.state import State


def count(state: State, name: str) -> None:
    """Record that `owner/family/n` exists."""
    stem, _, number = name.rpartition("/")
    state.run.counters[stem] = int(number)
