"""Which form the state has: two programs whose forms differ hash the same world to different values."""

from __future__ import annotations

import hashlib
import re
from functools import cache
from typing import get_args, get_type_hints

import msgspec

NUMBER = 3
"""Raise it when the hash changes its rule, or when evolve writes another value into a field that keeps its name.

1: one hash over all families. 2: a hash of the families' hashes. 3: a building that is given up leaves its
power to others.
"""


@cache
def form_of(kind: type[msgspec.Struct], number: int) -> str:
    """Name the form of a state: the number, and 8 digits that change with any field of it."""
    seen: dict[type, list[str]] = {}
    _collect(kind, seen)
    text = "\n".join(f"{one.__name__}: {', '.join(fields)}" for one, fields in seen.items())
    return f"{number}.{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def _collect(hint: object, seen: dict[type, list[str]]) -> None:
    """Note the fields of every struct that a type holds, depth first."""
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        if hint in seen:
            return
        hints = get_type_hints(hint)
        seen[hint] = [f"{name} {_words(hints[name])}" for name in hint.__struct_fields__]
        for name in hint.__struct_fields__:
            _collect(hints[name], seen)
    for argument in get_args(hint):
        _collect(argument, seen)


def _words(hint: object) -> str:
    """A type in words that do not change when its class moves to another file."""
    return re.sub(r"[\w.]*\.(?=\w)", "", str(hint))
