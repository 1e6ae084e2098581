"""`replay`, `events`, `query`, `runs` and the same from Python."""

import io
import json

import polars as pl
import pytest
from command_line.asking import answer, ask, simulate

from events import EVENTS, open_log
from events.vocabulary import ENVELOPE, VOCABULARY
from market import open_run


def test_replay_rebuilds_the_end_of_the_run(run):
    fields, ran = answer("replay", run), answer("run", "--years", "0.3", "--out", run)
    assert set(fields) >= {"run", "day", "events", "state_hash", "matches", "summary"}
    assert fields["matches"] is True
    assert fields["day"] == ran["end"]
    for name in ("events", "state_hash", "summary"):
        assert fields[name] == ran[name]


def test_replay_until_stops_at_the_last_week_closed_not_after_the_date(run):
    closed = open_run(run).events("WeekClosed").collect()
    for date, day, week in (
        ("2024-07-21", "2024-07-21", 0),
        ("2024-08-03", "2024-07-28", 1),
        ("2024-08-04", "2024-08-04", 2),
    ):
        fields = answer("replay", run, "--until", date)
        assert (fields["day"], fields["matches"]) == (day, True)
        assert fields["state_hash"] == closed["state_hash"][week]
        assert fields["events"] == closed["seq"][week] + 1
    assert answer("replay", run, "--until", "2040-01-01")["day"] == "2024-10-27"
    later = ask("replay", run, "--until", "2040-01-01")
    assert later.stderr == f"market: {run} ends on 2024-10-27, before 2040-01-01; this is its end\n"
    assert ask("replay", run, "--until", "2024-11-02").stderr == ""


def test_replay_until_equals_a_run_that_ended_there(run, tmp_path):
    short = simulate(tmp_path / "short", years="0.1")
    day = answer("replay", short)["day"]
    assert answer("replay", run, "--until", day)["summary"] == answer("replay", short)["summary"]


def test_replay_prints_a_report_and_says_what_was_checked(run):
    text = ask("replay", run, "--until", "2024-09-01").stdout
    assert "2024-07-15 to 2024-09-01, 7 weeks" in text
    assert f"state  {answer('replay', run, '--until', '2024-09-01')['state_hash']}" in text
    assert "the state's hash of every week is the one that the log recorded" in text


def test_no_event_that_fits_is_said_and_no_error(run):
    found = ask("events", run, "--until", "2024-07-01")
    assert (found.exit_code, found.stdout, found.stderr) == (0, "", f"market: no event of {run} fits\n")


def test_leases_in_force_are_of_a_day(run):
    assert ask("leases", run).stdout.startswith("in force on 2024-10-27, the largest by worth first\n")


def test_replay_says_when_the_state_is_not_as_recorded(run, monkeypatch):
    monkeypatch.setattr("market.kernel.state_hash", lambda state: "0" * 64)
    result = ask("replay", run, "--json")
    assert result.exit_code == 3
    assert json.loads(result.stdout)["matches"] is False
    assert "week 0" in result.stderr


def test_events_are_listed_a_line_each(run):
    lines = ask("events", run, "--type", "LeaseSigned").stdout.splitlines()
    events = open_run(run).events("LeaseSigned").collect()
    assert [int(line.split()[0]) for line in lines] == events["seq"].to_list()
    assert f"lessor={events['lessor'][0]}" in lines[0]


def test_events_are_filtered(run):
    log = open_run(run).log.collect()
    names = ("actor", "org", "counterparty", "lessor", "lessee", "supplier")
    expected = log.filter(
        pl.any_horizontal(pl.col(name) == "xai" for name in names),
        pl.col("day") >= 19926,
        pl.col("day") <= 19950,
        pl.col("type").is_in(["OrderPlaced", "ChipsAllocated"]),
    )
    found = answer("events", run, "--org", "xai", "--since", "2024-07-22", "--until", "2024-08-15",
                   "--type", "OrderPlaced", "--type", "ChipsAllocated")  # fmt: skip
    assert found["count"] == expected.height > 0
    assert [event["seq"] for event in found["events"]] == expected["seq"].to_list()
    assert all(None not in event.values() for event in found["events"])
    assert len(answer("events", run, "--limit", "3")["events"]) == 3


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_events_are_written_as_tables(run, form, tmp_path):
    log = open_log(run).scan().collect()
    read = {"csv": pl.read_csv, "parquet": pl.read_parquet}[form]
    result = ask("events", run, "--format", form)
    options = {"infer_schema_length": None} if form == "csv" else {}
    assert read(io.BytesIO(result.stdout_bytes), **options).height == log.height
    assert ask("events", run, "--format", form, "--out", tmp_path / "events").stdout == ""
    assert (tmp_path / "events").read_bytes() == result.stdout_bytes
    if form == "parquet":
        assert pl.read_parquet(tmp_path / "events").equals(log)


def test_events_of_some_types_are_written_with_the_columns_that_these_fill(run, tmp_path):
    ask("events", run, "--type", "LeaseSigned", "--type", "PaymentMade", "--format", "csv", "--out", tmp_path / "a.csv")
    found = pl.read_csv(tmp_path / "a.csv", infer_schema_length=None)
    log = open_log(run).scan().filter(pl.col("type").is_in(["LeaseSigned", "PaymentMade"])).collect()
    lost = [name for name in log.columns if name not in found.columns]
    assert found.height == log.height
    assert log.select(pl.col(lost).is_not_null().any()).row(0) == (False,) * len(lost)


def test_the_folder_of_runs_is_not_where_tables_go(run, here, monkeypatch):
    monkeypatch.setenv("MARKET_OUT", str(here / "folder"))
    assert ask("query", run, "SELECT 1 AS one", "--format", "csv").stdout == "one\n1\n"
    assert not (here / "folder").exists()


def test_the_data_dictionary_names_every_column_and_event(run):
    found = answer("events", "--schema")
    assert list(found["columns"]) == [*ENVELOPE, *VOCABULARY]
    assert set(found["events"]) == set(EVENTS)
    text = ask("events", "--schema").stdout
    assert all(name in text for name in [*VOCABULARY, *EVENTS])


def test_query_asks_the_log_and_the_tables(run):
    found = answer("query", run, "SELECT type, COUNT(*) AS n FROM log GROUP BY type ORDER BY n DESC, type")
    assert found["columns"] == ["type", "n"]
    assert sum(row["n"] for row in found["rows"]) == open_log(run).summary.events
    for table in ("prices", "leases", "capacity", "power", "training", "finance", "concentration", "network"):
        assert answer("query", run, f"SELECT * FROM {table} LIMIT 1")["rows"]
    assert "2024-07-21" in ask("query", run, "SELECT CAST(day AS DATE) AS day FROM prices LIMIT 3").stdout
    assert ask("query", run, "SELECT 1 AS one", "--format", "csv").stdout == "one\n1\n"


def test_sums_and_products_of_a_query_do_not_wrap(run):
    asked = "SELECT SUM(day * 1000000) AS total, AVG(day) AS mean, COUNT(*) AS n FROM log"
    (row,) = answer("query", run, asked)["rows"]
    assert row["total"] == pytest.approx(row["mean"] * row["n"] * 1e6, rel=1e-9)
    assert row["total"] > 2**40


def test_json_never_holds_what_json_does_not_know(run):
    assert answer("query", run, "SELECT CAST(1 AS DOUBLE) / CAST(0 AS DOUBLE) AS x, 'a' AS y")["rows"] == [
        {"x": None, "y": "a"}
    ]


def test_a_run_is_read_from_python(run):
    opened = open_run(run)
    leases = opened.events("LeaseSigned").collect()
    assert {"lease_id", "lessor", "price_usd_per_gpu_hour"} <= set(leases.columns)
    assert "capability" not in leases.columns
    state = opened.state(until="2024-08-04")
    assert state.run.week == 2
    assert opened.table("prices").collect().height > 10


def test_runs_are_listed_with_what_is_wrong_with_them(here):
    simulate(here / "runs" / "good", years="0.1")
    simulate(here / "runs" / "bad", "--seed", "1", years="0.1")
    log = here / "runs" / "bad" / "log" / "00000000.arrow"
    log.write_bytes(log.read_bytes()[:-1])
    (here / "runs" / "empty").mkdir()
    rows = {row["run"]: row for row in answer("runs")["runs"]}
    assert set(rows) == {"runs/good", "runs/bad"}
    assert rows["runs/good"]["problem"] is None
    assert rows["runs/good"]["day"] == "2024-08-18"
    assert rows["runs/bad"]["problem"]
    assert "runs/good" in ask("runs").stdout
