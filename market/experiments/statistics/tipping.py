"""Tipping points: the value of a lever at which the ranking of two policies in a metric changes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from market.experiments.design.sampling import key_of
from market.experiments.results.dataset import Results
from market.experiments.statistics.bootstrap import LEVEL, RESAMPLES, Floats


class Tipping(NamedTuple):
    """Where a swept policy overtakes another.

    Attributes
    ----------
    setting : what was swept, such as `export-controls:quota_h100e`.
    other : the policy that it overtakes there.
    value : setting at which both do the same, interpolated between the values that ran.
    low, high : 95 % bootstrap interval of that value over the resamples that have one.
    share : part of the resamples that have one.
    rises : whether the swept policy lies above the other beyond the value; None where it does the same from there on.
    """

    setting: str
    metric: str
    other: str
    value: float
    low: float
    high: float
    share: float
    rises: bool | None


def crossing(settings: Floats, gaps: Floats) -> tuple[float, bool | None] | None:
    """Find the first setting at which gaps [v] change sign, by straight lines; None when they do not.

    Gaps that end at exactly zero change too: from there on both do the same.
    """
    for i in range(len(gaps) - 1):
        here, there = gaps[i], gaps[i + 1]
        later = gaps[i + 1 :][gaps[i + 1 :] != 0]
        if here == 0 or here * there > 0 or (later.size and here * later[0] > 0):
            continue
        value = settings[i] + (settings[i + 1] - settings[i]) * here / (here - there)
        return float(value), bool(here < 0) if later.size else None
    return None


def tipping_of(
    settings: Floats, swept: Floats, other: Floats, *key: object
) -> tuple[float, float, float, float, bool | None] | None:
    """Find where swept outcomes [v, n] cross those of another policy [n]: value, low, high, share, rises."""
    gaps = swept - other
    found = crossing(settings, gaps.mean(axis=1))
    if found is None:
        return None
    rng = np.random.Generator(np.random.Philox(key_of("tipping", *key)))
    n = gaps.shape[1]
    values = []
    for _ in range(RESAMPLES // 4):
        again = crossing(settings, gaps[:, rng.integers(0, n, n)].mean(axis=1))
        if again is not None:
            values.append(again[0])
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(values, [tail, 1 - tail]) if values else (np.nan, np.nan)
    return found[0], float(low), float(high), len(values) / (RESAMPLES // 4), found[1]


def tipping_points(results: Results) -> list[Tipping]:
    """Compare every sweep with the baseline and every policy outside it, in every metric."""
    found = []
    for setting, names, settings in _sweeps(results):
        others = [name for name in results.policies if name not in names]
        for metric in results.metrics:
            swept = np.stack([_blocks(results.outcome(name, metric)) for name in names])
            for other in others:
                rival = _blocks(results.outcome(other, metric))
                known = ~np.isnan(swept).any(axis=0) & ~np.isnan(rival)
                if not known.any():
                    continue
                point = tipping_of(settings, swept[:, known], rival[known], setting, metric, other)
                if point is not None:
                    found.append(Tipping(setting, metric, other, *point))
    return found


def _blocks(outcomes: Floats) -> Floats:
    """Means over seeds by future, or the seeds themselves when there is one future."""
    blocks: Floats = outcomes[0] if len(outcomes) == 1 else outcomes.mean(axis=1)
    return blocks


def _sweeps(results: Results) -> list[tuple[str, list[str], Floats]]:
    levers = [lever for lever in results.about["levers"] if lever["setting"]]
    found = []
    for setting in dict.fromkeys(lever["setting"] for lever in levers):
        mine = sorted((lever for lever in levers if lever["setting"] == setting), key=lambda lever: lever["value"])
        found.append((setting, [x["name"] for x in mine], np.array([x["value"] for x in mine], dtype=float)))
    return found
