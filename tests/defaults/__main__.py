"""Count defaults by rating over seeds of the default world: `python -m tests.defaults --seeds 200`; runs are kept."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from tests.defaults.measure import REFERENCE, agrees, run, table, totals


def main() -> int:
    """Run what is missing, print the table, and fail when a class lies outside its reference."""
    parser = argparse.ArgumentParser(prog="python -m tests.defaults", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--first", type=int, default=0, help="first seed, to share the work between processes")
    parser.add_argument("--kept", type=Path, default=Path("runs/defaults"), help="folder of what was run")
    asked = parser.parse_args()
    asked.kept.mkdir(parents=True, exist_ok=True)
    seeds = []
    for seed in range(asked.first, asked.first + asked.seeds):
        path = asked.kept / f"{seed}.json"
        if not path.exists():
            path.write_text(json.dumps(run(seed)))
        seeds.append(json.loads(path.read_text()))
    print(table(seeds))
    found = totals(seeds)
    return int(not all(agrees(*found[kind], REFERENCE[kind]) for kind in REFERENCE if kind in found))


if __name__ == "__main__":
    sys.exit(main())
