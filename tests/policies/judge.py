"""Whether a stated sign holds over paired runs, and what the policy was seen to do."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from statistics import mean, stdev
from typing import Any, NamedTuple

from scipy.stats import t

from market.policies.schema import Expectation
from tests.policies.trial import ADOPTING, QUARTER_WEEKS

type Pair = tuple[Any, Any]  # baseline and policy, one seed


class Verdict(NamedTuple):
    """Mean paired difference with its 95 % interval, and the mean of the baseline."""

    holds: bool
    mean: float
    low: float
    high: float
    baseline: float

    def __str__(self) -> str:
        if not self.baseline:
            return f"{self.mean:+.4g} [{self.low:+.4g}, {self.high:+.4g}]"
        mean, low, high = (number / abs(self.baseline) for number in (self.mean, self.low, self.high))
        return f"{mean:+.2%} [{low:+.2%}, {high:+.2%}] of {self.baseline:.4g}"


def at_week(expected: Expectation, weeks: int) -> int:
    """Week of a trial at which a sign is read: the last of a quarter."""
    return min(expected.weeks or weeks, weeks) // QUARTER_WEEKS * QUARTER_WEEKS


def judged(expected: Expectation, pairs: Sequence[Pair], weeks: int) -> Verdict:
    """Compare the metric of a stated sign, pair by pair, in a trial of so many weeks."""
    values = [read(expected, pair, weeks) for pair in pairs]
    differences = [with_it - without for without, with_it in values]
    if expected.sign == "0":
        least, most = min(differences), max(differences)
        return Verdict(least == most == 0.0, mean(differences), least, most, mean(first for first, _ in values))
    centre = mean(differences)
    half = t.ppf(0.975, len(pairs) - 1) * stdev(differences) / math.sqrt(len(pairs)) if len(pairs) > 1 else math.inf
    low, high = centre - half, centre + half
    holds = low > 0 if expected.sign == "+" else high < 0
    return Verdict(holds, centre, low, high, mean(without for without, _ in values))


def read(expected: Expectation, pair: Pair, weeks: int) -> tuple[float, float]:
    """A metric without and with the policy, or its sum over the regions that adopt it in the world of the pair."""
    metric, quarter = expected.metric, at_week(expected, weeks) // QUARTER_WEEKS - 1
    regions = pair[1]["adopting"] if ADOPTING in metric else ("",)
    names = [metric.replace(ADOPTING, region) for region in regions]
    without, with_it = (math.fsum(one["quarters"][quarter][name] for name in names) for one in pair)
    return without, with_it


def mechanism(pairs: Sequence[Pair]) -> Iterator[str]:
    """Who was kept from what, what they did instead, what else was done: the most frequent of each, over all pairs.

    What was done without the policy as well is taken off.
    """
    for word, key, rows in (("kept", "refused", 3), ("instead", "instead", 4), ("done", "done", 4)):
        total: Counter[str] = Counter()
        for without, with_it in pairs:
            total.update(Counter(with_it[key]) - Counter(without[key]))
        for name, count in sorted(total.items(), key=lambda item: (-item[1], item[0]))[:rows]:
            yield f"{word} {name} ({count})"
