"""Scenario discovery by PRIM: boxes of uncertain parameters in which the cases of interest lie.

Friedman and Fisher (1999), "Bump hunting in high-dimensional data", Statistics and Computing 9:123; used for scenario
discovery by Bryant and Lempert (2010), Technological Forecasting and Social Change 77:34. At each step a slice of
`alpha` of the points is peeled off at one end of one dimension: the slice that raises the share of cases most per
point given up (the lenient criterion for dimensions with few values).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
ALPHA = 0.05
MASS_MIN = 0.05


class Box(NamedTuple):
    """One step of the peeling trajectory.

    Attributes
    ----------
    low, high : limits of every dimension, [k]; infinite where nothing was peeled.
    coverage : part of all cases that lie in the box.
    density : part of the box's points that are cases.
    mass : part of all points that lie in the box.
    """

    low: tuple[float, ...]
    high: tuple[float, ...]
    coverage: float
    density: float
    mass: float

    def holds(self, points: Floats) -> Mask:
        """Which of `points` [n, k] lie in the box, [n]."""
        inside: Mask = np.all((points >= np.array(self.low)) & (points <= np.array(self.high)), axis=1)
        return inside

    @property
    def restricted(self) -> tuple[int, ...]:
        """Dimensions that the box limits."""
        limits = enumerate(zip(self.low, self.high, strict=True))
        return tuple(i for i, (low, high) in limits if np.isfinite(low) or np.isfinite(high))


def trajectory(points: Floats, is_case: Mask, alpha: float = ALPHA, mass_min: float = MASS_MIN) -> list[Box]:
    """Peel until the box would hold less than `mass_min` of the points; the first box holds all of them.

    Parameters
    ----------
    points : [n, k].
    is_case : [n].
    """
    if not is_case.any():
        raise ValueError("there is no case to look for")
    n, k = points.shape
    low, high = np.full(k, -np.inf), np.full(k, np.inf)
    inside = np.ones(n, dtype=bool)
    boxes = [_box(low, high, inside, is_case)]
    while (best := _best_peel(points, is_case, inside, alpha)) is not None:
        dimension, is_upper, limit, kept = best
        if kept.sum() < mass_min * n:
            break
        (high if is_upper else low)[dimension] = limit
        inside = kept
        boxes.append(_box(low, high, inside, is_case))
    return boxes


def _box(low: Floats, high: Floats, inside: Mask, is_case: Mask) -> Box:
    hits = int((inside & is_case).sum())
    return Box(
        tuple(map(float, low)), tuple(map(float, high)), hits / int(is_case.sum()), hits / int(inside.sum()),
        float(inside.mean()),
    )  # fmt: skip


def _best_peel(points: Floats, is_case: Mask, inside: Mask, alpha: float) -> tuple[int, bool, float, Mask] | None:
    """Find the slice to give up: dimension, end, new limit and what stays. Ties go to the first dimension."""
    before, size = float(is_case[inside].mean()), int(inside.sum())
    best: tuple[float, tuple[int, bool, float, Mask]] | None = None
    for dimension in range(points.shape[1]):
        column = points[:, dimension]
        for is_upper in (False, True):
            limit = _limit(column[inside], alpha, is_upper)
            if limit is None:
                continue
            kept = inside & (column <= limit if is_upper else column >= limit)
            gain = (float(is_case[kept].mean()) - before) / (size - int(kept.sum()))
            if best is None or gain > best[0]:
                best = (gain, (dimension, is_upper, limit, kept))
    return best[1] if best is not None and best[0] > 0 else None


def _limit(values: Floats, alpha: float, is_upper: bool) -> float | None:
    """Where to cut so that about `alpha` of the values fall off: at least one does, and at least one stays."""
    ordered = np.unique(values)
    if len(ordered) < 2:
        return None
    if is_upper:
        wanted = np.quantile(values, 1 - alpha)
        return float(ordered[:-1][ordered[:-1] <= wanted][-1])
    wanted = np.quantile(values, alpha)
    return float(ordered[1:][ordered[1:] >= wanted][0])


def choose(boxes: list[Box]) -> Box:
    """Take the box whose harmonic mean of coverage and density is highest; the earlier, wider one on a tie."""
    return max(boxes, key=lambda b: 2 * b.coverage * b.density / (b.coverage + b.density) if b.coverage else 0.0)


def chance_of(box: Box, points: Floats, is_case: Mask) -> dict[int, float]:
    """Quasi-p of every limited dimension: the chance of at least so many cases if its limits did not matter.

    One-sided binomial test against the density of the box without these limits (Bryant and Lempert 2010, app. A).
    """
    from scipy.stats import binomtest

    inside = box.holds(points)
    found = {}
    for dimension in box.restricted:
        low, high = list(box.low), list(box.high)
        low[dimension], high[dimension] = -np.inf, np.inf
        wider = box._replace(low=tuple(low), high=tuple(high)).holds(points)
        hits, size = int((inside & is_case).sum()), int(inside.sum())
        found[dimension] = float(binomtest(hits, size, float(is_case[wider].mean()), "greater").pvalue)
    return found
