"""End users and budgets for compute: how they grow, whom they buy from, what cannot be served."""

from __future__ import annotations

import math

import pytest
from given import CLOUD, LAB, RIVAL, SITE, START, given, handed, lease
from msgspec.structs import replace

from events.types import demand as events
from events.types.run import ExogenousShock
from events.types.training import FrontierMeasured, ModelReleased, ServingMeasured
from market.evolve.chips import holding
from market.rules import demand, foresee, machines, serving, uses
from market.rules.base import fleets_h100e
from market.rules.calibrate import segments as open_segments
from market.state import State
from market.state.demand import TAIL
from market.state.training import Lab


def grown(world, weeks=1):
    """Spending by segment after some weeks."""
    for _ in range(weeks):
        world.close_weeks()
        world.after(demand.segments(world.state, world.day))
    return {name: s.usd_per_year for name, s in world.state.demand.segments.items()}


def released(world, capability, org=LAB):
    """A lab releases a model, and customers have come to know it."""
    world.happened(
        ModelReleased(
            model="new",
            org=org,
            flop=1e26,
            effective_flop=1e26,
            capability=capability,
            kind="frontier",
            start_day=START,
        )
    )
    return world.happened(*(FrontierMeasured(capability=capability) for _ in range(27)))


def test_a_segment_grows_towards_what_the_models_open_and_not_beyond():
    before = given().state.demand.segments["api"].usd_per_year
    assert grown(given())["api"] > before
    assert grown(released(given(), 2.0), 13)["api"] > grown(given(), 13)["api"]
    full = given(demand__api_market_max_usd=1e8)
    assert grown(full)["api"] < before


def test_what_is_not_served_for_long_holds_growth_back():
    served, not_served = given(), given()
    not_served.happened(ServingMeasured(org=LAB, revenue_usd_per_year=1e8, value=1e9, h100e=0.0, tokens_per_s=0.0))
    assert grown(not_served)["api"] < grown(served)["api"]


def test_an_error_of_the_law_moves_growth_and_a_factor_of_zero_stops_it():
    assert grown(given(demand__growth_factor=0.0))["api"] == given().state.demand.segments["api"].usd_per_year
    assert demand.growth_shock(given(demand__growth_quarter_sd=0.0).state, "api") == 1.0
    assert demand.growth_shock(given(demand__growth_quarter_sd=0.0, demand__growth_error=-0.2).state, "api") == 0.8


def test_growth_differs_from_quarter_to_quarter_around_its_mean_and_is_one_within_a_quarter():
    world = given(demand__growth_quarter_sd=0.3)
    seen = []
    for _ in range(10):
        week = demand.growth_shock(world.state, "api")
        world.close_weeks(6)
        assert demand.growth_shock(world.state, "api") == week
        world.close_weeks(7)
        seen.append(week)
    assert len(set(seen)) == 10
    assert sum(seen) / 10 == pytest.approx(1.0, abs=0.4)


def begun(**parameters):
    """A world whose segments are opened for two labs that sell as much as each other."""
    world = given(**parameters)
    for org in (LAB, RIVAL):
        world.happened(ServingMeasured(org=org, revenue_usd_per_year=1e8, value=1e8, h100e=0.0, tokens_per_s=0.0))
    world.after(open_segments(world.state))
    return world.state.run.parameters


MIX = {"consumer_share": 0.2, "api_share": 0.5}
GROWTH = {"consumer": 1.0, "api": 2.0, "enterprise": 1.5}


def test_a_lab_that_grew_faster_than_its_segments_goes_on_to_gain_customers():
    usual, quick = begun(), begun(**{f"orgs__{LAB}__revenue_growth_start": 3.0})
    assert quick[f"orgs.{LAB}.appeal_api"] > usual[f"orgs.{LAB}.appeal_api"]
    assert quick[f"orgs.{LAB}.momentum_per_year"] > quick[f"orgs.{RIVAL}.momentum_per_year"] == 0.0
    assert quick["demand.api_pull"] > usual["demand.api_pull"]
    assert quick[f"orgs.{LAB}.revenue_growth_start"] == 3.0


def test_what_is_known_of_a_lab_is_the_growth_of_all_that_it_sells():
    """Known at its segments' usual growth, it changes nothing: each segment goes on at its own."""
    mixed = {f"orgs__{org}__{part}": value for org in (LAB, RIVAL) for part, value in MIX.items()}
    segments = {f"demand__{name}_growth_per_year": value for name, value in GROWTH.items()}
    usual = begun(**mixed, **segments)
    mean = 0.2 * GROWTH["consumer"] + 0.5 * GROWTH["api"] + 0.3 * GROWTH["enterprise"]
    known = begun(**mixed, **segments, **{f"orgs__{org}__revenue_growth_start": mean for org in (LAB, RIVAL)})
    for name in demand.SEGMENTS:
        assert known[f"demand.{name}_pull"] == pytest.approx(usual[f"demand.{name}_pull"], rel=1e-6)


def test_where_nobody_chooses_anew_growth_before_the_start_moves_no_customer():
    none = {f"demand__{name}_growth_per_year": -0.5 for name in demand.SEGMENTS} | {"demand__reconsider_per_month": 0.0}
    still, quick = begun(**none), begun(**none, **{f"orgs__{LAB}__revenue_growth_start": 0.5})
    assert quick[f"orgs.{LAB}.appeal_api"] == still[f"orgs.{LAB}.appeal_api"]


def test_what_a_segment_gains_goes_to_those_whom_customers_choose_today():
    """A better model takes new customers at once; those who stay as they are move a part a month."""
    still, growing = (released(given(demand__growth_factor=f), 3.0) for f in (0.0, 3.0))
    assert shares(growing)["api"] > shares(still)["api"]


def test_what_a_lab_gained_before_the_start_adds_to_its_pull_and_fades():
    gains = {f"orgs__{LAB}__momentum_per_year": 1.0}
    usual, quick = given(), given(**gains)
    after = [shares(world, 13)["api"] for world in (usual, quick)]
    assert after[1] > after[0]
    later = [shares(world, 52)["api"] for world in (usual, quick)]
    assert math.log(later[1] / later[0]) < 1.0


def shares(world, months=1):
    """Shares of the lab in every segment after some months."""
    for _ in range(months):
        world.close_weeks(4)
        world.after(demand.shares(world.state, world.day))
    return {name: s.shares[LAB] for name, s in world.state.demand.segments.items()}


def test_the_better_model_wins_customers_a_part_a_month():
    world = released(given(), 3.0)
    after = shares(world)["api"]
    assert 2 / 3 < after < 2 / 3 + world.state.run.parameters["demand.reconsider_per_month"]
    assert all(sum(s.shares.values()) == pytest.approx(1.0) for s in world.state.demand.segments.values())


def test_a_provider_that_cannot_serve_loses_customers():
    short = given(demand__reconsider_per_month=1.0)
    short.happened(ServingMeasured(org=LAB, revenue_usd_per_year=3e8, value=1e9, h100e=0.0, tokens_per_s=0.0))
    able = given(demand__reconsider_per_month=1.0)
    assert shares(short)["api"] < shares(able)["api"]


def test_a_follower_falls_behind_by_so_much_and_no_more():
    near = shares(released(given(demand__follower_lag=0.1), 9.0), 12)["api"]
    far = shares(released(given(demand__follower_lag=0.7), 9.0), 12)["api"]
    assert near < far


# --- serving


def served(world):
    """What the lab sells after a week."""
    world.close_weeks()
    world.after(serving.measure(world.state, START))
    lab = world.state.training.labs[LAB]
    return lab.revenue_usd_per_year, lab.demand_usd_per_year


def test_customers_are_served_within_the_fleet_and_no_faster_than_a_provider_can_grow():
    revenue, asked = served(given(demand__growth_max_per_week=0.0001, demand__first_revenue_usd=0.0))
    assert asked == pytest.approx(1e9)
    assert revenue == pytest.approx(capped := min(1e9 * math.exp(0.0001), asked, capacity()), rel=1e-6)
    assert capped < 1e9  # 4,000 H100 serve less


def capacity():
    state = given().state
    return serving.usable_usd(state, LAB, serving.capacity(state, fleets_h100e(state), START).usd_per_year[LAB])


def test_more_gpus_serve_more():
    world = given()
    more = lease(gpus=5_000)
    world.happened(more, handed(more))
    assert served(world)[0] > served(given())[0]


def test_who_has_the_better_chips_serves_more_for_the_same_compute():
    rates = machines.token_rates(given().state, START)
    chips = given().state.chips.chips
    per_h100e = {name: rates[name] / chips[name].h100e for name in ("H100", "GB200")}
    assert per_h100e["GB200"] > per_h100e["H100"] > 0
    world = given()
    holding(world.state, RIVAL, "GB200", SITE).owned = 1_000
    world.state.training.labs[RIVAL] = Lab(RIVAL)
    fleets = fleets_h100e(world.state)
    found = serving.capacity(world.state, fleets, START)
    assert found.usd_per_year[RIVAL] / fleets[RIVAL] > found.usd_per_year[LAB] / fleets[LAB]
    alone = serving.capacity(given().state, fleets_h100e(given().state), START)
    price, before = (c.usd_per_year[LAB] / c.tokens_per_s[LAB] for c in (found, alone))
    assert price < before  # tokens get cheaper as chips get better


def test_a_chip_that_the_core_does_not_know_goes_by_its_h100e():
    state = given().state
    state.chips.chips["NX1"] = replace(state.chips.chips["H100"], name="NX1", h100e=2.0)
    rates = machines.token_rates(state, START)
    assert rates["NX1"] == 2 * rates["H100"]


def test_without_customers_revenue_falls_week_by_week_and_nobody_pays_at_once_nothing():
    revenue, asked = served(given(demand__factor=0.0))
    assert asked == 0.0
    assert 0.0 < revenue < 1e9


def test_a_world_without_labs_serves_nobody():
    assert serving.measure(State(), 0) is None


# --- budgets for compute


def spent(world, months=1):
    """Budgets by user after some months."""
    for _ in range(months):
        world.close_weeks(4)
        world.after(uses.grow(world.state, world.day))
    return {user: use.usd_per_year for user, use in world.state.demand.uses.items()}


def test_the_tail_grows_by_what_the_frontier_gained_in_a_week_over_the_weeks_that_are_known():
    weight = 0.4
    calm, gaining = given(tail__capability_weight=weight), given(tail__capability_weight=weight)
    calm.state.training.frontier, gaining.state.training.frontier = [1.0, 1.0, 1.0], [1.0, 1.01, 1.02]
    more = math.log(spent(gaining)[TAIL] / spent(calm)[TAIL])
    assert more == pytest.approx(weight * 0.01 * 365.25 / 7 * 28 / 365.25, rel=1e-3)


def test_budgets_grow_and_growth_fades():
    start = given().state.demand.uses
    now = spent(given())
    assert all(now[user] > use.usd_per_year for user, use in start.items())
    world = given()
    first = spent(world)[TAIL] / start[TAIL].usd_per_year
    world.close_weeks(300)
    before = world.state.demand.uses[TAIL].usd_per_year
    assert spent(world)[TAIL] / before < first


def test_a_parent_answers_what_the_leader_announces():
    def own(gpus):
        world = given(orgs__cloud__races=1.0, orgs__cloud__race_start=0.0, orgs__cloud__captive_share=0.3)
        world.happened(lease(gpus=gpus))
        return spent(world)[CLOUD]

    assert own(9_000) > own(1_000)


def test_dear_compute_is_wanted_less_and_hardly_at_all_beyond_the_choke():
    world = given()
    wanted = [uses.wanted_h100e(world.state, uses.streams(world.state, {LAB: 0.0}), p) for p in (1, 3, 10, 40)]
    assert wanted == sorted(wanted, reverse=True)
    assert wanted[-1] < 0.01 * wanted[1]


def test_own_users_want_no_more_than_their_org_holds():
    state = given().state

    def wanted(held, price):
        return uses.wanted_h100e(state, uses.streams(state, {LAB: 0.0, CLOUD: held}), price)

    tail = wanted(0.0, 1.0)
    assert wanted(100.0, 1.0) == pytest.approx(tail + 100.0)
    assert wanted(1e9, 1.0) == wanted(1e8, 1.0) > tail + 100.0


def test_shocks_and_factors_multiply_what_is_wanted():
    half = given(demand__factor=0.5)
    shock = given().happened(ExogenousShock(kind="demand", value=0.5))
    plain = uses.streams(given().state, {LAB: 0.0})
    for world in (half, shock):
        assert uses.streams(world.state, {LAB: 0.0}).tail_usd == pytest.approx(plain.tail_usd / 2)


def test_a_cloud_keeps_for_itself_what_its_own_users_want_less_what_its_labs_have():
    world = given()
    assert uses.captive_shares(world.state, [CLOUD])[CLOUD] == pytest.approx(0.3)
    inside = lease(gpus=1_000, kind="internal")
    world.happened(inside, handed(inside))
    assert uses.captive_shares(world.state, [CLOUD])[CLOUD] == pytest.approx(0.2)
    world.happened(events.UseMeasured(org=CLOUD, usd_per_year=1e9, growth_per_year=0.5, h100e=1e6))
    assert uses.captive_shares(world.state, [CLOUD])[CLOUD] == 1.0


def test_more_is_foreseen_further_ahead_with_more_contracts_and_nothing_without_users():
    near, far = (foresee.foreseen(given().state, CLOUD, weeks) for weeks in (10, 100))
    assert 0 < near < far
    let = given().happened(lease(RIVAL, gpus=1_000))
    assert foresee.foreseen(let.state, CLOUD, 10) == pytest.approx(near + 1_000)
    assert foresee.foreseen(given(demand__factor=0.0).state, CLOUD, 100) == 0.0
