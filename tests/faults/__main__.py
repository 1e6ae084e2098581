"""Run the fault harness: `python -m tests.faults [--full] [--seed N]`. Exit code 1 when something went wrong."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.faults.campaigns import Result, call_faults, clearings, cuts, flips, power_cuts, recovery_faults, report
from tests.faults.commands import clearing, failing_reads, failing_writes, killings, meetings
from tests.faults.forge import forgeries
from tests.faults.kills import kills


def main() -> int:
    """Run every campaign, say what each found, and fail when something went wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="the whole figures: half an hour on one core")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--scratch", type=Path, help="folder for kill -9; one in memory is quicker and as good")
    asked = parser.parse_args()
    full, seed, wrong = asked.full, asked.seed, 0
    with tempfile.TemporaryDirectory(dir=asked.scratch) as scratch:

        def folder(name: str) -> Path:
            made = Path(scratch) / name
            made.mkdir()
            return made

        campaigns: list[Callable[[], Result]] = [
            lambda: cuts(1 if full else 97),
            lambda: call_faults(1 if full else 5),
            lambda: recovery_faults(1_000 if full else 20, seed),
            lambda: power_cuts(1_000 if full else 20, seed),
            lambda: clearings(1_000 if full else 20, seed),
            lambda: kills(10_000 if full else 50, Path(scratch), seed),
            lambda: forgeries(20_000 if full else 300, seed),
            lambda: flips(100_000 if full else 500, seed),
            lambda: failing_writes(folder("writes"), 1 if full else 11),
            lambda: clearing(folder("forced"), 1 if full else 13),
            lambda: failing_reads(folder("reads"), 1 if full else 3),
            lambda: meetings(folder("meetings"), 50 if full else 1, seed),
            lambda: killings(folder("killings"), 200 if full else 3, seed),
        ]
        for campaign in campaigns:
            result = campaign()
            print(report([result]), flush=True)
            wrong += len(result.wrong)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
