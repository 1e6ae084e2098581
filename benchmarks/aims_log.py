"""The log against other ways to keep events, and a log of ten million events."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.measured import Line, child, medians, peak_mib

LONG_EVENTS = 10_000_000
ROWS = 100_000
SQL = "SELECT kind, count(*) AS payments, sum(amount_usd_cents) AS cents FROM log GROUP BY kind"


def against_peers(rounds: int) -> list[Line]:
    """Append and replay the same 40,960 events in all ways, in turns; columns ready made."""
    from benchmarks.bench_log import column_batches, speeds
    from benchmarks.log_state import COMMIT
    from tests.events.sample import entries, run

    found = speeds(list(entries(run(10, COMMIT))), rounds)
    ours = found["the event log (chained)"]
    columns = column_batches(ROWS, 2, rounds)
    lines, sqlite = found["orjson lines"], found["sqlite3 WAL, JSON"]
    package = found["eventsourcing, SQLite"]

    def ratio(what: str, mine: float, other: float, least: float | None) -> Line:
        said = f"{mine:,.0f} against {other:,.0f} events/CPU-s: {mine / other:.2f} times"
        aim = "" if least is None else f"{least:g} times"
        return Line(what, aim, said, None if least is None else mine / other >= least)

    return [
        ratio("append by columns, beside orjson lines", columns, lines["append"], 1),
        ratio("append from objects, beside orjson lines", ours["append"], lines["append"], None),
        ratio("append from objects, beside sqlite3 WAL", ours["append"], sqlite["append"], None),
        ratio("append from objects, beside eventsourcing and SQLite", ours["append"], package["append"], None),
        ratio("replay, beside eventsourcing and SQLite", ours["replay"], package["replay"], 8),
        ratio("replay, beside sqlite3 WAL", ours["replay"], sqlite["replay"], 1),
        ratio("replay, beside orjson lines", ours["replay"], lines["replay"], None),
    ]


def ten_million(rounds: int) -> list[Line]:
    """Write ten million payments, then list, ask and verify them, each in a new process; three rounds at most."""
    with tempfile.TemporaryDirectory() as scratch:
        run = f"{scratch}/run"
        written = child("benchmarks.aims_log", "write", run)
        found = {
            way: medians(child("benchmarks.aims_log", way, run) for _ in range(min(rounds, 3)))
            for way in ("events", "query", "verify")
        }
    lines = [Line("log of 10M events: append by columns", "", f"{LONG_EVENTS / written['cpu_s']:,.0f} events/CPU-s")]
    for way in ("events", "query"):
        one = found[way]
        said = f"{one['cpu_s']:.2f} CPU-s, {one['peak_mb']:,.0f} MB"
        lines.append(Line(f"  `{way}`", "10 s, 1 GB", said, one["cpu_s"] < 10 and one["peak_mb"] < 1000))
    speed, peak = LONG_EVENTS / found["verify"]["cpu_s"], found["verify"]["peak_mb"]
    return [
        *lines,
        Line("  `verify --bytes`", "1,000,000 events/CPU-s", f"{speed:,.0f} events/CPU-s", speed >= 1e6),
        Line("  its memory", "400 MB", f"{peak:,.0f} MB", peak <= 400),
    ]


def _write(folder: str) -> None:
    from benchmarks.bench_log import payments_writer

    payments_writer(Path(folder), ROWS, LONG_EVENTS // ROWS)


def _command(*words: str) -> None:
    from click.testing import CliRunner

    import cli

    done = CliRunner().invoke(cli.main, list(words))
    assert done.exit_code == 0, f"{done.output} {done.exception!r}"


def main(way: str, run: str) -> None:
    """Do one thing with the long log and print what it took."""
    import cli  # noqa: F401  (imports are left out)

    began = time.process_time()
    if way == "write":
        _write(run)
    elif way == "verify":
        _command("verify", run, "--bytes")
    elif way == "query":
        _command("query", run, SQL)
    else:
        _command("events", run, "--type", "PaymentMade", "--format", "csv", "--out", f"{run}.csv")
    print(json.dumps({"cpu_s": time.process_time() - began, "peak_mb": peak_mib() * 1.048576}))


if __name__ == "__main__":
    main(*sys.argv[1:3])
