"""The eventsourcing package as a peer, on its SQLite module with its JSON transcoder, in two ways.

As documented: an aggregate for each org, events triggered on it, an application that saves 4,096 at a time, and
aggregates that the repository rebuilds. And bare: its mapper and recorder alone, without aggregates or application.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, DomainEvent
from eventsourcing.persistence import DatetimeAsISO, JSONTranscoder, Mapper, UUIDAsHex
from eventsourcing.sqlite import SQLiteApplicationRecorder, SQLiteDatastore

from benchmarks.log_state import COMMIT, State, chunks, fields
from events import EVENTS, Entry

NOW = datetime(2024, 7, 15, tzinfo=UTC)
SPACE = UUID(int=0)


@dataclass(frozen=True)
class Happened(DomainEvent):
    """A domain event that carries one of our events; an org is an aggregate."""

    seq: int
    day: int
    actor: str
    cause: int
    root: int
    kind: str
    event: dict[str, Any]


class Org(Aggregate):
    """All that happened by one org's doing."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.state = State()

    class Happened(Aggregate.Event):
        """One of our events."""

        seq: int
        day: int
        cause: int
        root: int
        kind: str
        event: dict[str, Any]

        def apply(self, aggregate: Any) -> None:
            """Take the event."""
            EVENTS[self.kind](**self.event)
            aggregate.state.apply(self.day, aggregate.name, self.kind)


class Documented:
    """Aggregates, application, repository."""

    name = "eventsourcing, SQLite"

    def _application(self, folder: Path) -> Application[UUID]:
        env = {"PERSISTENCE_MODULE": "eventsourcing.sqlite", "SQLITE_DBNAME": str(folder / "log.db")}
        return Application[UUID](env)

    def append(self, folder: Path, events: list[Entry]) -> None:
        """Keep events."""
        application = self._application(folder)
        orgs: dict[str, Org] = {}
        for batch in chunks(events):
            for e in batch:
                org = orgs.get(e.actor)
                if org is None:
                    org = orgs[e.actor] = Org(e.actor)
                fields_of = {"kind": type(e.event).__name__, "event": fields(e)}
                org.trigger_event(Org.Happened, seq=e.seq, day=e.day, cause=e.cause_seq, root=e.root_seq, **fields_of)
            application.save(*orgs.values())
        self.ids = [org.id for org in orgs.values()]
        application.close()

    def replay(self, folder: Path) -> list[State]:
        """Rebuild every org."""
        application = self._application(folder)
        found = [application.repository.get(one).state for one in self.ids]
        application.close()
        return found


class Bare:
    """Mapper and recorder, a transaction of 4,096 events at a time."""

    name = "  its recorder alone"

    def __init__(self) -> None:
        transcoder = JSONTranscoder()
        transcoder.register(UUIDAsHex())
        transcoder.register(DatetimeAsISO())
        self.mapper = Mapper(transcoder)

    def _recorder(self, folder: Path) -> SQLiteApplicationRecorder:
        recorder = SQLiteApplicationRecorder(SQLiteDatastore(str(folder / "log.db")))
        recorder.create_table()
        return recorder

    def append(self, folder: Path, events: list[Entry]) -> None:
        """Keep events."""
        recorder, versions = self._recorder(folder), Counter[str]()
        ids = {actor: uuid5(SPACE, actor) for actor in {entry.actor for entry in events}}
        for batch in chunks(events):
            stored = []
            for e in batch:
                versions[e.actor] += 1
                place = (ids[e.actor], versions[e.actor], NOW, e.seq, e.day, e.actor, e.cause_seq, e.root_seq)
                stored.append(self.mapper.to_stored_event(Happened(*place, type(e.event).__name__, fields(e))))
            recorder.insert_events(stored)
        recorder.datastore.close()

    def replay(self, folder: Path) -> State:
        """Apply all events in order."""
        recorder, state, start = self._recorder(folder), State(), 1
        while batch := recorder.select_notifications(start, COMMIT):
            for notification in batch:
                event: Any = self.mapper.to_domain_event(notification)
                EVENTS[event.kind](**event.event)
                state.apply(event.day, event.actor, event.kind)
            start = batch[-1].id + 1
        recorder.datastore.close()
        return state
