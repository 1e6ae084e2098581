"""Equations of prices, demand, debt, power and inputs against the same sums done by hand on the small world."""

from __future__ import annotations

import math

import pytest
from given import CLOUD, FIELD, FUND, LAB, RESELLER, RIVAL, SITE, START, SUPPLIER, given, handed, lease

from events.types import chips as chip_events
from events.types import contracts as contract_events
from events.types import finance as money
from events.types import leases as lease_events
from events.types import sites as site_events
from market import rng
from market.rules import (
    base,
    credit,
    demand,
    energy,
    finance,
    foresee,
    free,
    index,
    inputs,
    power,
    prices,
    shells,
    uses,
)
from market.rules.chips import planned_lines
from market.state.demand import TAIL
from market.state.leases import Signature, Span

HOURS = 8760


def rent(world, gpus=1_000, delivered=None, lessee=LAB, lessor=CLOUD, **terms):
    """A lease, handed over as far as is said."""
    signed = lease(lessee, lessor, gpus, **terms)
    world.happened(signed)
    if delivered != 0:
        world.happened(handed(signed, delivered))
    return world


def contract(world, gpus, lessor=CLOUD, lessee=LAB, chip="H100", name="lab/contract/1", price=2.0, region="texas"):
    """A contract of which nothing is drawn."""
    terms = {"contract_id": name, "lessor": lessor, "lessee": lessee, "gpus": gpus}
    return world.happened(
        contract_events.ContractSigned(
            quote_id="cloud/quote/1", kind="frontier", chip=chip, site="", region=region, start_day=START + 60,
            end_day=START + 1_060, price_usd_per_gpu_hour=price, site_choice="listed", **terms,
        ),
        contract_events.TrancheScheduled(tranche=1, start_day=START + 60, end_day=START + 1_060, **terms),
    )  # fmt: skip


def owns(world, org, gpus, chip="H100", site=SITE):
    return world.happened(chip_events.FleetRegistered(org=org, site=site, chip=chip, gpus=gpus, power_kw_it=1))


# --- what all rules share


def test_compute_is_gpus_by_what_their_chip_does():
    state = owns(given(), CLOUD, 100, "A100").state
    assert base.h100e(state, "A100", 100) == pytest.approx(32)
    assert base.h100e_by_chip(state)["GB200"] == 2.5
    assert base.fleet_h100e(state, CLOUD) == base.fleets_h100e(state)[CLOUD] == pytest.approx(10_032)
    assert base.held(state, CLOUD, "A100", SITE) == 100
    assert base.held(state, CLOUD, "A100", FIELD) == 0


def test_what_is_leased_is_in_the_fleet_of_who_rents_it():
    state = rent(given(), 1_000, 600).state
    fleets = base.fleets_h100e(state)
    assert (fleets[CLOUD], fleets[LAB]) == (9_400, 4_600)
    assert base.fleet_h100e(state, LAB) == 4_600


def test_demand_is_multiplied_by_a_factor_and_by_shocks():
    state = given(demand__factor=0.8).state
    state.run.shocks["demand"] = 0.5
    assert base.demand_factor(state) == pytest.approx(0.4)
    assert base.demand_factor(given(demand__factor=0.8).state) == pytest.approx(0.8)


@pytest.mark.parametrize(("cents", "pays"), [(100, True), (101, False), (0, True)])
def test_a_payment_needs_the_cash_for_it(cents, pays):
    state = given().state
    state.finance.ledger.accounts[LAB] = 100
    assert base.can_pay(state, LAB, cents) is pays
    state.finance.ledger.accounts[LAB] = -5
    assert base.can_pay(state, LAB, cents) is (cents == 0)


def test_overheads_are_of_clouds_that_live_on_rents():
    state = given(finance__overhead_share=0.2, orgs__reseller__income_usd_per_year=1.0).state
    assert [base.overhead_share(state, org) for org in (CLOUD, RESELLER, LAB)] == [0.2, 0.0, 0.0]


def test_other_income_grows_from_the_start():
    state = given(orgs__lab__income_usd_per_year=100.0, orgs__lab__income_growth=0.5).state
    assert base.income_usd_per_year(state, LAB, START) == 100.0
    assert base.income_usd_per_year(state, LAB, START + 1_461) == pytest.approx(100 * math.exp(2))
    assert base.years(state, START + 1_461) == 4.0


# --- what builders foresee


def test_users_grow_as_they_were_seen_to_and_buy_at_the_price_of_entry():
    world = given(own__elasticity=0.5, tail__elasticity=2.0, demand__factor=0.8)
    state = world.state
    entry, used = prices.entry_price(state), state.demand.reference_usd_per_h100e_hour
    own = 7.884e7 * math.exp(0.5 * 26 / 52) / (HOURS * used) * (entry / used) ** -0.5
    tail = 0.5 * 13.14e7 * math.exp(0.5 * 26 / 52) / (HOURS * used) * (entry / used) ** -2.0
    assert foresee.users(state, CLOUD, 26.0) == pytest.approx(0.8 * (own + tail))
    assert foresee.users(state, RESELLER, 26.0) == 0.0


def test_contracts_are_foreseen_in_full_but_not_within_the_group():
    world = rent(contract(given(), 200, chip="GB200"), 700, 100)
    assert foresee.contracted(world.state, CLOUD) == 700 + 500
    rent(world, 50, lease_id="lab/lease/2", kind="internal")
    assert foresee.contracted(world.state, CLOUD) == 1_200
    assert foresee.contracted(world.state, LAB) == 0.0
    assert foresee.foreseen(world.state, CLOUD, 9.0) == pytest.approx(foresee.users(world.state, CLOUD, 9.0) + 1_200)


def test_a_lab_foresees_what_it_wants_unless_it_is_part_of_a_group():
    state = given().state
    state.training.labs[LAB].wanted_h100e = 777.0
    assert foresee.foreseen(state, LAB, 9.0) == 777.0
    state.run.orgs[LAB].parent = CLOUD
    assert foresee.foreseen(state, LAB, 9.0) == 0.0


# --- what is published of prices


def test_capacity_to_let_is_what_neither_clouds_nor_their_lessees_use():
    world = owns(rent(given(), 1_000), CLOUD, 100, "A100")
    found = index.Capacity(world.state)
    kept = found.captive[CLOUD]
    assert 0 < kept < 1
    assert found.free[CLOUD, "H100", SITE] == pytest.approx(9_000 - 10_000 * kept)
    assert found.free[CLOUD, "A100", SITE] == pytest.approx(32 * (1 - kept))
    assert found.by_cloud == pytest.approx({CLOUD: found.total_free})
    assert set(found.free) == {(CLOUD, "H100", SITE), (CLOUD, "A100", SITE)}
    assert index.Capacity(rent(given(), 10_000).state).free == {}


def test_the_tail_wants_its_budget_at_the_price_of_the_day():
    state = given(demand__factor=0.5).state
    assert index.tail_wanted(state) == pytest.approx(0.5 * 13.14e7 * uses.use_per_usd(state, 3.0, 1.2))
    state.demand.uses.pop(TAIL)
    assert index.tail_wanted(state) == 0.0


def test_a_months_twelfth_of_the_tails_contracts_is_signed_near_the_quote():
    world = given(tail__contract_share=0.6, price__signed_sd=0.1)
    state = world.state
    (signed,) = world.after(index.tail_contracts(state, START))
    free_h100e = index.Capacity(state).total_free
    fill = min(1.0, index.tail_wanted(state) / free_h100e)
    assert signed.h100e == pytest.approx(free_h100e * fill * 0.6 / 13)
    z = rng.normal(7, "tail contract", CLOUD, 0)
    assert signed.price_usd_per_h100e_hour == pytest.approx(prices.reference_quote(state) * math.exp(0.1 * z))
    assert signed.duration_days == 364
    small = given(tail__contract_share=1e-4)
    assert index.tail_contracts(small.state, START) is None
    estate = given()
    estate.state.finance.estates[CLOUD] = None
    assert index.tail_contracts(estate.state, START) is None


def signatures(world, *signed):
    world.state.leases.signed[:] = [Signature(CLOUD, "", 100.0, days, wait, price) for days, wait, price in signed]
    return world.state


def test_the_index_moves_to_what_was_signed_by_its_weight():
    world = given(price__index_half_life_weeks=4.0, price__index_wait_days=182.0, price__index_days_max=730.0)
    state = world.state
    state.leases.counted_h100e = 300.0
    like = prices.quote(state, 364, 26.0)
    counted = 0.5**0.25 * 300
    for price, log in ((like, 0.0), (1.2 * like, math.log(1.2)), (9 * like, 0.5), (like / 9, -0.5)):
        found = index.measured(signatures(world, (364, 182, price)), START)
        part = 100 / (counted + 100)
        now = prices.reference_quote(state) * math.exp(log)
        assert found.usd_per_h100e_hour == pytest.approx(2.5 ** (1 - part) * now**part)
        assert found.counted_h100e == pytest.approx(counted + 100)
    late, long = (364, 183, 9.0), (731, 0, 9.0)
    assert index.measured(signatures(world, late, long), START) == index.measured(signatures(world), START)
    two = index.measured(signatures(world, (730, 0, 2.0), late), START)
    assert two.counted_h100e == pytest.approx(counted + 100)


def test_before_anything_is_signed_the_index_rests_on_what_the_tail_signs_in_a_week():
    state = given(tail__contract_share=0.6, price__index_half_life_weeks=4.0).state
    usual = index.tail_wanted(state) * 0.6 / 13 / 4
    assert index.usual_h100e(state) == pytest.approx(usual)
    keep = 0.5**0.25
    assert index.measured(state, START).counted_h100e == pytest.approx(keep * usual / (1 - keep))


@pytest.mark.parametrize(("days", "moves"), [(56, False), (57, True)])
def test_without_signatures_the_quote_moves_the_index_after_two_half_lives(days, moves):
    state = given(price__index_half_life_weeks=4.0, price__quiet_half_lives=2.0).state
    found = index.measured(state, START + days).usd_per_h100e_hour
    keep = 0.5**0.25
    assert found == pytest.approx(2.5**keep * prices.reference_quote(state) ** (1 - keep) if moves else 2.5)


def test_the_last_day_that_counts_is_of_what_begins_soon_and_lasts_no_longer_than_the_index_counts():
    state = given(price__index_wait_days=182.0, price__index_days_max=730.0).state
    assert index.last_signed(state) == START
    days = {Span(0, 364): 5, Span(182, 730): 9, Span(183, 364): 99, Span(0, 731): 99}
    state.leases.signed_days.update({span: START + day for span, day in days.items()})
    assert index.last_signed(state) == START + 9


@pytest.mark.parametrize(("days", "wait"), [(364, 0), (730, 182), (731, 0), (364, 183)])
def test_what_the_index_does_not_count_keeps_it_no_fresher_than_nothing_signed(days, wait):
    half_life = {"price__index_half_life_weeks": 4.0, "price__quiet_half_lives": 2.0}
    state = given(price__index_wait_days=182.0, price__index_days_max=730.0, **half_life).state
    state.leases.signed_days[Span(wait, days)] = START + 50
    quiet = index.measured(state, START + 57).usd_per_h100e_hour
    is_counted = (days, wait) in {(364, 0), (730, 182)}
    assert (quiet == state.leases.price_usd_per_h100e_hour) == is_counted


def test_posted_prices_are_averaged_by_what_the_tail_rents():
    world = given(orgs__cloud__merchant_share=0.25, orgs__reseller__merchant_share=0.75,
                  orgs__reseller__posted_log_start=0.2, price__spot_start_usd_per_h100e_hour=4.0)  # fmt: skip
    state = world.state
    assert index.posted(state, RESELLER) == pytest.approx(4 * math.exp(0.2))
    assert index.posted_mean(state, {}) == pytest.approx(4 * math.exp(0.75 * 0.2))
    assert index.posted_mean(state, {CLOUD: 8.0}) == pytest.approx(4 * math.exp(0.75 * 0.2 + 0.25 * math.log(2)))
    none = given(orgs__cloud__merchant_share=0.0).state
    assert index.posted_mean(none, {}) == none.leases.spot_usd_per_h100e_hour


def test_the_tail_pays_a_part_at_the_index_and_the_rest_as_posted():
    state = given(tail__contract_share=0.75, price__spot_start_usd_per_h100e_hour=4.0).state
    assert index.tail_price(state, CLOUD) == pytest.approx(0.75 * 2.5 + 0.25 * 4.0)


@pytest.mark.parametrize(("spot", "kind"), [(3.0, "rise"), (6.0, "cut"), (3.7, None), (4.0, None), (4.1, None)])
def test_a_posted_price_closes_a_part_of_its_gap_to_the_index_once_that_is_wide(spot, kind):
    world = given(
        price__spot_ratio=1.6, price__spot_band=0.1, price__spot_closing=0.5, price__spot_hazard_weeks=1.0,
        price__spot_start_usd_per_h100e_hour=spot,
    )  # fmt: skip
    moved = [h.event for h in index.publish(world.state, START) if h.event.__class__.__name__ == "OnDemandRepriced"]
    first = [event for event in moved if event.lessor == CLOUD]
    assert [event.kind for event in first] == ([kind] if kind else [])
    if kind:
        assert first[0].spot_usd_per_h100e_hour == pytest.approx(math.sqrt(spot * 1.6 * 2.5))


def test_posted_prices_are_revised_once_in_so_many_weeks():
    world = given(price__spot_hazard_weeks=5.0, price__spot_start_usd_per_h100e_hour=9.0)
    revised = 0
    for week in range(400):
        world.state.run.week = week
        revised += sum(h.event.__class__.__name__ == "OnDemandRepriced" for h in index.publish(world.state, START))
    assert revised / 400 / 2 == pytest.approx(1 / 5, rel=0.15)  # two clouds


def test_what_is_free_is_rented_by_the_hour_up_to_what_the_tail_wants():
    world = given(price__spot_start_usd_per_h100e_hour=4.0)
    state = world.state
    found = {(e.lessor, e.chip): e for e in world.after(index.on_demand(state, START))}
    capacity = index.Capacity(state)
    fill = min(1.0, index.tail_wanted(state) / capacity.total_free)
    assert 0 < fill < 1
    one = found[CLOUD, "H100"]
    assert one.gpus == int(capacity.free[CLOUD, "H100", SITE] * fill)
    assert one.price_usd_per_gpu_hour == pytest.approx(index.tail_price(state, CLOUD), rel=0.05)
    idle = given()
    idle.state.demand.uses.pop(TAIL)
    assert index.on_demand(idle.state, START) is None


# --- prices

COSTS = {"price__tco_usd_per_h100e_hour": 2.0, "price__tco_capital_share": 0.75, "price__margin": 0.25}


def test_the_lead_time_is_the_backlog_over_output_by_value_own_lines_left_out():
    state = given().state
    assert prices.lead_time(state) == 0.0
    for chip, backlog, made in (("H100", 40, 10), ("GB200", 10, 5), ("TPU v5p", 10**6, 1)):
        state.chips.chips[chip].backlog_gpus, state.chips.chips[chip].made_gpus = backlog, made
    assert prices.lead_time(state) == pytest.approx((40 * 25 + 10 * 40) / (10 * 25 + 5 * 40))
    for chip in ("H100", "GB200"):  # nothing is made for a backlog: no shorter than it was
        state.chips.chips[chip].made_gpus = 0
    state.chips.lead_times[:] = [9.0, 17.0]
    assert prices.lead_time(state) == 17.0
    state.chips.chips["H100"].backlog_gpus, state.chips.chips["H100"].made_gpus = 10**9, 1
    assert prices.lead_time(state) == inputs.WAIT_WEEKS_MAX, "no longer than that of a chip can be"


def test_keeping_a_gpu_on_costs_its_power_with_levies_and_staff():
    state = given(regions__texas__levy_usd_per_mwh=10.0, price__running_usd_per_h100e_hour=0.1).state
    assert prices.energy_of(state, "texas") == (1.25, 60.0)
    assert prices.running_cost(state, state.chips.chips["GB200"], "texas") == pytest.approx(2 * 1.25 * 0.06 + 0.25)


def test_the_cost_of_the_mix_is_that_of_the_work_of_all_on_sale():
    state = given(**COSTS, supply__ramp_width_weeks=50.0).state
    from market.rules import work

    each, made = work.in_h100e(state, START), planned_lines(state, START)
    sold = {name: n for name, n in made.items() if state.chips.chips[name].buyers == "all" and n}
    assert len(sold) > 1
    cost = sum(n * state.chips.chips[x].h100e * prices.replacement_cost(state, state.chips.chips[x])
               for x, n in sold.items())  # fmt: skip
    assert prices.cost_of_mix(state, START) == pytest.approx(cost / sum(n * each[x] for x, n in sold.items()))
    none = given(**COSTS, supply__slots_per_week=0.0).state
    h100 = none.chips.chips["H100"]
    each = work.in_h100e(none, START)["H100"]
    assert prices.cost_of_mix(none, START) == pytest.approx(prices.cost_of_work(none, h100, each))


def test_entry_is_the_cost_of_new_capacity_and_a_margin():
    state = given(**COSTS).state
    assert prices.entry_price(state) == pytest.approx(1.5 * 1.25)
    state.demand.cost_usd_per_h100e_hour = 0.0
    assert prices.entry_price(state) == pytest.approx(prices.cost_of_mix(state, START) * 1.25)


def test_what_is_agreed_for_later_fades_to_entry_and_a_contract_is_its_mean():
    state = given(**COSTS, price__forward_decay_weeks=52.0, price__entry_floor=1.1).state
    entry = 1.875

    def ahead(weeks, spot=3.0):
        return entry * (spot / entry) ** math.exp(-weeks / 52)

    assert prices.forward(state, 26.0) == pytest.approx(ahead(26))
    assert prices.forward(state, 26.0, 9.0) == pytest.approx(ahead(26, 9.0))
    mean = sum(ahead(10 + part * 52) for part in (0, 1 / 3, 2 / 3, 1)) / 4
    assert prices.quote(state, 364, 10) == pytest.approx(mean)
    assert prices.quote(state, 364, -9) == prices.quote(state, 364, 0)
    assert prices.reference_quote(state) == pytest.approx((ahead(8) + ahead(60)) / 2)
    state.demand.clearing_usd_per_h100e_hour = 0.1
    floor = 1.1 * 1.5
    assert prices.quote(state, 714, 0) == pytest.approx(floor)
    assert prices.quote(state, 713, 0) < floor


def test_cheaper_chips_are_rented_nearer_to_their_cost_the_later_they_come():
    state = given(price__forward_decay_weeks=52.0).state
    assert prices.later_factor(state, 1.0, 2.0, 0.0) == 1.0
    assert prices.later_factor(state, 1.0, 2.0, 52.0) == pytest.approx(0.5 ** (1 - math.exp(-1)))
    assert prices.later_factor(state, 3.0, 2.0, 52.0) == 1.0
    expected = prices.quote(state, 364, 52.0) * 0.5 ** (1 - math.exp(-1)) * 4.0
    assert prices.rent(state, (1.0, 2.0), 4.0, 364, 52.0) == pytest.approx(expected)


def test_spot_moves_by_a_part_of_the_way_to_where_demand_meets_supply():
    speed = {"price__clearing_speed": 0.5, "price__clearing_step_max": 9.0, "price__reference_half_life_weeks": 10.0}
    world = given(**speed, price__cost_half_life_weeks=5.0)
    state = world.state
    found = uses.streams(state, base.fleets_h100e(state))
    target = max(prices._floor(state), prices._balance(state, found, 14_000.0))
    assert uses.wanted_h100e(state, found, prices._balance(state, found, 14_000.0)) == pytest.approx(14_000, rel=1e-6)
    (cleared,) = (h.event for h in prices.clear(state, START))
    spot = math.sqrt(3.0 * target)
    assert cleared.clearing_usd_per_h100e_hour == pytest.approx(spot)
    keep = 0.5**0.1
    assert cleared.reference_usd_per_h100e_hour == pytest.approx(3.0**keep * spot ** (1 - keep))
    assert cleared.h100e == pytest.approx(uses.wanted_h100e(state, found, 3.0))
    assert cleared.supply_h100e == 14_000
    old = 0.5**0.2
    mix = prices.cost_of_mix(state, START)
    assert cleared.cost_usd_per_h100e_hour == pytest.approx(old * 1.5 + (1 - old) * mix)


def test_no_owner_leases_out_below_the_least_running_cost_of_any_chip_anywhere():
    state = given(regions__beijing__energy_usd_per_mwh=1.0).state
    chips = [chip for chip in state.chips.chips.values() if chip.in_volume]
    least = min(prices.running_cost(state, chip, region) / chip.h100e for chip in chips for region in state.run.regions)
    assert prices._floor(state) == pytest.approx(least)
    for chip in chips:
        chip.in_volume = False
    assert prices._floor(state) == pytest.approx(prices.entry_price(state) / 500)


# --- who spends on compute


def test_who_uses_its_own_compute_at_the_start():
    parts = {"orgs__cloud__captive_share": 0.3, "orgs__lab__parent_share": 0.2}
    state = given(**parts).state
    assert [uses.own_share(state, org) for org in (CLOUD, LAB, "rest", RESELLER)] == [0.3, 0.0, 1.0, 0.0]
    state.run.orgs[LAB].parent = CLOUD
    assert uses.own_share(state, CLOUD) == pytest.approx(0.5)
    assert uses.own_share(state, LAB) == 1.0
    full = given(orgs__cloud__captive_share=0.9, orgs__lab__parent_share=0.2).state
    full.run.orgs[LAB].parent = CLOUD
    assert uses.own_share(full, CLOUD) == 1.0
    assert uses.is_in_house(given(orgs__lab__in_house=1.0).state, LAB)
    assert not uses.is_in_house(given().state, LAB)


def test_budgets_grow_by_their_rate_as_it_decays_by_the_frontier_and_the_race(monkeypatch):
    world = given(
        tail__growth_per_year=0.8, own__growth_per_year=0.4, tail__growth_decay_years=2.0, own__growth_decay_years=4.0,
        tail__capability_weight=0.5, demand__growth_factor=0.9, targets__belief_half_life_weeks=8.0,
    )  # fmt: skip
    state = world.state
    state.training.frontier[:] = [1.0, 1.1, 1.2]
    monkeypatch.setattr(uses, "race", lambda *_: 0.07)
    found = {event.org: event for event in world.after(uses.grow(state, START + 1_461))}
    gain = 0.1 * 365.25 / 7
    rates = {TAIL: 0.9 * (0.8 * math.exp(-2) + 0.5 * gain), CLOUD: 0.9 * (0.4 * math.exp(-1) + 0.07)}
    for user, usd in ((TAIL, 13.14e7), (CLOUD, 7.884e7)):
        event = found[user]
        assert event.usd_per_year == pytest.approx(usd * math.exp(rates[user] * 28 / 365.25))
        fade = 0.5**0.5
        assert event.growth_per_year == pytest.approx(fade * 0.5 + (1 - fade) * rates[user])
        elasticity = 1.2 if user == TAIL else 0.8
        assert event.h100e == pytest.approx(event.usd_per_year * uses.use_per_usd(state, 3.0, elasticity))


def test_what_a_lab_can_be_known_to_have_is_owned_rented_contracted_and_announced():
    world = contract(rent(given(), 500, 0), 200, chip="GB200")
    world.happened(
        lease_events.LetterSigned(deal_id="lab/deal/1", org=LAB, counterparty=CLOUD, h100e=50.0, due_day=START)
    )
    assert uses.announced_h100e(world.state, LAB) == pytest.approx(4_000 + 500 + 500 + 50)
    assert uses.leader_h100e(world.state) == pytest.approx(5_050)
    world.state.run.orgs[LAB].parent = CLOUD
    assert uses.leader_h100e(world.state) == 0.0


def test_what_a_parent_has_for_its_own_is_its_part_of_all_that_it_owns_and_ordered():
    world = given(orgs__cloud__captive_share=0.5)
    sent = {"shipment_id": "cloud/shipment/1", "order_id": "cloud/order/1", "counterparty": "oem", "due_day": START + 9}
    world.happened(
        chip_events.ShipmentSent(org=CLOUD, chip="H100", gpus=100, **sent),
        chip_events.OrderPlaced(order_id="cloud/order/2", org=CLOUD, supplier=SUPPLIER, chip="GB200", gpus=40,
                                price_usd_per_gpu=1.0),
    )  # fmt: skip
    world.state.chips.warehouse[CLOUD] = {"H100": 60}
    assert uses.own_lab_h100e(world.state, CLOUD) == pytest.approx((10_000 + 100 + 100 + 60) / 2)


@pytest.mark.parametrize(
    ("lead", "growth"), [(5_000.0, 0.0), (5_000 * math.e, 0.5), (5e9, 1.0), (1.0, -0.5), (0.0, 0.0)]
)
def test_a_parent_that_races_answers_how_far_it_fell_behind_within_bounds(lead, growth):
    race = {"race__weight": 0.5, "race__log_min": -1.0, "race__log_max": 2.0, "orgs__cloud__race_start": 0.0}
    state = given(**race, orgs__cloud__races=1.0, orgs__cloud__captive_share=0.5).state
    assert uses.race(state, CLOUD, lead) == pytest.approx(growth)
    assert uses.race(given(**race, orgs__cloud__captive_share=0.5).state, CLOUD, lead) == 0.0


def test_a_budget_buys_by_habit_less_where_it_is_dear_and_little_beyond_the_choke():
    state = given(price__choke_usd=10.0, price__choke_power=4.0).state
    assert uses.use_per_usd(state, 6.0, 0.5) == pytest.approx(2**-0.5 / (HOURS * 3.0 * (1 + 0.6**4)))


def test_streams_are_the_tail_own_users_within_their_fleets_and_labs_within_their_wishes():
    world = given(demand__factor=0.5, labs__hold_slack=1.5)
    lab_now = world.state.training.labs[LAB]
    fleets = base.fleets_h100e(world.state)
    for wanted, counted in ((5_000.0, 5_000.0), (9_000.0, 6_000.0), (-3.0, 0.0)):
        lab_now.wanted_h100e = wanted
        found = uses.streams(world.state, fleets)
        assert found == (pytest.approx(0.5 * 13.14e7), ((pytest.approx(0.5 * 7.884e7), 10_000.0),), counted)
    world.state.run.orgs[LAB].parent = CLOUD
    found = uses.streams(world.state, fleets)
    assert (found.own[0][1], found.labs_h100e) == (14_000.0, 0.0)


@pytest.mark.parametrize("price", [1.0, 3.0, 9.0])
def test_users_together_want_what_each_wants_and_labs_serve_more_where_it_is_cheap(price):
    elasticities = {"serving__elasticity": 0.3, "own__elasticity": 0.8, "tail__elasticity": 1.2}
    state = given(price__choke_usd=10.0, price__choke_power=4.0, **elasticities).state
    found = uses.Streams(1e8, ((1e7, 1e9), (1e9, 50.0)), 700.0)
    each = uses.use_per_usd(state, price, 0.8)
    serving = (price / 3) ** -0.3 * (1 + 0.3**4) / (1 + (price / 10) ** 4)
    expected = 1e8 * uses.use_per_usd(state, price, 1.2) + 1e7 * each + 50 + 700 * min(1.2, serving)
    assert uses.wanted_h100e(state, found, price) == pytest.approx(expected)


def test_a_cloud_keeps_what_its_users_use_beside_what_its_labs_lease():
    world = rent(given(), 1_000, kind="internal")
    assert uses.captive_shares(world.state, [CLOUD, RESELLER]) == {CLOUD: pytest.approx(0.2), RESELLER: 0.0}
    world.state.demand.uses[CLOUD].h100e = 500.0
    assert uses.captive_shares(world.state, [CLOUD]) == {CLOUD: 0.0}
    world.state.demand.uses[CLOUD].h100e = 5e9
    assert uses.captive_shares(world.state, [CLOUD]) == {CLOUD: 1.0}


# --- end demand


def test_a_market_opens_with_what_models_can_do_over_the_start():
    state = given(demand__consumer_market_max_usd=8e9, demand__consumer_capability_slope=2.0).state
    state.training.frontier[:] = [2.0, 3.0]
    assert demand.seen_frontier(state) == 2.5
    x = 2.0 * (2.5 - 1.5 - 1.0)
    assert demand.opened_market(state, "consumer") == pytest.approx(8e9 / (1 + math.exp(-x)))
    state.training.frontier[:] = [3.5]
    assert demand.opened_market(state, "consumer") == pytest.approx(8e9 / (1 + math.exp(-2)))
    assert demand.logistic(-800) == 0.0
    assert demand.logistic(1.0) == pytest.approx(1 / (1 + math.exp(-1)))


def test_growth_varies_about_its_mean_for_the_run_and_for_a_quarter():
    state = given(demand__growth_error=0.1, demand__growth_quarter_sd=0.2, demand__growth_factor=0.5).state
    for week, quarter in ((-1, 0), (11, 0), (12, 1), (24, 1), (25, 2)):
        state.run.week = week
        z = 0.1 + 0.2 * rng.normal(7, "demand growth", "api", quarter)
        assert demand.growth_shock(state, "api") == pytest.approx(max(0.0, 1 + z) * 0.5)


@pytest.mark.parametrize("served", [1.0, 0.5])
def test_a_segment_grows_by_adoption_of_what_is_open(served):
    """(drift + pull A / M)(M / A - 1), held back by what is not served."""
    world = given(demand__growth_quarter_sd=0.0, demand__patience=1.25, demand__drift_per_year=0.1)
    state = world.state
    lab_now = state.training.labs[LAB]
    lab_now.demand_usd_per_year = lab_now.revenue_usd_per_year / served
    opened = demand.opened_market(state, "consumer")
    room = opened / 5e8
    rate = (0.1 + 1.0 / room) * (room - 1) * min(1.0, 1.25 * served)
    assert demand.served_share(state) == pytest.approx(served)
    assert demand.growth_rate(state, "consumer") == pytest.approx(min(3, rate))
    grown = {event.segment: event for event in world.after(demand.segments(state, START))}["consumer"]
    assert grown.usd_per_year == pytest.approx(5e8 * math.exp(demand.growth_rate(state, "consumer") * 7 / 365.25))


def test_a_segment_larger_than_its_market_shrinks_whoever_is_served():
    state = given(demand__growth_quarter_sd=0.0, demand__consumer_market_max_usd=5e8).state
    room = demand.opened_market(state, "consumer") / 5e8
    assert room < 1
    rate = (state.run.parameters["demand.drift_per_year"] + 1.0 / room) * (room - 1)
    state.training.labs[LAB].demand_usd_per_year = 1e12
    assert demand.growth_rate(state, "consumer") == pytest.approx(max(-3, rate))


@pytest.mark.parametrize(("asked", "part"), [(0.0, 1.0), (1e9, 1.0), (2e9, 0.5), (1e12, 0.2)])
def test_a_provider_serves_a_part_of_what_is_asked_within_bounds(asked, part):
    state = given(demand__availability_min=0.2).state
    state.training.labs[LAB].demand_usd_per_year = asked
    assert demand.availability(state, LAB) == part
    assert demand.availability(state, "nobody") == 1.0


def test_a_months_part_of_customers_and_all_new_ones_choose_by_pull():
    world = given(
        demand__growth_quarter_sd=0.0, demand__reconsider_per_month=0.1,
        demand__quality_weight=2.0, demand__follower_lag=0.3,
    )  # fmt: skip
    state = world.state
    state.run.parameters["orgs.rival.appeal_consumer"] = 0.4
    pulls = {LAB: 1.0, RIVAL: math.exp(0.4 - 0.6)}
    rate = demand.growth_rate(state, "consumer")
    new = 1 - math.exp(-max(0.0, rate) * 28 / 365.25)
    moved = new + (1 - new) * 0.1
    found = {e.org: e.share for e in world.after(demand.shares(state, START)) if e.segment == "consumer"}
    for org, before in ((LAB, 2 / 3), (RIVAL, 1 / 3)):
        target = pulls[org] / sum(pulls.values())
        assert found[org] == pytest.approx(before + moved * (target - before))


def test_pull_is_appeal_capability_what_a_lab_gains_yet_and_a_drift():
    world = given(
        orgs__lab__momentum_per_year=0.5, demand__momentum_years=2.0, orgs__lab__appeal_per_year=-0.1,
        demand__appeal_years=3.0, demand__quality_weight=2.0, demand__follower_lag=0.3,
    )  # fmt: skip
    world.state.run.parameters["orgs.lab.appeal_api"] = 0.3
    for years in (4.0, 1.0):
        day = START + round(365.25 * years)
        gain = 0.5 * 2.0 * (1 - math.exp(-base.years(world.state, day) / 2))
        drift = -0.1 * min(base.years(world.state, day), 3.0)
        found = demand._pull(world.state, 1.6, LAB, "api", day)
        assert found == pytest.approx(0.3 + 2 * (1.5 - 1.6) + gain + drift)
    assert demand._pull(world.state, 5.0, LAB, "api", START) == pytest.approx(0.3 - 2 * 0.3)


def test_customers_ask_for_their_part_of_every_segment():
    state = given(demand__factor=0.5).state
    state.run.shocks["serving"] = 0.8
    assert demand.asked_of(state, LAB) == pytest.approx(0.4 * 1.5e9 * 2 / 3)
    assert demand.asked_of(state, "nobody") == 0.0


def test_a_labs_growth_is_what_was_seen_by_the_part_of_half_a_year_that_is_known():
    state = given(orgs__lab__revenue_growth_start=0.9).state
    for past, known in (
        ([100.0], None),
        ([100.0, 110.0], 1),
        ([100.0] + [105.0] * 12 + [110.0], 13),
        ([0.0, 9.0], None),
    ):
        state.demand.revenues[LAB] = past
        seen = math.log(1.1) / ((known or 1) * 7 / 365.25)
        expected = 0.9 if known is None else known / 26 * seen + (1 - known / 26) * 0.9
        assert demand.lab_growth(state, LAB) == pytest.approx(expected)


# --- debt


def lent(world, cents=10**10, rate=0.1, days=1_826, org=CLOUD, name="cloud/deal/1"):
    return world.happened(
        money.LoanGranted(
            deal_id=name, org=org, counterparty=FUND, amount_usd_cents=cents, value=rate, end_day=START + days
        )
    )


def test_instalments_of_a_year_are_an_annuity_and_a_month_has_its_part():
    world = lent(lent(given()), 5 * 10**9, 0.05, 730, name="cloud/deal/2")
    one = 1e10 * 0.1 / (1 - 1.1 ** (-1_826 / 365.25))
    two = 5e9 * 0.05 / (1 - 1.05 ** (-730 / 365.25))
    assert credit.instalment_cents(10**10, 0.1, 1_826) == pytest.approx(one)
    assert credit.service_cents(world.state, CLOUD) == pytest.approx(one + two)
    assert credit.service_cents(world.state, LAB) == 0
    paid = [cents for _, _, cents, _, _ in credit.instalments(world.state)]
    assert paid == [round(one * 28 / 365), round(two * 28 / 365)]
    world.state.finance.estates[CLOUD] = None
    assert list(credit.instalments(world.state)) == []


def test_coverage_is_income_after_rents_overheads_and_running_over_instalments():
    world = given(
        finance__overhead_share=0.2, orgs__cloud__merchant_share=0.5, tail__contract_share=0.6,
        price__running_usd_per_h100e_hour=0.1, finance__loan_rate=0.1, finance__loan_years=5.0,
        build__leased_usd_per_kw_year=876.0,
    )  # fmt: skip
    contract(rent(rent(world, 1_000, lease_id="lab/lease/1"), 100, lease_id="lab/lease/2", end_day=START + 175), 50)
    other = rent(world, 300, 200, CLOUD, RESELLER, lease_id="cloud/lease/1", site=FIELD)
    state = other.state
    long_rents = (1_000 * 2.5 + 50 * 2.0) * HOURS
    free_h100e = 10_000 - 1_100
    tail = min(5_000 * 0.5, free_h100e) * HOURS * 2.5
    assert credit.free_h100e(state, CLOUD) == free_h100e
    assert credit.tail_rent_usd_per_year(state, CLOUD) == pytest.approx(tail)
    assert credit.tail_rent_usd_per_year(state, RESELLER) == 0.0
    each = 1.4 * 1.25 * 0.05 + 0.1
    hourly = 200 * 2.5 + 10_050 * each
    income = (0.8 * (long_rents + 0.6 * tail) - hourly * HOURS) * 100
    service, found = credit.service_and_income(state, CLOUD)
    assert (service, found) == (0, pytest.approx(income))
    assert credit.coverage(state, CLOUD, 0) == math.inf
    extra = credit.instalment_cents(10**10, 0.1, 1_825)
    assert credit.coverage(state, CLOUD, 10**10) == pytest.approx(income / extra)
    lent(world)
    assert credit.coverage(state, CLOUD, 10**10) == pytest.approx(income / (credit.service_cents(state, CLOUD) + extra))
    assert credit.coverage(state, CLOUD, 0, (5.0, -9.0)) == 0.0
    assert credit.coverage(state, CLOUD, 0, (5.0, 10.0)) == 2.0


def test_leases_count_as_income_that_last_longer_than_half_a_year():
    for days, ahead, counts in ((176, credit.LASTS_DAYS, 1), (175, credit.LASTS_DAYS, 0), (175, 0, 1)):
        world = rent(given(), 100, end_day=START + days)
        assert credit._rents_usd(world.state, CLOUD, ahead) == pytest.approx(counts * 100 * 2.5 * HOURS)


def rated(cents=10**12, rating=3.0, **parameters):
    world = given(
        orgs__cloud__rating=rating, orgs__cloud__income_usd_per_year=1e8, finance__bonds_per_cash_flow=1.5,
        finance__bonds_stretched=3.0, finance__state_rate=0.04, finance__spread_per_step=0.01, **parameters,
    )  # fmt: skip
    world.state.finance.ledger.accounts[CLOUD] = cents
    return world


def test_a_rating_borrows_a_multiple_of_cash_flow_less_its_debt_and_more_when_stretched():
    assert credit.bond_room_cents(rated().state, CLOUD, START) == 15 * 10**9
    assert credit.bond_room_cents(rated(0).state, CLOUD, START) == 15 * 10**9
    assert credit.bond_room_cents(rated(-1).state, CLOUD, START) == 30 * 10**9
    assert credit.bond_room_cents(lent(rated()).state, CLOUD, START) == 5 * 10**9
    assert credit.bond_room_cents(lent(rated(), 10**11).state, CLOUD, START) == 0
    assert credit.bond_room_cents(rated(rating=0.0).state, CLOUD, START) == 0
    assert credit.bond_rate(rated().state, CLOUD) == pytest.approx(0.07)
    assert credit.bond_rate(rated(-1).state, CLOUD) == pytest.approx(0.10)


@pytest.mark.parametrize("rate", [0.1, 0.0])
def test_what_is_outstanding_is_what_instalments_have_still_to_repay(rate):
    world = lent(given(), 10**10, rate, 3_653)
    loan = world.state.finance.loans["cloud/deal/1"]
    assert credit.outstanding(loan, START) == 10**10
    assert credit.outstanding(loan, START + 3_653) == credit.outstanding(loan, START + 9_999) == 0
    years = 10.0
    yearly = 1e10 * (rate / (1 - (1 + rate) ** -years) if rate else 1 / years)
    half = sum(yearly / (1 + rate) ** n for n in range(1, 6))
    assert credit.outstanding(loan, START + round(3_653 / 2)) == pytest.approx(half, rel=2e-3)


def breached(ratio, breach_day=-1, rating=0.0, monkeypatch=None):
    world = lent(given(finance__covenant_min=1.2, orgs__cloud__rating=rating))
    world.state.finance.books[CLOUD].breach_day = breach_day
    monkeypatch.setattr(credit, "coverage", lambda *_: ratio)
    return [type(h.event).__name__ for h in credit.covenants(world.state, START)]


def test_covenants_break_below_the_least_coverage_and_are_cured_at_it(monkeypatch):
    assert breached(1.19, monkeypatch=monkeypatch) == ["CovenantBreached"]
    assert breached(1.2, monkeypatch=monkeypatch) == []
    assert breached(1.19, START, monkeypatch=monkeypatch) == []
    assert breached(1.2, START, monkeypatch=monkeypatch) == ["CovenantCured"]
    assert breached(1.2, 0, monkeypatch=monkeypatch) == ["CovenantCured"]
    assert breached(0.1, rating=1.0, monkeypatch=monkeypatch) == []


def test_a_loan_is_called_whose_covenants_stay_broken_where_cash_does_not_repay_it():
    def called(since, cash=10**10 - 1):
        world = lent(given(finance__cure_weeks=26.0))
        world.state.finance.books[CLOUD].breach_day = since
        world.state.finance.ledger.accounts[CLOUD] = cash
        return credit.is_called(world.state, CLOUD, START)

    assert called(START - 182)
    assert not called(START - 181)
    assert not called(-1)
    assert not called(START - 182, 10**10)


def test_a_loan_is_repaid_on_its_last_day():
    world = lent(given(), days=100)
    assert list(credit.loans_repaid(world.state, START + 99)) == []
    assert len(list(credit.loans_repaid(world.state, START + 100))) == 1
    world.state.finance.estates[CLOUD] = None
    assert list(credit.loans_repaid(world.state, START + 100)) == []


# --- payments


def test_burn_is_rent_with_what_goes_with_it_and_chips_less_what_is_earned():
    world = rent(given(finance__spend_burn=1.5, finance__revenue_margin=0.5, orgs__lab__income_usd_per_year=1e8), 1_000)
    world.happened(money.BudgetSet(org=LAB, value=2e9, reason="start"))
    monthly = 1_000 * 2.5 * 24 * 28 * 100
    assert finance.monthly_rent(world.state, LAB) == monthly == finance.rent_earned(world.state, CLOUD)
    burn = round(1.5 * monthly + (2.2e9 - 0.5e9 - 1e8) * 100 * 28 / 365)
    assert finance.burn_cents(world.state, LAB) == burn
    assert finance.burn_cents(world.state, LAB, 0) == round(1.6e11 * 28 / 365)
    assert finance.runway_days(world.state, LAB) == 10**12 * 28 // burn
    assert finance.runway_days(world.state, FUND) == 3_650


def test_a_lease_is_paid_for_what_was_handed_over_and_a_part_of_what_was_shed():
    world = rent(given(), 1_000, take_or_pay_share=0.5)
    one = world.state.leases.leases["lab/lease/1"]
    one.delivered, one.shed = 700, 300
    assert finance.lease_rent(one) == round(700 * 2.5 * 672 * 100) + round(300 * 1.25 * 672 * 100)
    one.since_day, one.gpu_days, one.shed_days, one.due_cents = START, 10, 20, 7
    cents = (10 + 700 * 6 + 0.5 * (20 + 300 * 6)) * 2.5 * 24 * 100
    assert finance.rent_due(one, START + 5) == 7 + round(cents)


def test_own_users_bring_a_margin_on_what_they_use_beyond_the_start():
    known = {"finance__own_use_margin": 0.5, "finance__own_use_growth_per_year": 0.1}
    start = {"orgs__cloud__own_use_start_usd_per_year": 1e7}
    state = given(**known, **start).state
    worth = min(3_000 * HOURS * 2.5, 7.884e7)
    for day in (START, START + 1_461):
        usual = 1e7 * math.exp(0.1 * (day - START) / 365.25)
        assert finance.own_users_usd_per_year(state, CLOUD, day) == pytest.approx(0.5 * (worth - usual))
    state.demand.uses[CLOUD].h100e = 9e9
    assert finance.own_users_usd_per_year(state, CLOUD, START) == pytest.approx(0.5 * (7.884e7 - 1e7))
    state.demand.uses[CLOUD].h100e = 1.0
    assert finance.own_users_usd_per_year(state, CLOUD, START) == 0.0
    assert finance.own_users_usd_per_year(given(**known).state, CLOUD, START) == 0.0


def paid(world, step, kind):
    return {row[4]: row for row in step(world.state) if row[3] == kind}


def test_other_business_subscriptions_running_revenue_and_parents_are_paid_by_the_month():
    world = given(
        orgs__cloud__income_usd_per_year=365e6, orgs__fund__subscriptions_usd_per_year=365e4,
        finance__rounds_growth_per_year=0.5, price__running_usd_per_h100e_hour=0.1, finance__revenue_margin=0.5,
    )  # fmt: skip
    world.state.run.week = 51
    found = {(kind, name): cents for _, _, cents, kind, name in finance._operations(world.state)}
    years = 52 * 7 / 365.25
    assert found["other business", CLOUD] == 28 * 10**8
    assert found["subscription", FUND] == pytest.approx(28 * 10**6 * 1.5**years, abs=1)
    assert found["operations", CLOUD] == round(10_000 * 0.1 * 672 * 100)
    assert found["revenue", LAB] == round(0.5e9 * 28 / 365 * 100)
    assert ("parent funding", LAB) not in found
    world.state.run.orgs[LAB].parent = CLOUD
    rent(world, 1_000)
    funded = paid(world, finance._operations, "parent funding")[LAB]
    assert funded[:3] == (CLOUD, LAB, finance.burn_cents(world.state, LAB))


def test_staff_is_a_part_of_rents_of_labs_that_pay_and_of_clouds_that_earn():
    world = rent(given(finance__spend_burn=1.5, finance__overhead_share=0.2), 1_000)
    rents = [(LAB, CLOUD, 1_000, "rent", "x"), (LAB, CLOUD, 505, "rent", "y"), (LAB, RESELLER, 2, "rent", "z")]
    found = {row[0]: row[2] for row in finance._staff(world.state, rents)}
    assert found == {LAB: round(0.5 * 1_000 * 2.5 * 672 * 100), CLOUD: 301}


def test_energy_is_paid_for_what_a_site_draws_at_its_regions_price():
    state = given(energy__load_factor=0.5).state
    found = {row[4]: row for row in finance.energy(state)}
    drawn = state.sites.sites[SITE].installed_w / 1000
    assert found[SITE][2] == round(drawn * 1.25 * 0.5 * 672 * 0.05 * 100)
    assert found[SITE][0] == CLOUD
    assert list(finance.shell_rents(state)) == []
    state.sites.sites[SITE].leased_kw = 100
    ((_, _, cents, kind, name),) = finance.shell_rents(state)
    each = state.run.parameters["build.leased_usd_per_kw_year"]
    assert (cents, kind, name) == (round(100 * each * 28 / 365.25 * 100), "shell rent", SITE)


def test_turnover_is_rents_both_ways_debt_service_and_other_business():
    world = lent(rent(given(orgs__cloud__income_usd_per_year=1e6), 1_000))
    rent(world, 100, None, CLOUD, RESELLER, lease_id="cloud/lease/1", site=FIELD)
    monthly = 2.5 * 672 * 100
    hourly = 100 * credit.tail_rent_usd_per_year(world.state, CLOUD)
    expected = 13 * 1_100 * monthly + hourly + credit.service_cents(world.state, CLOUD) + 1e8
    assert finance.turnover(world.state, CLOUD) == pytest.approx(expected)


def test_an_org_is_insolvent_beyond_a_part_of_its_turnover_below_zero():
    world = rent(given(finance__default_cash_share=-0.25), 1_000)
    most = round(0.25 * finance.turnover(world.state, CLOUD))
    accounts = world.state.finance.ledger.accounts
    for cents, broke in ((0, False), (-most, False), (-most - 1, True)):
        accounts[CLOUD] = cents
        assert finance.is_insolvent(world.state, CLOUD) is broke
    rich = rated(-(10**9))
    assert not finance.is_insolvent(rich.state, CLOUD)


@pytest.mark.parametrize(("last", "answered"), [(55, False), (56, True)])
def test_a_round_that_nobody_answers_fails_after_its_weeks(last, answered):
    world = given(finance__round_answer_weeks=8.0)
    world.happened(money.RoundSought(org=LAB, amount_usd_cents=5, duration_days=9))
    failed = list(finance.due(world.state, START, START + last))
    assert [h.day for h in failed] == ([START + 56] if answered else [])
    assert [h.day for h in finance.due(world.state, START + 70, START + 76)] == [START + 70]


# --- what is free


def test_gpus_are_free_that_neither_train_nor_are_owed_nor_quoted():
    world = rent(given(), 1_000, 600)
    assert free.owed(world.state, CLOUD, "H100", SITE) == 400
    assert free.owed(world.state, CLOUD, "A100", SITE) == free.owed(world.state, CLOUD, "H100", FIELD) == 0
    assert free.owed(world.state, LAB, "H100", SITE) == 0
    assert free.free_gpus(world.state, CLOUD, "H100", SITE) == 9_400 - 400
    assert free.free_gpus(world.state, CLOUD, "A100", SITE) == 0


def test_power_is_promised_for_what_gpus_there_do_not_cover():
    world = rent(given(), 11_000, 600)
    promised = free.promised_watts(world.state, SITE)
    assert promised == (10_400 - 9_400) * 1_400
    assert free.promised_watts(rent(given(), 5_000, 600).state, SITE) == 0
    assert free.promised_watts(given().state, FIELD) == 0


@pytest.mark.parametrize(("wanted", "idle"), [(0.0, 0.0), (3_000.0, 1_500.0), (4_600.0, 0.0), (1.0, 4_000.0)])
def test_a_labs_own_compute_is_idle_beyond_what_it_wants_with_what_it_rents(wanted, idle):
    world = rent(given(), 500)
    world.state.training.labs[LAB].wanted_h100e = wanted
    assert free.idle_h100e(world.state, LAB) == pytest.approx(idle)
    assert free.idle_h100e(world.state, CLOUD) == 0.0


# --- power


@pytest.mark.parametrize("growth", [0.25, 0.0, -0.1])
def test_a_server_clears_what_it_adds_up_to(growth):
    server = power.Server(100.0, 1_000.0, growth, 1.0, 0.5)
    for years in (1.0, 3.0):
        kw = 1_000 * (1 + power.added_up(years, growth)) - 100
        assert server.clears_days(kw) == pytest.approx(365.25 * (years - 0.5))
    assert server.clears_days(0.0) == 0.0
    assert server.clears_days(900.0) == 0.0
    assert power.Server(0.0, 0.0, growth, 1.0, 0.0).clears_days(1.0) == 3_650
    assert server.clears_days(1e12) == 3_650


@pytest.mark.parametrize("growth", [0.25, -0.1])
def test_what_a_flow_adds_up_to_is_its_integral(growth):
    steps = 20_000
    whole = sum(math.exp(growth * 3.0 * (n + 0.5) / steps) for n in range(steps)) * 3.0 / steps
    assert power.added_up(3.0, growth) == pytest.approx(whole)
    assert power.years_to(whole, growth) == pytest.approx(3.0)
    assert power.added_up(3.0, 0.0) == power.years_to(3.0, 0.0) == 3.0
    assert power.years_to(-1.0, growth) == 0.0
    assert power.years_to(10.0, -0.1) == math.inf


def test_regions_developers_and_makers_serve_by_their_flows():
    world = given(sites__grid_growth_per_year=0.2, sites__leased_grid_share=0.1, sites__on_site_growth_per_year=0.5,
                  sites__on_site_mw_per_year=100.0, sites__on_site_factor=1.5)  # fmt: skip
    state, day = world.state, START + 358
    year = 365 / 365.25
    state.run.regions["texas"].granted_kw, state.run.regions["texas"].leased_kw, state.run.plant_kw = 700, 30, 40
    assert power.grid(state, "texas", day) == (700, 500_000.0, 0.2, 1.0, pytest.approx(year))
    assert power.developers(state, "texas", day) == (30, pytest.approx(50_000), 0.2, 1.0, pytest.approx(year))
    assert power.makers(state) == (-40, pytest.approx(150_000), 0.5, 0.0, 0.0)
    state.chips.inputs["plant"] = 1_000.0
    assert power.makers(state).yearly_kw == pytest.approx(1_500 * 365.25 / 7)
    flow = 1 + math.expm1(0.2 * year) / 0.2
    assert power.connectable_kw(state, "texas", day) == pytest.approx(500_000 * flow - 700)


def works(
    world, number=1, kw=1_000, kind="greenfield", on_site=False, start=START, due=START + 300, site=SITE, firm=True
):
    return world.happened(
        site_events.BuildingStarted(
            building_id=f"{SITE}/building/{number}", site=SITE, org=CLOUD, region="texas", kind=kind, power_kw_it=kw,
            start_day=START, due_day=due, on_site_power=on_site, is_firm=firm,
        ),
        *([] if on_site else [site_events.PowerQueued(
            building_id=f"{SITE}/building/{number}", site=SITE, org=CLOUD, region="texas", power_kw_it=kw,
            power_kw_facility=kw,
        )]),
    )  # fmt: skip


def test_a_load_waits_for_its_study_or_for_all_that_asked_before():
    world = works(given(sites__power_lead_days=400.0, sites__grid_growth_per_year=0.0), kw=600_000)
    state = world.state
    assert power.study_days(state, "texas") == 100.0
    assert power.study_days(given(sites__power_lead_days=900.0).state, "texas") == 0.0
    assert power.queued_kw(state, state.run.regions["texas"].queue) == 600_000
    behind = (1_000_000 / 500_000 - 1) * 365.25 - 7
    assert power.days_of_new(state, "texas", "greenfield", 400_000.0, False, START) == pytest.approx(behind)
    assert power.days_of_new(state, "texas", "greenfield", 1.0, False, START) == pytest.approx(100.0, abs=1)
    leased = power.developers(state, "texas", START).clears_days(9e4)
    assert power.days_of_new(state, "texas", "leased", 9e4, False, START) == pytest.approx(leased)


def test_own_plant_waits_for_its_making_and_for_what_was_ordered_before():
    world = given(sites__turbine_days=90.0, sites__on_site_days=540.0, sites__on_site_mw_per_year=100.0,
                  sites__on_site_growth_per_year=0.0)  # fmt: skip
    works(works(world, 1, 40_000, on_site=True), 2, 30_000, "brownfield", on_site=True)
    state = world.state
    assert (power.making_days(state, "greenfield"), power.making_days(state, "brownfield")) == (540.0, 90.0)
    assert power.plant_ahead_kw(state, "greenfield", START) == 70_000
    assert power.plant_ahead_kw(state, "brownfield", START) == 30_000
    assert power.plant_ahead_kw(state, "brownfield", START - 1) == 0
    assert power.plant_ahead_kw(state, "brownfield", START + 449) == 30_000
    assert power.plant_ahead_kw(state, "brownfield", START + 450) == 70_000
    mine = state.sites.buildings[f"{SITE}/building/1"]
    assert power.plant_ahead_kw(state, "greenfield", START, mine) == 30_000
    assert power.days_of_new(state, "texas", "greenfield", 130_000.0, True, START) == pytest.approx(2 * 365.25)
    assert power.days_of_new(state, "texas", "brownfield", 1.0, True, START) == pytest.approx(
        max(90.0, 30_001 / 1e5 * 365.25)
    )
    assert [b.building_id for b in power.plant_queue(state)] == [f"{SITE}/building/1", f"{SITE}/building/2"]


def test_a_building_can_expect_power_after_its_works_and_those_before_it():
    world = given(sites__grid_growth_per_year=0.0, sites__power_lead_days=400.0, power__non_firm_days=60.0,
                  regions__texas__non_firm_mw=10.0)  # fmt: skip
    works(works(world, 1, 600_000), 2, 400_000)
    state = world.state
    first, second = (state.sites.buildings[f"{SITE}/building/{n}"] for n in (1, 2))
    assert power.expected_day(state, first, START) == max(START + 100, round(START + (1.2 - 1) * 365.25 - 7))
    assert power.expected_day(state, second, START) == round(START + (2.0 - 1) * 365.25 - 7)
    first.paused_day = START
    assert power.expected_day(state, second, START) == START + 100
    works(world, 3, 5_000, firm=False)
    loose = state.sites.buildings[f"{SITE}/building/3"]
    assert power.expected_day(state, loose, START) == START + 60
    assert not power.waits_for_works(state, loose)
    works(world, 4, 50_000, firm=False)
    assert power.waits_for_works(state, state.sites.buildings[f"{SITE}/building/4"])


def test_a_building_asks_for_power_for_the_day_on_which_its_shell_is_planned():
    world = works(given(), due=START + 300)
    one = world.state.sites.buildings[f"{SITE}/building/1"]
    one.rested_days = 20
    assert power.wanted_days(one) == 320
    one.shell_ready = True
    assert power.wanted_days(one) == 0
    leased = works(given(), kind="leased").state.sites.buildings[f"{SITE}/building/1"]
    assert power.wanted_days(leased) == 0


# --- energy


def test_energy_costs_its_price_as_load_raised_it_and_capacity():
    world = given(regions__texas__capacity_market=1.0, energy__load_factor=0.5)
    state = world.state
    assert energy.energy_usd_per_mwh(state, "texas") == 50.0
    state.sites.capacity.update({START: 120.0, START + 7: 240.0, START + 400: 999.0})
    assert energy.capacity_usd_per_mwh(state, "texas") == pytest.approx(120 / 24 / 0.5)
    state.run.week = 0
    assert energy.capacity_usd_per_mwh(state, "texas") == pytest.approx(240 / 24 / 0.5)
    assert energy.capacity_usd_per_mwh(state, "beijing") == 0.0
    world.happened(site_events.EnergyPriced(region="texas", value=1.5, power_kw_it=1))
    assert energy.energy_usd_per_mwh(state, "texas") == pytest.approx(75 + 20)


def test_energy_is_dearer_by_years_of_what_a_region_connects():
    world = given(power__price_per_load=0.2, power__price_step=0.01)
    state = world.state
    assert energy.grid_kw(state) == {"texas": 40_000, "beijing": 0}
    world.after(energy.tariffs(state, START))
    assert list(energy.tariffs(state, START)) == []
    world.happened(site_events.PowerEnergised(
        building_id="hall/building/9", site=SITE, org=CLOUD, region="texas", kind="grid", power_kw_it=250_000,
        power_kw_facility=1,
    ))  # fmt: skip
    (dearer,) = (h.event for h in energy.tariffs(state, START))
    assert (dearer.region, dearer.value) == ("texas", pytest.approx(math.exp(0.1)))


def auctioned(day, load=0.0, cleared=None, reserve=100.0):
    world = given(
        regions__texas__capacity_market=1.0, power__capacity_reserve_mw=reserve,
        power__capacity_start_usd_per_mw_day=100.0, power__capacity_cap_usd_per_mw_day=300.0,
    )  # fmt: skip
    world.after(energy.tariffs(world.state, START))
    if load:
        world.happened(site_events.PowerEnergised(
            building_id="hall/building/9", site=SITE, org=CLOUD, region="texas", kind="grid", power_kw_it=load,
            power_kw_facility=1,
        ))  # fmt: skip
    world.state.sites.capacity.update(cleared or {})
    return [(h.event.value, h.event.start_day, h.event.power_kw_facility) for h in energy.auction(world.state, day)]


def test_capacity_clears_once_a_year_between_its_least_and_its_cap_by_the_reserve_that_load_uses():
    june = {START - 44: 100.0}
    first = 20240  # 2025-06-01
    assert auctioned(START) == [(100.0, START, 0)]
    assert auctioned(START + 5, cleared=june) == []
    assert auctioned(START + 6, cleared=june) == [(100.0, first, 0)]
    assert auctioned(START + 6, 40_000, cleared=june) == [(200.0, first, 50_000)]
    assert auctioned(START + 6, 4_000_000, cleared=june)[0][0] == 300.0
    assert auctioned(START + 6, cleared={**june, first: 1.0}) == []
    assert auctioned(START + 6, cleared=june, reserve=0.0)[0][0] == 300.0
    assert auctioned(START, 40_000)[0][0] == 100.0
    assert list(energy.auction(given().state, START)) == []


def test_plant_costs_more_the_longer_its_makers_take():
    world = given(means__turbine_usd_per_kw=1_000.0, power__plant_price_per_wait=0.5, sites__on_site_days=500.0,
                  sites__on_site_mw_per_year=10.0, sites__on_site_growth_per_year=0.0)  # fmt: skip
    assert energy.plant_usd_per_kw(world.state) == 1_000.0
    works(world, kw=50_000, on_site=True)
    wait = 5 * 365.25
    assert energy.plant_usd_per_kw(world.state) == pytest.approx(1_000 * math.sqrt(wait / 500))


def test_makers_of_plant_grow_by_their_trend_and_by_the_wait_for_them():
    world = given(
        sites__on_site_days=500.0, sites__on_site_mw_per_year=10.0, sites__on_site_growth_per_year=0.25,
        sites__on_site_pull=0.5, supply__backlog_pull_min=-0.2, supply__backlog_pull_max=1.0,
    )  # fmt: skip
    made = 10_000 * 7 / 365.25
    assert power.made_kw(world.state) == pytest.approx(made)
    yearly = 10_000 * power.added_up(500 / 365.25, 0.25)  # what a usual wait clears
    twice = 10_000 * power.added_up(1_000 / 365.25, 0.25)
    for kw, pull in ((0, -0.2), (yearly, 0.0), (twice, math.log(2)), (10**9, 1.0)):
        world.state.sites.buildings.clear()
        works(world, kw=round(kw), on_site=True)
        (said,) = energy.expand_plant(world.state, START)
        assert said.event.kind == "plant"
        assert said.event.value == pytest.approx(made * math.exp((0.25 + 0.5 * pull) * 28 / 365.25), rel=1e-4)


# --- shells and inputs


def test_works_take_their_plan_times_a_slip_with_a_part_in_common_at_a_campus():
    world = works(given(sites__slip_median=1.5, sites__slip_sd=0.3, sites__slip_shared=0.36), due=START + 200)
    one = world.state.sites.buildings[f"{SITE}/building/1"]
    own = rng.quantile(rng.uniform(7, "building slip", one.building_id))
    z = 0.8 * own + 0.6 * rng.normal(7, "campus slip", SITE)
    assert shells.shell_day(world.state, one) == START + round(200 * 1.5 * math.exp(0.3 * z))
    one.rested_days = 30
    assert shells.shell_day(world.state, one) == START + round(200 * 1.5 * math.exp(0.3 * z)) + 30
    assert shells.expected_day(world.state, one) == START + 300 + 30
    assert shells.over(world.state, [one], START + 30) == {}
    day = shells.shell_day(world.state, one)
    assert shells.over(world.state, [one], day) == {one.building_id: day}
    assert shells.over(world.state, [one], day - 1) == {}


def test_works_begun_before_the_start_were_not_over_at_it():
    slips = [shells._slip(u / 100, 2.0, 1.0, 0.3) for u in range(1, 100)]
    assert min(slips) > 2.0
    assert slips == sorted(slips)
    assert shells._slip(0.5, 0.0, 1.5, 0.3) == pytest.approx(1.5)
    assert shells._slip(0.5, -1.0, 1.5, 0.3) == pytest.approx(1.5)
    above = 1 - rng.normal_cdf(math.log(2.0) / 0.3)
    assert rng.normal_cdf(math.log(slips[49]) / 0.3) == pytest.approx(1 - above / 2)


def test_permits_and_a_factor_shorten_what_is_planned():
    state = given(sites__time_factor=0.9, regions__texas__shell_time_saved=0.2).state
    assert shells.time_factor(state, "texas") == pytest.approx(0.72)
    assert shells.time_factor(state, "beijing") == pytest.approx(0.9)


def test_contractors_grow_by_their_trend_and_by_what_is_asked_of_them():
    world = given(
        sites__shells_ahead_weeks=26.0, sites__shells_slack=0.25, sites__shells_growth_per_year=0.4,
        sites__shells_pull=0.5, supply__backlog_pull_min=-0.2, supply__backlog_pull_max=1.0, sites__slip_median=1.0,
    )  # fmt: skip
    assert list(shells.expand(world.state, START)) == []
    world.happened(chip_events.InputExpanded(kind="shells", value=1_000.0))
    assert shells.month_kw(world.state) == 4_000.0
    for kw, days, pull in ((41_600, 182, math.log(2)), (20_800, 182, 0.0), (20_800, 183, -0.2), (10**7, 1, 1.0)):
        world.state.sites.buildings.clear()
        works(world, kw=kw, due=START + days)
        first = next(h.event for h in shells.expand(world.state, START))
        assert first.value == round(1_000 * math.exp((0.4 + 0.5 * pull) * 28 / 365.25))


def test_shells_are_finished_by_their_days_within_hands():
    world = works(works(works(given(), 1, 900), 2, 500), 3, 400)
    names = [f"{SITE}/building/{n}" for n in (1, 2, 3)]
    days = dict(zip(names, (START + 3, START + 1, START + 2), strict=True))
    assert shells.finished(world.state, days) == set(names)
    world.happened(chip_events.InputExpanded(kind="shells", value=1_000.0))
    for hands, done in ((0, ()), (499, (2,)), (500, (1,)), (900, (1, 2)), (1_800, (0, 1, 2))):
        world.state.sites.shell_hands_kw = hands
        found = shells.finished(world.state, days)
        if hands == 499:
            assert found == {names[2]}
        else:
            assert found == {names[n] for n in done}


def test_inputs_meet_a_part_of_what_lines_would_make():
    world = given(supply__memory_gb_per_week=40_000.0, supply__memory_growth_per_year=0.5, supply__rack_share=0.72,
                  supply__racks_per_week=2.0)  # fmt: skip
    state = world.state
    week = START - 1 + 7
    found = inputs.ratios(state, {"H100": 1_000}, week)
    assert found["memory"] == pytest.approx(40_000 / 80_000, rel=0.1)
    assert found["packaging"] == found["racks"] == 1.0
    later = inputs.ratios(state, {"H100": 1_000}, START + 6 + 365)
    grown = math.exp(0.5 * (START + 6 + 365 - (START) - 6) / 365.25)
    assert later["memory"] / found["memory"] == pytest.approx(grown, rel=1e-3)
    assert inputs.ratios(state, {"H100": 1}, week)["memory"] == 1.0
    made = inputs.within(state, {"H100": 1_000, "unknown": 10}, week)
    assert made["H100"] == round(1_000 * found["memory"])
    state.run.shocks["supply"] = 0.5
    assert inputs.ratios(state, {"H100": 1_000}, week)["packaging"] == 0.5


def test_racks_grow_from_the_day_of_the_first_chip_that_comes_in_them():
    world = given(supply__racks_per_week=2.0, supply__racks_factor=0.5, supply__rack_share=0.72)
    state = world.state
    first = START + 100
    assert inputs.is_rack_scale("GB200")
    assert not inputs.is_rack_scale("H100")
    assert not inputs.is_rack_scale("nobody")
    assert inputs.memory_gb("nobody") == 0.0
    assert inputs.rack_supply(state, first) == 0.0
    assert inputs.rack_supply(state, first + 70) == pytest.approx(0.5 * 2.0 * 10)
    assert inputs._racked(state, {"GB200": 720, "H100": 10**6}) == pytest.approx(7.2)
    needed = {"GB200": 7_200}
    met = inputs.ratios(state, needed, first + 70)["racks"]
    assert met == pytest.approx(10 / 72)
    assert inputs.within(state, needed, first + 70)["GB200"] == round(7_200 * (1 - 0.72 + 0.72 * met))
    state.chips.chips["GB200"].start_day = START - 70
    assert inputs._racks_at_start(state) == 20.0


def test_memory_and_racks_are_expanded_by_trend_by_the_wait_for_memory_and_by_what_is_planned():
    world = given(
        supply__memory_gb_per_week=1e6, supply__memory_growth_per_year=0.5, supply__memory_pull=0.3,
        supply__racks_per_week=2.0, supply__racks_slack=0.5, supply__racks_pull=1.0, supply__rack_share=0.72,
        supply__lead_time_reference_weeks=10.0, supply__backlog_pull_min=-0.2, supply__backlog_pull_max=2.0,
    )  # fmt: skip
    chip = world.state.chips.chips["H100"]
    for weeks, answer in ((0, -0.2), (10, 0.0), (20, math.log(2)), (1_000, 2 + 2 * math.log(math.log(100) / 2))):
        chip.backlog_gpus = round(weeks * 1e6 / inputs.memory_gb("H100"))
        (memory,) = inputs.expand(world.state, START, {})
        assert memory.event.value == pytest.approx(1e6 * math.exp((0.5 + 0.3 * answer) * 28 / 365.25), rel=1e-5)
    world.happened(chip_events.VolumeReached(chip="GB200", supplier=SUPPLIER),
                   chip_events.InputExpanded(kind="racks", value=10.0))  # fmt: skip
    for gpus, racks in ((0, 10.0), (1_200, 18.0), (800, 12.0)):
        _, said = inputs.expand(world.state, START, {"GB200": gpus})
        assert said.event.value == pytest.approx(racks)
    world.happened(chip_events.InputBound(supplier=SUPPLIER, kind="racks", share=0.75))
    _, said = inputs.expand(world.state, START, {"GB200": 10_000})
    assert said.event.value == pytest.approx(10 + 8 * 1.25)


def test_the_scarcest_input_is_named_when_it_changes_by_a_step():
    world = given(supply__memory_gb_per_week=40_000.0, supply__bound_step=0.1)
    wished = {"H100": 1_000, "TPU v5p": 0}
    (said,) = (h.event for h in inputs.binding(world.state, wished, START))
    assert (said.supplier, said.kind) == (SUPPLIER, "memory")
    world.happened(said)
    assert list(inputs.binding(world.state, wished, START)) == []
    for less, told in ((0.95, 0), (0.7, 1)):
        world.state.run.parameters["supply.memory_gb_per_week"] = 40_000.0 * less
        world.state.run.parameters["supply.bound_step"] = 0.1
        assert len(list(inputs.binding(world.state, wished, START))) == told
    world.state.run.parameters |= {"supply.memory_gb_per_week": 1e12}
    (freed,) = (h.event for h in inputs.binding(world.state, wished, START))
    assert (freed.kind, freed.share) == ("packaging", 1.0)
