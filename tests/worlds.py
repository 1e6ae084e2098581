"""Runs of the default world made in memory, for tests that read events or state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from events import Entry, MemoryLog
from events.schema import encode

if TYPE_CHECKING:
    from market.kernel import Hooks, Kernel
    from market.scenario.schema import Scenario

WORLD = "frontier-2024"


@dataclass(frozen=True)
class MemoryRun:
    """A run made in memory: its events one by one and as the wide table, and the kernel as it stood at the end."""

    entries: list[Entry]
    frame: pl.DataFrame
    kernel: Kernel


def as_table(entries: list[Entry]) -> pl.DataFrame:
    """Lay events out as the wide table that a log on disk would hold."""
    table = pl.from_arrow(encode([entries], entries[0].seq, 0))
    assert isinstance(table, pl.DataFrame)
    return table


def simulate(scenario: Scenario, seed: int, weeks: int, hooks: Hooks | None = None) -> MemoryRun:
    """Run some weeks of a scenario in memory."""
    from agents.simulation import begin

    log = MemoryLog()
    model = begin(scenario, seed, log, hooks)
    for _ in range(weeks):
        if model.is_over:
            break
        model.step()
    if model.is_over:
        model.kernel.end()
    entries = list(log.entries())
    return MemoryRun(entries, as_table(entries), model.kernel)
