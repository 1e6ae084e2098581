"""Run the fault harness: `python -m tests.faults [--full] [--only NAME]... [--seed N]`. Exit code 1: one went wrong.

Each campaign is a part of its own: --list names them, --only runs some of them.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.faults import campaigns, commands, experiment_store
from tests.faults.campaigns import Result, report
from tests.faults.forge import forgeries
from tests.faults.kills import kills

type Campaign = Callable[[Path, bool, int], Result]  # a folder of its own, whether in full, seed

CAMPAIGNS: dict[str, Campaign] = {
    "cuts": lambda folder, full, seed: campaigns.cuts(1 if full else 97),
    "calls": lambda folder, full, seed: campaigns.call_faults(1 if full else 5),
    "recovery": lambda folder, full, seed: campaigns.recovery_faults(1_000 if full else 20, seed),
    "power": lambda folder, full, seed: campaigns.power_cuts(1_000 if full else 20, seed),
    "clearings": lambda folder, full, seed: campaigns.clearings(1_000 if full else 20, seed),
    "kills": lambda folder, full, seed: kills(10_000 if full else 50, folder, seed),
    "forgeries": lambda folder, full, seed: forgeries(20_000 if full else 300, seed),
    "flips": lambda folder, full, seed: campaigns.flips(100_000 if full else 500, seed),
    "command-writes": lambda folder, full, seed: commands.failing_writes(folder, 1 if full else 11),
    "command-force": lambda folder, full, seed: commands.clearing(folder, 1 if full else 13),
    "command-reads": lambda folder, full, seed: commands.failing_reads(folder, 1 if full else 3),
    "command-meetings": lambda folder, full, seed: commands.meetings(folder, 50 if full else 1, seed),
    "command-kills": lambda folder, full, seed: commands.killings(folder, 200 if full else 3, seed),
    "store-calls": lambda folder, full, seed: experiment_store.failing_store(folder, 1 if full else 9),
    "store-damage": lambda folder, full, seed: experiment_store.damaged_store(folder, 1_000 if full else 20, seed),
}


def main() -> int:
    """Run the campaigns that are asked for, say what each found, and fail when something went wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--full", action="store_true", help="the whole figures: half an hour on one core")
    parser.add_argument("--only", action="append", choices=CAMPAIGNS, help="this campaign; may be repeated")
    parser.add_argument("--list", action="store_true", help="name the campaigns")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--scratch", type=Path, help="folder for kill -9; one in memory is quicker and as good")
    asked = parser.parse_args()
    if asked.list:
        print("\n".join(CAMPAIGNS))
        return 0
    wrong = 0
    for name in asked.only or CAMPAIGNS:
        with tempfile.TemporaryDirectory(dir=asked.scratch) as scratch:
            result = CAMPAIGNS[name](Path(scratch), asked.full, asked.seed)
        print(report([result]), flush=True)
        wrong += len(result.wrong)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
