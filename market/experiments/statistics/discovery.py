"""In which futures a policy misses its goal: PRIM over the uncertain parameters of an experiment."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from market.experiments.results.dataset import Results
from market.experiments.statistics.prim import Box, chance_of, choose, trajectory

FUTURES_MIN = 40  # below, a peel of 5 % is one or two futures


class Limit(NamedTuple):
    """The range of one parameter in a box, in the parameter's unit; `p` is the chance that it does not matter."""

    parameter: str
    low: float
    high: float
    p: float


class Discovery(NamedTuple):
    """Where a policy misses the threshold of a goal.

    Attributes
    ----------
    cases, futures : futures that miss, and all.
    limits : of the chosen box.
    boxes : the peeling trajectory.
    """

    policy: str
    metric: str
    cases: int
    futures: int
    limits: tuple[Limit, ...]
    box: Box
    boxes: list[Box]


def discoveries(results: Results) -> list[Discovery]:
    """Look for the futures in which each policy misses each threshold, where some do and some do not."""
    found = []
    for metric, goal in results.goals.items():
        if goal.threshold is None or not results.uncertain:
            continue
        for policy in results.policies:
            outcomes = results.outcome(policy, metric)
            known = ~np.isnan(outcomes).any(axis=1)
            means, points = outcomes[known].mean(axis=1), results.parameters[known]
            misses = means < goal.threshold if goal.want == "high" else means > goal.threshold
            if len(points) < FUTURES_MIN or not misses.any() or misses.all():
                continue
            boxes = trajectory(points, misses)
            box = choose(boxes)
            chances = chance_of(box, points, misses)
            limits = tuple(Limit(results.uncertain[i], box.low[i], box.high[i], chances[i]) for i in box.restricted)
            found.append(Discovery(policy, metric, int(misses.sum()), len(points), limits, box, boxes))
    return found
