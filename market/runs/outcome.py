"""What a run came to: the fields that `market run`, `fork` and `replay` print."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from events import Parent
from market.runs.reading import Replayed, Run
from market.runs.summary import iso, summarise
from market.state import State


@dataclass(frozen=True)
class Outcome:
    """A run at the end of a week: the state, and how far the log goes."""

    run: Run
    state: State
    weeks: int
    last_day: int
    events: int
    state_hash: str

    @property
    def folder(self) -> Path:
        """Where it is."""
        return self.run.folder

    def summary(self) -> dict[str, Any]:
        """Figures that scripts rely on."""
        return summarise(self.state, self.run.log, self.events)

    def fields(self, elapsed_s: float) -> dict[str, Any]:
        """Fields of `run` and `fork`."""
        manifest, state = self.run.reader.manifest, self.state.run
        fields = {
            "run": str(self.folder),
            "scenario": state.scenario,
            "seed": state.seed,
            "policies": manifest.policies,
            "start": iso(state.start_day),
            "end": iso(self.last_day),
            "weeks": self.weeks,
            "events": self.events,
            "head": self.run.reader.head,
            "state_hash": self.state_hash,
            "elapsed_s": round(elapsed_s, 3),
            "summary": self.summary(),
        }
        return fields if manifest.parent is None else fields | {"parent": self._parent(manifest.parent)}

    def _parent(self, parent: Parent) -> dict[str, Any]:
        """Name the parent, and the commit of its log in which the last week taken over closed (the same as in ours)."""
        import polars as pl

        closed = (pl.col("type") == "WeekClosed") & (pl.col("week") == parent.week)
        commits = self.run.log.filter(closed).select("commit").collect()
        return {"run": parent.run, "week": parent.week, "commit": commits.item(0, 0), "head": parent.head}


def outcome_of(run: Run, state: State) -> Outcome:
    """Describe a run whose end this state is."""
    import polars as pl

    closed = run.log.filter(pl.col("type") == "WeekClosed").select("day", "week", "state_hash").tail(1)
    day, week, digest = closed.collect().row(0)
    return Outcome(run, state, week + 1, day, run.reader.summary.events, digest)


def outcome_at(run: Run, found: Replayed) -> Outcome:
    """Describe a run at the week to which it was replayed."""
    from market.units import to_day

    day = to_day(found.day)
    return Outcome(run, found.state, found.week + 1, day, found.events, found.state_hash)
