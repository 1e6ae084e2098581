"""Other ways to keep events: sqlite3 with JSON, lines of JSON. Each appends, replays with apply, and may verify."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import orjson

from benchmarks.log_state import State, chunks, fields
from events import EVENTS, Entry


class Sqlite:
    """sqlite3, write-ahead log, one JSON column."""

    name = "sqlite3 WAL, JSON"

    def append(self, folder: Path, events: list[Entry]) -> None:
        base = sqlite3.connect(folder / "log.db")
        base.execute("PRAGMA journal_mode=WAL")
        base.execute("PRAGMA synchronous=FULL")
        base.execute("CREATE TABLE log (seq INTEGER PRIMARY KEY, day, actor, cause, root, type, event)")
        for batch in chunks(events):
            rows = [
                (e.seq, e.day, e.actor, e.cause_seq, e.root_seq, type(e.event).__name__, orjson.dumps(fields(e)))
                for e in batch
            ]
            with base:
                base.executemany("INSERT INTO log VALUES (?,?,?,?,?,?,?)", rows)
        base.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        base.close()

    def replay(self, folder: Path) -> State:
        state, base = State(), sqlite3.connect(folder / "log.db")
        for _, day, actor, _, _, kind, event in base.execute("SELECT * FROM log ORDER BY seq"):
            EVENTS[kind](**orjson.loads(event))
            state.apply(day, actor, kind)
        base.close()
        return state

    def verify(self, folder: Path) -> None:
        base = sqlite3.connect(folder / "log.db")
        assert base.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        base.close()


class Lines:
    """A file of JSON lines by orjson."""

    name = "orjson lines"

    def append(self, folder: Path, events: list[Entry]) -> None:
        with (folder / "log.jsonl").open("ab") as file:
            for batch in chunks(events):
                lines = [
                    orjson.dumps([e.seq, e.day, e.actor, e.cause_seq, e.root_seq, type(e.event).__name__, fields(e)])
                    for e in batch
                ]
                file.write(b"\n".join(lines) + b"\n")
                file.flush()
                os.fdatasync(file.fileno())

    def replay(self, folder: Path) -> State:
        state = State()
        with (folder / "log.jsonl").open("rb") as file:
            for line in file:
                _, day, actor, _, _, kind, event = orjson.loads(line)
                EVENTS[kind](**event)
                state.apply(day, actor, kind)
        return state
