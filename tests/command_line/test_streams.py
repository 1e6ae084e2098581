"""Streams that are closed or full, text that would command a terminal or a spreadsheet, options that go together."""

from __future__ import annotations

import errno
import json
import os
import resource
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import click
import pytest
from command_line.asking import WITH_CHARTS, answer, ask, complaint, simulate
from experiments.extras import needs

import cli
from market.experiments.results.store import Store
from market.report import crate
from market.report.crate import export
from market.runs.files import write_whole
from market.runs.reading import open_run

MARKET = (sys.executable, "-c", "from cli import main; main(prog_name='market')")
ESCAPE = "\x1b[31m"


def shell(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a line of a shell in which $M is market."""
    root = Path(__file__).parents[2]
    script = f'M() {{ "{sys.executable}" -c "from cli import main; main(prog_name=\'market\')" "$@"; }}; {line}'
    return subprocess.run(
        ["bash", "-c", script], cwd=folder, capture_output=True, text=True, check=False,
        env={"PYTHONPATH": str(root), "PATH": "/usr/bin:/bin", "COLUMNS": "80"},
    )  # fmt: skip


@pytest.mark.parametrize("words", ["run --years 0.1 --out r", "policy list", "doctor", "events --schema"])
def test_without_stdout_it_is_one_line_and_exit_1_and_nothing_is_left(words: str, tmp_path: Path) -> None:
    done = shell(f"M {words} >&-", tmp_path)
    assert done.returncode == 1
    assert done.stderr == "market: stdout is closed: nowhere to print the answer\n"
    assert not list(tmp_path.iterdir())


def test_a_full_disk_behind_stdout_is_one_line_and_exit_1(run: Path, tmp_path: Path) -> None:
    done = shell(f"M events {run} > /dev/full", tmp_path)
    assert (done.returncode, done.stderr) == (1, "market: stdout: no space left on device\n")


def test_without_stderr_a_run_still_answers(tmp_path: Path) -> None:
    done = shell("M run --years 0.1 --out r --json 2>&-", tmp_path)
    assert done.returncode == 0
    assert json.loads(done.stdout)["weeks"] == 5


@pytest.mark.parametrize("words", ["events RUN", "explain RUN 5000", "scenario show"])
def test_a_reader_that_has_seen_enough_ends_it_quietly(words: str, run: Path, tmp_path: Path) -> None:
    done = shell(f"set -o pipefail; M {words.replace('RUN', str(run))} | sleep 0", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A scenario whose texts would colour a terminal, break markup and be a formula."""
    path = tmp_path / "hostile.yaml"
    path.write_text(
        'name: hostile\nextends: frontier-2024\ntitle: "[/bold] title [red]"\n'
        'description: "\\e[31mred \\e]0;x\\a [/x]"\n'
    )
    return path


def test_texts_of_others_are_shown_as_text(hostile: Path, tmp_path: Path) -> None:
    found = ask("scenario", "show", hostile)
    text = found.output
    assert ESCAPE not in text
    assert "\x07" not in text
    if found.exit_code == 0:
        assert "[/bold] title [red]" in text
    raw = ask("scenario", "show", hostile, "--json").output
    assert "\x1b" not in raw


def test_a_name_of_a_file_cannot_command_a_terminal() -> None:
    assert ESCAPE not in complaint("run", f"{ESCAPE}no.yaml", code=2)
    assert ESCAPE not in complaint("replay", f"{ESCAPE}run", code=2)


def test_a_formula_in_a_text_column_is_neutralised_in_csv(run: Path) -> None:
    sql = "SELECT '=1+2' AS a, '+x' AS b, '@y' AS c, -1.5 AS d, 'plain' AS e FROM prices LIMIT 1"
    assert ask("query", run, sql, "--format", "csv").stdout == "a,b,c,d,e\n'=1+2,'+x,'@y,-1.5,plain\n"


@pytest.mark.parametrize("form", ["table", "json", "csv", "parquet"])
def test_out_takes_every_format(form: str, run: Path, tmp_path: Path) -> None:
    for words in (("events", run, "--type", "LeaseSigned"), ("query", run, "SELECT * FROM leases")):
        out = tmp_path / f"{words[0]}.{form}"
        found = ask(*words, "--format", form, "--out", out)
        assert (found.exit_code, found.stdout) == (0, "")
        assert out.stat().st_size > 100


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("events", "RUN", "--json", "--format", "csv"), "--json is --format json"),
        (("events", "--schema", "--format", "csv"), "--schema"),
        (("run", "--resume", "--force"), "give one"),
        (("run", "--years", "0.1", "--resume"), "leave --resume out"),
        (("cluster", "--grid", "grid.csv", "--gpus", "8"), "--gpus does not go with --grid"),
        (("experiment", "-p", "power-moratorium", "--engine", "spark", "--dry-run"), "no engine 'spark'"),
        (("experiment", "-p", "power-moratorium", "--engine", "local:9999", "--dry-run"), "more workers"),
    ],
)
def test_an_option_works_or_is_refused(here: Path, run: Path, words: tuple[str, ...], said: str) -> None:
    (here / "grid.csv").write_text("chip,gpus,model\nH100,1024,gpt-3\n")
    given = [run if word == "RUN" else word for word in words]
    assert said in complaint(*given, code=2)
    assert not (here / "runs").exists()


def test_a_library_that_is_not_installed_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(cli.main.commands, "draw", click.Command("draw", callback=lambda: import_module("altair")))
    monkeypatch.setitem(sys.modules, "altair", None)
    assert "`uv sync --extra report`" in complaint("draw", code=1)


def test_a_dry_run_says_the_folder_that_was_asked_for(here: Path) -> None:
    words = ("experiment", "-p", "demand-shock:from=2024-08-01", "--years", "0.1", "--runs", "2", "--dry-run")
    assert "would write to there" in ask(*words, "--out", "there").stdout
    assert not (here / "there").exists()


@pytest.mark.parametrize(
    "words",
    [
        ("run", "--years", "0.3", "-p", "demand-shock:from=2028-01-01"),
        ("fork", "RUN", "--at", "2024-09-01", "-p", "demand-shock:from=2028-01-01"),
        ("experiment", "--years", "0.3", "-p", "demand-shock:from=2028-01-01", "--runs", "2"),
    ],
)
def test_a_policy_that_never_comes_into_force_is_refused_alike(words: tuple[str, ...], here: Path, run: Path) -> None:
    given = [run if word == "RUN" else word for word in words]
    said = complaint(*given, code=2)
    assert "demand-shock:from=2028-01-01" in said
    assert "would begin on 2028-01-01, after the run has ended" in said
    assert not list(here.iterdir())


def test_a_fork_is_compared_with_its_parent_and_names_the_experiment(run: Path, tmp_path: Path) -> None:
    words = ("fork", run, "--at", "2024-09-01", "-p", "demand-shock:from=2024-09-10", "--quiet")
    text = " ".join(ask(*words, "--out", tmp_path / "a").stdout.split())
    assert "quantity unit parent fork difference" in text
    assert "One pair of histories is no evidence" in text
    assert "market experiment --policy demand-shock:from=2024-09-10 --runs 20" in text
    rows = answer(*words, "--out", tmp_path / "b")["compare"]
    assert {row["metric"] for row in rows} >= {"prices.h100_contract", "supply.installed_h100e", "leases.signed"}
    assert all(row["difference"] == row["b"] - row["a"] for row in rows)
    same = answer("compare", run, tmp_path / "a")
    assert same["rows"] == rows
    assert same["same_seed"] is True
    assert ask("diff", run, tmp_path / "a").stdout.count("market experiment --policy") == 1


def test_runs_with_other_seeds_say_so(run: Path, tmp_path: Path) -> None:
    other = simulate(tmp_path / "other", "--seed", "1")
    found = answer("compare", run, other)
    assert found["same_seed"] is False
    assert "other seeds" in ask("compare", run, other).stdout


def test_keys_in_an_address_are_refused_and_never_echoed() -> None:
    for url in ("s3://AKIAKEY:hunter2@bucket/x", "s3://bucket/x?secret_key=hunter2"):
        for words in (("experiment", "show", url), ("experiment", "-p", "demand-shock", "--out", url, "--runs", "2")):
            assert "hunter2" not in complaint(*words, code=2)


@pytest.mark.parametrize(
    "words",
    [("report", "RUN", "-o", "OUT.html"), ("export", "RUN", "-o", "OUT.zip"), ("export", "RUN", "-o", "OUT"),
     ("query", "RUN", "SELECT * FROM prices", "--format", "csv", "-o", "OUT.csv"), ("scenario", "init", "OUT.yaml"),
     ("cluster", "--chip", "H100", "--gpus", "8", "--model", "llama-3-8b", "--out", "OUT.json"),
     ("plot", "compute", "RUN", "-o", "OUT.json")],
    ids=lambda words: f"{words[0]} {words[-1]}",
)  # fmt: skip
def test_a_file_that_cannot_be_written_is_named_and_leaves_nothing(
    words: tuple[str, ...], run: Path, tmp_path: Path
) -> None:
    """No file may grow beyond some bytes, whoever writes it."""
    if words[0] in WITH_CHARTS:
        needs("altair")
    folder = tmp_path / "full"
    folder.mkdir()
    line = [word.replace("RUN", str(run)).replace("OUT", str(folder / "out")) for word in words]
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        said = complaint(*line, code=1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert said.startswith(f"market: {folder / 'out'}")
    assert said.endswith(": file too large")
    assert list(folder.iterdir()) == []


def test_what_was_there_stays_where_its_successor_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    there = tmp_path / "there"
    there.write_text("before")
    there.chmod(0o640)
    write_whole(there, "after")
    assert (there.read_text(), there.stat().st_mode & 0o777) == ("after", 0o640)

    def write_none(path: Path, data: bytes) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(Path, "write_bytes", write_none)
    with pytest.raises(OSError, match=r"there'$"):
        write_whole(there, "lost")
    assert there.read_text() == "after"
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


def test_nothing_is_left_of_what_is_stopped_before_it_is_whole(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(path: Path, data: bytes) -> int:
        path.touch()
        raise KeyboardInterrupt

    opened = open_run(run)
    monkeypatch.setattr(Path, "write_bytes", stopped)
    monkeypatch.setattr(crate, "dictionary", lambda log: stopped(tmp_path, b""))
    for write in (
        lambda: write_whole(tmp_path / "text", "text"), lambda: export(opened, tmp_path / "crate"),
        lambda: export(opened, tmp_path / "crate.zip"), lambda: Store(str(tmp_path)).write("result", b"x"),
    ):  # fmt: skip
        with pytest.raises(KeyboardInterrupt):
            write()
        assert list(tmp_path.iterdir()) == []


def test_a_link_stays_a_link_and_a_pipe_is_written_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "target")
    write_whole(tmp_path / "link", "text")
    assert (tmp_path / "target").read_text() == "text"
    assert (tmp_path / "link").is_symlink()
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    write_whole(tmp_path / "pipe", "through")
    assert os.read(reader, 100) == b"through"
    os.close(reader)
