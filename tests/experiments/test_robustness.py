"""Criteria of robustness on a table that can be checked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import arrays

from market.experiments.design.schema import Goal
from market.experiments.statistics.robustness import regret, robustness_of

TABLE = np.array([[10.0, 2.0, 6.0], [4.0, 5.0, 5.0], [8.0, 4.0, 3.0]])  # policies a, b, c in three futures


def test_regret_is_the_distance_to_the_best_of_each_future() -> None:
    assert regret(TABLE, "high").tolist() == [[0, 3, 0], [6, 0, 1], [2, 1, 3]]
    assert regret(TABLE, "low").tolist() == [[6, 0, 3], [0, 3, 2], [4, 2, 0]]


def test_the_criteria_choose_as_the_books_say() -> None:
    found = {r.policy: r for r in robustness_of(("a", "b", "c"), "m", TABLE, Goal(want="high", threshold=4.0))}
    assert {p: r.worst for p, r in found.items()} == {"a": 2, "b": 4, "c": 3}  # maximin: b
    assert {p: r.regret_max for p, r in found.items()} == {"a": 3, "b": 6, "c": 3}
    assert {p: r.starr for p, r in found.items()} == {"a": pytest.approx(2 / 3), "b": 1, "c": pytest.approx(2 / 3)}
    assert found["a"].regret_p90 == pytest.approx(2.4)


def test_wanted_low_turns_everything_round() -> None:
    high = robustness_of(("a", "b", "c"), "m", TABLE, Goal(want="high", threshold=4.0))
    low = robustness_of(("a", "b", "c"), "m", -TABLE, Goal(want="low", threshold=-4.0))
    for h, w in zip(high, low, strict=True):
        assert (h.worst, h.regret_max, h.regret_p90, h.starr) == (-w.worst, w.regret_max, w.regret_p90, w.starr)


def test_a_future_that_failed_counts_for_nobody() -> None:
    table = np.array([[1.0, np.nan, 3.0], [2.0, 5.0, np.nan]])
    a, b = robustness_of(("a", "b"), "m", table, Goal(want="high"))
    assert (a.worst, a.regret_max, b.worst, b.regret_max) == (1, 1, 2, 0)


@given(arrays(float, (3, 8), elements={"min_value": -1e6, "max_value": 1e6}))
def test_regret_is_never_negative_and_someone_has_none(table: np.ndarray) -> None:
    distance = regret(table, "high")
    assert (distance >= 0).all()
    assert (distance.min(axis=0) == 0).all()
