"""What a kernel writes to, and the log that keeps nothing on disk."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from events.errors import EventInvalid
from events.rows import Rows
from events.types.base import Entry


class Log(Protocol):
    """What the kernel writes to."""

    head: str
    next_seq: int
    is_kept: bool  # False when the events will not be read again: their weeks need no state hash then

    def append(self, entry: Entry) -> None:
        """Take one event."""

    def append_rows(self, rows: Rows) -> None:
        """Take many events of one type."""

    def close_week(self) -> None:
        """Say that the events so far are whole weeks."""

    def finish(self) -> None:
        """Say that the run is over."""


class MemoryLog:
    """A log that lives in a list and has no chain."""

    def __init__(self) -> None:
        self.head = ""
        self.next_seq = 0
        self.is_kept = True
        self._day: int | None = None  # of the last event
        self._chunks: list[Entry | Rows] = []

    def append(self, entry: Entry) -> None:
        """Take one event; EventInvalid when its seq is not the next or its day lies before the last one's."""
        check_seq(entry.seq, self.next_seq)
        self._check_day(entry.day)
        self._chunks.append(entry)
        self.next_seq += 1

    def append_rows(self, rows: Rows) -> None:
        """Take many events of one type; EventInvalid as in `append`."""
        check_seq(rows.first_seq, self.next_seq)
        self._check_day(rows.day)
        self._chunks.append(rows)
        self.next_seq += len(rows)

    def _check_day(self, day: int) -> None:
        if self._day is not None and day < self._day:
            raise EventInvalid(f"day {day} after day {self._day}: days never fall")
        self._day = day

    def close_week(self) -> None:
        """Nothing to do."""

    def finish(self) -> None:
        """Nothing to do."""

    def entries(self) -> Iterator[Entry]:
        """All events in order."""
        for chunk in self._chunks:
            if isinstance(chunk, Rows):
                yield from chunk.entries()
            else:
                yield chunk


def check_seq(seq: int, expected: int) -> None:
    """Raise EventInvalid unless an event comes next."""
    if seq != expected:
        raise EventInvalid(f"seq {seq} where {expected} comes next")
