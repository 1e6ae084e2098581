"""Colours can be told apart by every reader, and names at the ends of lines never cover each other."""

from __future__ import annotations

from itertools import combinations, pairwise

import pytest
from experiments.extras import needs

needs("altair")

import numpy as np  # noqa: E402
import polars as pl  # noqa: E402
from hypothesis import given  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from report.colours import VISION, ciede2000, contrast, distance  # noqa: E402

from market.report.figures.base import COLOURS, DASHES, GREY, lines  # noqa: E402
from market.report.figures.ends import GAP_PX, apart, domain, named_ends  # noqa: E402

APART = 11  # CIEDE2000; about 1 is just noticeable
PAPERS = {"#ffffff": 2, "#16181b": 3}  # contrast with light and dark pages, whose colours are those of page.css


@pytest.mark.parametrize("vision", VISION)
def test_any_two_colours_of_one_picture_lie_far_apart_to_every_reader(vision):
    near = min((distance(a, b, vision), a, b) for a, b in combinations(COLOURS, 2))
    assert near[0] >= APART, near
    for colour in (COLOURS[0], COLOURS[4]):  # drawn beside grey: what is taken, left, and fails
        assert distance(colour, GREY, vision) >= APART


def test_the_simulated_deficiencies_are_those_of_the_paper():
    assert distance("#c04000", "#609000", "normal") > 3 * distance("#c04000", "#609000", "deuteranopia")
    for vision in VISION:  # white stays white to everybody
        assert distance("#ffffff", "#ffffff", vision) == 0
        assert abs(sum(VISION[vision][0]) - 1) < 1e-5
        assert all(abs(sum(row) - 1) < 1e-5 for row in VISION[vision])


@pytest.mark.parametrize(
    ("one", "two", "apart"),
    [
        ((50.0, 2.6772, -79.7751), (50.0, 0.0, -82.7485), 2.0425),
        ((50.0, 2.5, 0.0), (73.0, 25.0, -18.0), 27.1492),
        ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
        ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
    ],
)
def test_the_distance_is_that_of_the_published_pairs(one, two, apart):
    assert ciede2000(np.array(one), np.array(two)) == pytest.approx(apart, abs=1e-4)  # table 1 of the paper


def test_every_colour_stands_out_from_light_and_dark_pages():
    for paper, least in PAPERS.items():
        assert all(contrast(colour, paper) >= 0.995 * least for colour in (*COLOURS, GREY))


def test_lines_next_to_each_other_differ_in_their_dashes_too():
    assert len({str(dash) for dash in DASHES}) == len(DASHES) >= 4


heights = st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=12)


@given(heights)
def test_names_keep_their_gap_their_order_and_the_frame(places):
    places.sort()
    moved = apart(places, GAP_PX, 260.0)
    assert all(b - a >= GAP_PX - 1e-6 for a, b in pairwise(moved))
    assert all(-1e-6 <= place <= 260 + 1e-6 for place in moved)


@given(st.lists(st.floats(0, 260), min_size=2, max_size=2))
def test_names_that_are_apart_stay_where_they_are(places):
    places.sort()
    if places[1] - places[0] >= GAP_PX:
        assert apart(places, GAP_PX, 260.0) == pytest.approx(places)


@given(st.floats(-1e9, 1e9), st.floats(0, 1e9))
def test_an_axis_holds_all_its_values(low, width):
    first, last = domain(low, low + width)
    slack = 1e-6 * max(abs(low), abs(low + width))
    assert first <= low + slack
    assert last >= low + width - slack
    assert first < last


def test_every_line_of_several_has_its_name_at_its_end_and_no_legend():
    days = pl.date_range(pl.date(2024, 1, 1), pl.date(2024, 1, 3), eager=True)
    frame = pl.concat(
        pl.DataFrame({"date": days, "org": [org] * 3, "gpus": [1.0, 2.0, last]})
        for org, last in (("a", 3.0), ("b", 3.1), ("a-name-that-is-very-long-indeed", 9.0))
    )
    names = frame["org"].unique().sort().to_list()
    spec = lines(frame, "org", "gpus", names, "GPUs").to_dict()
    written = [layer for layer in spec["layer"] if layer["mark"]["type"] == "text"]
    shown = spec["datasets"][written[0]["data"]["name"]]
    assert [row["shown"] for row in shown] == ["a-name-that-is-ve…", "b", "a"]
    assert '"legend": {' not in str(spec)
    alone = lines(frame.filter(org="a"), "org", "gpus", ["a"], "GPUs").to_dict()
    assert all(layer["mark"]["type"] == "line" for layer in alone["layer"])


def test_names_of_lines_that_end_together_are_moved_apart():
    last = pl.DataFrame({"date": [None] * 3, "org": ["a", "b", "c"], "gpus": [5.0, 5.0, 5.0]})
    ends = named_ends(last, "org", "gpus", (0.0, 10.0), 260)
    levels = ends["end"].sort().to_list()
    assert all(b - a >= GAP_PX * 10 / 260 - 1e-9 for a, b in pairwise(levels))
