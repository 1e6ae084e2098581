"""Pure judgements that several behaviours share: the worth of compute, lease or build, willingness to pay."""

from __future__ import annotations

import math
from collections.abc import Sequence

from msgspec.structs import replace

from events.commands import Choice, Terms
from events.kinds import OptionLeft
from market.rng import LIFETIME
from market.view import MarketView


def price_term(price: float, reference: float) -> float:
    """Score of a price: minus the log of its ratio to a reference."""
    return -math.log(max(price, 1e-9) / max(reference, 1e-9))


def time_term(wait_weeks: float, weight: float) -> float:
    """Score of a wait: minus `weight` for every half year."""
    return -weight * max(0.0, wait_weeks) / 26


def choose(topic: str, options: Sequence[Terms], temperature: float, u: float) -> tuple[int, Choice]:
    """Pick an option by logit with one uniform draw `u`; give its index and the choice to be recorded.

    The best of the rest is recorded beside the option taken. With one option there is nothing to reject.
    """
    top = max(option.score for option in options)
    weights = [math.exp((option.score - top) / temperature) for option in options]
    index, mark = 0, u * sum(weights)
    while index < len(weights) - 1 and mark >= weights[index]:
        mark -= weights[index]
        index += 1
    rest = [option for i, option in enumerate(options) if i != index]
    if not rest:
        return index, Choice(topic, options[index])
    left = max(rest, key=lambda option: option.score)
    return index, Choice(topic, options[index], (replace(left, reason=why_left(left, options[index])),))


NAMED: tuple[tuple[str, OptionLeft], ...] = (
    ("term_price", "price"), ("term_time", "too late"), ("term_risk", "risk"), ("term_control", "control"),
)  # fmt: skip


def why_left(left: Terms, taken: Terms) -> OptionLeft:
    """Name what a candidate was left for.

    Every term of it is given the taken one's value in turn: the term that turns the order is the reason, of several
    the one with the largest gap; when none does alone, the largest gap is named. Where the taken one is better on no
    term, what observers do not see turned it.
    """
    gaps = [(getattr(taken, term) - getattr(left, term), name) for term, name in NAMED]
    need = taken.score - left.score
    turning = [gap for gap in gaps if gap[0] >= need > 0]
    gap, name = max(turning or gaps, key=lambda gap: gap[0])
    return name if gap > 0 else "noise"


def is_my_week(view: MarketView, every: int) -> bool:
    """Whether a decision that comes every so many weeks is due, spread over orgs by a draw for life."""
    return view.week % every == int(view.draws.uniform(f"week of {every}", week=LIFETIME) * every)
