"""How fast the command line starts, a run is made, and a log is replayed: events per CPU-second.

    uv run pytest benchmarks/bench_run.py -o addopts= --benchmark-columns=median,min,rounds

CPU time (user and system), medians. `events_per_cpu_s` and `cpu_s` are in `extra_info` of the JSON report
(`--benchmark-json FILE`) and are printed.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from agents.simulation import Simulation
from benchmarks.measured import children_s
from market import open_run
from market.runs.drive import start
from market.runs.question import Question, checked
from market.scenario.load import load_scenario

MARKET = Path(sys.executable).with_name("market")


def three_years() -> Question:
    return checked(Question(load_scenario("frontier-2024", {"years": "3"}).scenario, 0))


def tell(benchmark, events: int) -> None:
    """Note and print events per CPU-second of the median round."""
    median = benchmark.stats.stats.median
    benchmark.extra_info |= {"events": events, "cpu_s": median, "events_per_cpu_s": events / median}
    print(f"\n{benchmark.name}: {events:,} events in {median:.2f} CPU-s, {events / median:,.0f} events/CPU-s")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("bench") / "run"
    start(three_years(), path, Simulation, lambda week, events: None)
    return path


@pytest.mark.benchmark(group="run", timer=time.process_time)
def test_three_years_to_disk(benchmark, tmp_path):
    """Scenario to sealed log: simulate, encode, chain, compress, sync."""
    folders = iter(tmp_path / str(number) for number in range(10))
    question = three_years()

    def simulate() -> None:
        start(question, next(folders), Simulation, lambda week, events: None)

    benchmark.pedantic(simulate, rounds=5)
    tell(benchmark, open_run(tmp_path / "0").reader.summary.events)


@pytest.mark.benchmark(group="run", timer=time.process_time)
def test_replay_with_every_hash(benchmark, folder):
    """Log to state: read, check the chain, decode, evolve, hash each week."""
    benchmark.pedantic(lambda: open_run(folder).replay(), rounds=5)
    tell(benchmark, open_run(folder).reader.summary.events)


@pytest.mark.benchmark(group="command line", timer=children_s)
@pytest.mark.parametrize("words", [["--help"], ["run", "--help"]], ids=" ".join)
def test_help_from_a_cold_process(benchmark, words):
    """Start-up of the command with compiled bytecode: at most 0.3 CPU-s."""
    benchmark.pedantic(lambda: subprocess.run([MARKET, *words], check=True, stdout=subprocess.DEVNULL), rounds=10)
    assert benchmark.stats.stats.median < 0.3
