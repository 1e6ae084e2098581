"""Cut each shared input to 60 % over paired seeds: `python -m tests.inputs --seeds 4`; what was run is kept."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from tests.inputs.laws import CUTS, LAWS, table
from tests.inputs.measure import run


def main() -> int:
    """Run what is missing, print every law of every cut, and fail when one does not hold in every seed."""
    parser = argparse.ArgumentParser(prog="python -m tests.inputs", description=__doc__)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--first", type=int, default=0, help="first seed, to share the work between processes")
    parser.add_argument("--kept", type=Path, default=Path("runs/inputs"), help="folder of what was run")
    asked = parser.parse_args()
    asked.kept.mkdir(parents=True, exist_ok=True)
    seeds = []
    for seed in range(asked.first, asked.first + asked.seeds):
        runs = {}
        for name, parameter in {"base": None, **CUTS}.items():
            path = asked.kept / f"{seed} {name}.json"
            if not path.exists():
                path.write_text(json.dumps(run(seed, parameter).plain()))
                print(f"seed {seed}: {name}", file=sys.stderr, flush=True)
            runs[name] = json.loads(path.read_text())
        seeds.append(runs)
    print(table(seeds))
    return int(not all(law(runs, cut).holds for runs in seeds for cut in CUTS for law in LAWS))


if __name__ == "__main__":
    sys.exit(main())
