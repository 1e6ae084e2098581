"""Sensitivity analyses on functions whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from experiments.extras import needs

from market.experiments.design.sampling import unit_points
from market.experiments.statistics.sensitivity import morris, ranks, sobol

needs("SALib")


def ishigami(unit: np.ndarray, a: float = 7.0, b: float = 0.1) -> np.ndarray:
    """Ishigami and Homma (1990)."""
    x = np.pi * (2 * unit - 1)
    return np.sin(x[:, 0]) + a * np.sin(x[:, 1]) ** 2 + b * x[:, 2] ** 4 * np.sin(x[:, 0])


def test_sobol_indices_of_ishigami_are_the_analytic_ones() -> None:
    a, b = 7.0, 0.1
    v1, v2, v13 = 0.5 * (1 + b * np.pi**4 / 5) ** 2, a**2 / 8, b**2 * np.pi**8 * 8 / 225
    variance = v1 + v2 + v13
    points = unit_points("saltelli", ["x1", "x2", "x3"], 2048)
    found = {row.parameter: row for row in sobol(["x1", "x2", "x3"], ishigami(points))}
    first = {"x1": v1 / variance, "x2": v2 / variance, "x3": 0.0}
    total = {"x1": (v1 + v13) / variance, "x2": v2 / variance, "x3": v13 / variance}
    for name in first:
        assert found[name].first == pytest.approx(first[name], abs=0.03)
        assert found[name].total == pytest.approx(total[name], abs=0.03)


def test_morris_finds_the_slopes_of_a_plane_exactly() -> None:
    points = unit_points("morris", ["a", "b", "c"], 20)
    found = morris(["a", "b", "c"], points, points @ np.array([3.0, -10.0, 0.0]))
    assert [row.parameter for row in found] == ["b", "a", "c"]
    assert [row.mu for row in found] == pytest.approx([-10, 3, 0], abs=1e-9)
    assert [row.mu_star for row in found] == pytest.approx([10, 3, 0], abs=1e-9)
    assert [row.sigma for row in found] == pytest.approx([0, 0, 0], abs=1e-9)


def test_morris_tells_what_is_not_linear_by_its_spread() -> None:
    points = unit_points("morris", ["x1", "x2", "x3"], 200)
    found = {row.parameter: row for row in morris(["x1", "x2", "x3"], points, ishigami(points))}
    assert found["x3"].mu_star > 1
    assert found["x3"].sigma > found["x3"].mu_star


def test_ranks_see_what_is_monotone_however_bent() -> None:
    points = unit_points("lhs", ["a", "b"], 200)
    found = ranks(["a", "b"], points, -np.exp(8 * points[:, 0]))
    assert found[0].parameter == "a"
    assert found[0].correlation == pytest.approx(-1)
    assert abs(found[1].correlation) < 0.2
    assert found[1].p > 0.001
