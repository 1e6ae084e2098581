"""What lines make, labs train and serve, research lists hold and sites promise: sums over the small world."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
from given import CLOUD, FIELD, LAB, OEM, RESELLER, RIVAL, SITE, START, SUPPLIER, given
from msgspec.structs import replace
from test_equations_of_the_market import HOURS, contract, owns, rent, works

from events.commands.sites import PauseBuilding, PlanSite, ResumeBuilding
from events.commands.training import ProposeProject
from events.types import chips as chip_events
from events.types import training as training_events
from events.types.chips import ChipsAllocated, OrderPlaced
from market import rng
from market.rules import (
    allocation,
    base,
    books,
    chips,
    clauses,
    demand,
    duties,
    index,
    levies,
    machines,
    power,
    prices,
    projects,
    roadmap,
    serving,
    sites,
    spot,
    training,
    uses,
    work,
)
from market.state.contracts import Tranche
from market.state.training import Lab, Project

# --- lines

LINES = {
    "supply__ramp_lag_weeks": 10.0, "supply__ramp_width_weeks": 20.0, "supply__slots_per_week": 1_000.0,
    "supply__china_share": 0.25, "supply__lead_time_reference_weeks": 10.0, "supply__backlog_pull": 0.5,
    "supply__backlog_pull_min": -0.2, "supply__backlog_pull_max": 1.0, "supply__slots_growth_per_year": 5_000.0,
}  # fmt: skip


def test_a_new_chip_takes_its_lines_logistically_after_its_start():
    state = given(**LINES).state
    for name, days, part in (("H100", 0, (600 / 7 - 10) / 20), ("GB200", 100, -0.5), ("GB200", 170, 0.0)):
        if name == "GB200" and days == 100:
            assert chips.ramp(state, state.chips.chips[name], START + days) == 0.0
            continue
        found = chips.ramp(state, state.chips.chips[name], START + days)
        assert found == pytest.approx(1 / (1 + math.exp(-part)))
    state.chips.chips["GB200"].in_volume = True
    assert chips.ramp(state, state.chips.chips["GB200"], START + 100) == pytest.approx(1 / (1 + math.exp(0.5)))


def test_each_generation_takes_its_ramp_of_what_newer_ones_leave_of_all_but_chinas_line():
    state = given(**LINES).state
    day = START + 170
    weights = chips._slot_weights(state, day, 1_000)
    new, left = 0.5, 0.75
    old = 1 - new  # A100 has ended: H100 is the oldest
    assert weights == pytest.approx({"GB200": new * left, "H100": old * left, "H20": 0.25})
    assert chips.planned_lines(state, day)["GB200"] == round(1_000 * new * left / 2)
    assert chips.planned_lines(state, day)["H100"] == round(1_000 * old * left)
    early = chips._slot_weights(state, START, 1_000)
    h100 = 1 / (1 + math.exp(-(600 / 7 - 10) / 20))
    assert early["H100"] == pytest.approx(h100 * 0.75)
    assert early["A100"] == pytest.approx((1 - h100) * 0.75)
    assert early["H20"] == pytest.approx(0.25)
    assert sum(early.values()) == pytest.approx(1)
    later = chips._slot_weights(state, START + 950, 1_000)
    assert set(later) == {"GB200"}
    none = given(**LINES).state
    none.chips.chips["H20"].start_day = START + 1
    assert sum(chips._slot_weights(none, START, 1_000).values()) == pytest.approx(1)


def test_chinas_line_stays_as_large_as_at_the_start_and_gives_way_as_its_chips_lie_unsold():
    state = given(**LINES).state
    assert chips._slot_weights(state, START, 2_000)["H20"] == pytest.approx(0.125), "packaging doubled"
    assert chips._slot_weights(state, START, 500)["H20"] == pytest.approx(0.25), "no more than its share"
    h20 = state.chips.chips["H20"]
    quarter = 13 * 250 / state.run.parameters["chips.H20.slots_per_gpu"]
    for spare, part in ((0.5, 0.5), (1.0, 0.0), (2.0, 0.0)):
        h20.stock_gpus, h20.backlog_gpus = round(quarter * spare) + 70, 70
        weights = chips._slot_weights(state, START, 1_000)
        assert weights["H20"] == pytest.approx(0.25 * part, abs=1e-3)
        assert sum(weights.values()) == pytest.approx(1), "others take its slots"


def test_a_line_of_its_own_makes_what_it_made_at_the_start_as_it_grows():
    state = given(**LINES).state
    state.run.parameters |= {"chips.TPU v5p.growth_per_year": 0.5, "chips.TPU v5p.gpus_per_week": 1_000.0}
    tpu = state.chips.chips["TPU v5p"]
    assert chips._own_line(state, tpu, START) == 1_000
    day = START + 365
    grown = 1_000 * 1.5 ** (365 / 365.25)
    part = chips.ramp(state, tpu, day) / chips.ramp(state, tpu, START)
    assert chips._own_line(state, tpu, day) == round(grown * part)
    tpu.start_day = START + 100
    assert chips._own_line(state, tpu, day) == round(grown * chips.ramp(state, tpu, day))
    tpu.in_volume = False
    assert chips._own_line(state, tpu, START) == 0


def test_the_outlook_is_what_lines_will_make_and_a_months_part_of_spare_stock():
    state = given(**LINES, supply__memory_gb_per_week=1e12, supply__racks_per_week=1e9).state
    h100 = state.chips.chips["H100"]
    h100.stock_gpus, h100.backlog_gpus = 500, 100
    planned = chips.planned_lines(state, START)
    assert chips.outlook(state, START)["H100"] == planned["H100"] + 100
    h100.backlog_gpus = 900
    assert chips.outlook(state, START)["H100"] == planned["H100"]
    assert "A100" in chips.outlook(state, START + 19)
    assert "A100" not in chips.outlook(state, START + 20)
    h100.retired = True
    assert "H100" not in chips.outlook(state, START)


def test_years_ahead_packaging_has_grown_by_its_plan():
    state = given(**LINES, supply__memory_gb_per_week=1e12, supply__racks_per_week=1e9).state
    p, later = state.run.parameters, START + 300
    now, grown = chips.outlook(state, later), chips.outlook(state, later, ahead_years=2.0)
    more = {name: (grown[name] - now[name]) * p[f"chips.{name}.slots_per_gpu"] for name in now}
    assert sum(more.values()) == pytest.approx(2 * p["supply.slots_growth_per_year"], rel=0.01)
    assert more["GB200"] > 0
    assert more["H20"] == 0, "what is made for China stays as large as it is"


@pytest.mark.parametrize(("stock", "makes"), [(4, True), (5, False)])
def test_a_line_rests_while_more_than_so_many_weeks_lie_unsold(stock, makes):
    world = given(**LINES, supply__stock_weeks_max=4.0, supply__memory_gb_per_week=1e12)
    planned = chips.planned_lines(world.state, START)["H100"]
    world.state.chips.chips["H100"].stock_gpus = stock * planned if makes else 4 * planned + 1
    world.state.chips.chips["H100"].backlog_gpus = 3 * planned
    made = {e.chip: e for e in (h.event for h in chips.output(world.state, START)) if hasattr(e, "lead_time_weeks")}
    assert made["H100"].gpus == (planned if makes else 0)
    assert made["H100"].lead_time_weeks == (3.0 if makes else 0.0)
    assert "GB200" not in made


@pytest.mark.parametrize(("now", "then", "weeks"), [(20.0, 5.0, 53), (5.0, 20.0, 53), (20.0, 5.0, 52), (1e9, 1e9, 53)])
def test_packaging_grows_by_its_trend_which_slack_slows_and_by_the_backlog_of_a_year_ago(now, then, weeks):
    world = given(**LINES, supply__lead_time_start_weeks=10.0)
    world.state.chips.lead_times[:] = [then] + [now] * (weeks - 1)
    first = next(h.event for h in chips.expand_slots(world.state, START))
    old = then if weeks == 53 else 10.0
    log = math.log(old / 10)
    pull = max(-0.2, log) if log <= 1 else 1 + math.log(log)
    growth = 5_000 * min(1.0, now / 10) + 0.5 * 1_000 * pull
    assert first.value == pytest.approx(1_000 + growth * 28 / 365.25, abs=1e-3)


def test_a_chip_slips_by_its_draw_and_is_no_earlier_than_its_bound():
    terms = {"supply__slip_mean_weeks": 4.0, "supply__slip_sd_weeks": 2.0, "supply__slip_min_weeks": -1e9}
    state = given(**terms).state
    z = rng.normal(7, "chip slip", "GB200")
    assert chips.slip_days(state, "GB200") == round(7 * (4 + 2 * z))
    assert chips.slip_days(given(**{**terms, "supply__slip_min_weeks": 50.0}).state, "GB200") == 350


@pytest.mark.parametrize(("slip", "first"), [(21, START + 121), (0, START + 100), (-14, START + 86)])
def test_volume_is_reached_on_its_day_and_a_slip_is_said_on_the_promised_one(slip, first, monkeypatch):
    monkeypatch.setattr(chips, "slip_days", lambda *_: slip)
    world = given()
    told = {}
    for week in range(30):
        day = START + 7 * week
        for h in list(chips.due(world.state, day, day + 6)):
            if getattr(h.event, "chip", "") == "GB200":
                told[type(h.event).__name__] = h.day
                world.happened(h.event)
    assert told["VolumeReached"] == first
    assert told.get("VolumeSlipped") == (START + 100 if slip > 0 else None)


def test_a_chip_ends_and_a_shipment_arrives_on_its_day():
    world = given()
    sent = {"shipment_id": "lab/shipment/1", "order_id": "lab/order/1", "org": LAB, "chip": "H100", "gpus": 5}
    world.happened(chip_events.ShipmentSent(counterparty=OEM, due_day=START + 10, **sent))

    def told(first, last):
        return {type(h.event).__name__: h.day for h in chips.due(world.state, first, last)
                if type(h.event).__name__ != "VolumeReached"}  # fmt: skip

    assert told(START, START + 9) == {}
    assert told(START, START + 10) == {"ShipmentDelivered": START + 10}
    assert told(START + 14, START + 20) == {"ShipmentDelivered": START + 14, "ChipRetired": START + 20}
    assert "ChipRetired" not in told(START + 14, START + 19)
    assert told(START + 20, START + 26)["ChipRetired"] == START + 20
    assert "ChipRetired" not in told(START + 21, START + 27)


# --- who gets them


def ordered(world, org, gpus, chip="H100", number=1, price=25_000.0):
    terms = {"org": org, "supplier": SUPPLIER, "chip": chip, "gpus": gpus, "price_usd_per_gpu": price}
    return world.happened(OrderPlaced(order_id=f"{org}/order/{number}", **terms))


def test_orders_of_an_org_are_filled_oldest_first_at_their_own_or_one_price():
    world = ordered(ordered(given(), LAB, 30), LAB, 50, number=2, price=26_000.0)
    orders = list(world.state.chips.orders.values())
    for given_gpus, parts in ((20, [20]), (30, [30]), (40, [30, 10]), (80, [30, 50])):
        found = [h.event for h in allocation._fill(orders, given_gpus, None, START)]
        assert [e.gpus for e in found] == parts
        assert {e.share for e in found} == {given_gpus / 80}
        assert found[0].price_usd_per_gpu == 25_000.0
    assert {h.event.price_usd_per_gpu for h in allocation._fill(orders, 80, 1.5, START)} == {1.5}


def allotted(world, *gpus, org=LAB, price=25_000.0):
    return [ChipsAllocated(order_id=f"{org}/order/{n}", org=org, supplier=SUPPLIER, chip="H100", gpus=count,
                           price_usd_per_gpu=price, share=1.0) for n, count in enumerate(gpus, 1)]  # fmt: skip


def test_what_is_allotted_is_shipped_and_paid_with_its_servers():
    world = given()
    events = world.after(allocation.ship(world.state, allotted(world, 10, 20), START))
    sent = [(e.shipment_id, e.gpus, e.due_day) for e in events if hasattr(e, "shipment_id")]
    assert sent == [("lab/shipment/1", 10, START + 28), ("lab/shipment/2", 20, START + 28)]
    for kind, payee, part in (("chips", SUPPLIER, 1.0), ("servers", OEM, 0.1)):
        bills = [(e.org, e.counterparty, e.amount_usd_cents) for e in events if getattr(e, "kind", "") == kind]
        assert bills == [(LAB, payee, round(part * gpus * 25_000 * 100)) for gpus in (10, 20)]


def test_an_oem_with_more_than_its_weeks_of_work_is_late():
    world = given()
    weeks = {}
    for gpus in (40_000, 40_001, 50_000):
        fresh = given()
        (sent, *_) = fresh.after(allocation.ship(fresh.state, allotted(fresh, gpus), START))
        weeks[gpus] = (sent.due_day - START) / 7
    assert weeks[40_000] == 4.0
    assert weeks[50_000] >= weeks[40_001] >= weeks[40_000]
    assert world.state.chips.integration_gpus_per_week == {OEM: 10_000}


def stored(world, org=CLOUD, **gpus):
    world.state.chips.warehouse[org] = gpus
    return [(h.event.site, h.event.chip, h.event.gpus, h.event.power_kw_it)
            for h in allocation.install(world.state, START) if hasattr(h.event, "site")]  # fmt: skip


def test_gpus_run_on_whole_watts_of_spare_power():
    world = given()
    spare = world.state.sites.sites[SITE].spare_w // 1_400
    assert stored(world, H100=10) == [(SITE, "H100", 10, 14)]
    assert stored(world, H100=1) == [(SITE, "H100", 1, 2)]
    assert stored(world, H100=10**6) == [(SITE, "H100", spare, -(-spare * 1_400 // 1_000))]
    assert stored(given(), RESELLER, H100=5) == []


def test_of_sites_and_oems_that_are_as_good_no_name_comes_first():
    sites, oems = set(), set()
    for seed in range(20):
        world = given()
        one, run = world.state.sites.sites[SITE], world.state.run
        run.seed = seed
        for name in ("a", "b"):
            world.state.sites.sites[name] = replace(one, name=name)
        sites.add(stored(world, H100=1)[0][0])
        world.state.chips.integration_gpus_per_week = {OEM: 10_000, RIVAL: 10_000}
        oems.add(next(iter(allocation.ship(world.state, allotted(world, 10), START))).columns["counterparty"][0])
    assert sites == {SITE, "a", "b"}
    assert oems == {OEM, RIVAL}


@pytest.mark.parametrize(("spot_usd", "part"), [(9.0, 0.0), (0.0, 1.0)])
def test_owners_switch_off_what_earns_less_than_it_costs(spot_usd, part):
    state = given(retire__per_week_max=0.1, retire__width=0.2).state
    state.demand.clearing_usd_per_h100e_hour = spot_usd
    cost = prices.running_cost(state, state.chips.chips["H100"], "texas")
    weekly = 0.1 * demand.logistic((cost - spot_usd * 2.0) / (0.2 * cost))
    expected = 1 - (1 - weekly) ** 4 if weekly > 1e-9 else 0.0
    assert allocation.idle_share(state, cost, 2.0) == pytest.approx(expected)
    assert (expected > 0.2) == (part == 1.0)


def test_a_months_wear_takes_a_thirteenth_of_a_year():
    world = given(fleet__retire_per_year=0.13)
    gone = {e.site: e for e in world.after(allocation.retire(world.state, START))}
    cost = prices.running_cost(world.state, world.state.chips.chips["H100"], "texas")
    share = 0.01 + allocation.idle_share(world.state, cost, work.in_h100e(world.state, START)["H100"])
    assert gone[SITE].gpus == round(10_000 * share)
    assert gone[SITE].power_kw_it == gone[SITE].gpus * 1_400 // 1_000
    busy = given(fleet__retire_per_year=13.0)
    rent(busy, 9_500)
    left = {e.site: e.gpus for e in busy.after(allocation.retire(busy.state, START))}
    assert left[SITE] == 500


# --- what an order is worth


def test_a_buyers_weight_is_its_need_by_power_and_prepayment():
    world = ordered(
        given(allocation__powered_weight=0.4, allocation__prepaid_weight=0.5, orgs__lab__prepaid_share=0.2), LAB, 20_000
    )
    waiting = books.Waiting(world.state, START)
    buyer = waiting.buyer(LAB)
    spare = world.state.sites.sites[FIELD].spare_w / 1000
    assert buyer.powered == pytest.approx(spare / 28_000)
    assert buyer.weight(world.state, 100) == pytest.approx(100 * (0.6 + 0.4 * buyer.powered) * 1.1)
    world.state.chips.warehouse[LAB] = {"H100": 1_000}
    again = books.powered_share(
        world.state, LAB, list(world.state.chips.orders.values()), [world.state.sites.sites[FIELD]]
    )
    assert again == pytest.approx(spare / 29_400)
    assert books.powered_share(world.state, RIVAL, [], []) == 1.0


def worth(world, org=LAB):
    waiting = books.Waiting(world.state, START)
    return waiting.buyer(org), waiting


def test_a_gpu_is_worth_its_margin_over_its_life_less_the_time_without_power_and_what_is_left():
    terms = {"means__capital_rate_lab": 0.3, "means__capital_rate_parent": 0.1, "means__life_years": 5.0,
             "means__residual_share": 0.2}  # fmt: skip
    world = ordered(given(**terms), LAB, 20_000)
    buyer, waiting = worth(world)

    def annuity(rate, years):
        return (1 - (1 + rate) ** -years) / rate

    assert buyer.wait_years == pytest.approx(500 / 365.25)
    earning = annuity(0.3, 5) - (1 - buyer.powered) * annuity(0.3, 500 / 365.25)
    assert buyer.earning_years == pytest.approx(earning)
    chip = world.state.chips.chips["H100"]
    hourly = prices.quote(world.state, 5 * 364, 0.0) * work.in_h100e(world.state, START)["H100"]
    margin = HOURS * (hourly - prices.running_cost(world.state, chip, "texas"))
    expected = margin * earning + 0.2 * 25_000 * 1.3**-5
    assert buyer.worth_usd_per_gpu(waiting, chip) == pytest.approx(expected)
    assert buyer.cash_usd_per_gpu == pytest.approx(1e10 / 20_000)
    rich = ordered(given(**terms, orgs__lab__income_usd_per_year=1.0), LAB, 20_000)
    buyer, _ = worth(rich)
    assert buyer.discount == pytest.approx(1.1**-5)
    building = works(ordered(given(**terms), CLOUD, 20_000), due=START + 73)
    assert worth(building, CLOUD)[0].wait_years == pytest.approx(73 / 365.25)
    building.state.sites.buildings[f"{SITE}/building/1"].paused_day = START
    assert worth(building, CLOUD)[0].wait_years == pytest.approx(500 / 365.25)


# --- the auction on demand


def test_what_is_open_is_what_the_tail_has_no_contract_for():
    world = given(tail__contract_share=0.6)
    (one,) = [c for c in spot.classes(world.state) if c.region == "texas" and c.chip == "H100"]
    capacity = index.Capacity(world.state)
    gpus = capacity.free[CLOUD, "H100", SITE]
    fill = min(1.0, index.tail_wanted(world.state) / capacity.total_free)
    (contracted,), (open_gpus,) = one.contracted.values(), one.open.values()
    assert contracted == int(gpus * fill * 0.6)
    assert open_gpus == int(gpus) - contracted


def test_the_tail_bids_by_steps_of_its_demand_curve():
    state = given(tail__contract_share=0.6, tail__elasticity=1.2, demand__factor=0.5).state
    steps = list(spot.steps(state))
    entry = prices.entry_price(state)
    assert len(steps) == 24
    assert (steps[0][0], steps[-1][0]) == pytest.approx((8 * entry, entry / 8))
    assert steps[1][0] / steps[0][0] == pytest.approx(8 ** (-2 / 23))
    budget = 0.5 * 13.14e7 * 0.4
    assert sum(h100e for _, h100e in steps) == pytest.approx(budget * uses.use_per_usd(state, entry / 8, 1.2))
    assert steps[0][1] == pytest.approx(budget * uses.use_per_usd(state, 8 * entry, 1.2))
    state.demand.uses.clear()
    assert list(spot.steps(state)) == []


# --- runs and machines


def test_capability_is_by_compute_by_date_and_by_what_diffuses():
    terms = {"capability__intercept": 1.0, "capability__per_log10_flop": 0.2, "capability__per_year": 0.3,
             "capability__diffusion_share": 0.4}  # fmt: skip
    state = given(**terms).state
    index_then = 1.0 + 0.2 * 25 + 0.3 * (START - 19_412) / 365.25
    state.training.frontier[:] = [index_then + 1.0, 99.0]
    assert training.capability(state, 1e25, START) == pytest.approx(index_then + 0.4)
    state.training.frontier[:] = [index_then - 1.0]
    assert training.capability(state, 1e25, START) == pytest.approx(index_then)
    state.training.frontier.clear()
    assert training.capability(state, 1e25, START) == pytest.approx(index_then)


def test_a_model_has_twenty_tokens_a_parameter():
    params, tokens = training.compute_optimal(6e24)
    assert tokens == pytest.approx(20 * params)
    assert 6 * params * tokens == pytest.approx(6e24)


def running(world, due=START + 100, since=START, gpus=4_000, site=FIELD):
    world.happened(training_events.TrainingStarted(
        run_id="lab/run/1", org=LAB, model="lab/model/1", site=site, chip="H100", gpus=gpus, flop=1e25,
        effective_flop=2e25, params=1e11, tokens=1e13, experts=0, mfu=0.4, goodput=0.9, plan="x", start_day=since,
        due_day=due,
    ))  # fmt: skip
    return world.state.training.runs["lab/run/1"]


def test_a_run_has_done_its_part_of_its_days():
    world = given()
    run = running(world)
    assert training.flop_left(world.state, run, START) == pytest.approx(1e25)
    assert training.flop_left(world.state, run, START + 25) == pytest.approx(0.75e25)
    assert training.flop_left(world.state, run, START + 200) == 0.0
    assert base.training_use(world.state, LAB, "H100", FIELD) == 4_000
    assert (
        base.training_use(world.state, LAB, "H100", SITE) == base.training_use(world.state, RIVAL, "H100", FIELD) == 0
    )
    assert training.effective_flop(world.state, 10.0, 0) == 10.0
    assert training.effective_flop(given(labs__mixture_credit=3.0).state, 10.0, 8) == 30.0


def test_models_are_released_some_weeks_after_their_run_and_refreshed_when_they_are_old():
    world = given(labs__release_lag_weeks=8.0, labs__refresh_weeks=26.0)
    lab = world.state.training.labs[LAB]

    def released(first, last):
        return [(h.day, h.event.kind) for h in training.due(world.state, first, last)]

    lab.released_day = START
    assert released(START + 175, START + 181) == []
    assert released(START + 176, START + 182) == [(START + 182, "refresh")]
    assert released(START + 190, START + 196) == [(START + 190, "refresh")]
    lab.pending_model, lab.pending_day, lab.pending_effective_flop, lab.pending_flop = "m", START + 140, 1e25, 1e25
    assert released(START + 176, START + 182) == []
    assert released(START + 190, START + 196) == [(START + 196, "frontier")]
    assert released(START + 200, START + 206) == [(START + 200, "frontier")]


@pytest.mark.parametrize(
    ("gpus", "known", "size"),
    [(4_607, 0, None), (4_608, 0, 4_608), (16_383, 0, 4_608), (16_384, 4_608, 16_384), (16_384, 16_384, None)],
)
def test_a_cluster_is_news_when_it_passes_a_size(gpus, known, size):
    world = given()
    state = world.state
    place = next(name for name in state.chips.holdings if name.org == LAB)
    for name in list(state.chips.holdings):
        if name != place:
            del state.chips.holdings[name]
    state.chips.holdings[place].owned = gpus
    state.training.clusters[place] = known
    if known:
        state.training.largest_cluster["H100"] = known
    found = [(h.event.gpus, h.event.kind) for h in training.clusters(state, START)]
    kind = "grown" if known else "first of generation"
    assert found == ([(size, kind)] if size else [])


def leads(world, ready=0.0):
    state = world.state
    best = machines.leader(state, START)
    return machines.leading_flop(state, best, START, ready)


RACE = {"labs__run_days": 100.0, "labs__release_lag_weeks": 8.0, "labs__race_pace_per_year": 4.0, "labs__step_up": 1.5,
        "labs__run_wait_weeks": 26.0, "labs__first_run_flop": 1e23}  # fmt: skip


def test_a_run_leads_that_beats_the_best_model_as_it_will_be_at_its_release():
    world = given(**RACE)
    world.state.training.labs[LAB].best_effective_flop = 2e25
    world.state.training.labs[RIVAL] = Lab(RIVAL, best_effective_flop=1e25, released_day=START)
    years = (100 + 56 + 50) / 365.25
    assert machines.leader(world.state, START) == (2e25, START - 50)
    assert leads(world) == pytest.approx(2e25 * 4**years)
    assert leads(world, 10.0) == pytest.approx(2e25 * 4 ** (years + 70 / 365.25))
    for lab in world.state.training.labs.values():
        lab.best_effective_flop = 0.0
    assert machines.leader(world.state, START) == (1e23, START)


def known_machines(world, *schedule, gpus=0, kind="greenfield"):
    """Machines of labs where one has a cluster of so many GPUs and a contract, its tranches as (GPUs, day)."""
    state = world.state
    state.run.parameters |= {"labs.run_days": 100.0, "sites.pool_place_kw": 14_000.0}
    for place, holding in state.chips.holdings.items():
        state.sites.sites[place.site].kind = kind
        holding.owned, holding.leased_in = (gpus, 0) if place.org == LAB else (0, 0)
        if place.org == LAB:
            state.training.clusters[place] = 16_384
    state.contracts.open.clear()
    if schedule:
        tranches = [Tranche(n, each, day, day + 999) for n, (each, day) in enumerate(schedule, 1)]
        state.contracts.open["c"] = SimpleNamespace(lessee=LAB, chip="H100", schedule=tranches)
    return [(m.lab, m.h100e, m.ready_day) for m in machines.lab_machines(state, START) if m.h100e]


def test_a_machine_that_is_known_is_a_cluster_as_far_as_it_stands_and_fits_one_place():
    assert known_machines(given(), gpus=20_000) == [(LAB, 16_384, START)]
    assert known_machines(given(), gpus=12_000) == [(LAB, 12_000, START)]
    ((_, pooled, _),) = known_machines(given(), gpus=20_000, kind="pool")
    assert 0 < pooled == pytest.approx(14_000 / given().state.chips.chips["H100"].power_kw_it_per_gpu)
    assert pooled < 16_384


def test_machines_lead_by_the_pace_of_the_time_between_them_the_largest_of_each_lab():
    def leads(*known):
        state = given(labs__race_pace_per_year=10.0).state
        return machines.leading_machines(state, [machines.LabMachine(*one) for one in known], START + 182)

    assert leads() == []
    assert leads(("a", 100.0, START + 182)) == [(100.0, "a")]
    assert leads(("a", 100.0, START)) == [(pytest.approx(100 * 10 ** (182 / 365.25)), "a")]
    assert leads(("a", 100.0, START + 365)) == [(pytest.approx(100 * 10 ** (-183 / 365.25)), "a")]
    several = [("a", size, START + 182) for size in (200.0, 300.0, 100.0)]
    assert leads(*several, ("b", 250.0, START + 182)) == [(300.0, "a"), (250.0, "b")]


def test_a_contract_brings_the_machine_of_those_gpus_that_come_while_a_run_lasts():
    assert known_machines(given(), (300, START + 50), (200, START + 149)) == [(LAB, 500, START + 149)]
    assert known_machines(given(), (300, START + 50), (200, START + 150)) == [(LAB, 300, START + 50)]
    assert known_machines(given(), (300, START - 50)) == [(LAB, 300, START)]


def test_a_lab_steps_up_after_a_wait_and_before_only_to_lead():
    world = given(**RACE)
    lab = world.state.training.labs[LAB]
    lab.best_effective_flop = 1e25
    best = machines.leader(world.state, START)
    lead = machines.leading_flop(world.state, best, START, 0.0)
    for since, least in ((182, 1.5e25), (181, max(1.5e25, lead))):
        lab.run_day = START - since
        assert machines.step_flop(world.state, best, lab, START) == pytest.approx(least)
    lab.run_day, lab.best_effective_flop = START - 182, 0.0
    assert machines.step_flop(world.state, best, lab, START) == pytest.approx(1.5e23)


def test_dates_of_a_month_are_asked_for_once():
    assert machines.month_year(START) == pytest.approx(1970 + START / 365.25, abs=1 / 24)
    assert len({machines.month_year(START + day) for day in range(365)}) == 13
    assert machines.peak_flop_per_s("nobody") == 0.0
    assert machines.cluster_size(0) == 0
    assert machines.cluster_size(1_000) <= 1_000


def test_a_labs_budget_for_a_machine_is_a_part_of_its_research_compute():
    def gpus(**parameters):
        world = given(**{**RACE, "labs__run_share": 0.5, "labs__run_share_keen": 0.2, "labs__first_run_flop": 1.0,
                         "labs__step_up": 1e-9, **parameters})  # fmt: skip
        world.state.training.labs[LAB].best_effective_flop = 1.0
        world.state.training.labs[LAB].run_day = START - 9_999
        known = (machines.leader(world.state, START), machines._densest(world.state))
        rows = machines._candidates(world.state, known, LAB, 4_000.0, START)
        return [machine.gpus for _, machine in rows]

    size = machines.cluster_size
    assert gpus() == [size(int(0.5 * 4_000 * 0.75))]
    assert gpus(orgs__lab__wait_weight=1.0) == [size(int(0.7 * 3_000))]
    assert gpus(orgs__lab__wait_weight=9.0) == [size(3_000)]
    assert gpus(orgs__lab__captive_share=0.5) == [size(750)]
    assert gpus(orgs__lab__run_share=0.25) == [size(750)]
    assert gpus(labs__step_up=1e40) == []


# --- serving


def test_tokens_cost_what_they_cost_providers_together():
    world = given(serving__revenue_per_inference_usd=2.0)
    world.state.training.labs[RIVAL] = Lab(RIVAL)
    owns(world, RIVAL, 1_000)
    state = world.state
    found = serving.capacity(state, base.fleets_h100e(state), START)
    spend = HOURS * 3.0 * 5_000
    assert sum(found.usd_per_year.values()) == pytest.approx(2.0 * spend)
    assert found.usd_per_year[LAB] == pytest.approx(4 * found.usd_per_year[RIVAL])
    assert found.tokens_per_s[LAB] == pytest.approx(4_000 * machines.token_rates(state, START)["H100"])
    limited = given(demand__capacity_slack=0.8, orgs__lab__captive_share=0.25).state
    assert serving.usable_usd(limited, LAB, 100.0) == pytest.approx(60)


@pytest.mark.parametrize(
    ("asked", "revenue"), [(0.0, math.exp(-0.25)), (1e6, math.exp(-0.25)), (1.02, 1.02), (9.0, math.exp(0.07) + 0.001)]
)
def test_revenue_follows_what_is_asked_no_faster_than_a_provider_can(asked, revenue, monkeypatch):
    world = given(demand__growth_max_per_week=0.07, demand__fall_max_per_week=0.25, demand__first_revenue_usd=1e6,
                  demand__capacity_slack=1e9)  # fmt: skip
    monkeypatch.setattr(demand, "asked_of", lambda *_: asked * 1e9 if asked < 1e6 else 1.0)
    found = {e.org: e for e in world.after(serving.measure(world.state, START))}[LAB]
    assert found.revenue_usd_per_year == pytest.approx(revenue * 1e9)
    assert found.h100e == pytest.approx(4_000 * 0.25)


# --- research


def project(number=1, least=100.0, h100e=0.0, worth=1.0, work_h100e_weeks=1_000.0, since=START):
    return Project(run_id=f"lab/project/{number}", org=LAB, least_h100e=least, work_h100e_weeks=work_h100e_weeks,
                   worth=worth, h100e=h100e, since_day=since, end_day=since + 70)  # fmt: skip


def bench(*mine, research=1_000.0, runs=0.0):
    return projects.Bench(research, runs, [p for p in mine if p.h100e], [p for p in mine if not p.h100e])


def test_what_is_free_is_research_less_runs_and_projects():
    one = bench(project(1, h100e=150.0), project(2), project(3, least=2_000.0), runs=300.0)
    assert one.free == 550.0
    assert one.listed == 200.0


def operated(*mine, research=1_000.0, runs=0.0, monkeypatch=None):
    monkeypatch.setattr(projects, "benches", lambda *_: {LAB: bench(*mine, research=research, runs=runs)})
    world = given(projects__widen_max=2.0, projects__narrow_min=0.25)
    return {
        h.event.run_id[-1]: (type(h.event).__name__[7:], h.event.h100e) for h in projects.operate(world.state, START)
    }


def test_the_worthiest_that_fits_begins_and_what_is_left_widens(monkeypatch):
    def begun(*mine, research):
        return operated(*mine, research=research, monkeypatch=monkeypatch)

    three = [project(n, least=400.0, worth=n) for n in (1, 2, 3)]
    assert begun(*three, research=800.0) == {"3": ("Started", 400.0), "2": ("Started", 400.0)}
    assert begun(*three, research=1_000.0) == {"3": ("Started", 600.0), "2": ("Started", 400.0)}
    assert begun(*three, research=1_300.0)["3"] == ("Started", 500.0)
    big, small = project(1, least=900.0, worth=9.0), project(2, least=100.0)
    assert begun(big, small, research=500.0) == {"2": ("Started", 200.0), "1": ("Started", 300.0)}
    assert begun(big, research=224.0) == {}
    assert begun(big, research=225.0) == {"1": ("Started", 225.0)}
    assert begun(project(1, h100e=100.0), research=500.0) == {"1": ("Resized", 200.0)}


def test_what_is_short_is_given_back_by_what_was_widened_and_then_by_the_least_worthy(monkeypatch):
    wide = [project(1, h100e=200.0, worth=1.0), project(2, h100e=200.0, worth=2.0)]

    def left(research):
        return operated(*wide, research=research, monkeypatch=monkeypatch)

    assert left(400.0) == {}
    assert left(350.0) == {"1": ("Resized", 150.0)}
    assert left(250.0) == {"1": ("Resized", 100.0), "2": ("Resized", 150.0)}
    assert left(150.0) == {"1": ("Stopped", 200.0), "2": ("Resized", 150.0)}
    assert left(50.0)["2"][0] == "Stopped"
    narrow = project(1, h100e=50.0)
    assert projects._spare(narrow, 0.25) == 25.0
    assert projects._spare(wide[0], 0.25) == 100.0
    assert projects._spare(project(1, h100e=20.0), 0.25) == 0.0


def test_work_ends_after_as_many_days_as_it_takes_and_no_sooner_than_tomorrow():
    one = project(1, h100e=100.0, since=START - 14)
    assert projects.left_h100e_weeks(one, START) == 800.0
    assert projects.left_h100e_weeks(one, START + 999) == 0.0
    assert projects._end_day(800.0, 100.0, START) == START + 56
    assert projects._end_day(801.0, 100.0, START) == START + 57
    assert projects._end_day(0.0, 100.0, START) == START + 1


def test_research_compute_is_what_neither_serves_nor_is_captive():
    world = given(orgs__lab__captive_share=0.2)
    running(world, gpus=500)
    found = projects.benches(world.state, base.fleets_h100e(world.state))[LAB]
    assert found.research == pytest.approx(4_000 * 0.75 * 0.8)
    assert found.runs == 500


@pytest.mark.parametrize(
    ("said", "reason"), [({}, None), ({"h100e": 0.0}, "nothing asked"), ({"worth": math.inf}, "nothing asked")]
)
def test_an_idea_has_size_work_and_worth(said, reason):
    world = given(projects__list_max=1.0)
    values = {"h100e": 10.0, "work_h100e_weeks": 10.0, "worth": 1.0, **said}
    (event,) = world.when(ProposeProject(actor=LAB, because=LAB, **values))
    assert getattr(event, "reason", None) == reason
    if reason is None:
        (again,) = world.when(ProposeProject(actor=LAB, because=LAB, **values))
        assert again.reason == "list full"


def test_researchers_go_by_parts_to_where_each_has_more_compute():
    world = given(projects__drift_per_month=0.1)
    world.state.training.labs[RIVAL] = Lab(RIVAL, researchers=50.0, inference_share=0.5)
    owns(world, RIVAL, 4_000)
    found = {e.org: e.researchers for e in world.after(projects.people(world.state, START))}
    usual = (3_000 + 2_000) / 150
    for org, heads, research in ((LAB, 100.0, 3_000.0), (RIVAL, 50.0, 2_000.0)):
        drift = 0.1 * math.log(research / heads / usual)
        assert found[org] == pytest.approx(heads * math.exp(drift))


# --- sites


@pytest.mark.parametrize(("kind", "median"), [("greenfield", 600.0), ("brownfield", 140.0)])
def test_days_are_planned_by_kind_with_a_draw_for_each_building(kind, median):
    state = given(**{f"sites__{kind}_days": median, f"sites__{kind}_sd": 0.3, "sites__time_factor": 0.5}).state
    z = rng.normal(7, "building plan", "x")
    assert sites.planned_days(state, kind, "x", "texas") == round(0.5 * median * math.exp(0.3 * z))


def test_another_building_of_a_campus_takes_between_its_bounds():
    state = given(sites__next_days_min=60.0, sites__next_days_max=180.0).state
    u = rng.uniform(7, "building plan", "x")
    assert sites.planned_days(state, "next", "x", "texas") == round(60 + 120 * u)
    endless = given(sites__greenfield_days=1e9).state
    assert sites.planned_days(endless, "greenfield", "x", "texas") == 36_525


@pytest.mark.parametrize(
    ("kw", "kind", "region", "reason"),
    [(40_000_000, "greenfield", "texas", None), (40_000_001, "greenfield", "texas", "cash"),
     (1, "greenfield", "texas", None),
     (0, "greenfield", "texas", "no power asked"), (1, "greenfield", "none", "unknown region"),
     (10**9, "leased", "texas", None)],
)  # fmt: skip
def test_a_building_needs_a_region_power_and_its_deposit(kw, kind, region, reason):
    assert sites.refusal(given().state, LAB, region, kind, kw) == reason
    assert sites.shell_cents(given().state, 7) == 700_000


def test_a_site_is_promised_for_the_later_of_its_shell_and_its_power():
    world = given()
    command = PlanSite(actor=LAB, because=LAB, region="texas", kind="greenfield", power_kw_it=1_000)
    plan, started, queued, paid = world.when(command)
    days = sites.planned_days(given().state, "greenfield", started.building_id, "texas")
    wait = power.days_of_new(given().state, "texas", "greenfield", 1_000, False, START)
    assert started.due_day == plan.due_day == START + max(days, round(wait))
    assert (started.duration_days, queued.power_kw_facility) == (days, 1_250)
    assert paid.amount_usd_cents == 1_000 * 1_000 * 100 // 4


def test_a_pause_is_added_to_a_promise():
    world = works(given(), due=START + 100)
    name = f"{SITE}/building/1"
    world.when(PauseBuilding(actor=CLOUD, because=CLOUD, building_id=name))
    (again,) = world.when(PauseBuilding(actor=CLOUD, because=CLOUD, building_id=name))
    assert again.reason == "nothing to pause"
    world.day = START + 30
    (resumed,) = world.when(ResumeBuilding(actor=CLOUD, because=CLOUD, building_id=name))
    assert (resumed.due_day, resumed.duration_days) == (START + 130, 30)
    (no,) = world.when(ResumeBuilding(actor=CLOUD, because=CLOUD, building_id=name))
    assert no.reason == "nothing to resume"


@pytest.mark.parametrize(("days", "gone"), [(69, 0), (70, 1)])
def test_work_that_rests_too_long_is_given_up(days, gone):
    world = works(given(sites__pause_weeks_max=10.0))
    world.when(PauseBuilding(actor=CLOUD, because=CLOUD, building_id=f"{SITE}/building/1"))
    assert len(list(sites.give_up(world.state, START + days))) == gone
    assert list(sites.give_up(works(given()).state, START + 9_999)) == []


def test_a_promise_that_passes_is_made_anew_for_when_the_late_layer_can_be_expected():
    world = works(given(sites__promise_days_min=28.0, sites__promise_share=0.25), due=START + 200)
    building = world.state.sites.buildings[f"{SITE}/building/1"]
    building.granted = True
    slip = sites._slipped(world.state, building, False, START + 200).event
    assert (slip.due_day, slip.duration_days, slip.reason) == (START + 250, 50, "shell")
    building.planned_days = 40
    assert sites._slipped(world.state, building, True, START + 200).event.due_day == START + 228
    assert sites._slipped(world.state, building, True, START + 200).event.reason == "power"
    building.granted = False
    late = max(28, power.expected_day(world.state, building, START + 200) - START - 200)
    assert sites._slipped(world.state, building, True, START + 200).event.due_day == START + 200 + late


def test_a_shell_that_waits_for_power_says_so_and_one_that_has_it_is_used_and_paid():
    world = works(given(), kw=1_000)
    building = world.state.sites.buildings[f"{SITE}/building/1"]
    assert list(sites.energise(world.state, START)) == []
    building.shell_ready = True
    (waits,) = (h.event for h in sites.energise(world.state, START))
    due = power.expected_day(world.state, building, START)
    least = round(world.state.run.parameters["sites.promise_days_min"])
    assert waits.due_day == max(START + least, due)
    building.granted = True
    on, paid = (h.event for h in sites.energise(world.state, START))
    assert (on.kind, on.power_kw_facility, paid.amount_usd_cents) == ("grid", 1_250, 1_000 * 1_000 * 75)
    off = works(given(sites__power_factor=0.0))
    off.state.sites.buildings[f"{SITE}/building/1"].shell_ready = True
    assert list(sites.energise(off.state, START)) == []


# --- duties, clauses, levies, successors


def test_hours_off_are_of_the_region_of_what_is_not_firm_and_of_what_has_no_permit():
    world = given(regions__texas__curtailment_hours_per_year=175.0, regions__texas__non_firm_hours_per_year=400.0)
    site = world.state.sites.sites[SITE]
    assert duties.hours_off(world.state, site) == 175.0
    site.non_firm_kw = 5_000
    assert site.installed_w < 15_000_000
    assert duties.hours_off(world.state, site) == 175.0, "firm power carries all that is installed"
    site.installed_w = 20_000_000
    assert duties.hours_off(world.state, site) == 175 + 0.25 * 400
    world.state.run.parameters["regions.texas.curtailment_hours_per_year"] = 9e9
    assert duties.hours_off(world.state, site) == 8_760
    assert sum(duties._days_lost(175.0, week) for week in range(4, 53, 4)) == int(175 / 24)
    fleets = base.fleets_h100e(given().state)
    assert duties.usable(given().state, fleets) is fleets


@pytest.mark.parametrize(("days", "steps"), [(364, 0), (365, 1), (371, 1), (372, 0), (730, 1)])
def test_rent_steps_up_in_the_week_in_which_a_year_ends(days, steps):
    world = rent(given(), 10, step_share=0.1, end_day=START + 2_000)
    found = [h.event for h in clauses.steps(world.state, START + days)]
    assert [e.price_usd_per_gpu_hour for e in found] == [pytest.approx(2.75)] * steps


@pytest.mark.parametrize(("days", "cents"), [(6, None), (7, round(0.1 * 400 * 2.5 * 168 * 100))])
def test_a_part_of_a_weeks_rent_is_paid_back_for_what_is_a_week_late(days, cents):
    world = rent(given(), 1_000, 600, rebate_share=0.1)
    found = [h.event.amount_usd_cents for h in clauses.rebates(world.state, START + days)]
    assert found == ([cents] if cents else [])
    tranche = contract(given(), 100)
    next(iter(tranche.state.contracts.open.values())).rebate_share = 0.1
    paid = [h.event.amount_usd_cents for h in clauses.rebates(tranche.state, START + 60 + days)]
    assert paid == ([round(0.1 * 100 * 2.0 * 168 * 100)] if cents else [])


@pytest.mark.parametrize(
    ("changed", "said"),
    [({}, None), ({"deposit_days": -1}, "term"), ({"renew_days": 4_000}, None), ({"renew_days": 4_001}, "term"),
     ({"expand_gpus": -1}, "term"), ({"rebate_share": 1.0}, None), ({"rebate_share": 1.01}, "a share is no share"),
     ({"step_share": -0.01}, "a share is no share"), ({"assigning": "x"}, "unknown choice")],
)  # fmt: skip
def test_a_clause_is_a_part_a_time_or_a_word(changed, said):
    world = rent(given(contracts__days_max=4_000.0), 10)
    one = world.state.leases.leases["lab/lease/1"]
    for name, value in changed.items():
        setattr(one, name, value)
    assert clauses.fault(world.state, one) == said


def test_a_levy_is_a_part_a_fee_and_so_much_a_unit():
    class Rule:
        rate, usd, usd_per_unit, unit = 0.1, 5.0, 2.0, "mw_it"

    assert levies.amount_usd(Rule, {"amount_usd": 100.0, "power_mw_it": 3.0}) == 21.0
    assert levies.amount_usd(Rule, {}) == 5.0
    chip = given().state.chips.chips["H100"]
    assert levies._leading(given().state).name == "H100"
    assert levies.chip_case(LAB, chip)["amount_usd"] == 25_000.0


def test_means_of_levies_are_by_budgets_and_by_energised_power():
    world = given()
    world.state.finance.books[LAB].budget_usd_per_year = 100.0
    world.state.finance.books[CLOUD].budget_usd_per_year = 300.0

    def owed(event, case):
        return 2_500.0 if event == "ChipsAllocated" and case["org"] == LAB else 8.0 if case["org"] == CLOUD else 0.0

    told = world.state.run.parameters
    found = {each.parameter: each.value for each in levies.in_force(world.state, owed, told)}
    assert found["levy.chips"] == pytest.approx((100 * 2_500 + 300 * 8) / 25_000 / 400)
    assert found["regions.texas.levy_usd_per_mwh"] == found["levy.energy_usd_per_mwh"] == 4.0


def test_a_successor_comes_a_cadence_later_before_its_lines_end():
    terms = {"supply__cadence_days": 400.0, "supply__cadence_sd": 0.2}
    state = given(**terms).state
    chip = state.chips.chips["GB200"]
    days = 400 * math.exp(0.2 * rng.normal(7, "cadence", "GB200"))
    assert roadmap.planned_day(state, chip) == round(chip.start_day + days)
    late = replace(chip, end_day=chip.start_day + 300)
    assert roadmap.planned_day(state, late) == chip.start_day + 300 - 91
    short = replace(chip, end_day=chip.start_day + 10)
    assert roadmap.planned_day(state, short) == chip.start_day + 1
    assert roadmap.successor("X") == "X successor 1"
    assert roadmap.successor("X successor 1") == "X successor 2"
    assert roadmap.newest(state)[SUPPLIER].name == "GB200"


def test_work_is_a_mean_of_training_and_serving():
    state = given(price__serving_share=0.4).state
    tokens = machines.beside_h100(state, START)
    for name, each in work.in_h100s(state, START).items():
        assert each == pytest.approx(0.6 * state.chips.chips[name].h100e + 0.4 * tokens[name])
    mean = work.mean_per_h100e(state, START)
    assert mean == pytest.approx(work.in_h100s(state, START)["H100"])
    state.leases.work_per_h100e = 2.0
    assert work.in_h100e(state, START)["H100"] == pytest.approx(work.in_h100s(state, START)["H100"] / 2)
