"""Bootstrap intervals of means, keyed: the same data and name give the same interval.

Percentile intervals are too short in small samples; the expanded percentile interval of Hesterberg (2015,
"What teachers should know about the bootstrap", The American Statistician 69:371, section 3.1) widens them by the
factor of Student's t and n / (n - 1). Futures are resampled as blocks of their seeds: two seeds of one future are not
two independent draws of the future.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from market.experiments.design.sampling import key_of

Floats = NDArray[np.float64]
RESAMPLES = 4000
LEVEL = 0.95
PORTION = 1_000_000  # draws held at a time


class Interval(NamedTuple):
    """A mean with its interval; the bounds are nan when one block leaves nothing to resample."""

    mean: float
    low: float
    high: float
    blocks: int


def mean_interval(values: Floats, *key: object, level: float = LEVEL) -> Interval:
    """Bound the mean of `values` [blocks, n per block]; nan is left out.

    With one block its values are resampled one by one, with more the blocks are.
    """
    blocks = values.T if values.shape[0] == 1 else values
    counts = np.sum(~np.isnan(blocks), axis=1).astype(float)
    sums = np.nansum(blocks, axis=1)
    sums, counts = sums[counts > 0], counts[counts > 0]
    n = len(sums)
    if n == 0:
        return Interval(np.nan, np.nan, np.nan, 0)
    mean = float(sums.sum() / counts.sum())
    if n == 1:
        return Interval(mean, np.nan, np.nan, 1)
    if np.all(sums == 0):
        return Interval(0.0, 0.0, 0.0, n)
    tail = _expanded_tail(n, level)
    means = resampled_means(sums, counts, *key)
    low, high = np.quantile(means, [tail, 1 - tail])
    return Interval(mean, float(low), float(high), n)


def resampled_means(sums: Floats, counts: Floats, *key: object) -> Floats:
    """Draw means of resampled blocks, [RESAMPLES]; in portions, so that memory does not grow with the blocks."""
    rng = np.random.Generator(np.random.Philox(key_of("bootstrap", *key)))
    n, means = len(sums), np.empty(RESAMPLES)
    rows = max(1, PORTION // n)
    for first in range(0, RESAMPLES, rows):
        picks = rng.integers(0, n, size=(min(rows, RESAMPLES - first), n))
        means[first : first + rows] = sums[picks].sum(axis=1) / counts[picks].sum(axis=1)
    return means


def _expanded_tail(n: int, level: float) -> float:
    from scipy.stats import norm, t

    return float(norm.cdf(np.sqrt(n / (n - 1)) * t.ppf((1 - level) / 2, n - 1)))
