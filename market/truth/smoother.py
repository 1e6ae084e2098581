"""Fit many parameters with few runs: an ensemble smoother with multiple data assimilation (Emerick and Reynolds 2013).

Parameters live as standard normals; a prior range turns them into values. Spurious correlations of a small ensemble
are cut at three over the root of its size (Vossepoel, Evensen, van Leeuwen 2025). The error of the observations is
raised by what no combination of the ensemble's runs can reproduce, series by series, so that a record which the model
cannot follow teaches nothing, and one that it follows is not drowned by another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr
from scipy.stats import qmc

from market.truth.futures import Floats

Forward = Callable[[Floats], Floats]
"""Standard normals [k, N] to predictions [m, N]; a column of nan is a run that failed."""
SPAN_SHARE = 0.9  # of the ensemble's variance that the leading patterns hold
EDGE = 1e-6


class SmootherMissing(ValueError):
    """An optional library is needed; the text says how to install it."""


class Fitted(NamedTuple):
    """Posterior ensemble [k, N], the error that was used, and what the model could not reproduce, over all rows."""

    posterior: Floats
    prior: Floats
    error: float
    discrepancy: float
    failed: int


def assimilate(
    prior: Floats, forward: Forward, observed: Floats, error: float, *, waves: int, seed: int,
    groups: Sequence[str] | None = None,
) -> Fitted:  # fmt: skip
    """Assimilate observations [m] with a standard error, from a prior ensemble [k, N] on.

    `groups` [m] names what each observation is a part of; what the ensemble cannot reproduce is judged group by group.
    """
    if find_spec("iterative_ensemble_smoother") is None:
        raise SmootherMissing('calibration needs an extra library: install "compute-market[truth]"')
    from iterative_ensemble_smoother import AdaptiveESMDA
    from threadpoolctl import threadpool_limits

    ensemble, failed = prior.copy(), 0
    predicted, lost = _filled(forward(ensemble))
    with threadpool_limits(1):  # small matrices: threads only wait for each other, and their number moves last digits
        missed = misfits(predicted, observed, groups)
        totals = np.hypot(error, missed)
        smoother = AdaptiveESMDA(covariance=totals**2, observations=observed, alpha=waves, seed=seed)
        for wave in range(waves):
            if wave:
                predicted, lost = _filled(forward(ensemble))
            failed += lost
            smoother.prepare_assimilation(Y=predicted)
            ensemble = smoother.assimilate_batch(X=ensemble, n_jobs=1)
    return Fitted(ensemble, prior, _rms(totals), _rms(missed), failed)


def standard_normals(names: int, runs: int, seed: int) -> Floats:
    """Draw a Latin hypercube of standard normals [k, N]."""
    from scipy.special import ndtri

    points = qmc.LatinHypercube(names, rng=seed).random(runs)
    return np.asarray(ndtri(np.clip(points, EDGE, 1 - EDGE)).T)


def to_unit(normals: Floats) -> Floats:
    """Turn standard normals into points of the unit cube."""
    return np.asarray(np.clip(ndtr(normals), EDGE, 1 - EDGE))


def _filled(predicted: Floats) -> tuple[Floats, int]:
    """Give failed runs the ensemble's mean, which teaches nothing, and count them."""
    lost = np.any(~np.isfinite(predicted), axis=0)
    if np.all(lost):
        raise ValueError("no run of the ensemble ran to its end")
    filled = predicted.copy()
    filled[:, lost] = predicted[:, ~lost].mean(axis=1, keepdims=True)
    return filled, int(lost.sum())


def misfits(predicted: Floats, observed: Floats, groups: Sequence[str] | None = None) -> Floats:
    """For each observation [m] the root mean square of what cannot be reproduced of its group."""
    gaps, names = residuals(predicted, observed), np.array(groups or [""] * len(observed))
    found = np.empty(len(observed))
    for name in np.unique(names):
        found[names == name] = _rms(gaps[names == name])
    return found


def _rms(values: Floats) -> float:
    return float(np.sqrt(np.mean(values**2)))


def residuals(predicted: Floats, observed: Floats) -> Floats:
    """What the leading patterns of the ensemble cannot reproduce of the observations [m]."""
    mean = predicted.mean(axis=1)
    patterns, strength, _ = np.linalg.svd(predicted - mean[:, None], full_matrices=False)
    energy = np.cumsum(strength**2) / max(float(np.sum(strength**2)), EDGE)
    count = min(int(np.searchsorted(energy, SPAN_SHARE)) + 1, max(1, len(observed) // 3))
    span = patterns[:, :count]
    gap = observed - mean
    return np.asarray(gap - span @ (span.T @ gap))


def contraction(fitted: Fitted) -> Floats:
    """How much narrower each parameter became [k]: 0 nothing was learned, 1 it is known."""
    return np.asarray(1 - fitted.posterior.std(axis=1) / fitted.prior.std(axis=1))
