"""What rules make of little and of nothing: the smallest amounts count, none is none, and no part is more than all."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from given import CLOUD, FIELD, FUND, LAB, OEM, RESELLER, RIVAL, SITE, START, SUPPLIER, given
from test_equations_of_the_market import contract, lent, owns, rent, works
from test_lines_runs_and_shells import allotted, ordered
from test_what_is_left_of_an_org import claim, estate
from test_what_the_start_must_reproduce import numbers

from events.commands.chips import CancelOrder, ListPrice, PlaceOrder
from events.commands.finance import FundRound, SeekLoan, SeekRound, SetBudget
from events.types import chips as chip_events
from events.types.demand import UseMeasured
from events.types.finance import BudgetSet, PaymentMade, RoundSought
from events.types.training import ServingMeasured
from market.rules import (
    allocation,
    base,
    chips,
    contracts,
    credit,
    demand,
    finance,
    foresee,
    free,
    index,
    power,
    prices,
    serving,
    settlement,
    spot,
    uses,
    work,
)
from market.rules.belongings import Belongings
from market.rules.calibrate import (
    _target_factor,
    builders,
    contractors,
    lines,
    plans,
    segments,
    shells_factor,
    spending,
)
from market.state.demand import TAIL
from market.state.training import Lab


def bare(**parameters):
    """The small world without GPUs, leases or uses."""
    world = given(**parameters)
    world.state.chips.holdings.clear()
    for of in world.state.index.holdings.values():
        of.clear()
    world.state.demand.uses.clear()
    return world


# --- the start of little


def test_half_an_h100_is_a_fleet_whose_owner_spends_and_serves():
    world = owns(bare(orgs__cloud__captive_share=0.5), CLOUD, 1, "A100")
    world = owns(world, "rest", 1, "A100")
    world.state.training.labs.clear()
    set_to = numbers(spending(world.state))
    assert set_to[f"orgs.{CLOUD}.merchant_share"] == 1.0
    uses_ = {h.event.org: h.event.h100e for h in spending(world.state) if hasattr(h.event, "growth_per_year")}
    assert uses_ == {CLOUD: pytest.approx(0.16), "rest": pytest.approx(0.32), TAIL: pytest.approx(0.16)}


def test_a_world_without_gpus_spends_nothing():
    world = bare()
    world.state.training.labs.clear()
    found = [h.event for h in spending(world.state)]
    assert [event.h100e for event in found if hasattr(event, "h100e")] == [0.0, 0.0]
    assert numbers(spending(world.state)) == {}


def test_labs_beyond_what_is_owned_leave_the_tail_nothing_and_no_less():
    world = bare()
    world.state.training.labs.clear()
    owns(world, LAB, 10)
    world.state.training.labs[LAB] = Lab(LAB)
    rented = rent(world, 5, None, LAB, CLOUD)
    tail = [h.event.h100e for h in spending(rented.state) if getattr(h.event, "org", "") == TAIL]
    assert tail == [0.0]


def test_a_lab_that_neither_earns_nor_has_cash_does_no_research():
    world = bare()
    world.state.training.labs.clear()
    world.state.training.labs[RIVAL] = Lab(RIVAL)
    assert numbers(plans(world.state)) == {f"orgs.{RIVAL}.research_share": 0.0}
    world.state.finance.ledger.accounts[RIVAL] = 1
    assert numbers(plans(world.state)) == {f"orgs.{RIVAL}.research_share": 0.05}


def test_a_lab_of_which_little_is_known_sells_little_and_one_that_sells_nothing_has_no_customers():
    world = given()
    world.happened(
        ServingMeasured(org=LAB, revenue_usd_per_year=2.0, value=2.0, h100e=0.0, tokens_per_s=0.0),
        ServingMeasured(org=RIVAL, revenue_usd_per_year=0.0, value=0.0, h100e=0.0, tokens_per_s=0.0),
    )
    world.state.run.parameters["demand.first_revenue_usd"] = 0.1
    shares = [(h.event.org, h.event.segment) for h in segments(world.state) if hasattr(h.event, "share")]
    assert shares == [(LAB, name) for name in demand.SEGMENTS]


def test_a_builder_with_a_dollar_has_a_target_and_one_without_none():
    world = given().happened(BudgetSet(org=CLOUD, value=0.5, reason="start"))
    assert f"orgs.{CLOUD}.target_factor" in numbers(builders(world.state))
    world.happened(BudgetSet(org=CLOUD, value=0.0, reason="start"))
    assert numbers(builders(world.state)) == {}


def test_a_target_of_tiny_users_is_of_what_they_want():
    world = given(targets__factor_min=0.0, targets__factor_max=1e30).happened(
        BudgetSet(org=CLOUD, value=1e9, reason="start"),
        UseMeasured(org=CLOUD, usd_per_year=1.0, growth_per_year=0.0, h100e=0.1),
    )
    world.state.run.parameters[f"orgs.{CLOUD}.merchant_share"] = 0.0
    wanted = foresee.users(world.state, CLOUD, 49.0)
    assert 0 < wanted < 1
    assert _target_factor(world.state, CLOUD, Belongings.of(world.state)) > 1_000


def test_who_has_half_a_kilowatt_to_come_needs_shells_for_more():
    world = given(targets__factor_max=1e9).happened(BudgetSet(org=LAB, value=1e9, reason="start"))
    assert shells_factor(world.state, LAB, Belongings.of(world.state), 0.5, 1e12) > 1.0


def test_who_trusts_no_promise_of_power_needs_no_shells_for_what_is_ordered():
    world = given(targets__factor_max=1e9, sites__trust=0.0).happened(BudgetSet(org=LAB, value=1e9, reason="start"))
    assert shells_factor(world.state, LAB, Belongings.of(world.state), 0.5, 1e12) == 1.0


def test_race_starts_are_of_those_who_have_something_and_someone_to_follow():
    world = given(orgs__cloud__races=1.0, orgs__cloud__captive_share=0.5)
    assert f"orgs.{CLOUD}.race_start" in numbers(builders(world.state))
    tiny = owns(bare(orgs__cloud__races=1.0, orgs__cloud__captive_share=0.5), CLOUD, 1)
    tiny.happened(UseMeasured(org=CLOUD, usd_per_year=1.0, growth_per_year=0.0, h100e=0.1))
    owns(tiny, LAB, 1, "A100", FIELD)
    assert numbers(builders(tiny.state))[f"orgs.{CLOUD}.race_start"] == pytest.approx(math.log(0.32 / 0.5))


def test_contractors_finish_a_kilowatt_a_week_where_growth_asks_for_no_more():
    for share, said in ((0.8, [1.0]), (0.0, [])):
        world = given(sites__shells_slack=0.0, sites__pool_growth_per_year=share * 52 / 40_000)
        assert [h.event.value for h in contractors(world.state)] == said


# --- lines


def test_packaging_is_said_to_three_digits_and_lead_times_to_six():
    leads = {"supply__lead_time_start_weeks": 10.0, "supply__lead_time_reference_weeks": 10.0}
    world = given(supply__slots_growth_per_year=1_234.567, supply__backlog_pull=0.0, **leads)
    first = next(h.event for h in chips.expand_slots(world.state, START))
    growth = 1_234.567 * 28 / 365.25
    assert first.value == round(1_000 + growth, 3)
    world.state.chips.chips["H100"].backlog_gpus = 1
    (made,) = (h.event for h in chips.output(world.state, START) if getattr(h.event, "chip", "") == "H100")
    assert made.lead_time_weeks == round(1 / made.gpus, 6)
    moved = [h.event for h in index.publish(world.state, START)][-1]
    assert moved.lead_time_weeks == 10.0, "nothing was made yet: that of the start"


def test_a_chip_without_a_line_is_promised_from_stock_alone():
    world = given()
    state = world.state
    state.chips.chips["A100"].end_day = START + 50
    state.run.slots[SUPPLIER] = 0.0
    state.chips.chips["A100"].stock_gpus = 8
    assert chips.outlook(state, START)["A100"] == 2
    state.chips.chips["A100"].stock_gpus = 1
    assert chips.outlook(state, START)["A100"] == 0


def test_an_order_needs_a_gpu_and_cash_that_is_not_short():
    world = given()
    order = PlaceOrder(actor=LAB, because=LAB, chip="H100", gpus=1)
    world.state.finance.ledger.accounts[LAB] = 0
    assert not hasattr(chips.place_order(world.state, order, START)[0], "reason")
    world.state.finance.ledger.accounts[LAB] = -1
    assert chips.place_order(world.state, order, START)[0].reason == "no cash"
    ahead = PlaceOrder(actor=CLOUD, because=CLOUD, chip="GB200", gpus=1)
    for days, reason in ((101, None), (100, None), (99, "not yet on offer")):
        world.state.run.parameters["orders.ahead_days"] = float(days)
        assert getattr(chips.place_order(world.state, ahead, START)[0], "reason", None) == reason


def test_one_gpu_may_be_cancelled_and_none_not():
    world = ordered(given(), LAB, 5)
    for gpus, said in ((1, 1), (5, 5), (6, 5)):
        command = CancelOrder(actor=LAB, because=LAB, order_id="lab/order/1", gpus=gpus)
        assert chips.cancel_order(world.state, command, START)[0].gpus == said
    none = CancelOrder(actor=LAB, because=LAB, order_id="lab/order/1", gpus=0)
    assert chips.cancel_order(world.state, none, START)[0].reason == "no such open order"
    price = ListPrice(actor=SUPPLIER, because=SUPPLIER, chip="H100", price_usd_per_gpu=0.5)
    assert chips.list_price(world.state, price, START)[0].price_usd_per_gpu == 0.5


def test_shipments_are_numbered_on_from_those_that_were():
    world = given()
    world.state.run.counters["lab/shipment"] = 7
    sent = [e for e in world.after(allocation.ship(world.state, allotted(world, 1, 2), START)) if hasattr(e, "due_day")]
    assert [e.shipment_id for e in sent] == ["lab/shipment/8", "lab/shipment/9"]


def test_what_oems_have_on_their_lines_counts_before_what_comes():
    world = given()
    held = {"order_id": "lab/order/1", "org": LAB, "counterparty": OEM, "chip": "H100", "due_day": START + 99}
    world.happened(chip_events.ShipmentSent(shipment_id="lab/shipment/1", gpus=35_000, **held))
    for gpus, weeks in ((5_000, 4.0), (15_000, 5.0)):
        (sent, *_) = allocation.ship(world.state, allotted(world, gpus), START)
        assert sent.columns["due_day"] == [START + round(7 * weeks)]


def test_what_an_oem_would_rack_for_ages_arrives_after_twenty_years():
    world = given()
    world.state.chips.integration_gpus_per_week[OEM] = 1
    weeks = world.state.run.parameters["shipping.weeks"]
    (sent, *_) = allocation.ship(world.state, allotted(world, 100_000), START)
    assert sent.columns["due_day"] == [START + round(7 * (weeks + 1_040))]


def test_nobody_is_given_chips_where_nobody_integrates_them():
    world = ordered(given(), LAB, 5)
    world.state.chips.chips["H100"].stock_gpus = 3
    given_out = [h.event for h in allocation.allocate(world.state, START) if hasattr(h.event, "share")]
    assert [e.gpus for e in given_out] == [3]
    assert given_out[0].share == 0.6
    world.state.chips.integration_gpus_per_week.clear()
    assert list(allocation.allocate(world.state, START)) == []


def test_wear_takes_all_at_most_and_a_holding_without_own_gpus_has_none():
    world = rent(given(fleet__retire_per_year=26.0), 100)
    gone = {e.org: e.gpus for e in world.after(allocation.retire(world.state, START))}
    assert gone[CLOUD] == 9_900
    assert gone[LAB] == 4_000
    still = given(fleet__retire_per_year=0.0, retire__per_week_max=0.0)
    assert allocation.retire(still.state, START) is None


# --- money


@pytest.mark.parametrize(("asked", "said"), [(0.126, 0.13), (-1.0, 0.0), (math.nan, 0.0)])
def test_a_budget_is_in_whole_cents(asked, said):
    (event,) = finance.set_budget(given().state, SetBudget(actor=LAB, because=LAB, value=asked, reason="start"), START)
    assert event.value == said


@pytest.mark.parametrize(("cents", "sought"), [(0, None), (1, 1)])
def test_a_round_is_of_a_cent_at_least(cents, sought):
    (event,) = finance.seek_round(given().state, SeekRound(actor=LAB, because=LAB, amount_usd_cents=cents), START)
    assert (getattr(event, "reason", None) is None) == (sought == 1)


@pytest.mark.parametrize(
    ("amount", "value", "cash", "reason"),
    [(1, 1, 1, None), (0, 1, 9, "no such terms"), (2, 1, 9, "no such terms"), (9, 9, 8, "investor without cash")],
)
def test_a_round_is_closed_within_its_valuation_and_cash(amount, value, cash, reason):
    world = given().happened(RoundSought(org=LAB, amount_usd_cents=5, duration_days=9))
    world.state.finance.ledger.accounts[FUND] = cash
    command = FundRound(
        actor=FUND, because=LAB, org=LAB, amount_usd_cents=amount, valuation_usd_cents=value, kind="equity"
    )
    assert getattr(finance.fund_round(world.state, command, START)[0], "reason", None) == reason


def test_payments_of_a_cent_are_paid_and_of_none_not():
    world = bare(regions__texas__energy_usd_per_mwh=0.0)
    world.state.training.labs.clear()
    world.state.leases.leases.clear()
    assert finance.monthly(world.state, START) is None
    world.state.run.parameters["orgs.fund.subscriptions_usd_per_year"] = 0.14
    paid = finance.monthly(world.state, START)
    assert paid.columns["amount_usd_cents"] == [1]


def test_overheads_of_a_cent_are_paid():
    state = given(finance__overhead_share=0.2).state
    assert list(finance._overheads(state, [(CLOUD, 2)])) == []
    assert [row[2] for row in finance._overheads(state, [(CLOUD, 2), (CLOUD, 2)])] == [1]


def test_on_demand_pays_clouds_for_their_gpus_and_their_staff_of_it():
    world = given(finance__overhead_share=0.2)
    rented = index.on_demand(world.state, START)
    paid = world.after(finance.on_demand_revenue(world.state, rented))
    gpus, price = rented.columns["gpus"][0], rented.columns["price_usd_per_gpu_hour"][0]
    revenue, staff = (event.amount_usd_cents for event in paid)
    assert revenue == round(gpus * price * 672 * 100)
    assert staff == round(0.2 * revenue)


def seeking(amount, cash=10**12, room=0, coverage=9.0, lender=FUND, monkeypatch=None, **traits):
    world = given(finance__coverage_min=1.2, finance__loan_rate=0.1, finance__loan_years=5.0, finance__bond_years=10.0,
                  **{f"orgs__cloud__{name}": value for name, value in traits.items()})  # fmt: skip
    world.state.finance.ledger.accounts[FUND] = cash
    monkeypatch.setattr(credit, "bond_room_cents", lambda *_: room)
    monkeypatch.setattr(credit, "coverage", lambda *_: coverage)
    first = credit.seek_loan(
        world.state, SeekLoan(actor=CLOUD, because=CLOUD, lender=lender, amount_usd_cents=amount), START
    )[0]
    return getattr(first, "reason", None) or (first.value, first.end_day - START)


def test_a_loan_is_covered_or_a_bond_within_its_room_and_the_lender_has_it(monkeypatch):
    assert seeking(1, monkeypatch=monkeypatch) == (0.1, 1_825)
    assert seeking(0, monkeypatch=monkeypatch) == "unknown lender"
    assert seeking(9, lender=CLOUD, monkeypatch=monkeypatch) == "unknown lender"
    assert seeking(9, lender=LAB, monkeypatch=monkeypatch) == "unknown lender"
    assert seeking(9, coverage=1.2, monkeypatch=monkeypatch) == (0.1, 1_825)
    assert seeking(9, coverage=1.19, monkeypatch=monkeypatch) == "coverage"
    assert seeking(9, cash=9, monkeypatch=monkeypatch) == (0.1, 1_825)
    assert seeking(9, cash=8, monkeypatch=monkeypatch) == "lender without cash"
    rate = given(orgs__cloud__rating=2.0)
    bond = (credit.bond_rate(rate.state, CLOUD), 3_650)
    assert seeking(9, room=9, coverage=0.0, rating=2.0, monkeypatch=monkeypatch) == bond
    assert seeking(9, room=8, coverage=0.0, rating=2.0, monkeypatch=monkeypatch) == "coverage"


def test_a_loan_of_a_day_is_due_and_a_spent_loan_is_not():
    assert credit.instalment_cents(1_000, 0.0, 0) == credit.instalment_cents(1_000, 0.0, 1) == pytest.approx(365_250)
    world = lent(given(), 1_000, 0.0, 1)
    loan = next(iter(world.state.finance.loans.values()))
    assert credit.outstanding(loan, START) == 1_000
    loan.end_day = START
    assert credit.outstanding(loan, START) == 0


# --- demand and prices


def test_a_lab_in_house_is_one_however_little_it_is():
    assert uses.is_in_house(given(orgs__lab__in_house=0.1).state, LAB)
    assert uses.own_share(given(orgs__cloud__captive_share=0.0).state, CLOUD) == 0.0
    assert uses.leader_h100e(bare().state) == 0.0


def test_the_frontier_gains_by_the_week_and_nothing_in_the_first():
    base_rate = {"tail__growth_per_year": 0.0, "tail__capability_weight": 1.0, "targets__belief_half_life_weeks": 1e-6}
    for past, gain in (([1.0], 0.0), ([1.0, 1.01], 0.01), ([1.0, 1.05, 1.02], 0.01)):
        world = given(**base_rate)
        world.state.training.frontier[:] = past
        found = {e.org: e for e in world.after(uses.grow(world.state, START))}
        assert found[TAIL].growth_per_year == pytest.approx(gain * 365.25 / 7)


def test_without_a_tail_nobody_but_own_users_and_labs_wants_compute():
    world = given()
    world.state.demand.uses.pop(TAIL)
    found = uses.streams(world.state, base.fleets_h100e(world.state))
    assert found.tail_usd == 0.0
    assert uses.wanted_h100e(world.state, uses.Streams(0.0, (), 10.0), 0.01) == 12.0


def test_capacity_of_a_fraction_is_capacity():
    world = owns(bare(), CLOUD, 1, "A100")
    assert index.Capacity(world.state).total_free == pytest.approx(0.32)
    assert index.Capacity(bare().state).total_free == 0.0
    assert index.tail_contracts(bare().state, START) is None
    assert index.on_demand(bare().state, START) is None
    assert spot.classes(bare().state) == []
    assert spot.open_classes(bare().state) == []


@pytest.mark.parametrize(("free_h100e", "signs"), [(13.0 / 0.7, True), (12.9 / 0.7, False)])
def test_a_contract_of_the_tail_is_of_an_h100e_at_least(free_h100e, signs, monkeypatch):
    world = given(tail__contract_share=0.7)
    monkeypatch.setattr(index, "tail_wanted", lambda _: 1e9)

    class Capacity:
        total_free, by_cloud = free_h100e, {CLOUD: free_h100e}

    monkeypatch.setattr(index, "Capacity", lambda _: Capacity)
    assert (index.tail_contracts(world.state, START) is not None) is signs


def test_the_cost_of_the_mix_counts_lines_of_one_gpu_and_none_of_none(monkeypatch):
    state = given().state
    monkeypatch.setattr(prices.chip_rules, "planned_lines", lambda *_: {"A100": 1, "H100": 0, "H20": 5, "TPU v5p": 9})
    each = work.in_h100e(state, START)["A100"]
    a100 = state.chips.chips["A100"]
    expected = 0.32 * prices.replacement_cost(state, a100) / each
    assert prices.cost_of_mix(state, START) == pytest.approx(expected)
    assert lines(given().state)


def test_logistic_is_nothing_far_below_and_all_far_above():
    assert demand.logistic(-700.0) == 0.0
    assert 0 < demand.logistic(-699.0) < 1e-300
    assert demand.logistic(40.0) == pytest.approx(1.0)
    assert demand.served_share(bare().state) == 1.0


def test_growth_is_bounded_both_ways():
    world = given(demand__growth_quarter_sd=0.0, demand__drift_per_year=50.0)
    assert demand.growth_rate(world.state, "consumer") == 3.0
    small = given(demand__growth_quarter_sd=0.0, demand__drift_per_year=50.0,
                  demand__consumer_market_max_usd=1e6)  # fmt: skip
    assert demand.growth_rate(small.state, "consumer") == -3.0


# --- contracts, power, estates


def test_one_gpu_is_a_place_and_settled_is_what_is_drawn():
    world = contract(rent(given(), 9_999), 5)
    one = next(iter(world.state.contracts.open.values()))
    assert [place.gpus for place in contracts.places(world.state, one, one.schedule[0], Counter())] == [1]
    assert list(contracts.settled(world.state, START)) == []
    one.schedule.clear()
    assert [h.event.reason for h in contracts.settled(world.state, START)] == ["drawn"]


def test_a_tranche_is_drawn_from_several_places_until_nothing_is_left():
    world = owns(
        contract(given(contracts__part_min=0.01, contracts__draw_days=90.0), 6_000, LAB, RIVAL), LAB, 3_000, site=SITE
    )
    world.state.sites.sites[SITE].owner = LAB
    found = [h.event for h in contracts.draw(world.state, START + 60)]
    leases = [event for event in found if hasattr(event, "depth")]
    assert [(event.site, event.gpus) for event in leases] == [(FIELD, 4_000), (SITE, 2_000)]
    assert [event.lease_id for event in leases] == ["rival/lease/1", "rival/lease/2"]


def test_what_is_free_of_rented_gpus_is_counted_once():
    world = rent(given(), 10, None, RESELLER)
    rent(world, 4, 0, LAB, RESELLER, parent_lease_id="reseller/lease/1", depth=2)
    assert free.owed(world.state, RESELLER, "H100", SITE) == 0
    assert free.free_gpus(world.state, RESELLER, "H100", SITE) == 10


def test_a_kilowatt_waits_for_power_and_paused_work_does_not():
    world = works(given(), kw=1)
    queue = world.state.run.regions["texas"].queue
    assert power.queued_kw(world.state, queue) == 1
    world.state.sites.buildings[f"{SITE}/building/1"].paused_day = 0
    assert power.queued_kw(world.state, queue) == 0
    assert power.non_firm_room_kw(world.state, "texas") == 0.0
    roomy = given(regions__texas__non_firm_mw=0.002)
    assert power.non_firm_room_kw(roomy.state, "texas") == 2.0
    works(roomy, kw=2, firm=False)
    assert not power.waits_for_works(roomy.state, roomy.state.sites.buildings[f"{SITE}/building/1"])
    works(roomy, number=2, kw=3, firm=False)
    assert power.waits_for_works(roomy.state, roomy.state.sites.buildings[f"{SITE}/building/2"])


def test_a_load_that_may_be_switched_off_waits_for_its_study_while_there_is_room_for_it():
    world = given(regions__texas__non_firm_mw=2.0, power__non_firm_days=60.0)
    assert power.non_firm_days(world.state, "texas", 2_000.0) == 60.0
    assert power.non_firm_days(world.state, "texas", 2_000.1) == power.NEVER_DAYS
    world.state.run.regions["texas"].non_firm_kw = 500
    assert power.non_firm_days(world.state, "texas", 1_500.1) == power.NEVER_DAYS


def test_a_grant_is_given_for_as_much_as_there_is_and_no_more():
    for kw, granted in ((500_000, 1), (500_001, 0)):
        world = works(given(regions__texas__queue_days=0.0, sites__grid_growth_per_year=0.0), kw=kw)
        building = world.state.sites.buildings[f"{SITE}/building/1"]
        building.shell_ready = True
        state = world.state
        room = power.connectable_kw(state, "texas", START)
        assert len(list(power._served(state, [building], float(kw) if granted else kw - 1.0, "grid", START))) == granted
        assert room > 0
        building.paused_day = START
        assert list(power._served(state, [building], 1e9, "grid", START)) == []


def test_an_estate_of_a_cent_pays_it_and_owes_no_fee_on_nothing():
    world = given(estates__cost_share=0.05, estates__keep_weeks=0.0)
    world.happened(PaymentMade(org=FUND, counterparty=RESELLER, amount_usd_cents=1, kind="equity", contract_id="x"))
    found = estate(world, claims={"u": claim("u", "unsecured", 500)}, sold=9)
    out = [h.event for h in settlement._Closing(world.state, found, START, True).happenings()]
    assert [event.amount_usd_cents for event in out if type(event).__name__ == "ClaimSettled"] == [1]
    assert not [event for event in out if type(event).__name__ == "ClaimFiled"]
    found.sold_cents = 20
    out = [h.event for h in settlement._Closing(world.state, found, START, True).happenings()]
    (fee,) = (event for event in out if type(event).__name__ == "ClaimFiled")
    assert (fee.amount_usd_cents, fee.rank, fee.claim_id) == (1, "administrative", "reseller/claim/1")


def test_a_lab_with_a_third_of_an_h100_serves_with_it(monkeypatch):
    world = bare(demand__capacity_slack=1.0, demand__first_revenue_usd=1.0)
    world.state.training.labs.clear()
    world.state.training.labs[RIVAL] = Lab(RIVAL, inference_share=1.0)
    owns(world, RIVAL, 1, "A100")
    monkeypatch.setattr(demand, "asked_of", lambda *_: 1.0)
    (served,) = world.after(serving.measure(world.state, START))
    assert (served.revenue_usd_per_year, served.h100e) == (1.0, 0.32)
