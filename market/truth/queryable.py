"""The events of one future, kept in memory for as long as it takes to answer questions over them.

A future that nobody will replay needs no chain, no disk and no state hashes; its tables are made once, not once a
question. A registered forecast writes its logs all the same: their heads are in its file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from events.memory import MemoryLog
from events.rows import Rows

if TYPE_CHECKING:
    import polars as pl

    from events.schema import Chunk


class Queryable(Protocol):
    """What answers one SELECT over a log and its tables."""

    def query(self, sql: str) -> pl.DataFrame:
        """Answer it."""


class QueryableLog(MemoryLog):
    """A log in memory that answers questions once its run is over."""

    def __init__(self) -> None:
        super().__init__()
        self.is_kept = False
        self._frame: pl.DataFrame | None = None
        self._tables: dict[str, pl.DataFrame] = {}

    def finish(self) -> None:
        """Lay the events out as the wide table that a log on disk would hold, and let go of them."""
        import polars as pl

        from events.schema import encode

        table = pl.from_arrow(encode(list(self._grouped()), 0, 0))
        assert isinstance(table, pl.DataFrame)
        self._frame = table
        self._chunks.clear()

    def _grouped(self) -> list[Chunk]:
        """Single events that follow each other as one chunk."""
        found: list[Chunk] = []
        for chunk in self._chunks:
            if isinstance(chunk, Rows):
                found.append(chunk)
            elif found and isinstance(found[-1], list):
                found[-1].append(chunk)
            else:
                found.append([chunk])
        return found

    def query(self, sql: str) -> pl.DataFrame:
        """Answer one SELECT, as a run folder would."""
        from market.runs.reading import ask

        return ask(sql, self._log(), self._table)

    def _log(self) -> pl.LazyFrame:
        assert self._frame is not None, "questions come after the end of the run"
        return self._frame.lazy()

    def _table(self, name: str) -> pl.LazyFrame:
        from market.analytics import table

        if name not in self._tables:
            self._tables[name] = table(name, self._log()).collect()
        return self._tables[name].lazy()
