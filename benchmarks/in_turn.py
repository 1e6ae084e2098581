"""CPU time of two trees of the project, week by week in turn: what else a machine does falls on both alike.

    python -m benchmarks.in_turn ../before . --weeks 60

A tree against itself differs by .1 to .5 % at a load of 7 on two cores and by 2 % at 15, where whole runs one after the
other differ by 5 % and more. Calls of functions are no such measure: a seventh fewer of them was 4 % of the CPU time.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

WORKER = """
import sys, time
sys.path.insert(0, sys.argv[1])
from agents.simulation import begin
from events import MemoryLog
from market.kernel import few_collections
from market.scenario.load import load_scenario
from market.state import state_hash
model, spent = begin(load_scenario(sys.argv[2], {}).scenario, int(sys.argv[3]), MemoryLog()), 0.0
with few_collections():
    for _ in sys.stdin:
        begun = time.process_time()
        model.step()
        spent += time.process_time() - begun
        print(spent, flush=True)
print(state_hash(model.state), flush=True)
"""


class Side(NamedTuple):
    """CPU seconds of a tree's weeks, and the hash of the state after them."""

    cpu_s: float
    state_hash: str


def in_turn(trees: list[Path], scenario: str, seed: int, weeks: int) -> list[Side]:
    """Simulate weeks of a scenario by each tree, one week of each at a time; who goes first alternates."""
    threads = {"POLARS_MAX_THREADS": "1", "OMP_NUM_THREADS": "1"}
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, str(tree.resolve()), scenario, str(seed)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | threads, cwd=tree,
        )
        for tree in trees
    ]  # fmt: skip
    spent = [0.0] * len(workers)
    for week in range(weeks):
        for number in sorted(range(len(workers)), reverse=week % 2 == 1):
            ask, answer = workers[number].stdin, workers[number].stdout
            assert ask is not None
            assert answer is not None
            print(week, file=ask, flush=True)
            spent[number] = float(answer.readline())
    hashes = [worker.communicate()[0].strip() for worker in workers]
    return [Side(cpu_s, found) for cpu_s, found in zip(spent, hashes, strict=True)]


def main() -> None:
    """Print what both trees took, the difference, and whether their states are the same."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trees", type=Path, nargs=2)
    parser.add_argument("--scenario", default="frontier-2024")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--weeks", type=int, default=60)
    asked = parser.parse_args()
    before, after = in_turn(asked.trees, asked.scenario, asked.seed, asked.weeks)
    same = "the same state" if before.state_hash == after.state_hash else "ANOTHER STATE"
    change = 100 * (after.cpu_s / before.cpu_s - 1)
    print(f"{before.cpu_s:.3f} and {after.cpu_s:.3f} CPU-s, {change:+.1f} %, {same}")


if __name__ == "__main__":
    main()
