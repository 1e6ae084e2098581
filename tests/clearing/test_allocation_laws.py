"""Laws of sharing out a scarce whole number of units."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from market.clearing import largest_remainder, water_fill

totals = st.integers(0, 10**7)
weights = st.floats(0, 1e9, allow_subnormal=False)
claims = st.lists(st.tuples(st.integers(0, 10**6), weights), max_size=20)


@given(totals, st.lists(weights, max_size=20))
def test_a_split_is_whole_adds_up_and_is_within_one_of_proportion(total, shares):
    split = largest_remainder(total, shares)
    weight = sum(shares)
    assert len(split) == len(shares)
    if weight == 0:
        assert sum(split) == 0
        return
    assert sum(split) == total
    for part, share in zip(split, shares, strict=True):
        assert abs(part - total * share / weight) < 1 + 1e-6 * total


@given(totals, claims)
def test_nobody_gets_more_than_it_needs_and_nothing_is_left_that_someone_could_use(supply, wanted):
    needs, strengths = [need for need, _ in wanted], [weight for _, weight in wanted]
    filled = water_fill(supply, needs, strengths)
    assert all(0 <= got <= need for got, need in zip(filled, needs, strict=True))
    usable = sum(need for need, weight in wanted if weight > 0)
    assert sum(filled) == min(supply, usable)


@given(totals, claims, st.floats(1e-3, 1e3))
def test_only_the_ratio_of_weights_counts(supply, wanted, scale):
    needs, strengths = [need for need, _ in wanted], [weight for _, weight in wanted]
    one, other = water_fill(supply, needs, strengths), water_fill(supply, needs, [w * scale for w in strengths])
    assert all(abs(a - b) <= len(wanted) for a, b in zip(one, other, strict=True))


@given(totals, st.integers(0, 10**6), st.integers(1, 20))
def test_equal_claims_differ_by_one_at_most(supply, need, n):
    filled = water_fill(supply, [need] * n, [1.0] * n)
    assert max(filled) - min(filled) <= 1


@given(totals, claims, st.integers(0, 10**6))
def test_a_claim_without_weight_gets_nothing_and_takes_nothing(supply, wanted, need):
    needs, strengths = [n for n, _ in wanted], [w for _, w in wanted]
    filled = water_fill(supply, [*needs, need], [*strengths, 0.0])
    assert filled[-1] == 0
    assert filled[:-1] == water_fill(supply, needs, strengths)


def test_ties_go_to_the_earlier_claim():
    assert largest_remainder(1, [1.0, 1.0]) == [1, 0]
    assert water_fill(3, [5, 5], [1.0, 1.0]) == [2, 1]
    assert largest_remainder(-5, [1.0]) == [0]
