"""Packages push each other out where that gains, and only there."""

from __future__ import annotations

import pytest
from clearing.books import large

from market.clearing import Alternative, Bid, Lot, book, clear
from market.clearing.book import Room
from market.clearing.improve import improved
from market.clearing.packages import packages, place, served_greedily, surplus
from market.units import HOURS_PER_WEEK


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


def test_the_exchange_lies_within_a_twentieth_of_the_bound_of_its_relaxation():
    gaps = [clear("milp", large(seed, bids=60)).cleared.gap for seed in range(3)]
    assert max(gaps) < 0.05


def test_a_package_is_served_where_it_is_told_to_be_and_the_rest_of_it_where_there_is_room():
    lots = [Lot("a", "H100", "x", 0, 10, 1.0), Lot("b", "H100", "x", 0, 10, 2.0), Lot("c", "H100", "x", 0, 10, 3.0)]
    of = book(lots, [Bid("long", "z", (Alternative(12, 1e6, ("H100",), share_min=1.0),))])
    (package,) = packages(of)
    told = place(package, Room(of), None, [(("c", "H100"), 5), (("b", "H100"), 6)])
    assert told is not None
    assert told.units == ((("c", "H100"), 6), (("b", "H100"), 6)), "the unit that was left goes where the first are"
    cheapest = place(package, Room(of))
    assert cheapest is not None
    assert cheapest.units == ((("a", "H100"), 10), (("b", "H100"), 2))


def test_a_part_of_a_package_is_served_where_a_part_is_wanted():
    of = book([Lot("a", "H100", "x", 0, 10, 1.0)], [Bid("long", "z", (Alternative(8, 1e6, ("H100",)),))])
    (package,) = packages(of)
    told = place(package, Room(of), 5)
    assert told is not None
    assert told.units == ((("a", "H100"), 5),)
    assert place(package, Room(of), 0) is None


def test_a_package_that_needs_all_it_asks_for_is_left_whole_or_not_at_all():
    of = book(
        [Lot("a", "H100", "x", 0, 10, 1.0)], [Bid("long", "z", (Alternative(12, 1e6, ("H100",), share_min=1.0),))]
    )
    room = Room(of)
    (package,) = packages(of)
    assert place(package, room, None, [(("a", "H100"), 10)]) is None
    assert room.units == Room(of).units


def test_by_greedy_a_full_lot_costs_an_hour_what_the_best_bid_left_out_would_pay():
    asked = [Alternative(10, hourly * 10 * HOURS_PER_WEEK * 2, ("H100",), weeks=2) for hourly in (5.0, 3.0, 2.0)]
    lots = [Lot("a", "H100", "x", week, 10, 1.0) for week in range(2)]
    cleared = clear("greedy", book(lots, [Bid(f"b{n}", f"b{n}", (one,)) for n, one in enumerate(asked)])).cleared
    assert {price.price_usd for price in cleared.prices} == {3.0}
    assert [(x.bid, x.pays_usd) for x in cleared.allotments] == [("b0", pytest.approx(3.0 * 10 * HOURS_PER_WEEK * 2))]
