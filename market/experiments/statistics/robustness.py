"""How policies stand over futures: regret, maximin and the share of futures that meet a threshold.

Lempert, Popper and Bankes (2003) for regret, Wald (1950) for maximin, Starr (1963) for the domain criterion. The
90th percentile of regret stands beside its maximum, which rests on one future.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from market.experiments.design.schema import Goal
from market.experiments.results.dataset import Results
from market.experiments.statistics.bootstrap import Floats


class Robustness(NamedTuple):
    """One policy in one metric over futures; amounts are in the metric's unit.

    Attributes
    ----------
    worst : outcome in the worst future: the policy with the best of these is the maximin choice.
    regret_max, regret_p90 : distance to the best policy of the same future.
    starr : share of futures that meet the threshold; None without one.
    """

    policy: str
    metric: str
    mean: float
    worst: float
    regret_max: float
    regret_p90: float
    starr: float | None


def regret(outcomes: Floats, want: str) -> Floats:
    """Distance of outcomes [policies, futures] to the best policy in each future; never negative."""
    signed = outcomes if want == "high" else -outcomes
    best = np.max(np.where(np.isnan(signed), -np.inf, signed), axis=0)  # a future in which all failed has none
    distance: Floats = np.where(np.isnan(signed), np.nan, best - signed)
    return distance


def robustness_of(policies: tuple[str, ...], metric: str, outcomes: Floats, goal: Goal) -> list[Robustness]:
    """Judge policies by outcomes [policies, futures], means over the seeds of a future."""
    distances = regret(outcomes, goal.want)
    found = []
    for i, policy in enumerate(policies):
        values, distance = _known(outcomes[i]), _known(distances[i])
        if not values.size:
            continue
        worst = float(values.min() if goal.want == "high" else values.max())
        found.append(
            Robustness(
                policy, metric, float(values.mean()), worst, float(distance.max()),
                float(np.quantile(distance, 0.9)), _share_that_meets(values, goal),
            )
        )  # fmt: skip
    return found


def _known(values: Floats) -> Floats:
    known: Floats = values[~np.isnan(values)]
    return known


def _share_that_meets(values: Floats, goal: Goal) -> float | None:
    if goal.threshold is None:
        return None
    return float(np.mean(values >= goal.threshold if goal.want == "high" else values <= goal.threshold))


def robustness(results: Results) -> list[Robustness]:
    """Judge every policy by every goal of the design."""
    found = []
    for metric, goal in results.goals.items():
        outcomes = _mean_over_seeds(results.values[..., results.metrics.index(metric)])
        found += robustness_of(results.policies, metric, outcomes, goal)
    return found


def _mean_over_seeds(values: Floats) -> Floats:
    """Average [policies, futures, seeds] over seeds; nan where none is known."""
    known = (~np.isnan(values)).sum(axis=2)
    sums = np.nansum(values, axis=2)
    return np.where(known > 0, sums / np.maximum(known, 1), np.nan)
