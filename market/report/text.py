"""A run as a person reads it."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from market.report.console import console
from market.runs.outcome import Outcome

BILLION = 1e9


def report(outcome: Outcome, elapsed_s: float) -> None:
    """Print what came of a run."""
    out = console()
    out.print(f"{outcome.folder}: {outcome.weeks} weeks, {outcome.events:,} facts, {elapsed_s:.1f} s")
    replayed(outcome)


def replayed(outcome: Outcome) -> None:
    """Print a state."""
    console().print(outcome.summary())


def runs_table(runs: list[dict[str, Any]]) -> None:
    """Print a list of runs."""
    table = Table(box=None)
    for row in runs:
        table.add_row(*(str(value) for value in row.values()))
    console().print(table)
