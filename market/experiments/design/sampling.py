"""Draw futures: points of the unit cube by a named method, turned into values of the uncertain parameters.

Latin hypercube and Sobol sequences are SciPy's (`scipy.stats.qmc`), the designs of Morris (1991) and Saltelli (2010)
SALib's. All draws are keyed by the names of the parameters, the method and the size: the same design gives the same
futures.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

import numpy as np

from market.experiments.design.distributions import Distribution, Floats

TAIL = 1e-3
"""Probability cut off at either end of a distribution without bounds, so that designs with corners stay finite."""
UNBOUNDED = ("normal", "lognormal")


class ExtraMissing(Exception):
    """An optional library is needed; the text says how to install it."""


def need_salib() -> None:
    """Raise ExtraMissing unless SALib is installed."""
    if find_spec("SALib") is None:
        raise ExtraMissing('sensitivity analysis needs SALib: install "compute-market[sensitivity]"')


def key_of(*words: object) -> int:
    """Turn words into a seed."""
    text = "|".join(map(str, words)).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=4).digest(), "little")


def problem(names: list[str]) -> dict[str, Any]:
    """Describe the unit cube to SALib."""
    return {"num_vars": len(names), "names": names, "bounds": [[0.0, 1.0]] * len(names)}


def unit_points(method: str, names: list[str], size: int) -> Floats:
    """Draw points of the unit cube.

    Parameters
    ----------
    method : lhs or sobol: `size` points. morris: `size` trajectories of k + 1 points. saltelli: `size` base points,
        k + 2 points each.
    names : [k].

    Returns
    -------
    points : [F, k].
    """
    if not names:
        return np.zeros((1, 0))
    seed = key_of("futures", method, size, *names)
    if method in ("lhs", "sobol"):
        from scipy.stats import qmc

        sampler = qmc.LatinHypercube(len(names), rng=seed) if method == "lhs" else qmc.Sobol(len(names), rng=seed)
        if method == "lhs":
            return np.asarray(sampler.random(size))
        power = max(0, (size - 1).bit_length())
        return np.asarray(sampler.random_base2(power))[:size]
    need_salib()
    if method == "morris":
        from SALib.sample import morris

        return np.asarray(morris.sample(problem(names), size, num_levels=4, seed=seed))
    from SALib.sample import sobol

    return np.asarray(sobol.sample(problem(names), size, calc_second_order=False, seed=seed))


def values_at(points: Floats, uncertain: Mapping[str, Distribution], whole: Mapping[str, bool]) -> Floats:
    """Turn unit points [F, k] into parameter values [F, k], whole where the scenario wants whole numbers."""
    values = np.empty_like(points)
    for column, (name, distribution) in enumerate(uncertain.items()):
        u = points[:, column]
        if distribution.kind in UNBOUNDED and len(distribution.numbers) == 2:
            u = np.clip(u, TAIL, 1 - TAIL)
        x = distribution.quantile(u)
        values[:, column] = np.round(x) if whole[name] else x
    return values
