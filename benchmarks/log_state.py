"""What all ways to keep events share: the events in commits of 4,096 and the state that replay rebuilds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import msgspec

from events import Entry

COMMIT = 4096


class State:
    """What replay applies events to: counts and the last day, of every org and type."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()
        self.day = 0

    def apply(self, day: int, actor: str, kind: str) -> None:
        """Take one event."""
        self.counts[actor, kind] += 1
        self.day = day


def fields(entry: Entry) -> dict[str, Any]:
    """Field values of an event by name."""
    found: dict[str, Any] = msgspec.structs.asdict(entry.event)
    return found


def chunks(events: list[Entry]) -> Iterable[list[Entry]]:
    """Commits of 4,096."""
    return (events[at : at + COMMIT] for at in range(0, len(events), COMMIT))
