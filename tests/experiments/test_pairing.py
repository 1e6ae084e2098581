"""Paired effects: exact where they must be, covered as often as they say, and cheaper than unpaired ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.experiments.statistics.bootstrap import mean_interval
from market.experiments.statistics.pairing import effect_of, variance_ratio

NOISE = np.random.Generator(np.random.Philox(5))


def test_a_constant_effect_is_found_exactly_whatever_the_noise() -> None:
    base = NOISE.normal(0, 100, (1, 20))
    effect = effect_of("p", "m", base + 3.0, base)
    assert effect.mean == pytest.approx(3)
    assert (effect.low, effect.high) == pytest.approx((3, 3))
    assert (effect.pairs, effect.share_down, effect.share_up) == (20, 0, 1)
    assert effect.is_clear


def test_what_cannot_be_negative_falls_by_no_more_than_all() -> None:
    base = np.array([[10.0, 12.0, 8.0, 10.0]])
    with_policy = base - np.array([[9.0, 30.0, 4.0, 25.0]])
    kept = {name: effect_of("p", name, with_policy, base).relative_interval for name in ("finance.labs_cash_usd",
            "labs.openai.cash_usd", "labs.openai.h100e")}  # fmt: skip
    assert kept["labs.openai.h100e"] is not None
    assert kept["labs.openai.h100e"][0] == -1.0
    assert kept["labs.openai.cash_usd"] == kept["finance.labs_cash_usd"]
    assert kept["labs.openai.cash_usd"] is not None
    assert kept["labs.openai.cash_usd"][0] < -1.0


def test_no_effect_is_exactly_zero() -> None:
    base = NOISE.normal(0, 1, (4, 5))
    effect = effect_of("p", "m", base.copy(), base)
    assert (effect.mean, effect.low, effect.high, effect.variance_ratio) == (0, 0, 0, None)
    assert not effect.is_clear
    assert effect.is_slight


def test_the_variance_saved_is_that_of_the_noise_in_common() -> None:
    common, own = NOISE.normal(0, 10, 4000), NOISE.normal(0, 1, (2, 4000))
    ratio = variance_ratio(common + own[0], common + own[1])
    assert ratio == pytest.approx(101, rel=0.1)


def test_pairs_that_failed_on_one_side_are_left_out() -> None:
    base = np.array([[1.0, 2.0, np.nan, 4.0]])
    with_policy = np.array([[2.0, np.nan, 9.0, 5.0]])
    effect = effect_of("p", "m", with_policy, base)
    assert (effect.mean, effect.pairs, effect.base) == (1.0, 2, 2.5)
    nothing = effect_of("p", "m", base, np.full((1, 4), np.nan))
    assert nothing.pairs == 0
    assert np.isnan(nothing.mean)


def test_a_single_pair_has_no_interval() -> None:
    effect = effect_of("p", "m", np.array([[3.0]]), np.array([[1.0]]))
    assert effect.mean == 2
    assert np.isnan(effect.low)
    assert not effect.is_clear


@pytest.mark.parametrize("draw", ["normal", "skewed"])
def test_intervals_cover_the_mean_about_as_often_as_they_say(draw: str) -> None:
    rng = np.random.Generator(np.random.Philox(11))
    hits = 0
    for trial in range(400):
        values = rng.normal(1, 2, 20) if draw == "normal" else rng.exponential(1, 20)
        interval = mean_interval(values[None, :], trial)
        hits += interval.low <= 1 <= interval.high
    assert 0.89 <= hits / 400 <= 0.985


def test_seeds_of_one_future_are_not_independent_futures() -> None:
    rng = np.random.Generator(np.random.Philox(12))
    future = rng.normal(0, 10, (10, 1))
    values = future + rng.normal(0, 0.1, (10, 50))
    interval = mean_interval(values, "x")
    assert interval.blocks == 10
    assert interval.high - interval.low > 8  # 2 * 2.26 * 10 / sqrt(10) = 14; 500 free values would give 1.8


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=30), st.text(max_size=5))
def test_the_same_data_and_name_give_the_same_interval_around_the_mean(values: list[float], name: str) -> None:
    one, two = (mean_interval(np.array([values]), name) for _ in range(2))
    assert one == two
    slack = 1e-9 * (1 + max(map(abs, values)))
    assert min(values) - slack <= one.low <= one.mean + slack
    assert one.mean - slack <= one.high <= max(values) + slack
