"""Try the laws of the market over paired seeds: `python -m tests.laws --seeds 20`; what was run is kept."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from tests.laws.laws import CHANGES, LAWS, table
from tests.laws.measure import run


def main() -> int:
    """Run what is missing, print every law, and fail when one holds in less than 95 % of the seeds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=0, help="first seed, to share the work between processes")
    parser.add_argument("--kept", type=Path, default=Path("runs/laws"), help="folder of what was run")
    asked = parser.parse_args()
    asked.kept.mkdir(parents=True, exist_ok=True)
    seeds = []
    for seed in range(asked.first, asked.first + asked.seeds):
        runs = {}
        for name, change in CHANGES.items():
            path = asked.kept / f"{seed} {name}.json"
            if not path.exists():
                path.write_text(json.dumps(run(seed, change).plain()))
                print(f"seed {seed}: {name}", file=sys.stderr, flush=True)
            runs[name] = json.loads(path.read_text())
        seeds.append(runs)
    print(table(seeds))
    return int(any(sum(law(runs).holds for runs in seeds) < 0.95 * len(seeds) for law in LAWS))


if __name__ == "__main__":
    sys.exit(main())
