"""Tipping points: where one policy overtakes another."""

from __future__ import annotations

import numpy as np
import pytest

from market.experiments.statistics.tipping import crossing, tipping_of

SETTINGS = np.array([0.0, 10.0, 20.0, 40.0])


@pytest.mark.parametrize(
    ("gaps", "found"),
    [
        ([-1.0, 1.0, 2.0, 3.0], (5.0, True)),
        ([3.0, 1.0, -1.0, -2.0], (15.0, False)),
        ([-2.0, -1.0, 0.0, 0.0], (20.0, None)),
        ([-2.0, 0.0, 0.0, 1.0], (10.0, True)),
        ([-2.0, 0.0, -1.0, -1.0], None),
        ([-2.0, 0.0, -1.0, 1.0], (30.0, True)),
        ([1.0, 2.0, 3.0, 4.0], None),
        ([0.0, 0.0, 0.0, 0.0], None),
        ([0.0, 0.0, 1.0, 2.0], None),
        ([-3.0, -2.0, -1.0, 1.0], (30.0, True)),
    ],
)
def test_the_first_change_of_sign_is_found_by_straight_lines(
    gaps: list[float], found: tuple[float, bool | None] | None
) -> None:
    assert crossing(SETTINGS, np.array(gaps)) == found


def test_a_known_tipping_point_lies_in_its_interval() -> None:
    rng = np.random.Generator(np.random.Philox(3))
    noise = rng.normal(0, 0.5, (4, 40))
    swept = 0.1 * SETTINGS[:, None] + noise  # overtakes 1.7 at 17
    found = tipping_of(SETTINGS, swept, np.full(40, 1.7), "x")
    assert found is not None
    value, low, high, share, rises = found
    assert low < 17 < high
    assert low <= value <= high
    assert high - low < 8
    assert share == 1
    assert rises


def test_an_unsure_tipping_point_says_how_often_it_is_there() -> None:
    rng = np.random.Generator(np.random.Philox(4))
    swept = np.zeros((4, 12)) + rng.normal(-0.15, 1, (4, 12))
    swept[-1] += 0.4
    found = tipping_of(SETTINGS, swept, np.zeros(12), "x")
    assert found is not None
    assert 0 < found[3] < 1
