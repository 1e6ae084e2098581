"""Each mechanism gives the answer of a published example."""

from __future__ import annotations

import pytest

from market.clearing import Alternative, Bid, Book, Lot, book, clear


def claims(estate: int, *needs: int, **traits: list[float]) -> Book:
    """A bankruptcy problem: an estate in units, claims on it."""
    bids = [
        Bid(str(i), str(i), (Alternative(need, float(need)),), **{name: values[i] for name, values in traits.items()})
        for i, need in enumerate(needs)
    ]
    return book([Lot("estate", "unit", "court", 0, estate, 0.0)], bids, "GPU")


def shares(mechanism: str, of: Book) -> list[int]:
    got = {x.bid: x.units for x in clear(mechanism, of).cleared.allotments}
    return [got.get(bid.id, 0) for bid in of.bids]


@pytest.mark.parametrize(("estate", "awards"), [(300, [100, 100, 100]), (600, [200, 200, 200]), (900, [300, 300, 300]),
                                                (1200, [300, 450, 450])])  # fmt: skip
def test_equal_awards_of_the_estates_of_the_talmud(estate, awards):
    """Claims of 100, 200 and 300 on estates of 100, 200 and 300 (O'Neill 1982; Aumann and Maschler 1985), in thirds."""
    assert shares("water-filling", claims(estate, 300, 600, 900)) == awards


@pytest.mark.parametrize(
    ("estate", "awards"), [(600, [100, 200, 300]), (1200, [200, 400, 600]), (1800, [300, 600, 900])]
)
def test_proportional_awards_of_the_same_estates(estate, awards):
    """16 2/3, 33 1/3 and 50 of an estate of 100, and so on, in sixths."""
    assert shares("pro-rata", claims(estate, 600, 1200, 1800)) == awards


def test_a_seller_that_weighs_its_buyers_alike_shares_in_proportion():
    of = claims(600, 600, 1200, 1800)
    assert shares("strategic", of) == shares("pro-rata", of)
    assert shares("strategic", claims(90, 100, 100, weight=[1.0, 2.0])) == [30, 60]


def test_the_prepaid_and_the_powered_come_first():
    assert shares("prepaid-first", claims(150, 100, 100, 100, prepaid_share=[0.0, 0.5, 0.0])) == [25, 100, 25]
    assert shares("ready-to-power", claims(120, 100, 100, powered_share=[1.0, 0.0])) == [100, 20]


def units(*values: float, buyer: str) -> list[Bid]:
    return [Bid(f"{buyer}/{i}", buyer, (Alternative(1, float(value)),)) for i, value in enumerate(values)]


def test_the_uniform_price_auction_of_krishnas_example():
    """Six units, three bidders: they win three, one and two at the highest losing bid, 32 (Krishna 2010, ex. 12.1)."""
    bids = [*units(50, 47, 40, 32, 15, 5, buyer="1"), *units(42, 28, 20, 12, 7, 3, buyer="2"),
            *units(45, 35, 24, 14, 9, 6, buyer="3")]  # fmt: skip
    found = clear("uniform-price", book([Lot("s", "unit", "r", 0, 6, 0.0)], bids, "GPU"))
    assert [x.bid for x in found.cleared.allotments] == ["1/0", "1/1", "1/2", "2/0", "3/0", "3/1"]
    assert {x.pays_usd for x in found.cleared.allotments} == {32.0}
    assert (found.account.marginal_usd, found.account.excluded_usd, found.account.paid_usd) == (35, 32, 192)


def test_the_horse_market_of_boehm_bawerk():
    """Ten buyers, eight sellers: five horses change hands between 21 and 21.5 (Boehm-Bawerk 1889)."""
    buyers, sellers = (30, 28, 26, 24, 22, 21, 20, 18, 17, 15), (10, 11, 15, 17, 20, 21.5, 25, 26)
    lots = [Lot(f"seller{i}", "horse", "fair", 0, 1, float(ask)) for i, ask in enumerate(sellers)]
    found = clear("uniform-price", book(lots, units(*buyers, buyer="a"), "GPU"))
    assert len(found.cleared.allotments) == 5
    assert {x.site for x in found.cleared.allotments} == {f"seller{i}" for i in range(5)}
    assert {x.pays_usd for x in found.cleared.allotments} == {21.0}
    assert found.account.surplus_usd == 30 + 28 + 26 + 24 + 22 - (10 + 11 + 15 + 17 + 20)


def both_or_one() -> Book:
    """Two goods; one bidder wants both for 2, two others one each for 2 (Ausubel and Milgrom 2006)."""
    lots = [Lot("A", "good", "r", 0, 1, 0.0), Lot("B", "good", "r", 0, 1, 0.0)]
    bids = [Bid("both", "1", (Alternative(2, 2.0, share_min=1.0),)),
            Bid("first", "2", (Alternative(1, 2.0, sites=("A",)),)),
            Bid("second", "3", (Alternative(1, 2.0, sites=("B",)),))]  # fmt: skip
    return book(lots, bids, "GPU")


@pytest.mark.parametrize("mechanism", ["greedy", "milp"])
def test_singles_beat_the_package_of_ausubel_and_milgrom(mechanism):
    """Surplus 4; Vickrey pays 0, and the core 2 or more: else the sellers and the bidder for both would object."""
    found = clear(mechanism, both_or_one())
    assert [x.bid for x in found.cleared.allotments] == ["first", "second"]
    assert found.account.surplus_usd == 4
    assert found.account.paid_usd >= 2


def test_scarcity_prices_of_ausubel_and_milgroms_goods_are_two():
    found = clear("milp", both_or_one())
    assert [price.price_usd for price in found.cleared.prices] == pytest.approx([2, 2], rel=1e-6)
    assert found.cleared.gap == 0
