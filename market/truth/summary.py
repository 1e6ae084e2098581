"""What a back-test comes to: coverage and skill, averaged by family of series, then by origin, with intervals.

Intervals are from a bootstrap of blocks of origins, all series together, blocks at least as long as the horizon: errors
of neighbouring origins share their quarters. No p-value is given.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any, NamedTuple

import numpy as np

from market.experiments.design.sampling import key_of
from market.truth.backtest import HORIZONS, Origin, Scoring, dates_of, energy
from market.truth.baselines import NAMES
from market.truth.futures import Floats
from market.truth.score import BANDS
from market.units import digits

RESAMPLES = 4000
INTERVAL = (2.5, 97.5)
ORIGINS_MIN = 8  # fewer origins give no interval


def summary(origins: Sequence[Origin], scorings: Sequence[Scoring]) -> dict[str, Any]:
    """Gather all that a back-test says, as scripts read it."""
    split = {name: [one for one in scorings if one.split == name] for name in ("calibration", "backtest")}
    return {
        "origins": [origin.start.isoformat() for origin in origins],
        "futures": max((len(origin.answers) for origin in origins), default=0),
        "failed": sum(1 for origin in origins for answer in origin.answers if answer.error),
        "drawn": sorted({origin.drawn for origin in origins}),
        "points": {name: len(found) for name, found in split.items()},
        "coverage": coverage(scorings),
        "coverage_interval": _coverage_intervals(scorings),
        "coverage_by_split": {name: coverage(found) for name, found in split.items()},
        "coverage_interval_by_split": {name: _coverage_intervals(found) for name, found in split.items()},
        "crps": mean_score(scorings),
        "crps_by_split": {name: mean_score(found) for name, found in split.items()},
        "skill": skills(scorings),
        "skill_backtest": skills(split["backtest"]),
        "energy": _energy(scorings),
        "pit": _pit(scorings),
        "dates": [entry for origin in origins for entry in dates_of(origin)],
        "series": [row(one) for one in scorings],
    }


def row(one: Scoring) -> dict[str, Any]:
    """One point as scripts read it."""
    low, high = one.scored.bands[80]
    return {
        "origin": one.origin.isoformat(), "series": one.point.definition.id, "family": one.point.definition.family,
        "quarter": one.point.quarter, "horizon": one.point.horizon, "observed": one.point.observed,
        "median": one.scored.median, "low": low, "high": high, "inside": one.scored.inside[80],
        "crps": one.scored.crps, "wis": one.scored.wis, "pit": one.scored.pit, "split": one.split,
        "growth": one.point.definition.compare == "growth",
        "baselines": {name: digits(one.errors[name]) for name in NAMES if name in one.errors},
    }  # fmt: skip


class Cells(NamedTuple):
    """A ratio statistic by origin: the statistic of some origins is the mean of `over` by the mean of `under`."""

    over: Floats  # [origins]
    under: Floats  # [origins]

    def ratio(self) -> float | None:
        """The ratio over all origins; None where there is nothing under it."""
        total = float(np.sum(self.under))
        return digits(float(np.sum(self.over)) / total) if total > 0 else None


def coverage(scorings: Sequence[Scoring]) -> dict[str, float | None]:
    """Share of all points inside each band."""
    return {str(band): _covered(scorings, band).ratio() for band in BANDS}


def _covered(scorings: Sequence[Scoring], band: int) -> Cells:
    groups = _by_origin(scorings)
    inside = [sum(one.scored.inside[band] for one in group) for group in groups]
    return Cells(np.array(inside, dtype=float), np.array([len(group) for group in groups], dtype=float))


def _coverage_intervals(scorings: Sequence[Scoring]) -> dict[str, list[float] | None]:
    length = max((one.point.horizon for one in scorings), default=1)
    return {str(band): interval(_covered(scorings, band), length) for band in BANDS}


def mean_score(scorings: Sequence[Scoring]) -> float | None:
    """Mean CRPS: of each family within each origin, then over families, then over origins."""
    return _balanced(scorings, lambda one: one.scored.crps).ratio()


def _balanced(scorings: Sequence[Scoring], value: Callable[[Scoring], float]) -> Cells:
    means = []
    for group in _by_origin(scorings):
        families: dict[str, list[float]] = {}
        for one in group:
            families.setdefault(one.point.definition.family, []).append(value(one))
        means.append(float(np.mean([np.mean(values) for values in families.values()])))
    return Cells(np.array(means), np.ones(len(means)))


def _by_origin(scorings: Sequence[Scoring]) -> list[list[Scoring]]:
    groups: dict[date, list[Scoring]] = {}
    for one in sorted(scorings, key=lambda one: (one.origin, one.point.definition.id, one.point.quarter)):
        groups.setdefault(one.origin, []).append(one)
    return list(groups.values())


def skills(scorings: Sequence[Scoring]) -> dict[str, dict[str, Any]]:
    """Skill against each baseline by horizon: 1 - score / baseline's score, of the points where both are defined."""
    found: dict[str, dict[str, Any]] = {}
    for name in NAMES:
        defined = [one for one in scorings if name in one.errors]
        by_horizon = {h: [one for one in defined if one.point.horizon == h] for h in HORIZONS}
        entries = {str(h): _skill_entry(points, name, h) for h, points in by_horizon.items() if points}
        if entries:
            found[name] = entries
    return found


def _skill_entry(points: Sequence[Scoring], name: str, horizon: int) -> dict[str, Any]:
    edges = interval(_against(points, name, lambda one: one.scored.crps), horizon)
    return {
        "points": len(points),
        "skill": skill(points, name),
        "skill_of_median": skill(points, name, lambda one: abs(one.error)),
        "interval": [digits(1 - edges[1]), digits(1 - edges[0])] if edges else None,
    }


def skill(
    points: Sequence[Scoring], name: str, value: Callable[[Scoring], float] = lambda one: one.scored.crps
) -> float | None:
    """1 - mean score / the baseline's mean score; a baseline that never errs gives none."""
    ratio = _against(points, name, value).ratio()
    return None if ratio is None else digits(1 - ratio)


def _against(points: Sequence[Scoring], name: str, value: Callable[[Scoring], float]) -> Cells:
    return Cells(_balanced(points, value).over, _balanced(points, lambda one: one.errors[name]).over)


def interval(cells: Cells, length: int) -> list[float] | None:
    """95 % interval of a ratio over resampled circular blocks of origins; None from fewer than eight origins."""
    count = len(cells.over)
    if count < ORIGINS_MIN:
        return None
    length = min(length, count - 1)
    rng = np.random.default_rng(key_of("backtest", "blocks", count, length))
    firsts = rng.integers(0, count, size=(RESAMPLES, -(-count // length)))
    chosen = ((firsts[:, :, None] + np.arange(length)) % count).reshape(RESAMPLES, -1)[:, :count]
    under = cells.under[chosen].sum(axis=1)
    values = cells.over[chosen].sum(axis=1)[under > 0] / under[under > 0]
    return [digits(float(edge)) for edge in np.percentile(values, INTERVAL)] if len(values) else None


def _energy(scorings: Sequence[Scoring]) -> dict[str, float]:
    by_horizon: dict[int, list[float]] = {}
    for (_, horizon), value in energy(scorings).items():
        by_horizon.setdefault(horizon, []).append(value)
    return {str(h): digits(float(np.mean(values))) for h, values in sorted(by_horizon.items())}


def _pit(scorings: Sequence[Scoring]) -> list[int]:
    """Counts of the probability integral transform in tenths: flat when the forecasts are calibrated."""
    counts, _ = np.histogram([one.scored.pit for one in scorings], bins=10, range=(0, 1))
    return [int(count) for count in counts]
