"""Run two worlds and say where they part: the first event that differs, and how far GPUs and dates are apart."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import zip_longest
from typing import Any, NamedTuple

import msgspec

from agents.simulation import begin
from events import Entry, MemoryLog
from market.scenario.schema import Scenario

GPU_EVENTS = {"FleetRegistered": 1, "GpusInstalled": 1, "GpusRetired": -1}
DATED = ("LeaseSigned", "PowerEnergised", "TrainingStarted", "BuildingStarted", "RoundClosed")


class History(NamedTuple):
    """What happened in some weeks of a world, the hashes of states left out."""

    entries: list[Entry]

    def gpus(self) -> dict[tuple[str, str], int]:
        """GPUs that each org owns, by chip."""
        owned: dict[tuple[str, str], int] = defaultdict(int)
        for entry in self.entries:
            sign = GPU_EVENTS.get(type(entry.event).__name__)
            if sign:
                event: Any = entry.event
                owned[event.org, event.chip] += sign * event.gpus
        return owned

    def dates(self) -> dict[tuple[str, str], int]:
        """Days of the events that make a history, by kind and the thing that they are about."""
        found = {}
        for entry in self.entries:
            name = type(entry.event).__name__
            if name in DATED:
                found[name, str(getattr(entry.event, type(entry.event).subject))] = entry.day
        return found


def history(scenario: Scenario, weeks: int, seed: int = 0, without: str = "") -> History:
    """Run some weeks of a world; leave out what is about `without`."""
    log = MemoryLog()
    model = begin(scenario, seed, log)
    for _ in range(weeks):
        if not model.is_over:
            model.step()
    kept = (entry for entry in log.entries() if type(entry.event).__name__ != "WeekClosed")
    return History([entry for entry in kept if not without or without not in _text(entry)])


def _text(entry: Entry) -> str:
    return f"{entry.actor} {entry.event}"


def facts(entry: Entry, *, with_money: bool) -> tuple[Any, ...]:
    """What an entry says, but for its place in the log; money is left out where its unit differs."""
    values = msgspec.structs.asdict(entry.event)
    if not with_money:
        values = {name: x for name, x in values.items() if not isinstance(x, float) and "usd" not in name}
    return entry.day, entry.actor, type(entry.event).__name__, tuple(values.items())


def first_difference(one: History, other: History, *, with_money: bool = True) -> str:
    """Say the first event in which two histories differ; empty when there is none."""
    for a, b in zip_longest(one.entries, other.entries):
        if a is None or b is None or facts(a, with_money=with_money) != facts(b, with_money=with_money):
            return f"{_short(a)} | {_short(b)}"
    return ""


def _short(entry: Entry | None) -> str:
    return f"day {entry.day} {entry.actor} {str(entry.event)[:200]}" if entry else "nothing"


class Apart(NamedTuple):
    """How far two histories are apart: GPUs as a part of all, events that one lacks or that lie over a week apart."""

    gpus: float
    dates: float


def apart(one: History, other: History) -> Apart:
    """Compare GPUs by owner and chip, and days by event."""
    a, b = one.gpus(), other.gpus()
    total = max(1, sum(a.values()))
    moved = sum(abs(a.get(key, 0) - b.get(key, 0)) for key in {*a, *b})
    left, right = one.dates(), other.dates()
    late = sum(1 for key in {*left, *right} if abs(left.get(key, -(10**6)) - right.get(key, -(10**6))) > 7)
    return Apart(moved / total, late / max(1, len(left)))


def differences(pairs: Iterator[tuple[str, History, History]]) -> Iterator[str]:
    """One line for each pair that differs."""
    for name, one, other in pairs:
        if found := first_difference(one, other):
            yield f"{name}: {found}"
