"""Run every world of the library three years on seeds, verified and audited: `python -m tests.library --seeds 20`.

What was run is kept as one line of figures, not as a log: head, events, orgs that defaulted, and what was found wrong.
"""

from __future__ import annotations

import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from cli import model_around
from market.runs.check import check
from market.runs.drive import start
from market.runs.question import Question, checked
from market.runs.reading import open_run
from market.scenario.load import load_scenario
from tests.campaign import arguments, outcomes, seeds_of

WORLDS = ("frontier-2023", "memphis-2024", "frontier-2024", "frontier-2025", "frontier-2026")


def run(world: str, seed: int, years: float | None = None) -> dict[str, Any]:
    """Run a world to disk, check its bytes, replay its state hashes, audit its events."""
    scenario = load_scenario(world).scenario
    if years is not None:
        scenario = scenario.model_copy(update={"years": years})
    with tempfile.TemporaryDirectory(prefix="market-library-") as folder:
        path = Path(folder) / "run"
        start(checked(Question(scenario, seed)), path, model_around, lambda week, events: None)
        found = check(path)
        gone = open_run(path).query("SELECT org FROM log WHERE type = 'OrgDefaulted' ORDER BY day, org")["org"]
    return {name: found[name] for name in ("ok", "head", "events", "problems")} | {"defaults": gone.to_list()}


def main() -> int:
    """Run what is missing, print one line a world, and fail where a log has a finding."""
    parser = arguments("library", __doc__, 20)
    parser.add_argument("--world", action="append", choices=WORLDS)
    asked = parser.parse_args()
    worlds, failed = asked.world or WORLDS, 0
    seeds = outcomes(asked, {world: partial(run, world) for world in worlds})
    for world in worlds:
        each = [seed[world] for seed in seeds]
        wrong = [seed for seed, one in zip(seeds_of(asked), each, strict=True) if not one["ok"]]
        defaults = sum(len(one["defaults"]) for one in each)
        print(f"{world:14s} {len(each) - len(wrong)} of {len(each)} whole; wrong {wrong}; {defaults} defaults")
        failed += len(wrong)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
