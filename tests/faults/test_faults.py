"""A sample of the harness; `python -m tests.faults --full` runs the whole figures."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults import campaigns
from tests.faults.kills import kills


def test_a_log_cut_anywhere_keeps_its_whole_commits_and_loses_no_byte() -> None:
    assert campaigns.cuts(step=499).wrong == []


def test_every_bit_flip_is_noticed() -> None:
    assert campaigns.flips(times=300, seed=1).wrong == []


def test_a_failing_call_loses_nothing_and_says_so_in_one_line() -> None:
    assert campaigns.call_faults(step=7).wrong == []


def test_what_was_acknowledged_outlives_a_power_cut() -> None:
    assert campaigns.power_cuts(times=30, seed=1).wrong == []


def test_recovery_survives_faults_of_its_own() -> None:
    assert campaigns.recovery_faults(times=20, seed=1).wrong == []


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_kill_9_at_any_moment_loses_no_acknowledged_commit(tmp_path: Path) -> None:
    assert kills(12, tmp_path, seed=1).wrong == []
