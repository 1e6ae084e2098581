"""What follows from the start: markets, shares, spending and factors with which the first week is what was observed."""

from __future__ import annotations

import math

import pytest
from given import CLOUD, LAB, RESELLER, RIVAL, SITE, START, SUPPLIER, given, handed, lease

from events.types import chips as chip_events
from events.types import sites as site_events
from events.types.demand import UseMeasured
from events.types.finance import BudgetSet, PaymentMade
from events.types.training import FrontierMeasured, ModelReleased, ServingMeasured
from market import rng
from market.rules import demand, foresee, index, prices, uses
from market.rules.belongings import Belongings
from market.rules.calibrate import (
    _finance_factor,
    _first_pull,
    _target_factor,
    builders,
    contractors,
    gpus_per_usd,
    lines,
    mix,
    ordering_weeks,
    plans,
    put,
    segments,
    shells_factor,
    spending,
    supply,
)

YEAR_HOURS = 8760


def numbers(outcomes):
    """Numbers that were set, by name."""
    return {h.event.parameter: h.event.value for h in outcomes if hasattr(h.event, "parameter")}


def of(outcomes, field):
    """Events that have a field."""
    return [h.event for h in outcomes if hasattr(h.event, field)]


# --- markets and shares

MARKETS = {
    "demand__consumer_growth_per_year": 1.0, "demand__api_growth_per_year": 2.0,
    "demand__enterprise_growth_per_year": 3.0,
    **{f"demand__{name}_market_usd": 4e9 for name in demand.SEGMENTS},
    **{f"demand__{name}_market_max_usd": 2e10 for name in demand.SEGMENTS},
    "demand__consumer_capability_slope": 2.0, "demand__drift_per_year": 0.1, "demand__momentum_max": 1.5,
    "demand__reconsider_per_month": 0.05, "demand__quality_weight": 2.0, "demand__follower_lag": 0.3,
    "orgs__lab__consumer_share": 0.5, "orgs__lab__api_share": 0.3,
}  # fmt: skip


def opened(rival=0.0, **parameters):
    world = given(**{**MARKETS, **parameters})
    if rival:
        world.happened(ServingMeasured(org=RIVAL, revenue_usd_per_year=rival, value=rival, h100e=0.0, tokens_per_s=0.0))
    return world


def test_a_lab_sells_in_three_segments_that_are_all_that_it_sells():
    assert mix(opened().state, LAB) == pytest.approx({"consumer": 0.5, "api": 0.3, "enterprise": 0.2})
    assert mix(opened(orgs__lab__api_share=0.9).state, LAB) == pytest.approx(
        {"consumer": 0.5, "api": 0.5, "enterprise": 0}
    )
    assert mix(opened().state, RIVAL) == pytest.approx({"consumer": 0.4, "api": 0.3, "enterprise": 0.3})


def test_a_segment_opens_with_what_is_spent_and_so_that_it_grows_as_it_did():
    found = list(segments(opened().state))
    set_to, (consumer, *_) = numbers(found), of(found, "market_usd_per_year")
    assert (consumer.usd_per_year, consumer.market_usd_per_year) == (5e8, 4e9)
    odds = 0.2  # 4 of 20
    assert set_to["demand.consumer_threshold"] == pytest.approx(-math.log(odds / (1 - odds)) / 2.0)
    grown = 1.0  # of all that the lab sells, about which its segments grow as usual
    assert set_to["demand.consumer_pull"] == pytest.approx((grown / (8 - 1) - 0.1) * 8)
    assert set_to["demand.frontier_start"] == 1.5


def test_a_market_is_a_little_larger_than_what_is_spent_and_smaller_than_it_can_become():
    (grown, *_) = of(segments(opened(demand__consumer_market_usd=1.0).state), "market_usd_per_year")
    assert grown.market_usd_per_year == pytest.approx(1.05 * 5e8)
    (bound, *_) = of(segments(opened(demand__consumer_market_usd=9e12).state), "market_usd_per_year")
    assert bound.market_usd_per_year == pytest.approx(0.95 * 2e10)
    slow = numbers(segments(opened(demand__drift_per_year=9.0).state))
    assert slow["demand.consumer_pull"] == 0.0


def test_a_segment_in_which_nobody_sells_opens_with_the_least():
    world = opened(orgs__lab__consumer_share=0.0, orgs__lab__api_share=1.0, demand__first_revenue_usd=7.0)
    found = list(segments(world.state))
    assert [x.usd_per_year for x in of(found, "market_usd_per_year")] == [7.0, 1e9, 7.0]
    assert {x.segment for x in of(found, "share")} == {"api"}
    assert numbers(found)["demand.enterprise_pull"] == 0.0


def test_customers_are_shared_as_they_spend_and_appeal_is_what_the_model_does_not_explain():
    found = list(segments(opened(rival=2.5e8).state))
    shares = {(x.org, x.segment): x.share for x in of(found, "share") if x.segment == "consumer"}
    assert shares == pytest.approx({(LAB, "consumer"): 5 / 6, (RIVAL, "consumer"): 1 / 6})
    behind = 2.0 * 0.3  # it has no model: as far behind as followers are counted
    assert numbers(found)[f"orgs.{RIVAL}.appeal_consumer"] == pytest.approx(math.log(1 / 6) + behind)
    assert numbers(found)[f"orgs.{LAB}.appeal_consumer"] == pytest.approx(math.log(5 / 6))


def test_a_lab_that_is_known_to_grow_faster_pulls_by_what_it_gained_from_those_who_chose():
    usual = 0.5 * 1.0 + 0.3 * 2.0 + 0.2 * 3.0
    found = list(segments(opened(orgs__lab__revenue_growth_start=usual + 0.5).state))
    set_to = numbers(found)
    assert set_to[f"orgs.{LAB}.revenue_growth_start"] == pytest.approx(usual + 0.5)
    assert set_to[f"orgs.{LAB}.momentum_per_year"] == pytest.approx(0.0)  # alone in its segments, it is their growth
    two = list(segments(opened(1e9, orgs__lab__revenue_growth_start=usual + 0.5,
                               orgs__rival__consumer_share=0.5, orgs__rival__api_share=0.3).state))  # fmt: skip
    gained = numbers(two)[f"orgs.{LAB}.momentum_per_year"]
    assert gained == pytest.approx(0.25)
    assert numbers(two)[f"orgs.{RIVAL}.momentum_per_year"] == 0.0  # of which nothing is known
    choosing = 13 * 0.05 + 1.25
    pull = math.log(1 + gained / choosing)
    assert numbers(two)[f"orgs.{LAB}.appeal_consumer"] == pytest.approx(math.log(0.5) + pull)
    assert numbers(two)[f"orgs.{RIVAL}.appeal_consumer"] == pytest.approx(math.log(0.5) + 2.0 * 0.3)


def test_what_a_lab_gained_counts_within_bounds():
    fast = opened(orgs__lab__revenue_growth_start=99.0).state
    assert _first_pull(fast, LAB, 0.0, 0.0) == pytest.approx(math.log(1 + 1.5 / 0.65))
    slow = opened(orgs__lab__revenue_growth_start=-99.0).state
    assert _first_pull(slow, LAB, 0.0, 0.0) == pytest.approx(-1.5)
    assert _first_pull(fast, LAB, -5.0, 0.0) == _first_pull(fast, LAB, 0.0, 0.0)
    still = opened(orgs__lab__revenue_growth_start=9.0, demand__reconsider_per_month=0.0).state
    assert _first_pull(still, LAB, 0.0, 0.0) == 0.0


def test_a_number_of_the_start_has_nine_digits_and_its_day():
    (one,) = [put(given().state, "demand.factor", 1 / 3)]
    assert (one.day, one.event.value, one.actor) == (START, 0.333333333, "world")


# --- spending on all that is installed


def owning(world, org=RESELLER, gpus=2_000, site=SITE):
    return world.happened(chip_events.FleetRegistered(org=org, site=site, chip="H100", gpus=gpus, power_kw_it=1))


def test_all_that_is_installed_is_spent_on_at_the_price_that_was_signed():
    world = given(own__growth_per_year=0.4, tail__growth_per_year=0.3, orgs__cloud__captive_share=0.25)
    found = list(spending(world.state))
    (cleared,) = of(found, "supply_h100e")
    spot = prices.clearing_for(world.state, 2.5)
    assert cleared.clearing_usd_per_h100e_hour == cleared.reference_usd_per_h100e_hour == pytest.approx(spot)
    assert cleared.h100e == pytest.approx(14_000)
    p = world.state.run.parameters
    each = YEAR_HOURS * spot * (1 + (spot / p["price.choke_usd"]) ** p["price.choke_power"])
    own, tail = sorted(of(found, "growth_per_year"), key=lambda use: use.h100e)
    assert (own.org, own.h100e, own.growth_per_year) == (CLOUD, 2_500, 0.4)
    assert (tail.org, tail.h100e, tail.growth_per_year) == ("world/tail", 14_000 - 2_500 - 4_000, 0.3)
    assert (own.usd_per_year, tail.usd_per_year) == pytest.approx((2_500 * each, 7_500 * each))
    start = numbers(found)[f"orgs.{CLOUD}.own_use_start_usd_per_year"]
    assert start == pytest.approx(2_500 * YEAR_HOURS * 2.5)
    wanted = uses.use_per_usd(world.state, spot, 0.0) * tail.usd_per_year
    assert wanted * world.state.demand.reference_usd_per_h100e_hour / spot == pytest.approx(7_500)


def test_labs_of_a_group_are_part_of_its_spending():
    world = given(orgs__lab__in_house=1.0)
    (cleared,) = of(spending(world.state), "supply_h100e")
    own = {use.org: use.h100e for use in of(spending(world.state), "growth_per_year")}
    assert own == {LAB: 4_000, "world/tail": 10_000}
    assert cleared.h100e == pytest.approx(14_000)


def test_what_the_tail_rents_is_shared_by_what_clouds_neither_use_nor_leased_out():
    world = owning(given(orgs__cloud__captive_share=0.25, price__posted_sd=0.1))
    world.happened(lease(gpus=1_500), handed(lease(gpus=1_500)))
    set_to = numbers(spending(world.state))
    left = {CLOUD: 10_000 - 2_500 - 1_500, RESELLER: 2_000}
    for org, h100e in left.items():
        assert set_to[f"orgs.{org}.merchant_share"] == pytest.approx(h100e / 8_000)
    logs = {org: 0.1 * rng.normal(7, "posted", org) for org in left}
    mean = (logs[CLOUD] * 6_000 + logs[RESELLER] * 2_000) / 8_000
    work = math.log(world.state.leases.work_per_h100e)
    for org, log in logs.items():
        assert set_to[f"orgs.{org}.posted_log_start"] == pytest.approx(log - mean + work)


def test_clouds_that_have_nothing_left_serve_no_tail():
    set_to = numbers(spending(given(orgs__cloud__captive_share=1.0).state))
    assert set_to[f"orgs.{CLOUD}.merchant_share"] == 0.0
    assert f"orgs.{RESELLER}.merchant_share" not in set_to


# --- labs' plans


def research(cash=True, **parameters):
    terms = {"labs__want_cash_years": 2.0, "serving__revenue_per_inference_usd": 4.0}
    known = {"orgs__lab__revenue_growth_start": 0.5, "labs__belief_max_per_year": 9.0}
    world = given(**{**terms, **known, **parameters})
    if not cash:
        owed = {"org": LAB, "counterparty": "world/contractors", "kind": "shell", "contract_id": "x"}
        world.happened(PaymentMade(amount_usd_cents=10**12 + 5, **owed))
    return world, numbers(plans(world.state)).get(f"orgs.{LAB}.research_share")


def test_a_lab_wants_what_it_holds_the_rest_over_serving_being_research():
    world, share = research()
    spend = 4_000 * YEAR_HOURS * prices.quote(world.state, 364.0, 0.0) - 1e9 / 4
    growth = demand.lab_growth(world.state, LAB)
    base = 1e9 * math.exp(growth) + 1e10 / 2
    assert share == pytest.approx(max(0.05, spend / base))
    _, most = research(False, serving__revenue_per_inference_usd=1e9)
    owns = 4_000 * YEAR_HOURS * prices.quote(world.state, 364.0, 0.0)
    assert most == pytest.approx(max(0.05, owns / (1e9 * math.exp(growth))), rel=1e-6)
    _, slow = research(False, serving__revenue_per_inference_usd=1e9, labs__belief_max_per_year=0.0)
    assert slow == pytest.approx(max(0.05, owns / 1e9), rel=1e-6)
    assert research(serving__revenue_per_inference_usd=0.1)[1] == 0.05
    assert research(orgs__lab__in_house=1.0)[1] is None


# --- builders' factors


MANY = {"supply__ramp_width_weeks": 50.0}  # so that the old generation is still made


def test_lines_of_the_start_are_those_in_volume():
    assert set(lines(given(**MANY).state)) == {"A100", "H100", "H20", "TPU v5p"}


def test_a_dollar_buys_chips_as_lines_make_them_of_those_that_one_may_buy():
    state = given(**MANY).state
    made, chips = lines(state), state.chips.chips
    found = gpus_per_usd(state, LAB)
    assert set(found) == {"A100", "H100"}
    assert sum(gpus * chips[name].price_usd_per_gpu for name, gpus in found.items()) == pytest.approx(1)
    assert found["A100"] / found["H100"] == pytest.approx(made["A100"] / made["H100"])
    assert set(gpus_per_usd(state, "chinese-lab")) == {"H20"}


FACTORS = {
    "targets__factor_min": 0.0, "targets__factor_max": 1e9, "targets__npv_slope": 1.5, "targets__close_weeks": 40.0,
    "orders__fraction": 0.8, "targets__cost_margin": 0.05, "demand__factor": 0.5, "targets__horizon_weeks": 30.0,
    "targets__lead_weeks_min": 8.0, "supply__lead_time_start_weeks": 10.0,
}  # fmt: skip


def building(**parameters):
    world = given(**{**FACTORS, **parameters}).happened(BudgetSet(org=CLOUD, value=1e9, reason="start"))
    sent = {"shipment_id": "cloud/shipment/1", "order_id": "cloud/order/1", "counterparty": "oem", "due_day": START + 9}
    ordered = {"supplier": SUPPLIER, "price_usd_per_gpu": 1.0}
    return world.happened(
        UseMeasured(org=CLOUD, usd_per_year=1e8, growth_per_year=0.5, h100e=3_000.0),
        chip_events.ShipmentSent(org=CLOUD, chip="H100", gpus=300, **sent),
        chip_events.OrderPlaced(order_id="cloud/order/2", org=CLOUD, chip="GB200", gpus=200, **ordered),
        lease(gpus=700), handed(lease(gpus=700)),
    )  # fmt: skip


@pytest.mark.parametrize(("start", "weeks"), [(10.0, 40.0), (2.0, 38.0)])
def test_first_orders_look_as_far_ahead_as_chips_take_and_a_while(start, weeks):
    assert ordering_weeks(given(**FACTORS | {"supply__lead_time_start_weeks": start}).state) == weeks


@pytest.mark.parametrize("spot", [0.001, 0.3, 0.46, 9.0])
def test_a_target_is_what_the_first_orders_close_the_gap_to(spot):
    world = building()
    state, p = world.state, world.state.run.parameters
    state.demand.clearing_usd_per_h100e_hour = spot
    rent = prices.forward(state, 10 + p["targets.npv_weeks"])
    margin = min(1.0, max(0.1, 1 + 1.5 * math.log(rent / (1.05 * state.demand.cost_usd_per_h100e_hour))))
    chips = state.chips.chips
    each = sum(gpus * chips[name].h100e for name, gpus in gpus_per_usd(state, CLOUD).items())
    position = 10_000 + 300 + 200 * 2.5
    gap = 40 * 1e9 * 0.8 / 52 * each / margin
    wanted = foresee.users(state, CLOUD, 40.0) / 0.5
    expected = (position + gap - 700) / wanted
    assert _target_factor(state, CLOUD, Belongings.of(state)) == pytest.approx(expected)


def test_a_target_is_within_bounds_and_one_where_nothing_is_known():
    for bounds, found in (({"targets__factor_max": 1e-6}, 1e-6), ({"targets__factor_min": 1e6}, 1e6)):
        state = building(**bounds).state
        assert _target_factor(state, CLOUD, Belongings.of(state)) == found
    state = building().state
    state.demand.uses.clear()
    assert _target_factor(state, CLOUD, Belongings.of(state)) == 1.0
    for chip in state.chips.chips.values():
        chip.in_volume = False
    assert _target_factor(state, CLOUD, Belongings.of(state)) == 1.0


def raising(world, bill=2.0, org=CLOUD):
    state = world.state
    leases = Belongings.of(state).leases.get(org, [])
    return _finance_factor(state, org, bill, leases)


def test_what_a_builder_spends_is_set_over_what_it_is_explained_to_raise():
    world = building(orgs__cloud__income_usd_per_year=1e7, finance__income_share=0.5, finance__start_slack=1.5)
    state, p = world.state, world.state.run.parameters
    hourly = 700 * 2.5 + p[f"orgs.{CLOUD}.merchant_share"] * index.tail_wanted(state) * index.tail_price(state, CLOUD)
    money = hourly * YEAR_HOURS + 0.5e7 + state.finance.ledger.accounts[CLOUD] / 100 / 2
    assert money < 1e11
    assert raising(world, bill=20.0) == pytest.approx(1.5 * 2e10 / money)
    assert raising(world, bill=1e9) == pytest.approx(1.5 / 0.05)
    assert raising(world, bill=1e-3) == 1.0


def test_overheads_come_off_rents_and_rents_paid_off_rents_earned():
    world = building(finance__overhead_share=0.2, finance__start_slack=1.0)
    owed = {"org": CLOUD, "counterparty": "world/contractors", "kind": "shell", "contract_id": "x"}
    world.happened(PaymentMade(amount_usd_cents=2 * 10**12, **owed))
    state, p = world.state, world.state.run.parameters
    tail = p[f"orgs.{CLOUD}.merchant_share"] * index.tail_wanted(state) * index.tail_price(state, CLOUD)
    assert raising(world, bill=0.2) == pytest.approx(2e8 / (0.8 * (1_750 + tail) * YEAR_HOURS))
    other = lease(lessee=CLOUD, lessor=RESELLER, gpus=400, lease_id="cloud/lease/1")
    world.happened(other, handed(other))
    assert raising(world, bill=0.2) == pytest.approx(2e8 / (0.8 * (1_750 - 1_000 + tail) * YEAR_HOURS))


def test_factors_are_said_of_those_who_have_a_budget_and_a_lead_of_those_who_race():
    world = building(orgs__cloud__races=1.0, orgs__cloud__captive_share=0.5)
    set_to = numbers(builders(world.state))
    assert set(set_to) == {f"orgs.{CLOUD}.{name}" for name in ("race_start", "target_factor", "finance_factor")}
    lead = math.log(uses.leader_h100e(world.state) / uses.own_lab_h100e(world.state, CLOUD))
    assert set_to[f"orgs.{CLOUD}.race_start"] == pytest.approx(lead)
    assert f"orgs.{CLOUD}.race_start" not in numbers(builders(building().state))
    assert f"orgs.{CLOUD}.race_start" not in numbers(builders(building(orgs__cloud__races=1.0).state))


# --- shells, contractors, inputs

SHELLS = {
    **FACTORS, "sites__greenfield_days": 700.0, "orders__room_weeks": 20.0, "sites__slip_median": 2.0,
    "sites__trust": 0.5,
}  # fmt: skip


def shells(soon=1_000.0, begun=1e12, due=None, org=CLOUD, **parameters):
    world = building(**{**SHELLS, **parameters})
    if due is not None:
        world.happened(site_events.BuildingStarted(
            building_id="hall/building/1", site=SITE, org=CLOUD, region="texas", kind="greenfield", power_kw_it=900,
            start_day=START, due_day=START + due, on_site_power=False, is_firm=True,
        ))  # fmt: skip
    state = world.state
    return state, shells_factor(state, org, Belongings.of(state), soon, begun)


def test_shells_carry_what_is_on_its_way_on_order_and_ordered_soon():
    state, factor = shells()
    chips = state.chips.chips
    weekly = sum(gpus * chips[name].power_kw_it_per_gpu for name, gpus in gpus_per_usd(state, CLOUD).items())
    weekly *= 1e9 * 0.8 / 52
    weekly += 100 * 0.8  # of the line of its own group
    spare = state.sites.sites[SITE].spare_w / 1000
    need = 20 * weekly - spare + 300 * 1.4 + 200 * 2.0
    assert factor == pytest.approx(max(1.0, need / (0.5 * 1_000)))
    assert factor > 1.0
    for days, counted in ((140, 450.0), (141, 0.0)):  # 40 weeks, over the usual slip
        assert shells(due=days)[1] == pytest.approx((need - counted) / 500)
    whole = 100 * weekly - spare
    assert shells(soon=1e12, begun=10.0)[1] == pytest.approx(whole / 10)
    for days, counted in ((700, 900.0), (701, 0.0)):
        assert shells(soon=1e12, begun=10.0, due=days)[1] == pytest.approx((whole - counted) / 10)


def test_no_factor_on_shells_is_below_one_nor_where_nothing_is_known():
    assert shells(soon=1e12)[1] == 1.0
    assert shells(soon=0.0)[1] == 1.0
    assert shells(org=SUPPLIER + "x")[1] == 1.0
    assert shells(soon=1e-9, targets__factor_max=3.0)[1] == 3.0


def test_own_lines_need_shells_too():
    """The parent of a maker builds for what that makes, whatever its budget."""
    world = given(**SHELLS | {"orders__room_weeks": 1_000.0}).happened(BudgetSet(org=CLOUD, value=0.0, reason="start"))
    state = world.state
    spare = state.sites.sites[SITE].spare_w / 1000
    factor = shells_factor(state, CLOUD, Belongings.of(state), 1_000.0, 1e12)
    assert factor == pytest.approx((1_000 * 100 * 0.8 - spare) / 500)


@pytest.mark.parametrize("due", [None, 364, 365])
def test_contractors_finish_what_is_due_in_a_year_or_what_growth_asks_and_some(due):
    world = given(sites__shells_slack=0.5, sites__pool_growth_per_year=0.26, sites__slip_median=1.0)
    kw = 900_000
    if due:
        world.happened(site_events.BuildingStarted(
            building_id="hall/building/1", site=SITE, org=CLOUD, region="texas", kind="greenfield", power_kw_it=kw,
            start_day=START, due_day=START + due, on_site_power=False, is_firm=True,
        ))  # fmt: skip
    (said,) = contractors(world.state)
    grown = 0.26 * 40_000
    assert said.event.value == round(1.5 * (kw if due == 364 else grown) / 52)
    assert list(contractors(given(sites__pool_growth_per_year=0.0).state)) == []


def test_makers_have_the_memory_that_lines_of_the_start_use_and_own_plant_as_was_made():
    (plant,) = supply(given(sites__on_site_mw_per_year=100.0).state)
    assert (plant.event.kind, plant.event.value) == ("plant", pytest.approx(100_000 * 7 / 365.25))
    short = given(supply__memory_gb_per_week=100.0)
    said, _ = supply(short.state)
    used = sum(
        gpus * {"A100": 80, "H100": 80, "H20": 96, "TPU v5p": 95}[name] for name, gpus in lines(short.state).items()
    )
    assert (said.event.kind, said.event.value) == ("memory", pytest.approx(used, rel=0.2))
    short.happened(said.event)
    assert [each.event.kind for each in supply(short.state)] == ["plant"]


def test_who_leads_is_chosen_for_its_model_as_far_as_that_is_known():
    released = ModelReleased(
        model="new", org=RIVAL, flop=1e25, effective_flop=1e25, capability=1.9, kind="frontier", start_day=START
    )
    world = opened(rival=2.5e8).happened(released, *(FrontierMeasured(capability=1.9) for _ in range(27)))
    set_to = numbers(segments(world.state))
    assert set_to["demand.frontier_start"] == 1.9
    assert set_to[f"orgs.{RIVAL}.appeal_consumer"] == pytest.approx(math.log(1 / 6))
    assert set_to[f"orgs.{LAB}.appeal_consumer"] == pytest.approx(math.log(5 / 6) + 2.0 * 0.3)


def test_customers_of_the_first_weeks_come_to_know_what_was_released_before_the_start():
    world = opened().happened(*(FrontierMeasured(capability=1.5 if week < 20 else 1.9) for week in range(27)))
    world.after(segments(world.state))
    first = demand.opened_market(world.state, "api")
    assert first == pytest.approx(world.state.run.parameters["demand.api_market_usd"]), "opens from what they know"
    world.happened(*(FrontierMeasured(capability=1.9) for _ in range(4)))
    assert demand.opened_market(world.state, "api") > first
