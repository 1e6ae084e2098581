"""`market run`: fields, folders, the same bytes, cuts and resumes."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from command_line.asking import answer, ask, complaint, log_bytes, simulate

from events import open_log

FIELDS = {"run", "scenario", "seed", "start", "end", "weeks", "events", "head", "state_hash", "elapsed_s", "summary"}
ORG_FIELDS = {"gpus_owned", "gpus_leased_in", "gpus_leased_out", "h100e", "power_kw_it", "cash_usd"}
MARKET = [sys.executable, "-c", "import cli; cli.main(prog_name='market')"]


def spawn(folder: Path, *words: str, years: str = "1", **environment: str) -> subprocess.Popen[str]:
    """Start a run that may be cut short: without coverage, which waits for its own lock where a signal cuts into it."""
    line = [*MARKET, "run", "--years", years, "--out", str(folder), *words]
    unmeasured = {name: value for name, value in os.environ.items() if name != "COVERAGE_PROCESS_START"}
    return subprocess.Popen(
        line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**unmeasured, **environment}
    )


def wait_for_a_commit(folder: Path, child: subprocess.Popen[str]) -> None:
    """Wait until something is acknowledged and the run still goes on."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and child.poll() is None:
        live = folder / "log" / "00000000.arrow.live"
        if live.exists() and live.stat().st_size > 400_000:
            return
        time.sleep(0.01)
    raise AssertionError(f"no commit was seen: {child.communicate()}")


def test_json_holds_the_fields_that_scripts_rely_on(run):
    fields = answer("run", "--years", "0.3", "--out", run)
    assert set(fields) >= FIELDS
    assert (fields["scenario"], fields["seed"], fields["weeks"]) == ("frontier-2024", 0, 15)
    assert (fields["start"], fields["end"]) == ("2024-07-15", "2024-10-27")
    assert fields["events"] == open_log(run).summary.events
    summary = fields["summary"]
    assert set(summary) >= {"labs", "clouds", "models", "prices", "energised_kw"}
    assert len(summary["labs"]) >= 12
    assert len(summary["clouds"]) >= 12
    assert all(set(org) >= ORG_FIELDS for org in [*summary["labs"].values(), *summary["clouds"].values()])
    assert all(set(model) >= {"model", "lab", "flop", "days", "released"} for model in summary["models"])
    assert summary["prices"]["H100"] > 0


def test_a_report_answers_who_what_held_it_back_and_what_is_assumed(run):
    text = ask("run", "--years", "0.3", "--out", run).stdout
    for words in (
        "Compute in use",
        "Held back",
        "per H100e-hour, not per GPU",
        "compute wanted over compute free",
        "parameters are assumptions",
        "Models trained",
        "Prices",
        "Power",
        "Largest events by type",
        "head ",
        "market explain",
    ):
        assert words in text


def test_the_same_question_has_the_same_folder_and_is_not_repeated(here):
    first = answer("run", "--years", "0.1")
    at = Path(first["run"]).stat().st_mtime_ns
    again = ask("run", "--years", "0.1", "--json")
    assert json.loads(again.stdout)["head"] == first["head"]
    assert "holds this run already" in again.stderr
    assert Path(first["run"]).stat().st_mtime_ns == at
    assert first["run"].startswith("runs/frontier-2024-s0-")
    assert answer("run", "--years", "0.1", "--seed", 1)["run"] != first["run"]
    assert [row["complete"] for row in answer("runs")["runs"]] == [True, True]


def test_force_repeats_to_the_same_bytes(tmp_path):
    folder = simulate(tmp_path / "a", years="0.1")
    before = log_bytes(folder)
    (folder / "notes.txt").write_text("mine")
    assert "contains other files" in complaint("run", "--years", "0.1", "--out", folder, "--force", code=2)
    assert log_bytes(folder) == before
    (folder / "notes.txt").unlink()
    simulate(folder, "--force", years="0.1")
    assert log_bytes(folder) == before


def test_other_processes_hash_seeds_and_threads_write_the_same_bytes(tmp_path):
    a, b = tmp_path / "a", tmp_path / "b"
    children = [
        spawn(a, "--quiet", years="0.4", PYTHONHASHSEED="1", POLARS_MAX_THREADS="1", OMP_NUM_THREADS="1"),
        spawn(b, "--quiet", years="0.4", PYTHONHASHSEED="2", POLARS_MAX_THREADS="2", TZ="Asia/Tokyo", LC_ALL="C"),
    ]
    for child in children:
        assert child.communicate()[1] == ""
        assert child.returncode == 0
    assert log_bytes(a) == log_bytes(b)


def test_a_killed_run_is_resumed_to_the_same_bytes(tmp_path):
    whole, cut = simulate(tmp_path / "whole", years="1"), tmp_path / "cut"
    child = spawn(cut)
    wait_for_a_commit(cut, child)
    child.kill()
    child.communicate()
    assert not open_log(cut).complete
    assert "--resume" in complaint("run", "--years", "1", "--out", cut, code=2)
    assert ask("run", "--resume", "--out", cut, "--quiet").exit_code == 0
    assert log_bytes(cut) == log_bytes(whole)


def test_a_run_that_is_being_written_is_left_alone(tmp_path):
    child = spawn(tmp_path / "run")
    wait_for_a_commit(tmp_path / "run", child)
    for words in ((), ("--resume",), ("--force",)):
        line = complaint("run", "--years", "1", "--out", tmp_path / "run", *words, code=1)
        assert "is being written" in line
    running = answer("runs", tmp_path)["runs"]
    assert [(row["running"], row["complete"]) for row in running] == [(True, False)]
    assert answer("replay", tmp_path / "run")["matches"]
    err = child.communicate()[1]
    assert child.returncode == 0, err
    assert answer("verify", tmp_path / "run")["complete"]


def test_an_interrupted_run_says_what_is_safe_and_how_to_go_on(tmp_path):
    child = spawn(tmp_path / "run")
    wait_for_a_commit(tmp_path / "run", child)
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=120)
    assert child.returncode == 130
    assert out == ""
    safe = open_log(tmp_path / "run").summary.events
    assert safe > 0
    assert f"{safe:,} events are kept" in err
    assert f"market run --resume --out {tmp_path / 'run'}" in err
    assert "Traceback" not in err


def test_progress_is_one_line_where_there_is_no_terminal(tmp_path):
    result = ask("run", "--years", "0.1", "--out", tmp_path / "a")
    assert len(result.stderr.splitlines()) == 1
    assert ask("run", "--years", "0.1", "--out", tmp_path / "b", "--quiet").stderr == ""


def test_flags_come_before_the_environment(here, monkeypatch):
    monkeypatch.setenv("MARKET_YEARS", "0.1")
    monkeypatch.setenv("MARKET_SEED", "7")
    assert answer("run")["seed"] == 7
    assert answer("run", "--seed", 8)["weeks"] == 5


def test_what_is_set_is_in_the_run(tmp_path):
    folder = simulate(tmp_path / "a", "--set", "price.margin=0.31", years="0.1")
    assert "price.margin: 0.31" in (folder / "scenario.yaml").read_text()
    events = answer("events", folder, "--type", "ParameterSet")["events"]
    assert [event["value"] for event in events if event["parameter"] == "price.margin"] == [0.31]


def test_the_folder_holds_all_that_a_run_needs(run, tmp_path):
    copy = simulate(tmp_path / "again", "--force")
    assert ask("run", run / "scenario.yaml", "--out", copy).exit_code == 0
    assert open_log(copy).head == open_log(run).head


def test_a_profile_lays_the_cpu_time_on_steps_and_changes_no_byte(run, tmp_path):
    fields = answer("run", "--years", "0.3", "--out", tmp_path / "watched", "--profile", "--quiet")
    assert log_bytes(tmp_path / "watched") == log_bytes(run)
    rows = fields["profile"]
    assert abs(sum(row["share"] for row in rows) - 1) < 0.01
    assert {"start", "ask", "clear", "log", "record"} <= {row["phase"] for row in rows}
    assert sum(row["share"] for row in rows if row["phase"] == "other") < 0.5


def test_a_profile_of_a_run_that_is_there_already_is_refused(run):
    assert "--force" in complaint("run", "--years", "0.3", "--out", run, "--profile", code=2)


def test_a_run_and_its_report_load_no_package_that_only_other_commands_need(tmp_path):
    code = (
        "import sys, cli\n"
        "cli.main(sys.argv[1:], prog_name='market', standalone_mode=False)\n"
        "print(sorted({'mesa', 'pandas', 'scipy', 'networkx', 'altair', 'distributed'} & set(sys.modules)))"
    )
    words = ["run", "--years", "0.05", "--out", str(tmp_path / "run"), "--quiet"]
    out = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True).stdout
    assert out.splitlines()[-1] == "[]"
