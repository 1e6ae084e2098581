"""Scenario discovery finds a box that was planted, as EMA Workbench's PRIM does."""

from __future__ import annotations

import warnings
from itertools import pairwise

import numpy as np
import pytest
from experiments.extras import needs
from hypothesis import given, settings
from hypothesis import strategies as st

from market.experiments.statistics.prim import chance_of, choose, trajectory

NAMES = ["a", "b", "c", "d"]


def planted(seed: int, n: int = 1500) -> tuple[np.ndarray, np.ndarray]:
    """Points of a cube; cases where a < 0.4 and b > 0.7, with a tenth of noise."""
    rng = np.random.Generator(np.random.Philox(seed))
    points = rng.random((n, 4))
    inside = (points[:, 0] < 0.4) & (points[:, 1] > 0.7)
    return points, np.where(rng.random(n) < 0.1, ~inside, inside)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_planted_box_is_found(seed: int) -> None:
    points, cases = planted(seed)
    inside = (points[:, 0] < 0.4) & (points[:, 1] > 0.7)
    boxes = trajectory(points, cases)
    steep = next(box for box in boxes if box.mass <= 1.05 * inside.mean())
    assert set(steep.restricted) >= {0, 1}
    assert steep.high[0] == pytest.approx(0.4, abs=0.05)
    assert steep.low[1] == pytest.approx(0.7, abs=0.05)
    assert steep.density > 0.8
    chances = chance_of(steep, points, cases)
    assert chances[0] < 1e-6
    assert chances[1] < 1e-6


@pytest.mark.parametrize("seed", [1, 2])
def test_the_trajectory_is_that_of_ema_workbench(seed: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        needs("ema_workbench")
        import pandas as pd
        from ema_workbench.analysis import prim

        points, cases = planted(seed)
        theirs = prim.Prim(pd.DataFrame(points, columns=NAMES), cases, peel_alpha=0.05, paste_alpha=0.05)
        box = theirs.find_box()
    assert box is not None
    peeled = box.peeling_trajectory
    ours = trajectory(points, cases)
    inside = (points[:, 0] < 0.4) & (points[:, 1] > 0.7)
    for mass in (0.8, 0.5, 0.3, 1.05 * inside.mean()):
        there = peeled[peeled["mass"] <= mass].iloc[0]
        here = next(b for b in ours if b.mass <= mass)
        assert here.mass == pytest.approx(there["mass"], abs=0.02)
        assert here.coverage == pytest.approx(there["coverage"], abs=0.04)
        assert here.density == pytest.approx(there["density"], abs=0.05)


@settings(max_examples=30)
@given(st.integers(0, 10_000), st.integers(2, 4), st.booleans())
def test_peeling_gives_up_points_one_slice_at_a_time(seed: int, k: int, is_coarse: bool) -> None:
    rng = np.random.Generator(np.random.Philox(seed))
    points = rng.random((200, k))
    points = np.round(3 * points) if is_coarse else points
    cases = rng.random(200) < 0.3
    cases[0] = True
    boxes = trajectory(points, cases)
    assert (boxes[0].mass, boxes[0].coverage, boxes[0].restricted) == (1, 1, ())
    for wide, narrow in pairwise(boxes):
        assert narrow.mass < wide.mass
        assert narrow.coverage <= wide.coverage
        assert narrow.density > wide.density
        assert not (narrow.holds(points) & ~wide.holds(points)).any()
        assert narrow.holds(points).mean() == pytest.approx(narrow.mass)
        assert narrow.mass >= 0.05
    assert choose(boxes) in boxes


def test_without_cases_there_is_nothing_to_find() -> None:
    with pytest.raises(ValueError, match="no case"):
        trajectory(np.zeros((3, 1)), np.zeros(3, dtype=bool))
