"""A sample of the harness; `python -m tests.faults --full` runs the whole figures."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults import campaigns, commands, experiment_store
from tests.faults.kills import kills


def test_a_log_cut_anywhere_keeps_its_whole_commits_and_loses_no_byte() -> None:
    assert campaigns.cuts(step=499).wrong == []


def test_every_bit_flip_is_noticed() -> None:
    assert campaigns.flips(times=300, seed=1).wrong == []


def test_a_failing_call_loses_nothing_and_says_so_in_one_line() -> None:
    assert campaigns.call_faults(step=7).wrong == []


def test_what_was_acknowledged_outlives_a_power_cut() -> None:
    assert campaigns.power_cuts(times=30, seed=1).wrong == []


def test_a_run_is_cleared_and_made_again_whatever_a_power_cut_left() -> None:
    assert campaigns.clearings(times=20, seed=1).wrong == []


def test_recovery_survives_faults_of_its_own() -> None:
    assert campaigns.recovery_faults(times=20, seed=1).wrong == []


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_kill_9_at_any_moment_loses_no_acknowledged_commit(tmp_path: Path) -> None:
    assert kills(12, tmp_path, seed=1).wrong == []


# --- through the command line


def test_a_run_whose_disk_fails_says_so_in_a_line_and_is_resumed_to_the_same_bytes(tmp_path: Path) -> None:
    assert commands.failing_writes(tmp_path, step=17).wrong == []


def test_a_run_that_is_forced_is_made_again_whatever_was_left_of_it(tmp_path: Path) -> None:
    assert commands.clearing(tmp_path, step=19).wrong == []


def test_a_command_that_cannot_read_refuses_in_a_line_and_never_answers_otherwise(tmp_path: Path) -> None:
    assert commands.failing_reads(tmp_path, step=3).wrong == []


def test_two_processes_make_one_run_in_one_folder(tmp_path: Path) -> None:
    assert commands.meetings(tmp_path, times=1, seed=2).wrong == []


def test_a_command_killed_at_any_moment_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    assert commands.killings(tmp_path, times=2, seed=1).wrong == []


def test_an_experiment_whose_store_fails_says_so_in_a_line_and_is_resumed_to_the_same_tables(tmp_path: Path) -> None:
    assert experiment_store.failing_store(tmp_path, step=13).wrong == []


def test_an_experiment_whose_files_are_damaged_is_mended_or_refused_in_a_line(tmp_path: Path) -> None:
    assert experiment_store.damaged_store(tmp_path, times=6, seed=3).wrong == []
