"""What chips earn beside each other: by the training that they do and the tokens that they serve."""

from __future__ import annotations

import math

import pytest
from given import given

from market.rules import index, prices, work
from market.rules.machines import beside_h100


def test_without_serving_a_chip_works_by_its_h100e_and_with_nothing_else_by_its_tokens():
    for share in (0.0, 1.0):
        state = given(price__serving_share=share).state
        tokens = beside_h100(state, state.run.start_day)
        for name, each in work.in_h100s(state, state.run.start_day).items():
            assert each == pytest.approx(tokens[name] if share else state.chips.chips[name].h100e)


def test_an_h100_works_as_an_h100_whatever_part_is_serving():
    state = given(price__serving_share=0.5).state
    assert work.in_h100s(state, state.run.start_day)["H100"] == pytest.approx(1.0)


def test_the_rents_of_all_that_is_installed_average_to_the_price_of_an_h100e():
    world = given(price__serving_share=0.7)
    world.after(index.publish(world.state, world.day))
    state, works = world.state, work.in_h100e(world.state, world.day)
    owned = [(h.owned, h.chip) for h in state.chips.holdings.values()]
    rent = math.fsum(gpus * works[chip] for gpus, chip in owned)
    assert rent == pytest.approx(math.fsum(gpus * state.chips.chips[chip].h100e for gpus, chip in owned), rel=1e-3)


def test_better_chips_among_those_installed_lower_the_rent_of_an_h100():
    state = given(price__serving_share=0.7).state
    before = work.in_h100e(state, state.run.start_day)["H100"]
    state.leases.work_per_h100e *= 1.3
    assert work.in_h100e(state, state.run.start_day)["H100"] == pytest.approx(before / 1.3)


def test_chips_that_do_more_work_lower_the_price_of_entry():
    state = given(price__serving_share=0.7).state
    cost = prices.cost_of_mix(state, state.run.start_day)
    state.leases.work_per_h100e *= 0.9  # beside less work of what is installed, what is on sale does more
    assert prices.cost_of_mix(state, state.run.start_day) == pytest.approx(cost * 0.9)
