"""Refresh the golden quantities: `python -m tests.golden`; say in the commit which rule changed them."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from worlds import WORLD, simulate

from market.scenario.load import load_scenario
from tests.golden.quantities import KEPT, kept, quantities


def main() -> None:
    """Simulate a year of the default world, print what changed, and keep it."""
    argparse.ArgumentParser(prog="python -m tests.golden", description=__doc__).parse_args()
    new = quantities(simulate(load_scenario(WORLD, {}).scenario, 6, 52).frame.lazy())
    old = kept() if KEPT.exists() else []
    for now, was in zip(new, old, strict=False):
        for name, value in now.items():
            if value != was.get(name):
                print(f"{now['day']} {name}: {was.get(name)} -> {value}")
    KEPT.write_text(json.dumps(new, indent=1) + "\n")


if __name__ == "__main__":
    main()
