"""The page of whatever lies at an address: a run or an experiment."""

from __future__ import annotations

from pathlib import Path

from market.report.page import Page


def page_of(address: str, title: str | None = None) -> Page:
    """Read a run's folder, or an experiment's folder or S3 address, into a page.

    Raises events.LogMissing where there is neither, ResultMissing where an experiment is not finished.
    """
    if "://" in address or (Path(address) / "experiment.json").is_file():
        from market.experiments.results.dataset import open_results
        from market.report.experiment_page import experiment_page

        return experiment_page(open_results(address), title)
    from market.report.run_page import run_page
    from market.runs.reading import open_run

    return run_page(open_run(Path(address)), title)
