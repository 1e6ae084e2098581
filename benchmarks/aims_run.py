"""Runs, commands, loader, experiments and installation against their aims."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.measured import ROOT, Line, child, children_s, medians, peak_mib

MARKET = Path(sys.executable).with_name("market")
SQL = "SELECT lessor, sum(gpus) AS gpus FROM leases GROUP BY lessor ORDER BY gpus DESC LIMIT 10"
TICKS = os.sysconf("SC_CLK_TCK")


@contextmanager
def three_year_run() -> Iterator[Path]:
    """Make the default run of three years in a folder that goes away."""
    with tempfile.TemporaryDirectory() as scratch:
        run = Path(scratch) / "run"
        subprocess.run([MARKET, "run", "--years", "3", "--out", run, "--quiet"], check=True, stdout=subprocess.DEVNULL)
        yield run


@cache
def default_run(rounds: int) -> dict[str, float]:
    """Three years of the default scenario to disk, each in a new process: measured once for all that ask."""
    return medians(child("benchmarks.aims_run", "run") for _ in range(rounds))


def three_years(rounds: int) -> list[Line]:
    """Three years from the scenario in memory to the sealed log, imports left out."""
    found = default_run(rounds)
    speed = found["events"] / found["cpu_s"]
    return [
        Line("three years to disk, after imports", "1.5 CPU-s", f"{found['cpu_s']:.2f} CPU-s", found["cpu_s"] <= 1.5),
        Line("  events a CPU-second", "80,000", f"{speed:,.0f} ({found['events']:,.0f} events)", speed >= 80_000),
        Line("  peak memory", "250 MB", f"{found['peak_mb']:.0f} MB", found["peak_mb"] <= 250),
    ]


def first_output(rounds: int) -> list[Line]:
    """CPU time of `market run` until it first writes anything."""
    taken = statistics.median(_until_output() for _ in range(rounds))
    return [Line("first output of `market run`", "1.5 s", f"{taken:.2f} CPU-s", taken <= 1.5)]


def _until_output() -> float:
    with tempfile.TemporaryDirectory() as scratch:
        line = [MARKET, "run", "--years", "3", "--out", f"{scratch}/run"]
        with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
            assert process.stdout is not None
            os.read(process.stdout.fileno(), 1)
            fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
            process.kill()
    return (int(fields[11]) + int(fields[12])) / TICKS


def commands_that_read(rounds: int) -> list[Line]:
    """Commands over a run of three years, after imports."""
    aims = {"replay": 1.0, "events": 1.0, "query": 1.0, "explain": 1.0, "verify": 4.0, "verify --bytes": None}
    lines = []
    with three_year_run() as run:
        for name, aim in aims.items():
            words = ("benchmarks.aims_run", "read", str(run), *name.split())
            found = medians(child(*words) for _ in range(rounds))
            said = f"{found['cpu_s']:.2f} CPU-s, {found['peak_mb']:.0f} MB"
            reached = None if aim is None else found["cpu_s"] <= aim
            lines.append(Line(f"`{name}` on three years", f"{aim:.0f} CPU-s" if aim else "", said, reached))
    return lines


def loader(rounds: int) -> list[Line]:
    """Load the default scenario with 500 and with 5,000 orgs."""
    small, large = (medians(child("benchmarks.aims_run", "load", str(n)) for _ in range(rounds)) for n in (500, 5000))
    said = f"{large['cpu_s']:.2f} CPU-s ({small['cpu_s']:.2f} for 500 orgs)"
    return [Line("loader, 5,000 orgs", "5 CPU-s, linear", said, large["cpu_s"] <= 5)]


def experiments(rounds: int) -> list[Line]:
    """Runs of three years for metrics alone, one after the other in one process, as workers do."""
    cpu = child("benchmarks.aims_run", "experiment", str(rounds))["cpu_s"]
    rate = 2 * 60 / cpu
    return [Line("experiments: three-year runs a minute on two cores", "100", f"{rate:.0f} ({cpu:.2f} CPU-s a run)",
                 rate >= 100)]  # fmt: skip


def install(rounds: int) -> list[Line]:
    """Make the environment of the README's first command once, in a clone, from the packages already fetched."""
    with tempfile.TemporaryDirectory() as scratch:
        clone = f"{scratch}/clone"
        subprocess.run(["git", "clone", "-q", "--depth", "1", f"file://{ROOT}", clone], check=True)
        kept = {k: v for k, v in os.environ.items() if k not in ("VIRTUAL_ENV", "UV_COMPILE_BYTECODE", "UV_NO_SYNC")}
        uv = shutil.which("uv") or "uv"
        began = children_s()
        subprocess.run([uv, "sync", "-q", "--link-mode", "copy"], cwd=clone, env=kept, check=True)
        taken = children_s() - began
        size = sum(file.lstat().st_size for file in Path(clone, ".venv").rglob("*") if file.is_file()) / 1e6
    return [
        Line("fresh install: CPU, downloads left out", "25 CPU-s", f"{taken:.1f} CPU-s, one round", taken <= 25),
        Line("fresh install: size on disk", "800 MB", f"{size:.0f} MB", size <= 800),
    ]


def _run() -> dict[str, float]:
    from agents.simulation import Simulation
    from market.runs.drive import start
    from market.runs.question import Question, checked
    from market.runs.reading import open_run
    from market.scenario.load import load_scenario

    question = checked(Question(load_scenario("frontier-2024", {"years": "3"}).scenario, 0))
    with tempfile.TemporaryDirectory() as scratch:
        began = time.process_time()
        start(question, Path(scratch) / "run", Simulation, lambda week, events: None)
        taken, peak = time.process_time() - began, peak_mib() * 1.048576
        return {"cpu_s": taken, "peak_mb": peak, "events": open_run(f"{scratch}/run").reader.summary.events}


def _read(run: str, command: str, *flags: str) -> dict[str, float]:
    """Call a command twice: on a run of a week, so that imports are done, and on the run that counts."""
    from click.testing import CliRunner

    import cli

    rest = {"query": [SQL], "explain": ["90000"], "events": ["--type", "LeaseSigned", "--org", "openai"]}
    with tempfile.TemporaryDirectory() as scratch:
        week = f"{scratch}/week"
        CliRunner().invoke(cli.main, ["run", "--years", "0.02", "--out", week, "--quiet"])
        CliRunner().invoke(
            cli.main, [command, week, *flags, *(["40"] if command == "explain" else rest.get(command, []))]
        )
    began = time.process_time()
    done = CliRunner().invoke(cli.main, [command, run, *flags, *rest.get(command, [])])
    taken = time.process_time() - began
    assert done.exit_code == 0, done.output
    return {"cpu_s": taken, "peak_mb": peak_mib() * 1.048576}


def _load(orgs: str) -> dict[str, float]:
    from benchmarks.growth import tail_of
    from market.scenario.load import load_scenario

    load_scenario("frontier-2024", {})
    began = time.process_time()
    scenario = load_scenario("frontier-2024", dict(tail_of(int(orgs)))).scenario
    assert len(scenario.orgs) == int(orgs)
    return {"cpu_s": time.process_time() - began}


def _experiment(runs: str) -> dict[str, float]:
    from agents.simulation import simulate
    from market.experiments.engines.worker import Job, Ready, perform
    from market.experiments.experiment import plan_experiment

    plan = plan_experiment(simulate, None, {"policies": ["power-moratorium"], "seeds": int(runs), "years": 3})
    ready = Ready(Job.of(plan), simulate)
    return {"cpu_s": statistics.median(perform(ready, spec, None).cpu_s for spec in list(plan.specs())[: int(runs)])}


if __name__ == "__main__":
    ways: dict[str, Any] = {"run": _run, "read": _read, "load": _load, "experiment": _experiment}
    print(json.dumps(ways[sys.argv[1]](*sys.argv[2:])))
