"""What all ways to keep events share: the facts in commits of 4,096 and the state that replay rebuilds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import msgspec

from events import Entry

COMMIT = 4096


class State:
    """What replay applies facts to: counts and the last day, of every org and type."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()
        self.day = 0

    def apply(self, day: int, actor: str, kind: str) -> None:
        """Take one fact."""
        self.counts[actor, kind] += 1
        self.day = day


def fields(entry: Entry) -> dict[str, Any]:
    """Field values of a fact by name."""
    found: dict[str, Any] = msgspec.structs.asdict(entry.fact)
    return found


def chunks(facts: list[Entry]) -> Iterable[list[Entry]]:
    """Commits of 4,096."""
    return (facts[at : at + COMMIT] for at in range(0, len(facts), COMMIT))
