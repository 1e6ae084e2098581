"""Cut each shared input to 60 % over paired seeds: `python -m tests.inputs --seeds 4`; what was run is kept."""

from __future__ import annotations

import sys
from functools import partial

from tests.campaign import arguments, outcomes
from tests.inputs.laws import CUTS, LAWS, table
from tests.inputs.measure import run


def main() -> int:
    """Run what is missing, print every law of every cut, and fail when one does not hold in every seed."""
    asked = arguments("inputs", __doc__, 4).parse_args()
    cuts = {"base": None, **CUTS}
    seeds = outcomes(asked, {name: partial(run, parameter=parameter) for name, parameter in cuts.items()})
    print(table(seeds))
    return int(not all(law(runs, cut).holds for runs in seeds for cut in CUTS for law in LAWS))


if __name__ == "__main__":
    sys.exit(main())
