"""A run for notebooks: what `market.runs` reads, and its figures as Altair charts."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from market.report.plots import Plots
from market.runs import reading


class Run(reading.Run):
    """A run folder with its figures: `run.plot.prices()`."""

    @cached_property
    def plot(self) -> Plots:
        """Figures by name; needs the extra `report`."""
        return Plots(self.log)


def open_run(folder: Path | str) -> Run:
    """Open a run folder to read. events.LogMissing where there is none."""
    return Run(reading.open_run(folder).reader)
