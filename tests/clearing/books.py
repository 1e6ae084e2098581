"""Random books for laws and for measurements of mechanisms."""

from __future__ import annotations

from random import Random

from hypothesis import strategies as st

from market.clearing import Alternative, Bid, Book, Lot, book

KW = {"H100": 1.45, "H200": 1.45, "GB200": 2.1}
REGIONS = ("iowa", "oregon", "texas", "virginia")


def large(seed: int, bids: int = 200, sites: int = 12, weeks: int = 52) -> Book:
    """A book of an exchange under strain: packages of 32 to 8,192 GPUs for 4 to 52 weeks."""
    draw, lots, asked = Random(seed), list[Lot](), list[Bid]()
    for site in range(sites):
        for chip, kw in KW.items():
            if draw.random() < 0.7:
                gpus, reserve = draw.choice([512, 1024, 4096, 8192, 16384]), draw.uniform(0.8, 2.2)
                power = gpus * kw * draw.uniform(0.7, 1.3)
                lots += [Lot(f"s{site}", chip, REGIONS[site % 4], w, gpus, reserve, power) for w in range(weeks)]
    for i in range(bids):
        asked.append(Bid(f"b{i:03}", f"org{i % 20}", tuple(_package(draw, weeks) for _ in range(draw.randint(1, 3)))))
    return book(lots, asked, kw_per_unit=KW)


def _package(draw: Random, horizon: int) -> Alternative:
    gpus, weeks = int(2 ** draw.uniform(5, 13)), draw.choice([4, 13, 26, 52])
    return Alternative(
        gpus, gpus * weeks * 168 * draw.uniform(1, 4), tuple(sorted(draw.sample(sorted(KW), draw.randint(1, 2)))), (),
        tuple(sorted(draw.sample(REGIONS, draw.randint(1, 3)))), draw.randint(0, horizon - weeks), weeks,
        draw.random() < 0.5, draw.choice([0.5, 0.8, 1.0]),
    )  # fmt: skip


@st.composite
def small(draw: st.DrawFn) -> Book:
    """A book of a few sites, chips, weeks and bids, with ties."""
    lots = []
    for site, region in (("a", "texas"), ("b", "texas"), ("c", "iowa")):
        for chip in ("GB200", "H100"):
            for week in range(2):
                units = draw(st.integers(0, 9))
                power = draw(st.sampled_from([4.0, 12.0, float("inf")]))
                lots.append(Lot(site, chip, region, week, units, draw(st.sampled_from([0.0, 1.0, 1.5])), power))
    bids = []
    for i in range(draw(st.integers(0, 7))):
        alternatives = []
        for _ in range(draw(st.integers(1, 2))):
            first = draw(st.integers(0, 1))
            alternatives.append(
                Alternative(
                    draw(st.integers(1, 12)), draw(st.sampled_from([50.0, 500.0, 2000.0, 9000.0])),
                    draw(st.sampled_from([(), ("H100",), ("GB200", "H100")])), draw(st.sampled_from([(), ("a", "c")])),
                    (), first, draw(st.integers(1, 2 - first)), draw(st.booleans()),
                    draw(st.sampled_from([0.0, 0.5, 1.0])),
                )
            )  # fmt: skip
        weight, prepaid = draw(st.sampled_from([None, 0.5, 2.0])), draw(st.sampled_from([0.0, 0.5]))
        bids.append(Bid(f"b{i}", "x", tuple(alternatives), weight, prepaid, draw(st.sampled_from([0.0, 0.5, 1.0]))))
    return book(lots, bids, kw_per_unit={"GB200": 2.0, "H100": 1.0})
