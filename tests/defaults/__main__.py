"""Count defaults by rating over seeds of the default world: `python -m tests.defaults --seeds 200`; runs are kept."""

from __future__ import annotations

import sys

from tests.campaign import arguments, outcomes
from tests.defaults.measure import REFERENCE, agrees, run, table, totals


def main() -> int:
    """Run what is missing, print the table, and fail when a class lies outside its reference."""
    asked = arguments("defaults", __doc__, 200).parse_args()
    seeds = [runs["base"] for runs in outcomes(asked, {"base": run})]
    print(table(seeds))
    found = totals(seeds)
    return int(not all(agrees(*found[kind], REFERENCE[kind]) for kind in REFERENCE if kind in found))


if __name__ == "__main__":
    sys.exit(main())
