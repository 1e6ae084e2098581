"""Prices and serving: what moves them, and within which bounds."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from given import CLOUD, LAB, RIVAL, SITE, START, SUPPLIER, given, handed, lease

from events.types import chips as chip_events
from events.types import leases as events
from events.types.run import ExogenousShock
from events.types.training import ComputeSplitSet, FrontierMeasured, ModelReleased, ServingMeasured
from market.rules import prices, serving
from market.state import State


def made(world, **gpus):
    for chip, n in gpus.items():
        world.happened(
            chip_events.OutputMade(chip=chip, supplier=SUPPLIER, gpus=n, price_usd_per_gpu=1.0, lead_time_weeks=0.0)
        )
    return world


# --- cost and the contract price


def test_the_cost_of_an_hour_follows_the_price_and_power_of_a_chip_per_h100e():
    world = given(price__tco_usd_per_h100e_hour=1.4, price__tco_capital_share=0.5)
    chips = world.state.chips.chips
    assert prices.replacement_cost(world.state, chips["H100"], START) == pytest.approx(1.4)
    capital, running = 40_000 / 2.5 / 25_000, 2.0 / 2.5 / 1.4
    assert prices.replacement_cost(world.state, chips["GB200"], START) == pytest.approx(1.4 * (capital + running) / 2)


def test_the_cost_of_the_mix_is_weighted_by_what_is_made():
    world = given()
    h100, gb200 = (prices.replacement_cost(world.state, world.state.chips.chips[c], START) for c in ("H100", "GB200"))
    assert prices.cost_of_mix(world.state, START) == h100  # nothing made yet
    assert prices.cost_of_mix(made(world, H100=250, GB200=100).state, START) == pytest.approx((h100 + gb200) / 2)


def moved(world, weeks=1):
    """Prices after some weeks."""
    for _ in range(weeks):
        world.close_weeks()
        world.after(prices.move(world.state, world.day))
    return world.state.leases


def tight(**parameters):
    return given(rest__h100e_start=1e7, **parameters)


def slack(**parameters):
    return given(rest__h100e_start=0.0, **parameters)


def test_scarcity_lifts_the_price_and_plenty_lowers_it_by_no_more_than_a_step_a_week():
    step = math.exp(given().state.run.parameters["price.step_max_per_week"])
    for world, sign in ((tight(), 1), (slack(), -1)):
        path = [2.5, *(moved(world).price_usd_per_h100e_hour for _ in range(40))]
        assert sign * (path[-1] - path[0]) > 0
        assert all(1 / step * (1 - 1e-5) <= b / a <= step * (1 + 1e-5) for a, b in pairwise(path))


def test_the_price_has_a_floor():
    assert moved(slack(price__floor_usd_per_h100e_hour=2.4), 60).price_usd_per_h100e_hour >= 2.4 - 1e-3


def test_tightness_is_smoothed_and_bounded():
    world = tight()
    assert moved(world, 400).tightness == pytest.approx(world.state.run.parameters["price.tightness_max"], rel=1e-3)
    assert moved(tight()).tightness < world.state.leases.tightness


def test_the_rest_rents_less_when_it_is_dear_and_more_every_year():
    world = given()
    now, later = (prices.rest_wanted(world.state, START + d) for d in (0, 364))
    assert (
        later
        > now
        == pytest.approx(1000.0 * (2.5 / world.state.run.parameters["price.start_usd_per_h100e_hour"]) ** -1)
    )
    world.happened(
        events.PriceMoved(
            price_usd_per_h100e_hour=5.0, spot_usd_per_h100e_hour=5.0, tightness=1.0, lead_time_weeks=10.0
        )
    )
    assert prices.rest_wanted(world.state, START) == pytest.approx(now / 2)


def test_shocks_and_factors_of_demand_multiply_it():
    world = given()
    before = prices.rest_wanted(world.state, START)
    world.happened(ExogenousShock(kind="demand", value=2.0))
    assert prices.rest_wanted(world.state, START) == pytest.approx(2 * before)


# --- what is on the market


def test_the_market_holds_what_clouds_hold_free_and_what_comes_to_them():
    world = given()
    before = prices.Capacity(world.state, START)
    assert (before.total_free, before.arriving) == (10_000.0, 0.0)
    signed = lease(gpus=4_000)
    world.happened(signed, handed(signed))
    world.happened(
        chip_events.ShipmentSent(
            shipment_id="cloud/shipment/1",
            order_id="cloud/order/1",
            org=CLOUD,
            counterparty="oem",
            chip="H100",
            gpus=500,
            due_day=START + 30,
        )
    )
    sent = chip_events.ShipmentSent(
        shipment_id="cloud/shipment/2",
        order_id="cloud/order/2",
        org=CLOUD,
        counterparty="oem",
        chip="GB200",
        gpus=100,
        due_day=START,
    )
    world.happened(
        sent,
        chip_events.ShipmentDelivered(
            shipment_id="cloud/shipment/2", order_id="cloud/order/2", org=CLOUD, chip="GB200", gpus=100
        ),
    )
    after = prices.Capacity(world.state, START)
    assert (after.total_free, after.arriving) == (6_000.0, 750.0)


def test_what_is_captive_is_not_on_the_market():
    world = given(orgs__cloud__captive_share=0.75)
    assert prices.Capacity(world.state, START).total_free == 2_500.0
    signed = lease(gpus=9_000)
    world.happened(signed, handed(signed))
    assert prices.Capacity(world.state, START).total_free == 0.0


def test_requests_and_leases_that_run_out_are_wanted():
    world = given()
    signed = lease(gpus=4_000, end_day=START + 100)
    world.happened(signed, handed(signed))
    world.happened(
        events.LeaseRequested(
            request_id="lab/request/1",
            lessee=LAB,
            lessor=CLOUD,
            h100e=700.0,
            due_day=START,
            duration_days=364,
            price_usd_per_h100e_hour=3.0,
            kind="serving",
        )
    )
    world.happened(
        events.LeaseRequested(
            request_id="rival/request/1",
            lessee=RIVAL,
            lessor=CLOUD,
            h100e=900.0,
            due_day=START,
            duration_days=364,
            price_usd_per_h100e_hour=3.0,
            kind="internal",
        )
    )
    market = prices.Capacity(world.state, START)
    assert (market.asked, market.renewals) == (700.0, 4_000.0)


def test_the_market_lead_time_leaves_own_silicon_out():
    world = made(given(), H100=100)
    world.happened(
        chip_events.OrderPlaced(
            order_id="lab/order/1", org=LAB, supplier=SUPPLIER, chip="H100", gpus=500, price_usd_per_gpu=25_000.0
        )
    )
    world.happened(
        chip_events.OrderPlaced(
            order_id="cloud/order/1",
            org=CLOUD,
            supplier="google",
            chip="TPU v5p",
            gpus=10**6,
            price_usd_per_gpu=8_000.0,
        )
    )
    assert prices.lead_time(world.state) == pytest.approx(5.0)
    assert prices.lead_time(given().state) == 0.0


# --- on demand


def test_the_posted_price_is_cut_only_after_the_contract_price_has_left_it_behind():
    told = []
    world = slack(price__spot_hazard_weeks=1)
    for _ in range(60):
        world.close_weeks()
        told += [f for f in world.after(prices.move(world.state, world.day)) if isinstance(f, events.OnDemandRepriced)]
    assert told
    assert {f.kind for f in told} == {"cut"}
    assert world.state.leases.spot_usd_per_h100e_hour < 3.4
    still = slack(price__spot_band=100)
    moved(still, 60)
    assert still.state.leases.spot_usd_per_h100e_hour == pytest.approx(3.4)


def test_on_demand_gpus_are_rationed_to_what_is_free_and_what_is_wanted():
    def rented(world):
        batch = prices.on_demand(world.state, START)
        return sum(f.gpus for f in world.after(batch))

    assert rented(tight()) == 10_000
    assert 0 < rented(given(rest__h100e_start=1000)) <= 1_000
    assert prices.on_demand(slack().state, START) is None
    empty = given(orgs__cloud__captive_share=1.0)
    assert prices.on_demand(empty.state, START) is None


def test_on_demand_costs_by_the_h100e():
    world = tight()
    (told,) = world.after(prices.on_demand(world.state, START))
    assert (told.site, told.price_usd_per_gpu_hour) == (SITE, 3.4)


# --- serving


def measured(world, week=0):
    return {f.org: f for f in world.after(serving.measure(world.state, week))}


def two_labs(**parameters):
    world = given(serving__taste_sd_per_year=0, **parameters)
    return world.happened(
        ModelReleased(model="theirs", org=RIVAL, flop=1e25, capability=1.5, kind="frontier", start_day=START - 50),
        ComputeSplitSet(org=RIVAL, share=0.25),
        ServingMeasured(org=RIVAL, revenue_usd_per_year=1e9, value=1e9, h100e=0.0),
    )


def test_equal_labs_share_the_customers_equally_and_the_better_one_gains():
    world = two_labs()
    even = measured(world)
    assert even[LAB].value == pytest.approx(even[RIVAL].value)
    world.happened(ModelReleased(model="better", org=LAB, flop=1e26, capability=1.9, kind="frontier", start_day=START))
    apart = measured(world)
    assert apart[LAB].value > apart[RIVAL].value
    assert apart[LAB].value + apart[RIVAL].value == pytest.approx(even[LAB].value * 2)


def test_revenue_is_capped_by_the_gpus_that_serve():
    world = two_labs(serving__adjust_per_week=1.0)
    told = measured(world)
    assert told[RIVAL].revenue_usd_per_year == 0.0  # holds no GPU
    assert 0 < told[LAB].revenue_usd_per_year <= told[LAB].value
    assert told[LAB].h100e == pytest.approx(4_000 * 0.25)
    p = world.state.run.parameters
    cap = (
        p["serving.cap_slack"]
        * p["serving.revenue_per_inference_usd"]
        * 1_000
        * 8760
        * p["labs.compute_usd_per_h100e_hour"]
    )
    assert told[LAB].revenue_usd_per_year <= cap * (1 + 1e-6)


def test_demand_grows_with_the_frontier_after_its_lag_and_saturates():
    world = given(serving__capability_lag_weeks=2, serving__pool_scale_usd=1e12)
    before = serving.pool(world.state)
    world.happened(FrontierMeasured(capability=3.0))
    assert serving.pool(world.state) == pytest.approx(before)
    world.happened(FrontierMeasured(capability=3.0))
    assert serving.pool(world.state) > before
    for _ in range(3):
        world.happened(FrontierMeasured(capability=90.0))
    assert serving.pool(world.state) <= 1e12


def test_taste_walks_and_each_lab_walks_alone():
    world = given()
    assert serving.taste(world.state, LAB, 0) == 0.0
    assert serving.taste(world.state, LAB, 40) != serving.taste(world.state, RIVAL, 40)
    steps = [serving.taste(world.state, LAB, week) for week in (13, 26)]
    assert serving.taste(world.state, LAB, 20) == pytest.approx(steps[0] + 7 / 13 * (steps[1] - steps[0]))


def test_without_a_model_nothing_is_served():
    assert serving.measure(State(), 0) is None
    assert serving.frontier(State()) == 0.0
    assert serving.frontier(given().state) == 1.5
