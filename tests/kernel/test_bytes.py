"""The same question gives the same bytes in every process, and replay needs neither agents nor Mesa."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from events import open_log
from market.analytics.audit import audit

ROOT = Path(__file__).parents[2]
WEEKS = 9

RUN = f"""
import sys
from agents.simulation import begin
from events import LogWriter, Manifest
from market.scenario.load import load_scenario

model = None
with LogWriter.create(sys.argv[1], Manifest.describe("test", 5), "test") as log:
    model = begin(load_scenario("frontier-2024", {{}}).scenario, 5, log)
    for _ in range({WEEKS}):
        model.step()
    model.kernel.end()
print(log.head)
"""
REPLAY = """
import sys
from events import open_log
from market.kernel import replay

weeks = [entry.event.week for entry, _ in replay(open_log(sys.argv[1]).entries())]
people = ("mesa", "agents", "pydantic", "market.scenario", "market.policies")
strangers = [name for name in people if name in sys.modules]
print(weeks[-1], *strangers)
"""


def process(code: str, folder: Path, **environment: str) -> str:
    """Run code in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)], cwd=ROOT, env={**os.environ, **environment}, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted((folder / "log").iterdir())}


@pytest.fixture(scope="module")
def two_runs(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Path, str]]:
    """The same run made twice, under other hash seeds and numbers of threads."""
    made = []
    for seed, threads in (("1", "1"), ("4242", "4")):
        folder = tmp_path_factory.mktemp("run") / "run"
        limits = dict.fromkeys(("POLARS_MAX_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), threads)
        made.append((folder, process(RUN, folder, PYTHONHASHSEED=seed, **limits)))
    return made


def test_hash_seed_and_threads_change_no_byte(two_runs):
    (one, head), (other, same_head) = two_runs
    assert head == same_head
    assert len(head) == 64
    assert digests(one) == digests(other)


def test_replay_holds_every_week_and_loads_nothing_of_the_people(two_runs):
    assert process(REPLAY, two_runs[0][0]) == str(WEEKS - 1)


def test_the_auditor_reads_the_log_on_disk(two_runs):
    assert audit(open_log(two_runs[0][0]).scan()) == []
