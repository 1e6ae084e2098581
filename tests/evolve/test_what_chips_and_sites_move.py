"""All that an event of chips and sites changes: what is not named here stays as it was."""

from __future__ import annotations

from typing import Any

import pytest
from evolve.moved import GONE, moved, said
from evolve.test_state_and_evolve import full
from given import CLOUD, LAB, START

from events.types import chips, sites, vendors

BUILDING = "sites.buildings.field/building/1"
ORDER, CHIP = "chips.orders.lab/order/1", "chips.chips.H100"


# --- chips


def test_output_goes_to_stock_and_a_sale_takes_it_out_with_the_order_and_the_warrants():
    state = full()
    made = said(chips.OutputMade, chip="H100", gpus=7, lead_time_weeks=4.5)
    assert moved(state, made, START) == {
        f"{CHIP}.stock_gpus": 7, f"{CHIP}.made_gpus": 7, f"{CHIP}.lead_time_weeks": 4.5,
    }  # fmt: skip
    assert moved(state, made, START) == {f"{CHIP}.stock_gpus": 14}
    moved(state, said(vendors.WarrantsGranted, deal_id="lab/deal/7", org=LAB, counterparty="nvidia", gpus=9), START)
    sold = said(chips.ChipsAllocated, order_id="lab/order/1", org=LAB, supplier="nvidia", chip="H100", gpus=2)
    assert moved(state, sold, START) == {
        f"{ORDER}.gpus": 3, f"{CHIP}.backlog_gpus": 3, f"{CHIP}.stock_gpus": 12,
        "finance.warrants.lab/deal/7.taken": 2,
    }  # fmt: skip
    rest = said(chips.OrderCancelled, order_id="lab/order/1", gpus=3)
    assert moved(state, rest, START) == {ORDER: GONE, f"{CHIP}.backlog_gpus": 0}


def test_chips_arrive_in_the_warehouse_and_leave_it_for_a_site():
    state = full()
    came = said(chips.ShipmentDelivered, shipment_id="lab/shipment/1", org=LAB, chip="H100", gpus=5)
    assert moved(state, came, START) == {
        "chips.shipments.lab/shipment/1": GONE, "chips.warehouse.lab": {"H100": 5},
        "chips.brought.lab": {"H100": "lab/shipment/1"},
    }  # fmt: skip
    put = said(chips.GpusInstalled, org=CLOUD, site="field", chip="H100", gpus=2)
    changes = moved(state, put, START)
    new = changes.pop("chips.holdings.cloud|H100|field")
    assert (new.owned, new.leased_in, new.leased_out) == (2, 0, 0)
    assert changes == {
        "index.holdings.cloud.cloud|H100|field": None, "chips.warehouse.cloud.H100": 3,
        "sites.sites.field.installed_w": 4000 * 1400 + 2 * 1400,
    }  # fmt: skip
    state.chips.warehouse[CLOUD]["A100"] = 1
    rest = said(chips.GpusInstalled, org=CLOUD, site="field", chip="H100", gpus=3)
    assert moved(state, rest, START) == {
        "chips.holdings.cloud|H100|field.owned": 5, "chips.warehouse.cloud.H100": GONE,
        "sites.sites.field.installed_w": 4005 * 1400,
    }  # fmt: skip
    last = said(chips.GpusInstalled, org=CLOUD, site="field", chip="A100", gpus=1)
    changes = moved(state, last, START)
    assert changes["chips.waiting.cloud"] == GONE
    assert changes["sites.sites.field.installed_w"] == 4005 * 1400 + 800
    gone = said(chips.GpusRetired, org=CLOUD, site="field", chip="H100", gpus=4)
    assert moved(state, gone, START) == {
        "chips.holdings.cloud|H100|field.owned": 1, "sites.sites.field.installed_w": 4001 * 1400 + 800,
    }  # fmt: skip


def test_racks_are_added_to_those_of_the_integrator_and_a_slip_moves_the_first_day():
    state = full()
    more = said(chips.IntegrationExpanded, org="oem", gpus=500)
    assert moved(state, more, START) == {"chips.integration_gpus_per_week.oem": 10_500}
    first = said(chips.IntegrationExpanded, org=CLOUD, gpus=500)
    assert moved(state, first, START) == {"chips.integration_gpus_per_week.cloud": 500}
    slip = said(chips.VolumeSlipped, chip="GB200", due_day=START + 200)
    assert moved(state, slip, START) == {
        "chips.chips.GB200.start_day": START + 200, "chips.chips.GB200.slipped": True,
    }  # fmt: skip


@pytest.mark.parametrize(("hands", "now"), [(500.0, 4000.0), (0.0, 4000.0), (-300.0, 3700.0)])
def test_contractors_have_a_month_of_work_and_what_was_taken_beyond_the_last_one_is_owed(hands: float, now: float):
    state = full()
    state.run.parameters["sites.shells_factor"] = 1.0
    state.sites.shell_hands_kw = hands
    assert moved(state, said(chips.InputExpanded, kind="memory", value=9.0), START) == {"chips.inputs.memory": 9.0}
    changes = moved(state, said(chips.InputExpanded, kind="shells", value=1000.0), START)
    assert changes == {"chips.inputs.shells": 1000.0, "sites.shell_hands_kw": now}
    ready = said(sites.ShellReady, building_id="field/building/1")
    assert moved(state, ready, START) == {f"{BUILDING}.shell_ready": True, "sites.shell_hands_kw": now - 100}


def test_a_shell_takes_no_hands_where_they_are_no_input():
    ready = said(sites.ShellReady, building_id="field/building/1")
    assert moved(full(), ready, START) == {f"{BUILDING}.shell_ready": True}


# --- sites


@pytest.mark.parametrize(("source", "power"), [("grid", {"run.regions.texas.granted_kw": 60}),
                                               ("non-firm", {"run.regions.texas.non_firm_kw": 60}),
                                               ("on-site", {"run.plant_kw": -60.0})])  # fmt: skip
def test_power_is_granted_once_by_its_source_and_leaves_the_queue(source: str, power: dict[str, Any]):
    state = full()
    state.sites.buildings["field/building/1"].is_firm = False
    grant = said(sites.PowerGranted, building_id="field/building/1", region="texas", kind=source, power_kw_it=60)
    firm = {f"{BUILDING}.is_firm": True} if source == "grid" else {}
    queue = {"run.regions.texas.queue.0": GONE}
    assert moved(state, grant, START) == {f"{BUILDING}.granted": True, **queue, **power, **firm}
    ((path, once),) = power.items()
    assert moved(state, grant, START) == {path: 2 * once}


def test_makers_of_plant_have_a_month_of_it_and_of_the_last_one_what_is_ordered():
    state = full()
    state.run.parameters["sites.on_site_factor"] = 1.5
    state.run.plant_kw, building = 1e6, state.sites.buildings["field/building/1"]
    output = said(chips.InputExpanded, kind="plant", value=10.0)
    assert moved(state, output, START) == {"chips.inputs.plant": 10.0, "run.plant_kw": 60.0}
    building.on_site = True
    assert moved(state, output, START) == {"run.plant_kw": 120.0}
    assert moved(state, output, START) == {"run.plant_kw": 60.0 + building.power_kw}


def test_work_rests_and_goes_on():
    state = full()
    rests = said(sites.BuildingPaused, building_id="field/building/1")
    assert moved(state, rests, START + 5) == {f"{BUILDING}.paused_day": START + 5}
    on = said(sites.BuildingResumed, building_id="field/building/1", due_day=START + 400, duration_days=21)
    expected = {f"{BUILDING}.paused_day": -1, f"{BUILDING}.due_day": START + 400, f"{BUILDING}.rested_days": 21}
    assert moved(state, on, START + 26) == expected
    moved(state, rests, START + 50)
    assert moved(state, on, START + 71) == {f"{BUILDING}.paused_day": -1, f"{BUILDING}.rested_days": 42}


@pytest.mark.parametrize(("source", "non_firm"), [("grid", 0), ("non-firm", 60)])
def test_a_building_that_gets_its_power_is_no_building_any_more(source: str, non_firm: int):
    energised = said(sites.PowerEnergised, building_id="field/building/1", site="field", kind=source, power_kw_it=60)
    state = full()
    kw = state.sites.sites["field"].energised_kw
    rest = {"sites.sites.field.non_firm_kw": non_firm} if non_firm else {}
    assert moved(state, energised, START) == {
        BUILDING: GONE, "index.buildings.field": GONE, "sites.sites.field.energised_kw": kw + 60, **rest,
    }  # fmt: skip
    again = {"sites.sites.field.non_firm_kw": 2 * non_firm} if non_firm else {}
    assert moved(state, energised, START) == {"sites.sites.field.energised_kw": kw + 120, **again}


def test_one_of_two_buildings_that_is_cancelled_leaves_the_other():
    state = full()
    start = said(sites.BuildingStarted, building_id="field/building/2", site="field", org=LAB, region="texas",
                 power_kw_it=30, start_day=START + 3, due_day=START + 103)  # fmt: skip
    new = moved(state, start, START)["sites.buildings.field/building/2"]
    assert (new.planned_days, new.power_kw, new.is_firm, new.on_site) == (100, 30, True, False)
    gone = said(sites.BuildingCancelled, building_id="field/building/1", region="texas")
    assert moved(state, gone, START) == {
        BUILDING: GONE, "index.buildings.field.field/building/1": GONE, "run.regions.texas.queue.0": GONE,
    }  # fmt: skip


def test_sites_that_agents_plan_are_counted_and_named_ones_are_not():
    state = full()
    planned = moved(state, said(sites.SitePlanned, site="lab/site/3", org=LAB), START)
    assert planned["run.counters.lab/site"] == 3
    for name in ("goodyear-az", "goodyear/az"):
        assert set(moved(state, said(sites.SitePlanned, site=name, org=LAB), START)) == {f"sites.sites.{name}"}


def test_own_plant_runs_while_it_has_a_permit():
    plant = {"building_id": "hall/building/0", "site": "hall", "region": "texas", "power_kw_it": 100}
    state, at = full(), "sites.permits.hall/building/0"
    sought = said(sites.PermitSought, **plant, due_day=START + 300)
    assert moved(state, sought, START + 200) == {f"{at}.decided_day": START + 300}
    assert moved(state, said(sites.PermitRefused, **plant), START + 300) == {f"{at}.decided_day": -1}
    for _ in range(2):
        stopped = {f"{at}.is_running": False, "sites.sites.hall.stopped_kw": 100}
        assert moved(state, said(sites.PlantStopped, **plant), START + 364) == stopped
        permitted = said(sites.PlantPermitted, **plant, kind="operating", end_day=START + 900)
        moved(state, permitted, START + 400)
        permit = state.sites.permits["hall/building/0"]
        assert (permit.kind, permit.end_day, permit.decided_day, permit.is_running) == (
            "operating", START + 900, -1, True,
        )  # fmt: skip
        assert state.sites.sites["hall"].stopped_kw == 0
    assert moved(state, permitted, START + 500) == {}


def test_a_hall_whose_plant_may_not_run_waits_for_the_grid_which_ends_its_permit():
    plant = {"building_id": "hall/building/0", "site": "hall", "region": "texas", "power_kw_it": 100}
    state, at = full(), "hall/building/0"
    moved(state, said(sites.PlantStopped, **plant), START + 364)
    before = state.run.regions["texas"].granted_kw
    new = moved(state, said(sites.ConnectionSought, **plant, due_day=START + 500), START + 370)
    waiting = new[f"sites.buildings.{at}"]
    assert (waiting.shell_ready, waiting.on_site, waiting.start_day, waiting.planned_days) == (
        True,
        False,
        START + 370,
        0,
    )
    gone = moved(state, said(sites.GridConnected, **plant), START + 500)
    assert gone[f"sites.buildings.{at}"] == gone[f"sites.permits.{at}"] == GONE
    assert gone["sites.sites.hall.stopped_kw"] == 0
    assert gone["run.regions.texas.granted_kw"] == before + 100
