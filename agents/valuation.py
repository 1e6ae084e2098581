"""What several behaviours share: reading a view once, why an option was left, and in which week a decision is due."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial, wraps
from typing import Protocol

from events.kinds import OptionLeft
from market.rng import LIFETIME
from market.view import MarketView

once = lru_cache(maxsize=1)  # a view shows one moment: what several decisions of it ask for is worked out once


def once_each[*Key, T](find: Callable[[MarketView, *Key], T]) -> Callable[[MarketView, *Key], T]:
    """Work out once for each key what several decisions of a view ask for; keys are hashable."""

    @once
    def known(view: MarketView) -> dict[tuple[*Key], T]:
        return {}

    @wraps(find)
    def kept(view: MarketView, *key: *Key) -> T:
        found = known(view)
        if key not in found:
            found[key] = find(view, *key)
        return found[key]

    return kept


class Weighed(Protocol):
    """An option with its score and the terms of it that can turn an order."""

    @property
    def score(self) -> float: ...
    @property
    def price(self) -> float: ...
    @property
    def time(self) -> float: ...
    @property
    def risk(self) -> float: ...
    @property
    def control(self) -> float: ...


def why_left(left: Weighed, taken: Weighed) -> OptionLeft:
    """Name what a candidate was left for.

    Every term of it is given the taken one's value in turn: the term that turns the order is the reason, of several
    the one with the largest gap; when none does alone, the largest gap is named. Where the taken one is better on no
    term, what observers do not see turned it.
    """
    gaps: list[tuple[float, OptionLeft]] = [
        (taken.price - left.price, "price"), (taken.time - left.time, "too late"),
        (taken.risk - left.risk, "risk"), (taken.control - left.control, "control"),
    ]  # fmt: skip
    need = taken.score - left.score
    turning = [gap for gap in gaps if gap[0] >= need > 0]
    gap, name = max(turning or gaps, key=lambda gap: gap[0])
    return name if gap > 0 else "noise"


def own_weight(view: MarketView) -> float:
    """What control over a site of its own is worth to an org, as a score."""
    return view.trait("own_weight", view.param("choice.own_weight"))


def tie(view: MarketView, name: str) -> float:
    """A draw for life by which an org takes one of several that are equal in all that counts."""
    return view.draws.uniform("tie", name, LIFETIME)


def ties(view: MarketView) -> Callable[[str], float]:
    """The same of each of several."""
    return partial(tie, view)


def is_my_week(view: MarketView, every: int) -> bool:
    """Whether a decision that comes every so many weeks is due, spread over orgs by a draw for life."""
    return view.week % every == int(view.draws.uniform(f"week of {every}", week=LIFETIME) * every)
