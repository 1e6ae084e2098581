"""Count defaults by rating over seeds of the default world: `python -m tests.defaults --seeds 200`; runs are kept.

Seeds vary chance alone. With `--draws` each has a world of its own too, as those have whom history and lenders count.
"""

from __future__ import annotations

import sys
from functools import partial

from tests.campaign import arguments, outcomes
from tests.defaults.measure import REFERENCE, agrees, run, table, totals


def main() -> int:
    """Run what is missing, print the table, and fail when a class lies outside its reference."""
    parser = arguments("defaults", __doc__, 200)
    parser.add_argument("--draws", type=int, default=0, help="worlds drawn as forecasts draw them; none without it")
    asked = parser.parse_args()
    name = f"draws {asked.draws}" if asked.draws else "base"
    seeds = [runs[name] for runs in outcomes(asked, {name: partial(run, draws=asked.draws)})]
    print(table(seeds))
    found = totals(seeds)
    return int(not all(agrees(*found[kind], REFERENCE[kind]) for kind in REFERENCE if kind in found))


if __name__ == "__main__":
    sys.exit(main())
