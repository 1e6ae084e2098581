"""What an event is: one thing that happened, flat, frozen, past tense."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, ClassVar, Literal

import msgspec

Visibility = Literal["public", "parties", "own"]


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened. Fields are scalars named in `events.vocabulary`.

    Class attributes
    ----------------
    version : version of the event's shape (`events/registry.json`); `events.upcast` lifts older ones.
    sees : who may see it: everybody (`public`), the orgs it names (`parties`) or its actor (`own`).
    subject : the field that holds the id of what the event is about; later events name that id as their cause.
    aspect : what of the subject the event is about, joined to its id: later events name `xai/plan` or
        `xai/order/3/sold`.
    periodic : a measurement that comes every week or month, no decision, refusal or delivery.
    """

    version: ClassVar[int] = 1
    sees: ClassVar[Visibility] = "public"
    subject: ClassVar[str] = ""
    aspect: ClassVar[str] = ""
    periodic: ClassVar[bool] = False


class Retired(Event, frozen=True, kw_only=True):
    """An event of a type that is written no more; `events.registry` makes its class."""


@cache
def optional_fields(kind: type[Event]) -> frozenset[str]:
    """Names of the fields that may be null."""
    hints = {field.name: field.type for field in msgspec.structs.fields(kind)}
    return frozenset(name for name, hint in hints.items() if type(None) in getattr(hint, "__args__", ()))


@cache
def by_position(kind: type[Event]) -> Callable[..., Event]:
    """Give the constructor that reading columns needs: fields by position, in the order of `kind`.

    Everywhere else an event is built by keyword, so that two neighbours of one type cannot be swapped unseen.
    """
    names = ", ".join(kind.__struct_fields__)
    by_name = ", ".join(f"{name}={name}" for name in kind.__struct_fields__)
    made: Callable[..., Event] = eval(f"lambda {names}: _Kind({by_name})", {"_Kind": kind})
    return made


class Batch(msgspec.Struct, frozen=True):
    """Many events of one type on one day, as columns of equal length.

    `columns` maps each field of `kind` to a list or NumPy array of its values, `actor` and `cause_seq` are per row.
    """

    kind: type[Event]
    columns: dict[str, Any]
    actor: list[str]
    cause: list[str]

    def __len__(self) -> int:
        return len(self.actor)


class Entry(msgspec.Struct, frozen=True):
    """An event with its place in the log: the envelope of `events.schema`."""

    seq: int
    day: int
    actor: str
    cause_seq: int
    root_seq: int
    event: Event
