"""How chance is measured; `python -m tests.chance` measures it over draws of the default world."""

from __future__ import annotations

import numpy as np
import pytest

from events import Entry, MemoryLog
from events.types.finance import OrgDefaulted
from market.truth.futures import draw, ranges
from tests.chance import measure
from tests.chance.measure import components

TINY = 3


def drawn(among: float, within: float, shape: tuple[int, int], number: int) -> measure.Floats:
    """Values of a one-way model with known standard deviations."""
    rng = np.random.default_rng(number)
    return rng.normal(0, among, (shape[0], 1)) + rng.normal(0, within, shape)


def test_known_components_are_found():
    found = components(drawn(0.6, 0.2, (4000, 4), 1))
    assert found.share.value == pytest.approx(0.1, abs=0.01)
    assert found.within.value == pytest.approx(0.2, abs=0.005)
    assert found.share.low < 0.1 < found.share.high
    assert found.within.low < 0.2 < found.within.high


def test_intervals_hold_what_is_true_in_95_of_100_samples():
    samples = [components(drawn(0.5, 0.5, (16, 4), number)) for number in range(1000)]
    for kind, true in (("share", 0.5), ("within", 0.5)):
        held = np.mean([getattr(each, kind).low <= true <= getattr(each, kind).high for each in samples])
        assert held == pytest.approx(0.95, abs=0.025)


def test_by_hand_two_draws_of_two_seeds():
    found = components(np.array([[1.0, 3.0], [7.0, 9.0]]))  # squares: among 36, within 2, so that t is (18 - 1) / 2
    assert found.share.value == pytest.approx(1 / 9.5)
    assert found.within.value == pytest.approx(2**0.5)


def test_what_a_seed_does_to_all_draws_alike_is_told_apart():
    assert components(drawn(0.6, 0.2, (4000, 4), 2)).alike == pytest.approx(0, abs=0.01)
    shift = np.array([-0.3, 0.1, 0.1, 0.1])  # variance 0.04, as much as the rest
    found = components(drawn(0.6, 0.2, (4000, 4), 2) + shift)
    assert found.alike == pytest.approx(0.5, abs=0.01)
    assert found.within.value == pytest.approx((2 * 0.04) ** 0.5, abs=0.005)
    assert components(np.array([[1.0, 3.0], [7.0, 9.0]])).alike == 1


def test_draws_alike_leave_all_to_the_seed_and_seeds_alike_leave_nothing():
    assert components(np.array([[1.0, 3.0], [3.0, 1.0]])).share.value == 1
    assert components(np.array([[1.0, 1.0], [3.0, 3.0]])).share[:] == (0, 0, 0)
    assert np.isnan(components(np.ones((3, 2))).share.value)
    assert np.isnan(components(np.ones((1, 2))).share.value)


def test_a_lab_that_holds_nothing_is_counted_and_left_out_of_the_logarithm_alone():
    fleets = {"large": [[100, 110], [300, 330], [900, 990]], "small": [[10, 11], [0, 20], [0, 0]]}
    seeds = [
        {
            f"draw {at}": {
                "fleets_h100e": {"small": fleets["small"][at][seed], "large": fleets["large"][at][seed]},
                "defaults": {"small": [300, "cash"]} if not fleets["small"][at][seed] else {},
            }
            for at in range(TINY)
        }
        for seed in range(2)
    ]
    large, small = measure.by_lab(seeds)
    assert (large.name, large.never, large.sometimes, large.defaults) == ("large", 0, 0, 0)
    assert (small.name, small.never, small.sometimes, small.defaults) == ("small", 1, 1, 3)
    assert large.of_log.within.value == pytest.approx(np.log(1.1) / 2**0.5)
    assert large.holds
    assert not small.holds  # one draw is left: nothing to compare
    assert small.of_h100e == components(np.array(fleets["small"], dtype=float))
    assert [line.split(" | ")[0] for line in measure.table([large, small]).splitlines()[2:]] == ["| large", "| small"]


def test_a_draw_has_the_same_parameters_at_each_seed_and_they_are_those_of_a_forecast():
    forecast = draw(ranges(measure.world()), TINY)
    for number in (0, 1):
        for seed in (0, 1):
            opened = measure.opened(seed, number, TINY, MemoryLog()).state.run
            known = {name: value for name, value in forecast[number].values.items() if name in opened.parameters}
            assert {name: opened.parameters[name] for name in known} == known
            assert len(known) > 300
    assert forecast[0].values != forecast[1].values


def test_a_lab_that_has_left_holds_nothing_and_its_default_is_told():
    log = MemoryLog()
    state = measure.opened(0, 0, TINY, MemoryLog()).state
    default = OrgDefaulted(org="gone", amount_usd_cents=1, reason="cash")
    log.append(Entry(0, state.run.start_day + 10, "world", -1, 0, default))
    found = measure.outcome(["xai", "gone"], state, log)
    assert found["fleets_h100e"]["xai"] > found["fleets_h100e"]["gone"] == 0
    assert found["defaults"] == {"gone": [10, "cash"]}


def test_a_run_gives_what_every_named_lab_holds():
    found = measure.run(0, 0, TINY, weeks=1)
    assert set(found["fleets_h100e"]) > {"openai", "xai", "anthropic", "google-deepmind", "meta"}
    assert "long-tail-labs" not in found["fleets_h100e"]
    assert found["fleets_h100e"]["openai"] > 0
    assert found["defaults"] == {}


def test_what_is_fixed_is_the_same_in_all_draws_and_nothing_else_is_another():
    fixed = {"demand.growth_quarter_sd": 0.0}
    free, held = (
        [measure.opened(0, number, TINY, MemoryLog(), mapping).state.run.parameters for number in range(TINY)]
        for mapping in ({}, fixed)
    )
    assert {found["demand.growth_quarter_sd"] for found in held} == {0.0}
    assert [found | fixed for found in free] == [found | fixed for found in held]
