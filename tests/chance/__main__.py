"""Measure how much of each named lab's fleet is chance: `python -m tests.chance`; what was run is kept.

64 futures, drawn from the catalogue's ranges as forecasts draw them, each at the same four seeds.
"""

from __future__ import annotations

import sys
from functools import partial

from tests.campaign import arguments, outcomes
from tests.chance.measure import by_lab, grounds, run, table


def main() -> int:
    """Run what is missing, print the table, and fail when a line of the law does not hold for a named lab."""
    parser = arguments("chance", __doc__, 4)
    parser.add_argument("--draws", type=int, default=64, help="size of the design: another size, other draws")
    parser.add_argument(
        "--fixed", action="append", default=[], metavar="NAME=VALUE", help="parameter that is the same in all draws"
    )
    asked = parser.parse_args()
    told = "".join(f" {each}" for each in sorted(asked.fixed))
    fixed = {name: float(value) for name, _, value in (each.partition("=") for each in asked.fixed)}
    if asked.draws < 2:
        parser.error(f"--draws: must be at least 2, was {asked.draws}: draws are compared with each other")
    runs = {
        f"draw {number} of {asked.draws}{told}": partial(run, number=number, count=asked.draws, fixed=fixed)
        for number in range(asked.draws)
    }
    seeds = outcomes(asked, runs)
    if asked.seeds < 2:
        print("one seed: run, and kept for a table of several")
        return 0
    labs = by_lab(seeds)
    print(table(labs), grounds(asked.draws), sep="\n\n")
    return int(any(not lab.holds for lab in labs))


if __name__ == "__main__":
    sys.exit(main())
