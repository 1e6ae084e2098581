"""The past that runs share: until a policy is known, its run is that of the baseline of the same future and seed.

It is simulated once and kept as bytes. A run that goes on from there gives what it gives from the start, to the byte.
"""

from __future__ import annotations

import inspect
import pickle
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, NamedTuple

from market.experiments.design.plan import Simulate, Spec
from market.experiments.results.tally import Tally
from market.state import State
from market.units import WEEK_DAYS, to_day

if TYPE_CHECKING:
    from market.policies.schema import Policy
    from market.scenario.schema import Scenario

Seen = dict[int, tuple[float, ...]]  # metrics by weeks closed


class Past(NamedTuple):
    """A run at the end of a week: what it goes on from, and the metrics that were read until then."""

    state: State
    tally: Tally
    seen: Seen


def shared_weeks(scenario: Scenario, policies: Sequence[Policy]) -> int | None:
    """Weeks of a run before anything of its policies is known; None where it has no policy and is all past."""
    if not policies:
        return None
    first = min(to_day(policy.announced or policy.from_day) for policy in policies)
    return max(0, (first - to_day(scenario.start)) // WEEK_DAYS)


def goes_on(simulate: Simulate) -> bool:
    """Whether a function that runs a scenario can begin from a past."""
    return "past" in inspect.signature(simulate).parameters


class Pasts:
    """Pasts of one pair of future and seed; those of the pair before are dropped.

    `weeks` are the numbers of weeks after which some policy of the experiment begins.
    """

    def __init__(self, weeks: Collection[int]) -> None:
        self.weeks = frozenset(weeks) - {0}
        self._pair: tuple[int, int] | None = None
        self._kept: dict[int, bytes] = {}

    def of(self, spec: Spec) -> Pasts:
        """Turn to the pair of a run."""
        if (spec.future, spec.seed) != self._pair:
            self._pair, self._kept = (spec.future, spec.seed), {}
        return self

    def latest(self, weeks: int) -> Past | None:
        """Give a copy of the latest past of at most so many weeks; None where there is none."""
        known = [week for week in self._kept if week <= weeks]
        if not known:
            return None
        past: Past = pickle.loads(self._kept[max(known)])
        return past

    def keep(self, week: int, past: Past) -> None:
        """Keep a past of so many weeks."""
        if week not in self._kept:
            self._kept[week] = pickle.dumps(past, pickle.HIGHEST_PROTOCOL)

    def wants(self, week: int, limit: int | None) -> bool:
        """Whether the past of so many weeks is of use to a run of the pair, and shared by one that parts at `limit`."""
        return week in self.weeks and week not in self._kept and (limit is None or week <= limit)
