"""Distributions agree with SciPy's; futures cover the cube as their method promises, the same every time."""

from __future__ import annotations

import math

import numpy as np
import pytest
from experiments.extras import needs
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from market.experiments.design.distributions import Distribution
from market.experiments.design.sampling import unit_points, values_at

U = np.linspace(0.001, 0.999, 97)
SCIPY = [
    (Distribution("uniform", (2.0, 5.0)), stats.uniform(2, 3)),
    (Distribution("loguniform", (0.1, 10.0)), stats.loguniform(0.1, 10)),
    (Distribution("triangular", (1.0, 1.5, 4.0)), stats.triang(0.5 / 3, 1, 3)),
    (Distribution("triangular", (1.0, 1.0, 4.0)), stats.triang(0, 1, 3)),
    (Distribution("normal", (3.0, 2.0)), stats.norm(3, 2)),
    (Distribution("normal", (3.0, 2.0, 2.0, 8.0)), stats.truncnorm(-0.5, 2.5, 3, 2)),
    (Distribution("lognormal", (3.0, 0.4)), stats.lognorm(0.4, scale=3)),
]


@pytest.mark.parametrize(("ours", "theirs"), SCIPY, ids=[str(ours) for ours, _ in SCIPY])
def test_quantiles_agree_with_scipy(ours: Distribution, theirs: stats.rv_continuous) -> None:
    np.testing.assert_allclose(ours.quantile(U), theirs.ppf(U), rtol=1e-9)


def test_a_cut_lognormal_is_a_cut_normal_of_the_log() -> None:
    ours = Distribution("lognormal", (3.0, 0.4, 2.0, 6.0)).quantile(U)
    theirs = np.exp(Distribution("normal", (math.log(3), 0.4, math.log(2), math.log(6))).quantile(U))
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def test_a_choice_is_equally_likely() -> None:
    values = Distribution("choice", (5.0, 7.0, 9.0)).quantile((np.arange(300) + 0.5) / 300)
    assert [int((values == x).sum()) for x in (5.0, 7.0, 9.0)] == [100, 100, 100]


@given(st.integers(1, 5), st.integers(1, 60))
def test_a_latin_hypercube_has_one_point_in_every_stratum(k: int, n: int) -> None:
    points = unit_points("lhs", [f"x{i}" for i in range(k)], n)
    assert points.shape == (n, k)
    for column in points.T:
        assert sorted(np.floor(column * n)) == list(range(n))


def test_a_sobol_sequence_halves_every_axis_evenly() -> None:
    points = unit_points("sobol", ["a", "b", "c"], 64)
    assert (points < 0.5).sum(axis=0).tolist() == [32, 32, 32]
    assert unit_points("sobol", ["a", "b"], 50).shape == (50, 2)


def test_designs_for_sensitivity_have_their_sizes() -> None:
    needs("SALib")
    assert unit_points("morris", ["a", "b", "c"], 10).shape == (40, 3)
    assert unit_points("saltelli", ["a", "b", "c"], 16).shape == (80, 3)


@pytest.mark.parametrize("method", ["lhs", "sobol", "morris", "saltelli"])
def test_the_same_design_gives_the_same_futures(method: str) -> None:
    if method in ("morris", "saltelli"):
        needs("SALib")
    one, two, other = (unit_points(method, names, 16) for names in (["a", "b"], ["a", "b"], ["a", "c"]))
    np.testing.assert_array_equal(one, two)
    assert not np.array_equal(one, other)


def test_values_are_whole_where_the_scenario_wants_it_and_finite_at_the_corners() -> None:
    uncertain = {"days": Distribution("uniform", (10.0, 20.0)), "x": Distribution("normal", (0.0, 1.0))}
    values = values_at(np.array([[0.0, 0.0], [0.123, 1.0]]), uncertain, {"days": True, "x": False})
    assert values[:, 0].tolist() == [10.0, 11.0]
    np.testing.assert_allclose(values[:, 1], [-3.0902, 3.0902], atol=1e-4)
