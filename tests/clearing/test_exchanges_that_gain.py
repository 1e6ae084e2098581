"""Packages push each other out where that gains, and only there."""

from __future__ import annotations

import pytest
from clearing.books import large

from market.clearing import Alternative, Bid, Lot, book, clear
from market.clearing.improve import improved
from market.clearing.packages import packages, served_greedily, surplus


@pytest.mark.parametrize("seed", range(4))
def test_exchanges_never_lose_surplus_and_serve_a_bid_once(seed):
    of = large(seed, bids=60)
    found = packages(of)
    greedily = served_greedily(of, found)
    better = improved(of, found, greedily)
    assert surplus(better) >= surplus(greedily) - 1e-6
    assert len({one.package.bid for one in better}) == len(better)
    assert improved(of, found, better) == improved(of, found, list(reversed(better)))


def test_a_package_enters_where_it_gains_more_than_those_it_pushes_out():
    lots = [Lot("hall", "H100", "texas", week, 10, 0.0) for week in range(2)]

    def bid(name, units, weeks, usd, first=0):
        asked = Alternative(units, usd, ("H100",), first_week=first, weeks=weeks, contiguous=True, share_min=1.0)
        return Bid(name, name, (asked,))

    of = book(lots, [bid("long", 10, 2, 1000.0), bid("first", 10, 1, 700.0), bid("second", 10, 1, 200.0, first=1)])
    found = packages(of)
    small = served_greedily(of, found[:1])
    assert [one.package.bid for one in small] == ["first"]
    assert [one.package.bid for one in improved(of, found, small)] == ["long"], "it gains more than both others"


def test_the_exchange_lies_within_a_tenth_of_the_bound_of_its_relaxation():
    gaps = [clear("milp", large(seed, bids=60)).cleared.gap for seed in range(3)]
    assert max(gaps) < 0.1
