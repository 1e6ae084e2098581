"""Mechanisms by name: ours, and those that other packages bring (entry points of the group `market.mechanisms`).

A mechanism is a pure function of a book. Ours are listed here; one of another package is imported when it is named.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.metadata import EntryPoint
from typing import NamedTuple

from events.plugins import points
from market.clearing import packages, sharing
from market.clearing.account import Account, Infeasible, account
from market.clearing.book import Book, Cleared

GROUP = "market.mechanisms"
Mechanism = Callable[[Book], Cleared]


def milp(of: Book) -> Cleared:
    """Serve the packages with the greatest surplus that a bounded search finds (a mixed-integer program)."""
    from market.clearing.exchange import milp as solve  # brings SciPy

    return solve(of)


OURS: dict[str, Mechanism] = {
    "water-filling": sharing.water_filling,
    "pro-rata": sharing.pro_rata,
    "prepaid-first": sharing.prepaid_first,
    "strategic": sharing.strategic,
    "ready-to-power": sharing.ready_to_power,
    "uniform-price": sharing.uniform_price,
    "greedy": packages.greedy,
    "milp": milp,
}


class MechanismUnusable(Exception):
    """A mechanism that was named cannot be imported, raises, or answers what it may not; the text names it."""


class NoMechanism(MechanismUnusable):
    """No mechanism of the name is installed."""


class Clearing(NamedTuple):
    """A book cleared: by which mechanism, what it answered, what that amounts to."""

    mechanism: str
    cleared: Cleared
    account: Account


def names() -> list[str]:
    """Names of all mechanisms that are installed, ours first."""
    return [*OURS, *(name for name in points(GROUP) if name not in OURS)]


def mechanism(name: str) -> Mechanism:
    """Find a mechanism. Raises NoMechanism, or MechanismUnusable where its package cannot be imported."""
    if name in OURS:
        return OURS[name]
    found = points(GROUP).get(name)
    if found is None:
        raise NoMechanism(f"no mechanism {name!r} is installed; there are {', '.join(names())}")
    return _loaded(found)


@cache
def _loaded(point: EntryPoint) -> Mechanism:
    try:
        found: Mechanism = point.load()
    except Exception as error:
        what = f"mechanism {point.name!r} of the package {_package(point)} cannot be imported"
        raise MechanismUnusable(f"{what}: {type(error).__name__}: {error}") from error
    return found


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else point.module


def clear(name: str, book: Book) -> Clearing:
    """Clear a book by a mechanism and check its answer against the book.

    Raises MechanismUnusable, with the name of the mechanism, where it raises or allots what it may not.
    """
    found = mechanism(name)
    try:
        cleared = Cleared(*found(book))
        return Clearing(name, cleared, account(book, cleared))
    except Infeasible as error:
        raise MechanismUnusable(f"mechanism {name!r} answers what the book does not allow: {error}") from error
    except Exception as error:
        if name in OURS:
            raise
        raise MechanismUnusable(f"mechanism {name!r} raised {type(error).__name__}: {error}") from error
