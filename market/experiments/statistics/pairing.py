"""What a policy does: paired differences from the baseline, their interval, and the variance that pairing saved."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from market.experiments.design.metrics import describe
from market.experiments.design.schema import BASELINE
from market.experiments.results.dataset import Results
from market.experiments.statistics.bootstrap import Floats, mean_interval

SLIGHT = 5e-4
"""Part of the baseline below which an effect is not worth a row."""


class Effect(NamedTuple):
    """Effect of a policy on a metric at the end.

    Attributes
    ----------
    mean, low, high : mean of the paired differences and its 95 % bootstrap interval.
    base : mean of the baseline over the same pairs.
    bands : 5, 25, 50, 75 and 95 % quantiles of the paired differences: how the effect differs between pairs.
    variance_ratio : variance of an unpaired difference over that of the paired one; None where either is zero.
    pairs, futures : pairs of future and seed that count, and their futures.
    share_down, share_up : parts of the pairs in which the metric fell and rose.
    """

    policy: str
    metric: str
    mean: float
    low: float
    high: float
    base: float
    bands: tuple[float, ...]
    variance_ratio: float | None
    pairs: int
    futures: int
    share_down: float
    share_up: float

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.low > 0 or self.high < 0

    @property
    def is_slight(self) -> bool:
        """Whether the interval stays within `SLIGHT` of the baseline around zero."""
        return max(abs(self.low), abs(self.high)) < SLIGHT * abs(self.base)

    @property
    def relative(self) -> float | None:
        """Mean effect over the baseline's mean."""
        return self.mean / self.base if self.base else None

    @property
    def relative_interval(self) -> tuple[float, float] | None:
        """The interval over the baseline's mean; what cannot be negative falls by no more than all."""
        if not self.base:
            return None
        least = -float("inf") if describe(self.metric).may_be_negative or self.base < 0 else -1.0
        low, high = sorted((self.low / self.base, self.high / self.base))
        return max(low, least), max(high, least)


def effects(results: Results) -> list[Effect]:
    """Compare every policy with the baseline in every metric."""
    return [
        effect_of(policy, metric, results.outcome(policy, metric), results.outcome(BASELINE, metric))
        for policy in results.policies
        if policy != BASELINE
        for metric in results.metrics
    ]


def effect_of(policy: str, metric: str, with_policy: Floats, baseline: Floats) -> Effect:
    """Compare outcomes [futures, seeds] of the same futures and seeds."""
    paired = with_policy - baseline
    is_whole = ~np.isnan(paired)
    differences = paired[is_whole]
    if not differences.size:
        nan = float("nan")
        return Effect(policy, metric, nan, nan, nan, nan, (nan,) * 5, None, 0, 0, nan, nan)
    interval = mean_interval(paired, policy, metric)
    bands = tuple(map(float, np.quantile(differences, [0.05, 0.25, 0.5, 0.75, 0.95])))
    return Effect(
        policy, metric, interval.mean, interval.low, interval.high, float(baseline[is_whole].mean()), bands,
        variance_ratio(with_policy[is_whole], baseline[is_whole]), int(differences.size),
        int(is_whole.any(axis=1).sum()), float(np.mean(differences < 0)), float(np.mean(differences > 0)),
    )  # fmt: skip


def variance_ratio(with_policy: Floats, baseline: Floats) -> float | None:
    """Variance of the difference of two independent runs over that of a paired one: how many runs pairing saves."""
    if len(baseline) < 2:
        return None
    unpaired = float(with_policy.var(ddof=1) + baseline.var(ddof=1))
    paired = float((with_policy - baseline).var(ddof=1))
    return unpaired / paired if paired > 0 and unpaired > 0 else None


class Expected(NamedTuple):
    """What a policy's file expects of a metric, and what was found: agrees, contradicts, or open."""

    policy: str
    metric: str
    sign: str
    reason: str
    verdict: str


def expected(results: Results, found: list[Effect]) -> list[Expected]:
    """Hold effects against the signs that policy files state. Open: zero lies in the interval."""
    by_name = {(e.policy, e.metric): e for e in found}
    verdicts = []
    for lever in results.about["levers"]:
        for said in lever["expects"]:
            effect = by_name.get((lever["name"], said["metric"]))
            if effect is None or not effect.pairs:
                continue
            verdict = _verdict(said["sign"], effect)
            verdicts.append(Expected(lever["name"], said["metric"], said["sign"], said["reason"], verdict))
    return verdicts


def _verdict(sign: str, effect: Effect) -> str:
    if sign == "0":
        return "agrees" if effect.low == effect.high == 0 else "contradicts"
    if not effect.is_clear:
        return "open"
    return "agrees" if (effect.mean > 0) == (sign == "+") else "contradicts"
