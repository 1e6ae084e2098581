"""What is asked wrongly gets one clear line and an exit code."""

import shutil
import subprocess
import sys

import pytest
from command_line.asking import WITH_CHARTS, ask, complaint, simulate
from experiments.extras import needs

from events import Disk

GOOD = "name: mine\nextends: frontier-2024\n"
FILES = {
    "unknown key": ("orgz: {}\n", "mine.yaml:3:1 orgz: unknown key"),
    "wrong type": ("orgs: {xai: {cash_usd: much}}\n", "mine.yaml:3:24 orgs.xai.cash_usd:"),
    "duplicate key": ("start: 2024-07-15\nstart: 2024-07-16\n", "mine.yaml:4:1 start: duplicate key"),
    "impossible date": ("start: 2024-02-30\n", "mine.yaml:3:8 start:"),
    "negative power": ("sites: {abilene: {planned_mw_it: -4}}\n", "mine.yaml:3:34 sites.abilene.planned_mw_it:"),
    "unknown chip": ("orders: [{buyer: xai, chip: H1000, gpus: 5}]\n", "H1000"),
    "no YAML": ("{\n", "mine.yaml:"),
}


@pytest.mark.parametrize("case", FILES)
def test_a_wrong_scenario_is_named_with_its_place(here, case):
    text, expected = FILES[case]
    (here / "mine.yaml").write_text(GOOD + text)
    assert expected in complaint("run", "mine.yaml", code=2)
    assert not (here / "runs").exists()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("run", "--years", "0"), "--years"),
        (("run", "--years", "nan"), "--years"),
        (("run", "--years", "-1"), "--years"),
        (("run", "--years", "1e9"), "--years"),
        (("run", "--years", "0.001"), "week"),
        (("run", "--years", "three"), "--years"),
        (("run", "--seed", "-1"), "--seed"),
        (("run", "--seed", "x"), "--seed"),
        (("run", "atlantis"), "atlantis"),
        (("run", "missing.yaml"), "missing.yaml"),
        (("run", "--set", "price.margin"), "KEY=VALUE"),
        (("run", "--set", "price.marginn=1"), "price.margin"),
        (("run", "--set", "orgs.xai.behaviour=prophet"), "prophet"),
        (("run", "--policy", "free-lunch"), "free-lunch"),
        (("run", "--policy", "power-moratorium:region=atlantis"), "atlantis"),
        (("run", "--policy", "power-moratorium", "--policy", "power-moratorium"), "power-moratorium"),
        (("run", "--wings"), "--wings"),
        (("fly",), "fly"),
        (("events",), "RUN"),
        (("replay", "nowhere"), "nowhere"),
        (("verify", "nowhere"), "nowhere"),
        (("diff", "nowhere", "nowhere"), "nowhere"),
        (("fork", "nowhere", "--at", "2025-01-01"), "nowhere"),
        (("runs", "nowhere"), "nowhere"),
        (("policy", "show", "free-lunch"), "free-lunch"),
        (("decide", "--gpus", "9", "--chip", "H100", "--by", "2020-01-01"), "2020-01-01 lies before 2024-07-21"),
        (("cluster", "--chip", "H100"), "--gpus"),
        (("cluster", "--chip", "H1000", "--gpus", "8", "--model", "gpt-3"), "H1000"),
        (("cluster", "--chip", "H100", "--gpus", "-8", "--model", "gpt-3"), "gpus"),
        (("cluster", "--grid", "nowhere.csv"), "nowhere.csv"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_wrong_command_line_is_refused(here, words, expected):
    assert expected in complaint(*words, code=2)
    assert not (here / "runs").exists()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("replay", "RUN", "--until", "2025-02-30"), "2025-02-30"),
        (("replay", "RUN", "--until", "2024-07-01"), "closes on 2024-07-21"),
        (("events", "RUN", "--type", "LeaseSignd"), "LeaseSigned"),
        (("events", "RUN", "--org", "xaii"), "xai"),
        (("events", "RUN", "--since", "yesterday"), "yesterday"),
        (("events", "RUN", "--since", "2024-09-01", "--until", "2024-08-01"), "no day lies between them"),
        (("runs", "RUN"), "is a run itself; name the folder that holds it"),
        (("query", "RUN", "SELEC 1"), "SELEC is no SELECT"),
        (("query", "RUN", "SHOW TABLES"), "SHOW is no SELECT: a query only reads; tables are log, prices"),
        (("query", "RUN", "DROP TABLE log"), "DROP is no SELECT"),
        (("query", "RUN", "/* SELECT */ DELETE FROM log"), "DELETE is no SELECT"),
        (("query", "RUN", "SELECT 1; DROP TABLE log"), "one"),
        (("query", "RUN", ""), "this is no SELECT"),
        (("query", "RUN", "SELECT * FROM read_csv('/etc/passwd')"), "tables of its run alone"),
        (("query", "RUN", "SELECT * FROM ReAd_PaRqUeT('https://example.org/x')"), "no addresses"),
        (("query", "RUN", "WITH a AS (SELECT * FROM \"read_json\"('x')) SELECT * FROM a"), "tables of its run alone"),
        (("query", "RUN", "SELECT 1 /* /* */ ' */ FROM read_csv('x') -- '"), "tables of its run alone"),
        (("query", "RUN", "SELECT * FROM '/etc/passwd'"), "was not found"),
        (("query", "RUN", "SELECT 1 AS a", "--format", "csv", "--out", "RUN/log/a.csv"), "nothing but the run"),
        (("events", "RUN", "--format", "parquet", "--out", "RUN/run.json"), "nothing but the run"),
        (("report", "RUN", "--out", "RUN/log/00000000.arrow"), "nothing but the run"),
        (("run", "--years", "0.1", "--out", "RUN/another"), "nothing but the run"),
        (("export", "RUN", "--out", "RUN/tables"), "nothing but the run"),
        (("experiment", "--policy", "placebo", "--out", "RUN/experiment"), "nothing but the run"),
        (("forecast", "--out", "RUN/forecast.json"), "nothing but the run"),
        (("backtest", "--keep", "RUN/futures"), "nothing but the run"),
        (("scenario", "init", "RUN/mine.yaml"), "nothing but the run"),
        (("query", "RUN", "SELECT nothing FROM log"), "nothing"),
        (("query", "RUN", "SELECT * FROM nowhere"), "nowhere"),
        (("explain", "RUN", "99999999"), "99999999"),
        (("explain", "RUN", "first"), "first"),
        (("fork", "RUN", "--at", "2024-07-01"), "closes on 2024-07-21"),
        (("fork", "RUN", "--at", "2030-01-01"), "--years"),
        (("fork", "RUN", "--at", "2024-09-01", "--policy", "free-lunch"), "free-lunch"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_wrong_question_about_a_run_is_refused(run, here, words, expected):
    if words[0] in WITH_CHARTS:
        needs("altair")
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    line = [word.replace("RUN", str(run)) for word in words]
    assert expected in complaint(*line, code=2)
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


def test_a_folder_with_another_run_or_other_files_is_left_alone(here):
    simulate(here / "a", years="0.1")
    before = {path: path.read_bytes() for path in (here / "a").rglob("*") if path.is_file()}
    for force in ((), ("--force",)):
        line = complaint("run", "--years", "0.1", "--seed", 1, "--out", "a", *force, code=2)
        assert "holds another run" in line
    (here / "b").mkdir()
    (here / "b" / "thesis.tex").write_text("mine")
    assert "contains other files" in complaint("run", "--years", "0.1", "--out", "b", code=2)
    (here / "d").mkdir()
    (here / "d" / "scenario.yaml").write_text("my own")
    for force in ((), ("--force",)):
        assert "scenario.yaml" in complaint("run", "--years", "0.1", "--out", "d", *force, code=2)
    assert (here / "d" / "scenario.yaml").read_text() == "my own"
    (here / "c").write_text("a file")
    assert "file" in complaint("run", "--years", "0.1", "--out", "c", code=2)
    assert {path: path.read_bytes() for path in (here / "a").rglob("*") if path.is_file()} == before


def test_a_folder_in_which_another_run_is_being_made_is_left_to_it(here):
    (here / "a").mkdir()
    lock = Disk().lock(here / "a" / "LOCK")
    line = complaint("run", "--years", "0.1", "--out", "a", code=1)
    Disk().close(lock)
    assert line == "market: a: another process writes a run here; wait until it is over, or take another folder"
    assert sorted(path.name for path in (here / "a").iterdir()) == ["LOCK", "log"]


def test_an_unknown_policy_gets_the_nearest_names_or_the_way_to_all(here):
    assert "did you mean 'power-moratorium'" in complaint("run", "--policy", "power-moratoriun", code=2)
    line = complaint("run", "--policy", "zzz", code=2)
    assert "`market policy list` names all" in line
    assert len(line) < 120


def test_a_folder_that_cannot_be_written_is_named(here):
    assert "cannot make a run here" in complaint("run", "--years", "0.1", "--out", "/proc/market", code=1)


def test_a_damaged_run_is_refused_with_the_place(run, here):
    shutil.copytree(run, here / "bad")
    log = here / "bad" / "log" / "00000000.arrow"
    data = bytearray(log.read_bytes())
    data[len(data) // 2] ^= 1
    log.write_bytes(data)
    for words in (("replay", "bad"), ("events", "bad"), ("query", "bad", "SELECT 1"), ("explain", "bad", "5")):
        assert "00000000.arrow" in complaint(*words, code=3)


def test_a_folder_that_is_no_run_is_refused(here):
    (here / "empty").mkdir()
    assert "no run here" in complaint("replay", "empty", code=2)


def test_a_reader_that_has_seen_enough_ends_the_listing_quietly(run):
    code = "import cli; cli.main(prog_name='market')"
    child = subprocess.Popen(
        [sys.executable, "-c", code, "events", str(run)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert child.stdout is not None
    assert child.stderr is not None
    assert child.stdout.readline()
    child.stdout.close()
    assert child.stderr.read() == b""
    assert child.wait() == 0


def test_a_fault_of_the_program_itself_is_not_dressed_up(run, monkeypatch):
    def broken(folder):
        raise KeyError("a bug")

    monkeypatch.setattr("market.runs.reading.open_log", broken)
    assert isinstance(ask("replay", run).exception, KeyError)


def test_a_resume_that_does_not_reach_the_recorded_state_is_damage(here, monkeypatch):
    from events import LogWriter

    finish = LogWriter.finish

    def cut(log):
        raise KeyboardInterrupt

    monkeypatch.setattr(LogWriter, "finish", cut)
    assert ask("run", "--years", "0.2", "--out", "a", "--quiet").exit_code == 130
    monkeypatch.setattr(LogWriter, "finish", finish)
    monkeypatch.setattr("market.kernel.state_hash", lambda state: "0" * 64)
    assert "the log recorded state" in complaint("run", "--resume", "--out", "a", code=3)


def test_a_system_without_posix_locks_is_refused_in_a_line(here):
    code = "import sys; sys.modules['fcntl'] = None; sys.argv = ['market', *sys.argv[1:]]; import cli; cli.main()"
    for words in (("run", "--years", "0.1"), ("verify", "nowhere"), ("runs",)):
        found = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True)
        assert found.returncode == 1
        assert found.stderr.startswith("market: this system lacks the POSIX file locks (fcntl)")
        assert found.stderr.count("\n") == 1
    assert subprocess.run([sys.executable, "-c", code, "--help"], capture_output=True).returncode == 0
