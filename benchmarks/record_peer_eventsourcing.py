"""The eventsourcing package as a peer: domain events through its mapper and JSON transcoder to its SQLite recorder."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

from eventsourcing.domain import DomainEvent
from eventsourcing.persistence import DatetimeAsISO, JSONTranscoder, Mapper, UUIDAsHex
from eventsourcing.sqlite import SQLiteApplicationRecorder, SQLiteDatastore

from benchmarks.record_peers import COMMIT, State, chunks, fields
from events import FACTS, Entry

NOW = datetime(2024, 7, 15, tzinfo=UTC)
SPACE = UUID(int=0)


@dataclass(frozen=True)
class Happened(DomainEvent):
    """A domain event that carries one of our facts; an org is an aggregate."""

    seq: int
    day: int
    actor: str
    cause: int
    root: int
    kind: str
    fact: dict[str, Any]


class Eventsourcing:
    """A transaction of 4,096 events at a time, which is kinder than its one aggregate a save."""

    name = "eventsourcing, SQLite"

    def __init__(self) -> None:
        transcoder = JSONTranscoder()
        transcoder.register(UUIDAsHex())
        transcoder.register(DatetimeAsISO())
        self.mapper = Mapper(transcoder)

    def _recorder(self, folder: Path) -> SQLiteApplicationRecorder:
        recorder = SQLiteApplicationRecorder(SQLiteDatastore(str(folder / "log.db")))
        recorder.create_table()
        return recorder

    def append(self, folder: Path, facts: list[Entry]) -> None:
        """Keep facts."""
        recorder, versions = self._recorder(folder), Counter[str]()
        ids = {actor: uuid5(SPACE, actor) for actor in {entry.actor for entry in facts}}
        for batch in chunks(facts):
            stored = []
            for e in batch:
                versions[e.actor] += 1
                place = (ids[e.actor], versions[e.actor], NOW, e.seq, e.day, e.actor, e.cause_seq, e.root_seq)
                stored.append(self.mapper.to_stored_event(Happened(*place, type(e.fact).__name__, fields(e))))
            recorder.insert_events(stored)
        recorder.datastore.close()

    def replay(self, folder: Path) -> State:
        """Apply all facts in order."""
        recorder, state, start = self._recorder(folder), State(), 1
        while batch := recorder.select_notifications(start, COMMIT):
            for notification in batch:
                event: Any = self.mapper.to_domain_event(notification)
                FACTS[event.kind](**event.fact)
                state.apply(event.day, event.actor, event.kind)
            start = batch[-1].id + 1
        recorder.datastore.close()
        return state
