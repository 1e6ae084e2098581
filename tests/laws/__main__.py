"""Try the laws of the market over paired seeds: `python -m tests.laws --seeds 20`; what was run is kept."""

from __future__ import annotations

import sys
from functools import partial

from tests.campaign import arguments, outcomes
from tests.laws.laws import CHANGES, LAWS, table
from tests.laws.measure import run


def main() -> int:
    """Run what is missing, print every law, and fail when one holds in less than 95 % of the seeds."""
    asked = arguments("laws", __doc__, 20).parse_args()
    seeds = outcomes(asked, {name: partial(run, change=change) for name, change in CHANGES.items()})
    print(table(seeds))
    return int(any(sum(law(runs).holds for runs in seeds) < 0.95 * len(seeds) for law in LAWS))


if __name__ == "__main__":
    sys.exit(main())
