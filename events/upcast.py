"""Old versions of events, lifted one step at a time until they are today's.

An upcast works on columns: it takes the columns of the old version and gives those of the next one. Pure functions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from events.types import EVENTS
from events.types.base import Event

type Columns = dict[str, list[Any]]
DAYS_A_WEEK = 7


class Upcast(NamedTuple):
    """How version n of an event becomes version n + 1: the fields of version n, none null, and the step on columns."""

    fields: tuple[str, ...]
    lift: Callable[[Columns], Columns]


def _backlog_in_weeks(old: Columns) -> Columns:
    days = old.pop("duration_days")
    return old | {"lead_time_weeks": [count / DAYS_A_WEEK for count in days]}


UPCASTS: dict[tuple[str, int], Upcast] = {
    ("OutputMade", 1): Upcast(("chip", "supplier", "gpus", "price_usd_per_gpu", "duration_days"), _backlog_in_weeks),
}


def lift(name: str, version: int, columns: Columns, upcasts: Mapping[tuple[str, int], Upcast] = UPCASTS) -> Columns:
    """Bring columns of version `version` of event `name` to the present version."""
    while (step := upcasts.get((name, version))) is not None:
        columns, version = step.lift(columns), version + 1
    return columns


def gaps(events: Mapping[str, type[Event]] = EVENTS, upcasts: Mapping[tuple[str, int], Upcast] = UPCASTS) -> list[str]:
    """Say where a chain of upcasts does not reach the present; empty when every old event can be read."""
    wanted = {(name, version) for name, kind in events.items() for version in range(1, kind.version)}
    missing = [f"{name} v{version} has no upcast to v{version + 1}" for name, version in wanted - set(upcasts)]
    stray = [f"upcast of {name} v{version} leads nowhere" for name, version in set(upcasts) - wanted]
    return sorted(missing + stray)
