"""A run that was cut at the worst moments and taken up again."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents.simulation import Simulation
from events import LogWriter, open_log
from market.kernel import Kernel
from market.runs.drive import resume, start
from market.runs.question import Question, checked
from market.scenario.schema import Scenario

WEEKS = 6


class Cut(Exception):
    """Stands for the end of the process."""


def make(kernel: Kernel) -> Simulation:
    return Simulation(kernel)


def quiet(week: int, events: int) -> None:
    """Say nothing."""


def asked(frontier: Scenario) -> Question:
    return checked(Question(frontier.model_copy(update={"years": WEEKS * 7 / 365.25 + 1e-6}), 0))


@pytest.mark.parametrize("last_week", [0, 3, WEEKS - 1])
def test_a_run_cut_right_behind_a_commit_is_resumed_to_the_same_bytes(
    frontier: Scenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last_week: int
) -> None:
    close_week = LogWriter.close_week

    def every_week(log: LogWriter) -> None:
        log.commit_events = 1
        close_week(log)

    monkeypatch.setattr(LogWriter, "close_week", every_week)
    question, whole, cut = asked(frontier), tmp_path / "whole", tmp_path / "cut"
    start(question, whole, make, quiet)

    def stop(week: int, events: int) -> None:
        if week == last_week:
            raise Cut

    with pytest.raises(Cut):
        start(question, cut, make, stop)
    assert not open_log(cut).complete
    resume(question, cut, make, quiet)
    assert open_log(cut).head == open_log(whole).head
    assert open_log(cut).complete
