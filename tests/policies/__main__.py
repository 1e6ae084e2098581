"""Try the signs that policies state over paired seeds: `python -m tests.policies --seeds 20 [NAME...]`; runs stay."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from market.policies.load import library
from market.policies.schema import Policy
from tests.campaign import arguments, seeds_of
from tests.policies.judge import Pair, Verdict, judged, mechanism
from tests.policies.table import Tried, written
from tests.policies.trial import baseline, parting, tried, with_policy, world_of


def main() -> int:
    """Run what is missing, print every stated sign with its interval, and fail when one does not hold."""
    parser = arguments("policies", __doc__, 20)
    parser.add_argument("names", nargs="*", help="policies of the library, NAME[:key=value,...]; all without any")
    parser.add_argument("--weeks", type=int, default=0, help="length of every trial; that of the policy without it")
    parser.add_argument("--table", type=Path, metavar="PAGE", help="run nothing; put what is kept into a page's table")
    asked = parser.parse_args()
    asked.kept.mkdir(parents=True, exist_ok=True)
    policies = [tried(name, asked.weeks) for name in asked.names or library()]
    seeds, fine = seeds_of(asked), True
    if asked.table is not None:
        written(asked.table, (Tried(policy, _pairs(asked.kept, seeds, policy)) for policy in policies))
        return 0
    for seed in seeds:
        fill(asked.kept, seed, policies)
    for policy in policies:
        pairs = _pairs(asked.kept, seeds, policy)
        for line, verdict in _lines(policy, pairs):
            print(line)
            fine = fine and verdict.holds
        print("".join(f"    {line}\n" for line in mechanism(pairs)), end="", flush=True)
    return int(not fine)


def fill(kept: Path, seed: int, policies: Sequence[Policy]) -> None:
    """Run what is missing of a seed, each policy from where it parts from the baseline of its world."""
    missing = [policy for policy in policies if not _path(kept, seed, policy).exists()]
    for _, group in groupby(sorted(missing, key=_world), key=_world):
        found = list(group)
        scenario, weeks = world_of(found[0].tried.world), found[0].tried.weeks
        base, pasts = baseline(scenario, seed, {parting(scenario, policy) for policy in found}, weeks)
        _base(kept, seed, found[0]).write_text(json.dumps(base))
        for policy in found:
            _path(kept, seed, policy).write_text(json.dumps(with_policy(pasts[parting(scenario, policy)], policy)))
            print(f"seed {seed}: {policy.label}", file=sys.stderr, flush=True)


def _pairs(kept: Path, seeds: Sequence[int], policy: Policy) -> list[Pair]:
    """What is kept of a policy: its runs with those of the baseline."""
    paths = [(_base(kept, seed, policy), _path(kept, seed, policy)) for seed in seeds]
    return [(_read(without), _read(with_it)) for without, with_it in paths if with_it.exists()]


def _lines(policy: Policy, pairs: list[Pair]) -> Iterator[tuple[str, Verdict]]:
    for expected in policy.expects:
        verdict = judged(expected, pairs, policy.tried.weeks)
        word = "holds" if verdict.holds else "FAILS"
        yield f"{word}  {policy.name}: {expected.metric} {expected.sign}  {verdict}", verdict


def _world(policy: Policy) -> str:
    """The world of a trial and its length: one run without a policy for all that share them."""
    return json.dumps({**policy.tried.world, "run weeks": policy.tried.weeks}, sort_keys=True)


def _base(kept: Path, seed: int, policy: Policy) -> Path:
    return kept / f"{seed} base {_digest(_world(policy))}.json"


def _path(kept: Path, seed: int, policy: Policy) -> Path:
    return kept / f"{seed} {policy.name} {_digest(policy.model_dump_json())}.json"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _read(path: Path) -> Any:
    return json.loads(path.read_text())


if __name__ == "__main__":
    sys.exit(main())
