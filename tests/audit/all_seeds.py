"""Audit the default world over all its years, seed by seed:  python tests/audit/all_seeds.py [SEEDS]"""

from __future__ import annotations

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from worlds import WORLD, simulate

from market.analytics.audit import audit
from market.scenario.load import load_scenario


def main() -> int:
    """Print one line a seed; give back how many findings there were."""
    scenario, total = load_scenario(WORLD, {}).scenario, 0
    for seed in range(int(sys.argv[1]) if len(sys.argv) > 1 else 20):
        run = simulate(scenario, seed, 10_000)
        begun = time.process_time()
        findings = audit(run.frame.lazy())
        took = time.process_time() - begun
        print(f"seed {seed}: {len(run.frame)} events, {len(findings)} findings, {took:.2f} CPU-s", flush=True)
        for finding in findings[:20]:
            print("   ", finding)
        total += len(findings)
    return total


if __name__ == "__main__":
    sys.exit(min(1, main()))
