"""Orders, output, allocation, shipping, installation, retirement."""

from __future__ import annotations

import pytest
from given import CHINESE, CLOUD, FIELD, LAB, OEM, RIVAL, SITE, START, SUPPLIER, given, handed, lease
from hypothesis import given as draws
from hypothesis import strategies as st
from msgspec.structs import replace

from agents import means
from events.commands.chips import CancelOrder, ExpandIntegration, ListPrice, PlaceOrder
from events.types import chips as events
from events.types.finance import PaymentMade
from events.types.run import RegionRegistered
from events.types.sites import PowerEnergised, SitePlanned
from market.rules import allocation, chips, inputs
from market.view import MarketView, Shared


def order(org=LAB, chip="H100", gpus=100):
    return PlaceOrder(actor=org, because=org, chip=chip, gpus=gpus)


def reason(world, command):
    (refused,) = world.when(command)
    assert isinstance(refused, events.OrderRefused)
    return refused.reason


def standing(world, org, gpus, chip="H100", n=1, price=25_000.0):
    world.happened(
        events.OrderPlaced(
            order_id=f"{org}/order/{n}", org=org, supplier=SUPPLIER, chip=chip, gpus=gpus, price_usd_per_gpu=price
        )
    )


# --- orders


def test_an_order_joins_the_backlog_at_the_list_price():
    world = given()
    assert world.when(order()) == [
        events.OrderPlaced(
            order_id="lab/order/1", org=LAB, supplier=SUPPLIER, chip="H100", gpus=100, price_usd_per_gpu=25_000.0
        )
    ]
    assert world.state.chips.chips["H100"].backlog_gpus == 100


def test_orders_are_counted_by_buyer():
    world = given()
    ids = [world.when(order(org))[0].order_id for org in (LAB, LAB, RIVAL)]
    assert ids == ["lab/order/1", "lab/order/2", "rival/order/1"]


def test_an_order_of_nothing_or_of_an_unknown_chip_is_refused():
    assert reason(given(), order(gpus=0)) == "nothing ordered"
    assert reason(given(), order(chip="B9000")) == "unknown chip"


def test_a_retired_chip_takes_no_orders():
    world = given().happened(events.ChipRetired(chip="H100", supplier=SUPPLIER))
    assert reason(world, order()) == "end of life"


def test_a_chip_is_on_offer_some_months_before_its_volume():
    world = given(orders__ahead_days=99)
    assert reason(world, order(chip="GB200")) == "not yet on offer"
    world = given(orders__ahead_days=100)
    assert isinstance(world.when(order(chip="GB200"))[0], events.OrderPlaced)


def test_export_controls_keep_strong_chips_from_china_and_leave_it_the_weak_ones():
    world = given()
    assert reason(world, order(CHINESE)) == "export control"
    assert isinstance(world.when(order(CHINESE, "H20"))[0], events.OrderPlaced)


def test_without_export_controls_china_buys_what_others_buy():
    world = given(trade__export_controls=0)
    assert isinstance(world.when(order(CHINESE))[0], events.OrderPlaced)


def test_a_chip_for_china_is_not_for_sale_elsewhere_and_own_silicon_only_to_its_parent():
    assert reason(given(), order(chip="H20")) == "not for sale"
    assert reason(given(), order(chip="TPU v5p")) == "not for sale"
    assert isinstance(given().when(order(CLOUD, "TPU v5p"))[0], events.OrderPlaced)


def test_a_supplier_does_not_order_its_own_chips_and_an_oem_does_not_pay_itself():
    assert reason(given(), order(SUPPLIER)) == "its own"
    world = given()
    told = world.after(allocation.ship(world.state, [sold(100, OEM)], START))
    assert [f.kind for f in told if isinstance(f, PaymentMade)] == ["chips"]


def test_a_buyer_cancels_no_more_than_is_open_and_only_its_own():
    world = given()
    world.when(order())
    cancel = CancelOrder(actor=LAB, because=LAB, order_id="lab/order/1", gpus=60)
    assert world.when(cancel)[0].gpus == 60
    assert world.when(cancel)[0].gpus == 40
    assert reason(world, cancel) == "no such open order"
    standing(world, RIVAL, 10)
    assert reason(world, CancelOrder(actor=LAB, because=LAB, order_id="rival/order/1", gpus=1)) == "no such open order"


def test_a_supplier_prices_its_own_chips_and_no_others():
    world = given()
    (listed,) = world.when(ListPrice(actor=SUPPLIER, because="H100", chip="H100", price_usd_per_gpu=24_000.000004))
    assert listed == events.PriceListed(chip="H100", supplier=SUPPLIER, price_usd_per_gpu=24_000.0)
    assert world.state.chips.chips["H100"].price_usd_per_gpu == 24_000.0
    for price, actor, chip in ((0.0, SUPPLIER, "H100"), (1.0, LAB, "H100"), (1.0, SUPPLIER, "none")):
        ask = ListPrice(actor=actor, because=actor, chip=chip, price_usd_per_gpu=price)
        assert reason(world, ask) == "not the actor's to price"


@pytest.mark.parametrize("price", [float("inf"), float("nan"), -1.0])
def test_a_price_that_is_no_amount_is_refused(price):
    ask = ListPrice(actor=SUPPLIER, because="H100", chip="H100", price_usd_per_gpu=price)
    assert reason(given(), ask) == "not the actor's to price"


def test_only_an_oem_adds_integration():
    world = given()
    assert world.when(ExpandIntegration(actor=OEM, because=OEM, gpus=5)) == [
        events.IntegrationExpanded(org=OEM, gpus=5)
    ]
    assert world.state.chips.integration_gpus_per_week[OEM] == 10_005
    assert reason(world, ExpandIntegration(actor=LAB, because=LAB, gpus=5)) == "no OEM"
    assert reason(world, ExpandIntegration(actor=OEM, because=OEM, gpus=0)) == "no OEM"


# --- the roadmap


def volume_events(world, first=90, days=400):
    """What the clock says of GB200's volume, day by day of the run."""
    told = []
    for week in range(first // 7, (first + days) // 7):
        a = START + 7 * week
        for happening in chips.due(world.state, a, a + 6):
            if getattr(happening.event, "chip", "") == "GB200":
                told.append(happening)
                world.day = happening.day
                world.happened(happening.event)
    return told


def test_a_chip_that_slips_says_so_on_its_day_and_reaches_volume_later():
    world = given(supply__slip_mean_weeks=6, supply__slip_sd_weeks=0, supply__slip_min_weeks=-4)
    slipped, reached = volume_events(world)
    assert (slipped.day, slipped.event.duration_days, slipped.event.due_day) == (START + 100, 42, START + 142)
    assert isinstance(reached.event, events.VolumeReached)
    assert reached.day == START + 142


def test_a_chip_can_be_early_but_not_by_more_than_its_bound():
    world = given(supply__slip_mean_weeks=-50, supply__slip_sd_weeks=0, supply__slip_min_weeks=-1)
    (reached,) = volume_events(world)
    assert reached.day == START + 93


def test_the_end_of_a_chip_cancels_what_is_open():
    world = given()
    standing(world, LAB, 100, "A100", price=10_000.0)
    told = [h.event for h in chips.due(world.state, START + 14, START + 20)]
    assert events.ChipRetired(chip="A100", supplier=SUPPLIER) in told
    world.happened(events.ChipRetired(chip="A100", supplier=SUPPLIER))
    assert world.after(chips.end_of_life(world.state, world.day)) == [
        events.OrderCancelled(order_id="lab/order/1", org=LAB, chip="A100", gpus=100, reason="end of life")
    ]
    assert world.state.chips.orders == {}


# --- output


def lines(world, day):
    """What the lines make on a day."""
    return [h.event for h in chips.output(world.state, day) if isinstance(h.event, events.OutputMade)]


def test_packaging_slots_are_shared_and_china_gets_its_part_of_the_old_generation():
    made = {f.chip: f.gpus for f in lines(given(), START)}
    slotted = made["H100"] + made["A100"] + made["H20"]
    assert slotted == pytest.approx(1000, abs=2)
    assert made["H20"] == pytest.approx(250, abs=1)
    assert made["TPU v5p"] > 0
    assert "GB200" not in made


def test_two_chips_for_china_share_one_part_of_packaging():
    world = given()
    h20 = world.state.chips.chips["H20"]
    world.state.chips.chips["H800"] = replace(h20, name="H800")
    world.state.run.parameters["chips.H800.slots_per_gpu"] = 1.0
    made = {f.chip: f.gpus for f in lines(world, START)}
    assert made["H20"] + made["H800"] == pytest.approx(250, abs=1)


def test_a_new_generation_takes_slots_from_the_old_as_it_ramps():
    world = given().happened(events.VolumeReached(chip="GB200", supplier=SUPPLIER))
    old = [next(e.gpus for e in lines(world, START + d) if e.chip == "H100") for d in (110, 300)]
    new = [next(e.gpus for e in lines(world, START + d) if e.chip == "GB200") for d in (110, 300)]
    assert old[0] > old[1]
    assert new[0] < new[1]


def test_a_line_that_sells_nothing_stops():
    world = given().happened(
        events.OutputMade(chip="H100", supplier=SUPPLIER, gpus=10**6, price_usd_per_gpu=25_000.0, lead_time_weeks=0.0)
    )
    assert next(e.gpus for e in lines(world, START) if e.chip == "H100") == 0


def test_the_lead_time_is_the_backlog_over_a_week_of_output():
    world = given()
    standing(world, LAB, 5000)
    made = next(e for e in lines(world, START) if e.chip == "H100")
    assert made.lead_time_weeks == pytest.approx(5000 / made.gpus, abs=1e-5)


def test_no_lead_time_is_longer_than_where_nothing_is_made():
    world = given()
    standing(world, LAB, 10**9)
    assert next(e for e in lines(world, START) if e.chip == "H100").lead_time_weeks == inputs.WAIT_WEEKS_MAX


@pytest.mark.parametrize(("stock", "weeks"), [(0, inputs.WAIT_WEEKS_MAX), (5000, 0.0)])
def test_a_backlog_for_which_nothing_is_made_waits_without_end_beyond_what_is_in_stock(stock, weeks):
    world = given(supply__factor=0.0)
    standing(world, LAB, 5000)
    world.state.chips.chips["H100"].stock_gpus = stock
    (made,) = (e for e in lines(world, START) if e.chip == "H100")
    assert (made.gpus, made.lead_time_weeks) == (0, weeks)
    world.happened(made)
    assert means.queue_weeks(MarketView(Shared(world.state), LAB), world.state.chips.chips["H100"]) == weeks
    assert isinstance(world.state.chips.chips["H100"].lead_time_weeks, float)


def test_packaging_grows_by_its_trend_and_faster_after_long_lead_times():
    def slots(world):
        return next(f.value for f in world.after(chips.expand_slots(world.state, START)) if hasattr(f, "supplier"))

    calm = given(supply__lead_time_reference_weeks=10, supply__lead_time_start_weeks=10)
    tight = given(supply__lead_time_reference_weeks=10, supply__lead_time_start_weeks=20)
    slack = given(supply__slots_growth_per_year=0, supply__lead_time_start_weeks=1)
    assert 1000 < slots(calm) < slots(tight)
    assert slots(slack) < 1000


@draws(st.floats(2.0, 500.0), st.floats(1.1, 4.0))
def test_a_longer_wait_always_adds_more_packaging_and_memory(weeks, longer):
    def grown(wait):
        world = given(supply__lead_time_start_weeks=wait, supply__lead_time_reference_weeks=1.0)
        supply = inputs.memory_supply(world.state, START)
        world.state.chips.chips["H100"].backlog_gpus = round(wait * supply / inputs.memory_gb("H100"))
        slots, memory = (h.event.value for h in chips.expand_slots(world.state, START))
        return slots, memory

    assert all(more > less for less, more in zip(grown(weeks), grown(weeks * longer), strict=True))


def test_makers_of_memory_answer_what_is_asked_of_them_not_the_wait_for_servers():
    def memory(chip="H100", gpus=0, **parameters):
        world = given(**parameters)
        world.state.chips.chips[chip].backlog_gpus = gpus
        return next(h.event.value for h in chips.expand_slots(world.state, START) if hasattr(h.event, "kind"))

    assert memory(gpus=10**7) > memory() == memory(supply__lead_time_start_weeks=50)
    assert memory(gpus=10**7, supply__memory_factor=0.6) > memory(gpus=10**7)
    assert memory(gpus=10**7, supply__memory_factor=0.0) > memory(gpus=10**7, supply__memory_factor=0.6)
    assert memory(gpus=10**7, supply__memory_factor=0.0) == memory(gpus=10**7, supply__memory_factor=1e-9)
    assert memory(supply__memory_factor=0.0) == memory(), "nothing is on order"


def test_a_scarce_input_cuts_all_who_use_it_alike_and_is_named():
    free, scarce = given(), given(supply__memory_gb_per_week=10_000)
    made = {f.chip: f.gpus for f in lines(free, START)}
    cut = {f.chip: f.gpus for f in lines(scarce, START)}
    assert cut["H100"] / made["H100"] == pytest.approx(cut["TPU v5p"] / made["TPU v5p"], rel=0.05)
    assert cut["H100"] < 0.5 * made["H100"]
    named = {f.supplier: f.kind for f in scarce.after(chips.output(scarce.state, START)) if hasattr(f, "kind")}
    assert named[SUPPLIER] == named["google"] == "memory"
    assert not any(hasattr(h.event, "kind") for h in chips.output(scarce.state, START))  # said once


def test_less_packaging_for_all_makes_all_lines_smaller():
    full, cut = given(), given(supply__packaging_factor=0.6)
    before = {f.chip: f.gpus for f in lines(full, START)}
    assert {f.chip: f.gpus / before[f.chip] for f in lines(cut, START) if before[f.chip]} == {
        chip: pytest.approx(0.6, abs=0.01) for chip, gpus in before.items() if gpus
    }


def test_rack_scale_chips_wait_for_racks_and_are_promised_for_when_there_are_some():
    world = given().happened(events.VolumeReached(chip="GB200", supplier=SUPPLIER))
    assert next(e.gpus for e in lines(world, START + 110) if e.chip == "GB200") <= 26 * 16 * 72 / 0.65
    assert chips.outlook(world.state, START + 300)["GB200"] > 0


def test_racks_hold_back_who_makes_what_comes_in_them_alone():
    world = given(supply__racks_factor=0.1)
    told = inputs.binding(world.state, {"H100": 10_000, "GB200": 10_000, "TPU v5p": 1_000}, START)
    assert {bound.event.supplier: bound.event.kind for bound in told} == {SUPPLIER: "racks", "google": "packaging"}


def test_the_outlook_leaves_out_what_will_be_retired():
    seen = chips.outlook(given().state, START + 50)
    assert "A100" not in seen
    assert seen["H100"] > 0


# --- unsold stock


def test_buyers_who_wait_too_long_take_unsold_chips_of_the_same_value():
    world = given()
    standing(world, LAB, 100, "GB200", price=40_000.0)
    world.happened(
        events.OutputMade(chip="H100", supplier=SUPPLIER, gpus=1000, price_usd_per_gpu=25_000.0, lead_time_weeks=0.0)
    )
    cancelled, placed = world.after(allocation.convert(world.state, START))
    assert (cancelled.order_id, cancelled.gpus, cancelled.reason) == ("lab/order/1", 100, "takes another chip")
    assert (placed.chip, placed.gpus, placed.order_id) == ("H100", 160, "lab/order/2")


def test_nobody_swaps_what_comes_soon_nor_for_what_it_may_not_buy():
    world = given()
    standing(world, LAB, 100)
    standing(world, CHINESE, 100, "H20", price=12_000.0)
    for chip in ("A100", "GB200"):
        world.happened(
            events.OutputMade(
                chip=chip, supplier=SUPPLIER, gpus=10_000, price_usd_per_gpu=10_000.0, lead_time_weeks=0.0
            )
        )
    assert world.after(allocation.convert(world.state, START)) == []


def test_unsold_chips_go_once_to_the_longest_wait():
    world = given()
    standing(world, LAB, 100, "GB200", price=40_000.0)
    standing(world, RIVAL, 100, "GB200", price=40_000.0)
    world.happened(
        events.OutputMade(chip="H100", supplier=SUPPLIER, gpus=200, price_usd_per_gpu=25_000.0, lead_time_weeks=0.0)
    )
    told = world.after(allocation.convert(world.state, START))
    assert sum(f.gpus for f in told if isinstance(f, events.OrderPlaced)) <= 200
    assert {f.org for f in told if isinstance(f, events.OrderCancelled)} == {LAB, RIVAL}


# --- allocation and shipping


def stocked(gpus):
    return given().happened(
        events.OutputMade(chip="H100", supplier=SUPPLIER, gpus=gpus, price_usd_per_gpu=25_000.0, lead_time_weeks=0.0)
    )


def allocated(world):
    told = world.after(allocation.allocate(world.state, START))
    return [f for f in told if isinstance(f, events.ChipsAllocated)]


def shares(world):
    return {f.org: f.gpus for f in allocated(world)}


def test_stock_is_rationed_in_proportion_to_need_and_never_beyond():
    world = stocked(300)
    standing(world, RIVAL, 400)
    standing(world, CHINESE, 200)
    assert shares(world) == {RIVAL: 200, CHINESE: 100}
    assert world.state.chips.chips["H100"].stock_gpus == 0


def test_when_there_is_enough_every_order_is_met_and_the_rest_stays_in_stock():
    world = stocked(300)
    standing(world, RIVAL, 100)
    assert shares(world) == {RIVAL: 100}
    assert world.state.chips.chips["H100"].stock_gpus == 200
    assert world.state.chips.orders == {}


def test_within_an_org_the_oldest_order_comes_first():
    world = stocked(150)
    standing(world, RIVAL, 100)
    standing(world, RIVAL, 100, n=2)
    filled = allocated(world)
    assert [(f.order_id, f.gpus) for f in filled] == [("rival/order/1", 100), ("rival/order/2", 50)]


def test_a_buyer_with_power_is_served_before_one_without():
    world = stocked(300)
    standing(world, CLOUD, 300)  # has 6 MW to spare
    standing(world, RIVAL, 300)  # has none
    given_out = shares(world)
    assert given_out[CLOUD] == pytest.approx(2 * given_out[RIVAL], abs=1)


def test_a_buyer_that_prepays_is_served_before_one_that_does_not():
    world = given(orgs__rival__prepaid_share=1.0).happened(
        events.OutputMade(chip="H100", supplier=SUPPLIER, gpus=250, price_usd_per_gpu=25_000.0, lead_time_weeks=0.0)
    )
    standing(world, RIVAL, 300)
    standing(world, CHINESE, 300)
    assert shares(world) == {RIVAL: 150, CHINESE: 100}


def sold(gpus, org=LAB, n=1):
    return events.ChipsAllocated(
        order_id=f"{org}/order/{n}",
        org=org,
        supplier=SUPPLIER,
        chip="H100",
        gpus=gpus,
        price_usd_per_gpu=25_000.0,
        share=1.0,
    )


def test_what_is_allocated_is_shipped_and_paid():
    world = given()
    told = world.after(allocation.ship(world.state, [sold(100)], START))
    assert (
        events.ShipmentSent(
            shipment_id="lab/shipment/1",
            order_id="lab/order/1",
            org=LAB,
            counterparty=OEM,
            chip="H100",
            gpus=100,
            due_day=START + 28,
        )
        in told
    )
    assert (
        PaymentMade(
            org=LAB, counterparty=SUPPLIER, amount_usd_cents=250_000_000, kind="chips", contract_id="lab/order/1"
        )
        in told
    )
    assert (
        PaymentMade(
            org=LAB, counterparty=OEM, amount_usd_cents=25_000_000, kind="servers", contract_id="lab/shipment/1"
        )
        in told
    )


def test_shipments_of_one_week_are_numbered_on():
    world = given()
    told = world.after(allocation.ship(world.state, [sold(1), sold(2, n=2), sold(3, RIVAL)], START))
    assert [f.shipment_id for f in told if isinstance(f, events.ShipmentSent)] == [
        "lab/shipment/1", "lab/shipment/2", "rival/shipment/1",
    ]  # fmt: skip


def test_an_oem_beyond_its_capacity_is_late_and_the_one_with_room_is_taken():
    world = given()
    world.happened(events.IntegrationExpanded(org="oem-two", gpus=100))
    first, second = (f for f in world.after(allocation.ship(world.state, [sold(60_000), sold(50, n=2)], START))
                     if isinstance(f, events.ShipmentSent))  # fmt: skip
    assert first.counterparty == OEM
    assert first.due_day == START + 7 * 6  # 60,000 at 10,000 a week
    assert second.counterparty == "oem-two"


def test_an_oem_that_racks_next_to_nothing_is_late_by_no_more_than_the_longest_run():
    world = given()
    world.state.chips.integration_gpus_per_week = {OEM: 1}
    (sent, *_) = world.after(allocation.ship(world.state, [sold(60_000)], START))
    assert sent.due_day == START + 7 * (world.state.run.parameters["shipping.weeks"] + inputs.WAIT_WEEKS_MAX)


def test_a_shipment_arrives_on_its_day_and_waits_in_the_warehouse():
    world = given().happened(
        events.ShipmentSent(
            shipment_id="lab/shipment/1",
            order_id="lab/order/1",
            org=LAB,
            counterparty=OEM,
            chip="H100",
            gpus=100,
            due_day=START + 10,
        )
    )
    assert not [h for h in chips.due(world.state, START, START + 6) if isinstance(h.event, events.ShipmentDelivered)]
    (arrival,) = [
        h for h in chips.due(world.state, START + 7, START + 13) if isinstance(h.event, events.ShipmentDelivered)
    ]
    assert arrival.day == START + 10
    world.happened(arrival.event)
    assert world.state.chips.warehouse == {LAB: {"H100": 100}}


# --- power


def arrived(world, org, gpus, chip="H100", n=1):
    sent = events.ShipmentSent(
        shipment_id=f"{org}/shipment/{n}",
        order_id=f"{org}/order/{n}",
        org=org,
        counterparty=OEM,
        chip=chip,
        gpus=gpus,
        due_day=START,
    )
    came = events.ShipmentDelivered(shipment_id=sent.shipment_id, order_id=sent.order_id, org=org, chip=chip, gpus=gpus)
    return world.happened(sent, came)


def test_gpus_run_where_energised_power_is_spare_and_no_further():
    world = arrived(given(), LAB, 20_000)
    installed, waits = world.after(allocation.install(world.state, START))
    spare = 20_000_000 - 4_000 * 1400
    assert (installed.site, installed.gpus) == (FIELD, spare // 1400)
    assert world.state.sites.sites[FIELD].spare_w == spare % 1400
    assert (waits.org, waits.gpus, waits.reason) == (LAB, 20_000 - installed.gpus, "power")


def test_gpus_are_installed_because_of_the_latest_shipment_of_their_chip():
    world = arrived(arrived(arrived(given(), LAB, 10), LAB, 10, n=2), LAB, 10, n=3, chip="A100")
    found = {h.event.chip: h.cause for h in allocation.install(world.state, START)}
    assert found == {"H100": "lab/shipment/2", "A100": "lab/shipment/3"}
    world.state.chips.warehouse[CLOUD] = {"H100": 10}
    assert {h.cause for h in allocation.install(world.state, START) if h.event.org == CLOUD} == {CLOUD}


def test_the_wait_for_power_is_said_once_until_it_is_over():
    world = arrived(given(), LAB, 20_000)
    world.after(allocation.install(world.state, START))
    assert world.after(allocation.install(world.state, START + 7)) == []
    world.happened(
        PowerEnergised(
            building_id="field/building/9",
            site=FIELD,
            org=LAB,
            region="texas",
            kind="grid",
            power_kw_it=50_000,
            power_kw_facility=62_500,
        )
    )
    world.after(allocation.install(world.state, START + 14))
    assert world.state.chips.warehouse[LAB] == {}
    arrived(world, LAB, 10**6, n=2)
    assert isinstance(world.after(allocation.install(world.state, START + 21))[-1], events.GpusWaitForPower)


def test_gpus_go_first_where_a_lease_is_owed():
    world = arrived(given(), CLOUD, 100)
    world.happened(
        PowerEnergised(
            building_id="annex/building/0",
            site=SITE,
            org=CLOUD,
            region="texas",
            kind="grid",
            power_kw_it=1_000,
            power_kw_facility=1_250,
        )
    )
    world.happened(
        SitePlanned(site="annex", org=CLOUD, region="texas", kind="brownfield", power_kw_it=5_000, due_day=START)
    )
    world.happened(
        PowerEnergised(
            building_id="annex/building/1",
            site="annex",
            org=CLOUD,
            region="texas",
            kind="grid",
            power_kw_it=5_000,
            power_kw_facility=6_250,
        )
    )
    world.happened(lease(gpus=10_100))
    assert [f.site for f in world.after(allocation.install(world.state, START))] == [SITE]


def test_scarce_power_goes_to_the_chips_that_do_most_work_for_it_not_to_the_first_by_name():
    world = given()
    world.state.chips.warehouse[LAB] = {"A100": 100_000, "H100": 100_000}
    installed, *_ = world.after(allocation.install(world.state, START))
    assert installed.chip == "H100"
    assert world.state.sites.sites[FIELD].spare_w < 1400
    assert world.state.chips.warehouse[LAB]["A100"] > 99_990


@pytest.mark.parametrize("cheap", ["texas", "utah"])
def test_chips_go_where_energy_is_cheapest_not_to_the_first_site_by_name(cheap):
    dear = {"texas": "utah", "utah": "texas"}[cheap]
    prices = {f"regions__{cheap}__energy_usd_per_mwh": 40.0, f"regions__{dear}__energy_usd_per_mwh": 80.0}
    world = given(regions__utah__pue=1.25, **prices).happened(RegionRegistered(region="utah", country="US"))
    for region in ("texas", "utah"):
        place = {"site": region, "org": LAB, "region": region, "power_kw_it": 50_000}
        world.happened(
            SitePlanned(kind="brownfield", due_day=START, **place),
            PowerEnergised(building_id=f"{region}/building/0", kind="grid", power_kw_facility=62_500, **place),
        )
    arrived(world, LAB, 1_000)
    sites = [f.site for f in world.after(allocation.install(world.state, START))]
    assert [world.state.sites.sites[name].region for name in sites] == [cheap]


def test_wear_takes_free_gpus_only():
    world = given()
    (first, second) = world.after(allocation.retire(world.state, START))
    assert {(f.org, f.gpus) for f in (first, second)} == {(CLOUD, 62), (LAB, 25)}
    let = lease(gpus=9_938)
    world.happened(let, handed(let))
    assert LAB in {f.org for f in world.after(allocation.retire(world.state, START))}
    assert world.state.chips.holdings["cloud", "H100", "hall"].held == 0


def test_what_no_longer_earns_its_power_is_switched_off():
    dear = given(regions__texas__energy_usd_per_mwh=5_000.0)
    gone = {f.org: f.gpus for f in dear.after(allocation.retire(dear.state, START))}
    assert gone[CLOUD] > 1_000
    assert allocation.idle_share(given().state, 0.5, 1.0) == 0.0
