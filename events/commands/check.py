"""What a command may hold: values of the declared types, words of closed sets, finite numbers, days that are days."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from operator import attrgetter
from typing import Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

from events.commands.base import Choice, Command, Terms
from events.terms import LeaseTerms
from events.vocabulary import DAY_MAX, DAY_MIN

TEXT_MAX = 200
WHOLE_MAX = 2**53  # below it a whole number keeps its value as a float, and its products with small ones fit 64 bits
LENGTH_MAX = 100 * 366  # days
type Check = Callable[[Any], str]  # what a value should be; empty when it is


def fault(command: Command) -> str:
    """Say which field of a command holds what it may not; empty when none does."""
    names, checks, values_of = _checks(type(command))
    for name, check, value in zip(names, checks, values_of(command), strict=True):
        if wanted := check(value):
            return f"{name} must be {wanted}, was {value!r:.80}"
    return _choice_fault(command.why) if command.why is not None else ""


class _Checks(NamedTuple):
    """Fields of a struct, what each may hold, and a getter of all values at once."""

    names: tuple[str, ...]
    checks: tuple[Check, ...]
    values_of: Callable[[Any], tuple[Any, ...]]


@cache
def _checks(kind: type[Command | LeaseTerms | Terms]) -> _Checks:
    hints = get_type_hints(kind)
    names = tuple(name for name in kind.__struct_fields__ if name != "why")
    return _Checks(names, tuple(_check(name, hints[name]) for name in names), attrgetter(*names))


def _check(name: str, hint: Any) -> Check:
    if type(None) in get_args(hint):
        (inner,) = (_check(name, one) for one in get_args(hint) if one is not type(None))
        return lambda value: "" if value is None else inner(value)
    if get_origin(hint) is Literal:
        words = get_args(hint)
        return lambda value: "" if value in words else f"one of {', '.join(words)}"
    if hint is int:
        low, high = _bounds(name)
        return lambda value: "" if type(value) is int and low <= value <= high else f"whole, {low} to {high}"
    if hint is LeaseTerms:
        return lambda value: _held(value) if type(value) is LeaseTerms else "LeaseTerms"
    return {str: _text, float: _number, bool: _truth}[hint]


def _held(value: LeaseTerms | Terms) -> str:
    """Say which field of a struct holds what it may not; empty when none does."""
    names, checks, values_of = _checks(type(value))
    for name, check, held in zip(names, checks, values_of(value), strict=True):
        if wanted := check(held):
            return f"{wanted} ({name})"
    return ""


def _bounds(name: str) -> tuple[int, int]:
    """Least and largest whole number of a field by the unit at the end of its name."""
    if name == "duration_days":
        return -LENGTH_MAX, LENGTH_MAX
    return (DAY_MIN, DAY_MAX) if name.endswith("_day") else (-WHOLE_MAX, WHOLE_MAX)


def _text(value: Any) -> str:
    is_text = isinstance(value, str) and len(value) <= TEXT_MAX and value.isprintable()
    return "" if is_text else f"printable text of at most {TEXT_MAX} characters"


def _number(value: Any) -> str:
    if type(value) is float:
        return "" if math.isfinite(value) else "finite"
    return "" if isinstance(value, float | int) and type(value) is not bool and math.isfinite(value) else "finite"


def _truth(value: Any) -> str:
    return "" if type(value) is bool else "true or false"


def _choice_fault(why: Choice) -> str:
    """Say what is wrong with the terms of a decision; empty when nothing is."""
    if type(why) is not Choice or _text(why.topic):
        return "why must be a Choice with a topic"
    if type(why.rejected) is not tuple:
        return "why must hold the candidates left as a tuple"
    for terms in (why.chosen, *why.rejected):
        if type(terms) is not Terms:
            return "why must hold Terms"
        if wanted := _held(terms):
            return f"terms of {terms.option!r:.80} must be {wanted}"
    return ""
