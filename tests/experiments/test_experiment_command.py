"""`market experiment` as it is typed: exit codes, streams, JSON, resume."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from experiments import tiny_worlds

import cli

FIELDS = {"out", "runs", "failed", "engine", "elapsed_s", "effects"}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder, and a world of a few lines in place of the market."""
    monkeypatch.chdir(tmp_path)
    _world(monkeypatch, "price")
    return tmp_path


def _world(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr("agents.simulation.simulate", getattr(tiny_worlds, name))


def ask(*words: str) -> Result:
    return CliRunner().invoke(cli.main, ["experiment", *words], prog_name="market")


def short(policy: Path, *words: str) -> tuple[str, ...]:
    metric = ("--metric", "prices.h100_contract")
    return ("--policy", str(policy), "--runs", "4", "--years", "0.25", *metric, "--engine", "serial", *words)


def test_the_answer_is_on_stdout_and_the_pace_on_stderr(here: Path, policy_file: Path) -> None:
    done = ask(*short(policy_file))
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("dearer: after 13 weeks, ")
    assert done.stderr.startswith("8 runs in ")
    assert "a minute" in done.stderr
    assert len(list((here / "experiments").iterdir())) == 1


def test_the_same_question_is_reported_and_not_repeated(here: Path, policy_file: Path) -> None:
    first, again = (ask(*short(policy_file, "--json")) for _ in range(2))
    one, two = json.loads(first.stdout), json.loads(again.stdout)
    assert set(one) >= FIELDS
    assert (one["runs"], one["failed"], one["reused"], two["reused"]) == (8, 0, 0, 8)
    assert one["effects"] == two["effects"]
    shown = ask("show", one["out"], "--json")
    assert json.loads(shown.stdout)["effects"] == one["effects"]
    assert ask("show", one["out"]).stdout.startswith("dearer:")


def test_a_dry_run_says_how_many_and_how_long_and_runs_nothing(here: Path, policy_file: Path) -> None:
    done = ask(*short(policy_file, "--dry-run"))
    assert done.stdout.startswith("8 runs: baseline, dearer; 1 future, 4 seeds\nabout ")
    assert not (here / "experiments").exists()
    estimate = json.loads(ask(*short(policy_file, "--dry-run", "--json")).stdout)
    assert (estimate["runs"], estimate["levers"]) == (8, ["baseline", "dearer"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "Usage"),
        (("--runs", "3"), "give a design file, or a --policy"),
        (("nowhere.yaml",), "nowhere.yaml:1:1 cannot be read: no such file or directory"),
        (("--policy", "powr"), "--policy powr: no policy of this name"),
        (("--policy", "power-moratorium", "--engine", "spark"), "--engine: no engine 'spark'"),
        (
            ("--policy", "power-moratorium", "--keep-logs", "few"),
            "--keep-logs: must be all, none or sample:N, was 'few'",
        ),
        (("--policy", "power-moratorium", "--set", "x"), "must read KEY=VALUE"),
        (("--policy", "power-moratorium", "--out", "ftp://x"), "ftp://x: name a folder, or s3://bucket/prefix"),
        (("show", "."), ".: holds no experiment"),
    ],
)
def test_wrong_use_is_said_in_a_line_with_exit_code_2(here: Path, words: tuple[str, ...], said: str) -> None:
    done = ask(*words)
    assert done.exit_code == (0 if not words else 2)
    assert said in done.output
    assert "Traceback" not in done.output
    assert not (here / "experiments").exists()


def test_failed_runs_are_named_with_exit_code_4(here: Path, policy_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _world(monkeypatch, "faulty")
    done = ask(*short(policy_file, "--json"))
    assert done.exit_code == 4
    content = json.loads(done.stdout)
    assert content["failed"] == 2
    assert {f["policy"] for f in content["failures"]} == {"baseline", "dearer"}
    assert "failed: baseline, future 0, seed 3" in ask(*short(policy_file, "--resume")).stderr


def test_ctrl_c_prints_how_to_go_on(
    here: Path, policy_file: Path, monkeypatch: pytest.MonkeyPatch, scratch: Path
) -> None:
    _world(monkeypatch, "interrupted")
    done = ask(*short(policy_file))
    assert done.exit_code == 130
    assert "interrupted: 2 of 8 runs are kept in experiments/frontier-2024-" in done.stderr
    command = done.stderr.strip().splitlines()[-1].split()
    assert command[:2] == ["market", "experiment"]
    assert "--resume" in command
    again = ask(*command[2:])
    assert again.exit_code == 0, again.output
    assert again.stdout.startswith("dearer:")


@pytest.mark.parametrize("seconds", [0.8, 6.0])
def test_a_real_ctrl_c_reaches_all_processes_and_leaves_no_traceback(
    seconds: float, here: Path, policy_file: Path, scratch: Path
) -> None:
    words = [*short(policy_file, "--out", "x")[:-4], "--runs", "200", "--engine", "local:2", "--out", "x"]
    code = (
        "import sys, cli; from agents import simulation; from experiments import tiny_worlds\n"
        "simulation.simulate = tiny_worlds.slow; print('ready', flush=True); cli.main(['experiment', *sys.argv[1:]])"
    )
    root = Path(__file__).parents[2]
    asked = subprocess.Popen(
        [sys.executable, "-c", code, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True, env=os.environ | {"PYTHONPATH": f"{root}:{root / 'tests'}"},
    )  # fmt: skip
    assert asked.stdout is not None
    asked.stdout.readline()
    while not (here / "x" / "experiment.json").exists():
        time.sleep(0.05)
    time.sleep(seconds)
    os.killpg(asked.pid, signal.SIGINT)
    _, said = asked.communicate(timeout=60)
    assert asked.returncode == 130, said
    assert "Traceback" not in said
    assert "of 400 runs are kept in x; go on with" in said


def _all_of(terminal: int) -> Iterator[str]:
    """Read what was written to a terminal whose other end is closed."""
    with suppress(OSError):
        while part := os.read(terminal, 4096):
            yield part.decode(errors="replace")


def test_a_terminal_sees_runs_a_minute_and_the_time_left(here: Path, policy_file: Path) -> None:
    import pty

    root = Path(__file__).parents[2]
    ours, theirs = pty.openpty()
    code = (
        "import sys, cli; from agents import simulation; from experiments import tiny_worlds\n"
        "simulation.simulate = tiny_worlds.price; cli.main(['experiment', *sys.argv[1:]])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *short(policy_file)], stdout=subprocess.PIPE, stderr=theirs, text=True,
        env=os.environ | {"PYTHONPATH": f"{root}:{root / 'tests'}", "TERM": "xterm", "COLUMNS": "120"}, check=True,
    )  # fmt: skip
    os.close(theirs)
    seen = "".join(_all_of(ours))
    assert done.stdout.startswith("dearer:")
    assert "Traceback" not in seen
    assert "8 of 8 runs" in seen
    assert "min left" in seen


def test_metrics_are_listed() -> None:
    assert "labs.{lab}.h100e" in ask("metrics").stdout
    assert json.loads(ask("metrics", "--json").stdout)["prices.h100_contract"]["unit"] == "USD/H100e-hour"


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys, cli\n"
        "try: cli.main(['experiment', '--help'])\n"
        "except SystemExit: pass\n"
        "print([m for m in ('mesa', 'polars', 'pyarrow', 'numpy', 'scipy', 'pydantic', 'rich') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
