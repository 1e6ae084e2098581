"""What an event changes in a state: the whole difference, so that nothing else can have moved."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import msgspec

from events.types import Event
from market.evolve import evolve
from market.state import State

GONE = "gone"


def moved(state: State, event: Event, day: int) -> dict[str, Any]:
    """Apply an event; what differs by path: a changed value, a thing that is new, `GONE` for one that is no more."""
    before = copy.deepcopy(state)
    evolve(state, event, day)
    return dict(_differences(before, state, ""))


def _differences(one: Any, other: Any, path: str) -> Iterator[tuple[str, Any]]:
    if type(one) is not type(other) or not isinstance(one, msgspec.Struct | dict | list):
        if one != other:
            yield path, other
        return
    old, new = _parts(one), _parts(other)
    for name in {**old, **new}:
        where = f"{path}.{name}" if path else name
        if name not in old or name not in new:
            yield where, new.get(name, GONE)
        else:
            yield from _differences(old[name], new[name], where)


def _parts(thing: Any) -> dict[str, Any]:
    if isinstance(thing, msgspec.Struct):
        return {name: getattr(thing, name) for name in thing.__struct_fields__}
    items = thing.items() if isinstance(thing, dict) else enumerate(thing)
    return {"|".join(map(str, key)) if isinstance(key, tuple) else str(key): value for key, value in items}


def said[E: Event](type_: type[E], /, **values: Any) -> E:
    """An event of which only what matters is given: texts else empty, numbers 0."""
    blank = {field.name: _blank(str(field.type)) for field in msgspec.structs.fields(type_) if field.required}
    return type_(**{**blank, **values})


def _blank(hint: str) -> Any:
    return 0 if hint == "<class 'int'>" else 0.0 if hint == "<class 'float'>" else None if "None" in hint else ""
