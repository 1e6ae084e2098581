"""A small sample of the laws, one seed; `python -m tests.laws --seeds 20` tries them all."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.campaign import as_kept
from tests.laws import laws
from tests.laws.measure import run

SHORT = {"rent tax": 14, "no openai": 40}  # weeks


@pytest.fixture(scope="module")
def runs():
    """A base and a few changes, as the command would read them."""
    wanted = {name: laws.CHANGES[name] for name in ("no customers", "supply x0", "demand x0.5")}
    wanted["base"] = replace(laws.CHANGES["base"], weeks=laws.GLUT)
    wanted |= {name: replace(laws.CHANGES[name], weeks=weeks) for name, weeks in SHORT.items()}
    return {name: as_kept(run(0, change)) for name, change in wanted.items()}


def test_without_customers_building_stops(runs):
    assert laws.orders_stop(runs).figure < 0.25
    assert laws.starts_stop(runs).holds
    assert laws.work_is_paused(runs).holds
    assert laws.some_default(runs).holds


def test_chips_come_where_power_is_and_do_not_wait_beside_it(runs):
    assert laws.chips_do_not_wait_beside_power(runs).holds
    assert laws.chips_come_where_power_is(runs).holds


def test_prices_answer_supply_and_demand(runs):
    mean = {name: laws._mean(runs[name]) for name in ("base", "supply x0", "demand x0.5")}
    assert mean["demand x0.5"] < mean["base"] <= 1.02 * mean["supply x0"]
    assert runs["supply x0"]["index"][52] > runs["base"]["index"][52]


def test_spot_stands_between_the_worth_to_the_last_user_and_running_cost(runs):
    short = runs["supply x0"]
    assert short["spot"][-1] == pytest.approx(short["worth"][-1], rel=0.1)
    assert laws.spot_falls_to_running_cost(runs).holds
    assert laws.four_years_fall_below_entry(runs).holds
    assert laws.old_chips_retire(runs).holds


def test_without_a_large_buyer_and_with_a_tax_on_rents_prices_fall(runs):
    for name, weeks in SHORT.items():
        assert runs[name]["index"][weeks - 1] < 0.99 * runs["base"]["index"][weeks - 1], name
    assert runs["rent tax"]["leased_h100e"]["0"] < 0.9 * runs["base"]["leased_h100e"]["0"]


def test_contracts_are_signed_near_the_index_of_the_month_before(runs):
    assert laws.trades_are_near_the_index(runs).holds


def test_research_compute_does_not_idle_while_projects_wait(runs):
    assert laws.research_does_not_idle(runs).holds


def test_the_run_starts_where_the_record_stands(runs):
    assert laws.revenue_starts_where_it_stood(runs).figure == pytest.approx(1.0, abs=0.12)
    assert laws.prices_do_not_jump(runs).holds
