"""What a fit is worth: ranks of synthetic truths, and what it learns where there is nothing to learn.

Each run of an ensemble is the truth in turn: with an error of observation it is the record that the smoother is given,
and the other runs are the ensemble. If the posterior says what it knows, the rank of the truth among its draws is
uniform (Talts et al. 2018). A record whose quarters are shuffled within each series should narrow little, as no run
looks like it. Draws that are dealt to runs at random have nothing to do with them: what they narrow is chance. One wave
is fitted, so that nothing is run for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from market.truth.aims import Target
from market.truth.futures import Floats
from market.truth.smoother import Fitted, assimilate, contraction
from market.units import digits

PERMUTATIONS = 20
MOST = 10  # parameters that narrow most


class Runs(NamedTuple):
    """An ensemble whose runs all ended: standard normals [k, N] and what was told [m, N]."""

    normals: Floats
    told: Floats

    def taken(self, chosen: NDArray[np.bool]) -> Runs:
        """Some of the runs."""
        return Runs(self.normals[:, chosen], self.told[:, chosen])


def whole_runs(normals: Floats, told: Floats) -> Runs:
    """Leave out runs that failed."""
    return Runs(normals, told).taken(np.isfinite(told).all(axis=0))


def chance_of(runs: Runs, observed: Floats, groups: Sequence[str], error: float, seed: int) -> float:
    """The most that any parameter narrows by in any of 20 ensembles whose draws are dealt to their runs at random."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(PERMUTATIONS):
        dealt = runs.normals[:, rng.permutation(runs.normals.shape[1])]
        found.append(contraction(_fitted(Runs(dealt, runs.told), observed, groups, error, seed)).max())
    return float(max(found))


def checked(
    runs: Runs, aims: Sequence[Target], groups: Sequence[str], *, error: float, seed: int, truths: int
) -> dict[str, Any]:
    """Test a fit: ranks of synthetic truths and what they narrow; what the record and its permuted quarters narrow."""
    ranks, narrower = ranks_of(runs, groups, error, seed, truths)
    most = np.argsort(-narrower)[:MOST]
    record, names = np.array([aim.value for aim in aims]), [aim.series for aim in aims]
    true = _fitted(runs, record, groups, error, seed)
    shuffled = [_fitted(runs, each, groups, error, seed) for each in permuted(record, names, seed)]
    narrowed = [_narrowed(one) for one in shuffled]
    return {
        "truths": ranks.shape[1], "uniform_p": _uniform(ranks), "uniform_p_of_most": _uniform(ranks[most]),
        "inside_80": _inside(ranks), "inside_80_of_most": _inside(ranks[most]),
        "narrowed_by_truths": digits(float(np.sort(narrower)[-MOST:].mean())), "narrowed_by_record": _narrowed(true),
        "narrowed_by_permuted": digits(float(np.median(narrowed))), "permuted_most": max(narrowed),
        "error_of_record": digits(true.error),
        "error_of_permuted": digits(float(np.median([one.error for one in shuffled]))),
    }  # fmt: skip


def ranks_of(runs: Runs, groups: Sequence[str], error: float, seed: int, truths: int) -> tuple[Floats, Floats]:
    """Rank of each truth among the draws of its posterior [k, truths], and the mean contraction by truths [k].

    A rank is drawn between its two neighbours, so that ranks of few draws are no steps.
    """
    rng, count = np.random.default_rng(seed), runs.normals.shape[1]
    ranks, narrower = [], []
    for i in range(min(truths, count)):
        others = np.arange(count) != i
        record = runs.told[:, i] + rng.normal(0, error, len(runs.told))
        one = _fitted(runs.taken(others), record, groups, error, seed)
        below = (one.posterior < runs.normals[:, i, None]).sum(axis=1)
        ranks.append((below + rng.random(len(below))) / count)
        narrower.append(contraction(one))
    return np.array(ranks).T, np.asarray(np.mean(narrower, axis=0))


def permuted(record: Floats, names: Sequence[str], seed: int) -> list[Floats]:
    """The record [m] with the quarters of each series shuffled, again and again."""
    rng, where = np.random.default_rng(seed), np.array(names)
    found = []
    for _ in range(PERMUTATIONS):
        values = record.copy()
        for name in sorted(set(names)):
            values[where == name] = rng.permutation(values[where == name])
        found.append(values)
    return found


def _fitted(runs: Runs, record: Floats, groups: Sequence[str], error: float, seed: int) -> Fitted:
    return assimilate(runs.normals, lambda _: runs.told, record, error, waves=1, seed=seed, groups=groups)


def _narrowed(fitted: Fitted) -> float:
    return digits(float(np.sort(contraction(fitted))[-MOST:].mean()))


def _uniform(ranks: Floats) -> float:
    return digits(float(stats.kstest(ranks.ravel(), "uniform").pvalue))


def _inside(ranks: Floats) -> float:
    return digits(float(np.mean((ranks > 0.1) & (ranks < 0.9))))
