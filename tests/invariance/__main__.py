"""What must change nothing changes nothing: `python -m tests.invariance --seeds 20`, on the default world.

Order, display names and inert newcomers leave every event as it was; with all money times 1,024 GPUs stay within
0.1 % and dates within a week.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter

from market.scenario.load import load_scenario
from tests.campaign import seeds_of
from tests.invariance.change import Changed, dearer, newcomers, retitled, turned
from tests.invariance.compare import History, apart, first_difference, history

GPUS_APART, DATES_APART = 0.001, 0.01


def main() -> int:
    """Print a line a seed and change: same, or where the histories part; exit with 1 when one parts."""
    parser = argparse.ArgumentParser(prog="python -m tests.invariance", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="first seed, to share the work between processes")
    parser.add_argument("--weeks", type=int, default=26)
    parser.add_argument("--scenario", default="frontier-2024")
    parser.add_argument("--only", nargs="*", default=[""], help="parts of the names to try")
    asked = parser.parse_args()
    world = load_scenario(asked.scenario).scenario
    changes = (turned(world), retitled(world), *newcomers(world), dearer(world, 1 / 1024), dearer(world))
    wanted = [change for change in changes if any(part in change.name for part in asked.only)]
    bad: Counter[str] = Counter()
    for seed in seeds_of(asked):
        base = history(world, asked.weeks, seed)
        for change in wanted:
            fault = parted(base, change, asked.weeks, seed)
            bad[change.name] += bool(fault)
            print(f"seed {seed}, {change.name}: {fault or 'same'}", flush=True)
    for name, times in bad.items():
        print(f"{asked.seeds - times:3d} of {asked.seeds}  {name}")
    return 1 if bad.total() else 0


def parted(base: History, change: Changed, weeks: int, seed: int) -> str:
    """Say how a changed world parts from its base; empty when it does not."""
    other = history(change.scenario, weeks, seed, without=change.newcomer)
    if not change.name.startswith("money"):
        return first_difference(base, other)
    gap = apart(base, other)
    if gap.gpus <= GPUS_APART and gap.dates <= DATES_APART:
        return ""
    where = first_difference(base, other, with_money=False)
    return f"{gap.gpus:.2%} of GPUs, {gap.dates:.1%} of dates; {where}"


if __name__ == "__main__":
    sys.exit(main())
