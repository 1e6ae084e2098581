"""Frozen copies of the state's records: what a view hands out can be read and not changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from inspect import Parameter, signature
from types import MappingProxyType
from typing import Any, get_origin, get_type_hints

import msgspec


def frozen[T: msgspec.Struct](record: T) -> T:
    """Copy a record of the state into a frozen one of a class of its own, a subclass of the record's."""
    copied: T = _copier(type(record))(record)
    return copied


def all_frozen[T: msgspec.Struct](records: Iterable[T]) -> tuple[T, ...]:
    """Copy records of one class into frozen ones."""
    held = list(records)
    return tuple(map(_copier(type(held[0])), held)) if held else ()


@cache
def _copier(kind: type[msgspec.Struct]) -> Callable[[Any], Any]:
    """Compile `lambda x: Frozen(x.a, ...)`; fields that hold a mapping or list become read-only ones."""
    hints = get_type_hints(kind)
    wraps = {dict: "_mapping(x.{0})", list: "_items(x.{0})"}
    by_name = {name for name, x in signature(kind).parameters.items() if x.kind is Parameter.KEYWORD_ONLY}
    parts = [wraps.get(get_origin(hints[name]), "x.{0}").format(name) for name in kind.__struct_fields__]
    pairs = zip(kind.__struct_fields__, parts, strict=True)
    parts = [f"{name}={part}" if name in by_name else part for name, part in pairs]
    twin = msgspec.defstruct(kind.__name__, [], bases=(kind,), frozen=True)
    names = {"_Frozen": twin, "_mapping": lambda held: MappingProxyType(dict(held)), "_items": tuple}
    made: Callable[[Any], Any] = eval(f"lambda x: _Frozen({', '.join(parts)})", names)
    return made
