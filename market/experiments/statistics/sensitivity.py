"""Which uncertain parameters an outcome hangs on.

Morris (1991) elementary effects and Sobol indices after Saltelli et al. (2010) by SALib, for designs drawn for them.
For a Latin hypercube or a Sobol sequence the rank correlation (Spearman): a screen, blind to what is not monotone.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from market.experiments.design.distributions import Floats
from market.experiments.design.sampling import key_of, need_salib, problem
from market.experiments.design.schema import BASELINE
from market.experiments.results.dataset import Results

FUTURES_MIN = 8


class Morris(NamedTuple):
    """Elementary effects of a parameter, in units of the outcome over the whole range of the parameter."""

    parameter: str
    mu: float
    mu_star: float
    sigma: float
    mu_star_interval: float  # half width at 95 %


class Sobol(NamedTuple):
    """Shares of the variance of the outcome: by the parameter alone, and with all its interactions."""

    parameter: str
    first: float
    first_interval: float  # half width at 95 %
    total: float
    total_interval: float


class Rank(NamedTuple):
    """Spearman's rank correlation of a parameter with the outcome over futures."""

    parameter: str
    correlation: float
    p: float


Sensitivity = Morris | Sobol | Rank


def morris(names: list[str], points: Floats, outcomes: Floats) -> list[Morris]:
    """Analyse outcomes [F] of a Morris design at unit points [F, k]; the largest mu star first."""
    need_salib()
    from SALib.analyze import morris as salib

    found = salib.analyze(problem(names), points, outcomes, num_levels=4, seed=key_of("morris", *names))
    columns = zip(names, found["mu"], found["mu_star"], found["sigma"], found["mu_star_conf"], strict=True)
    rows = [Morris(name, float(mu), float(star), float(sd), float(conf)) for name, mu, star, sd, conf in columns]
    return sorted(rows, key=lambda row: -row.mu_star)


def sobol(names: list[str], outcomes: Floats) -> list[Sobol]:
    """Analyse outcomes [F] of a Saltelli design, F = base points * (k + 2); the largest total share first."""
    need_salib()
    from SALib.analyze import sobol as salib

    found = salib.analyze(problem(names), outcomes, calc_second_order=False, seed=key_of("sobol", *names))
    columns = zip(names, found["S1"], found["S1_conf"], found["ST"], found["ST_conf"], strict=True)
    rows = [Sobol(name, float(a), float(b), float(c), float(d)) for name, a, b, c, d in columns]
    return sorted(rows, key=lambda row: -row.total)


def ranks(names: list[str], points: Floats, outcomes: Floats) -> list[Rank]:
    """Rank-correlate outcomes [F] with every parameter [F, k]; the strongest first."""
    from scipy.stats import spearmanr

    rows = []
    for i, name in enumerate(names):
        test = spearmanr(points[:, i], outcomes)
        rows.append(Rank(name, float(test.statistic), float(test.pvalue)))
    return sorted(rows, key=lambda row: -abs(row.correlation))


def sensitivity(results: Results, policy: str, metric: str) -> list[Sensitivity]:
    """Find what a policy's effect on a metric (for the baseline: the outcome) hangs on; empty when nothing can be told.

    Outcomes are means over seeds: what is left of chance in them counts as noise of the future.
    """
    names = list(results.uncertain)
    values = results.outcome(policy, metric) if policy == BASELINE else results.effect(policy, metric)
    known = ~np.isnan(values).any(axis=1)
    outcomes = values[known].mean(axis=1)
    if not names or len(outcomes) < FUTURES_MIN or np.ptp(outcomes) == 0:
        return []
    if results.sampling in ("morris", "saltelli"):
        if not known.all():  # both need their whole design
            return []
        return list(morris(names, results.points, outcomes) if results.sampling == "morris" else sobol(names, outcomes))
    return list(ranks(names, results.points[known], outcomes))
