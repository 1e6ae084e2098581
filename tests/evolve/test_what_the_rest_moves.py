"""All that an event of chips, sites, money, training and estates changes: what is not named here stays as it was."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from evolve.moved import GONE, moved, said
from evolve.test_state_and_evolve import full
from given import CLOUD, FUND, LAB, RESELLER, RIVAL, START, lease

from events.types import chips, demand, estates, finance, leases, run, sites, training, vendors
from market.state.chips import Place
from market.state.finance import Books, Loan
from market.state.leases import Signature
from market.state.training import Lab

BUILDING = "sites.buildings.field/building/1"
ORDER, CHIP = "chips.orders.lab/order/1", "chips.chips.H100"
ESTATE = "finance.estates.rival"


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
    assert moved(state, came, START) == {"chips.shipments.lab/shipment/1": GONE, "chips.warehouse.lab": {"H100": 5}}
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
                                               ("on-site", {"run.on_site_kw": 60})])  # fmt: skip
def test_power_is_granted_once_by_its_source_and_leaves_the_queue(source: str, power: dict[str, Any]):
    state = full()
    state.sites.buildings["field/building/1"].is_firm = False
    grant = said(sites.PowerGranted, building_id="field/building/1", region="texas", kind=source, power_kw_it=60)
    firm = {f"{BUILDING}.is_firm": True} if source == "grid" else {}
    queue = {"run.regions.texas.queue.0": GONE}
    assert moved(state, grant, START) == {f"{BUILDING}.granted": True, **queue, **power, **firm}
    ((path, _),) = power.items()
    assert moved(state, grant, START) == {path: 120}


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


# --- money


def test_a_stake_grows_with_what_is_put_in():
    state = full()
    known = said(finance.StakeKnown, org=RIVAL, counterparty=FUND, amount_usd_cents=5, kind="equity")
    for total in (5, 10):
        moved(state, known, START)
        stake = state.finance.stakes[RIVAL][FUND]
        assert (stake.invested_cents, stake.for_compute_cents, stake.duty_cents) == (total, 0, 0)
    moved(state, said(finance.StakeKnown, org=RIVAL, counterparty=FUND, amount_usd_cents=3,
                      kind="equity for compute"), START)  # fmt: skip
    assert (stake.invested_cents, stake.for_compute_cents, stake.duty_cents) == (13, 3, 0)


def test_a_round_that_closes_ends_the_search_and_sets_the_value():
    state = full()
    sought = said(finance.RoundSought, org=RIVAL, amount_usd_cents=70)
    assert moved(state, sought, START + 2) == {
        "finance.books.rival.sought_cents": 70, "finance.books.rival.sought_day": START + 2,
    }  # fmt: skip
    closed = said(finance.RoundClosed, deal_id="rival/deal/1", org=RIVAL, counterparty=FUND, amount_usd_cents=70,
                  valuation_usd_cents=700, kind="equity")  # fmt: skip
    changes = moved(state, closed, START + 9)
    assert changes.pop("finance.stakes.rival")[FUND].invested_cents == 70
    assert changes == {
        "run.counters.rival/deal": 1, "finance.books.rival.sought_cents": 0, "finance.raised.lab.1": (START + 9, 70),
        "finance.books.rival.valuation_cents": 700, "finance.books.rival.round_day": START + 9,
    }  # fmt: skip
    moved(state, sought, START + 12)
    failed = said(finance.RoundFailed, org=RIVAL)
    assert moved(state, failed, START + 70) == {"finance.books.rival.sought_cents": 0}


def test_covenants_are_broken_from_a_day_on_until_they_are_cured():
    state = full()
    broken = {"finance.books.cloud.breach_day": START + 4}
    assert moved(state, said(finance.CovenantBreached, org=CLOUD), START + 4) == broken
    assert moved(state, said(finance.CovenantCured, org=CLOUD), START + 90) == {"finance.books.cloud.breach_day": -1}


def test_warrants_that_vest_are_a_stake_of_the_buyer():
    state = full()
    vested = said(vendors.WarrantsVested, deal_id="cloud/deal/2", org=CLOUD, counterparty="nvidia", amount_usd_cents=40)
    for total in (40, 80):
        moved(state, vested, START)
        assert state.finance.warrants["cloud/deal/2"].vested_cents == total
        assert state.finance.stakes["nvidia"][CLOUD].invested_cents == total
    assert moved(state, said(vendors.WarrantsEnded, deal_id="cloud/deal/2"), START) == {
        "finance.warrants.cloud/deal/2": GONE
    }


def test_books_and_labs_begin_with_nothing():
    empty = {name: value for name, value in msgspec.structs.asdict(Lab("new")).items() if name != "org"}
    assert set(empty.values()) == {0, ""}
    books = msgspec.structs.asdict(Books("new"))
    assert books == {"org": "new", "valuation_cents": 0, "budget_usd_per_year": 0.0, "round_day": -10_000,
                     "sought_cents": 0, "sought_day": 0, "defaulted_day": -1, "breach_day": -1}  # fmt: skip


# --- training and demand


def test_a_project_waits_runs_changes_its_size_and_waits_again():
    state, at = full(), "training.projects.lab.lab/project/1"
    grows = said(training.ProjectResized, run_id="lab/project/1", org=LAB, h100e=12.0, work_h100e_weeks=80.0,
                 end_day=START + 60)  # fmt: skip
    assert moved(state, grows, START + 7) == {
        f"{at}.h100e": 12.0, f"{at}.work_h100e_weeks": 80.0, f"{at}.since_day": START + 7, f"{at}.end_day": START + 60,
    }  # fmt: skip
    stops = said(training.ProjectStopped, run_id="lab/project/1", org=LAB, work_h100e_weeks=50.0)
    changes = moved(state, stops, START + 14)
    waits = changes.pop("training.waiting.lab.lab/project/1")
    assert (waits.h100e, waits.work_h100e_weeks, waits.least_h100e) == (0.0, 50.0, 9.0)
    assert changes == {at: GONE}
    again = said(training.ProjectStarted, run_id="lab/project/1", org=LAB, h100e=9.0, start_day=START + 21,
                 end_day=START + 70)  # fmt: skip
    changes = moved(state, again, START + 21)
    assert changes.pop(at).work_h100e_weeks == 50.0
    assert changes == {"training.waiting.lab.lab/project/1": GONE}
    ends = said(training.ProjectEnded, run_id="lab/project/1", org=LAB)
    assert moved(state, ends, START + 70) == {at: GONE}


def test_a_run_is_planned_anew_and_its_model_waits_for_release():
    state, at = full(), "training.runs.lab/run/1"
    plan = said(training.TrainingReplanned, run_id="lab/run/1", gpus=5, flop=6e24, mfu=0.5, goodput=0.8,
                due_day=START + 120)  # fmt: skip
    assert moved(state, plan, START + 30) == {
        f"{at}.gpus": 5, f"{at}.flop": 6e24, f"{at}.mfu": 0.5, f"{at}.goodput": 0.8, f"{at}.since_day": START + 30,
        f"{at}.due_day": START + 120,
    }  # fmt: skip
    done = said(training.TrainingFinished, run_id="lab/run/1", org=LAB, model="lab/model/1", flop=1e25)
    lab = "training.labs.lab"
    assert moved(state, done, START + 120) == {
        at: GONE, f"{lab}.pending_model": "lab/model/1", f"{lab}.pending_flop": 1e25,
        f"{lab}.pending_effective_flop": 1e25, f"{lab}.pending_day": START + 120,
    }  # fmt: skip
    small = said(training.ModelReleased, model="lab/model/0", org=LAB, flop=9e24, effective_flop=9e24, capability=1.4,
                 start_day=START + 130)  # fmt: skip
    assert moved(state, small, START + 130) == {
        f"{lab}.best_model": "lab/model/0", f"{lab}.capability": 1.4, f"{lab}.released_day": START + 130,
    }  # fmt: skip
    large = said(training.ModelReleased, model="lab/model/1", org=LAB, flop=2e25, effective_flop=3e25, capability=1.9,
                 start_day=START + 140)  # fmt: skip
    assert moved(state, large, START + 140) == {
        f"{lab}.best_model": "lab/model/1", f"{lab}.capability": 1.9, f"{lab}.released_day": START + 140,
        f"{lab}.best_flop": 2e25, f"{lab}.best_effective_flop": 3e25, f"{lab}.pending_model": "",
        f"{lab}.pending_flop": 0.0, f"{lab}.pending_effective_flop": 0.0, f"{lab}.pending_day": 0,
    }  # fmt: skip


def test_revenue_and_frontier_are_remembered_for_half_a_year():
    state = full()
    for n in range(40):
        served = said(training.ServingMeasured, org=LAB, revenue_usd_per_year=float(n), value=2.0 * n, h100e=3.0 * n)
        moved(state, served, START)
        moved(state, said(training.FrontierMeasured, capability=float(n)), START)
    assert state.demand.revenues[LAB] == [float(n) for n in range(13, 40)]
    assert state.training.frontier == [float(n) for n in range(13, 40)]
    lab = state.training.labs[LAB]
    assert (lab.revenue_usd_per_year, lab.demand_usd_per_year, lab.serving_h100e) == (39.0, 78.0, 117.0)


def test_the_largest_cluster_of_a_chip_stays_the_largest():
    state = full()
    small = said(training.ClusterFormed, org=LAB, site="field", chip="H100", gpus=100)
    assert moved(state, small, START) == {"training.clusters.lab|H100|field": 100}
    large = said(training.ClusterFormed, org=LAB, site="field", chip="H100", gpus=9000)
    assert moved(state, large, START) == {
        "training.clusters.lab|H100|field": 9000, "training.largest_cluster.H100": 9000,
    }  # fmt: skip


@pytest.mark.parametrize(("supply", "tightness"), [(4.0, 1.5), (0.0, 1.0)])
def test_tightness_is_what_is_wanted_over_what_there_is(supply: float, tightness: float):
    state = full()
    moved(state, said(demand.MarketCleared, h100e=6.0, supply_h100e=supply), START)
    assert state.demand.tightness == tightness


def test_the_tail_signs_for_delivery_at_once():
    state, before = full(), len(full().leases.signed)
    tail = said(demand.TailSigned, lessor=CLOUD, h100e=9.0, duration_days=364, price_usd_per_h100e_hour=2.0)
    assert moved(state, tail, START) == {f"leases.signed.{before}": Signature(CLOUD, "", 9.0, 364, 0, 2.0)}


# --- the run


@pytest.mark.parametrize(("week", "has_policy", "is_baseline"), [(-1, False, True), (-1, True, False),
                                                                  (0, False, False)])  # fmt: skip
def test_only_what_the_start_sets_is_a_baseline(week: int, has_policy: bool, is_baseline: bool):
    state = full()
    state.run.week, state.run.policies = week, {"rule": START} if has_policy else {}
    changes = moved(state, said(run.ParameterSet, parameter="new", value=4.0), START)
    assert changes == {"run.parameters.new": 4.0, **({"run.baseline.new": 4.0} if is_baseline else {})}


def test_an_org_that_enters_is_awaited_no_more():
    entered = said(run.OrgRegistered, org="newcomer", role="lab", country="US", kind="lab", parent_org=None)
    changes = moved(full(), entered, START)
    assert changes.pop("run.orgs.newcomer").roles == ("lab",)
    assert changes == {"run.entrants.newcomer": GONE, "finance.books.newcomer": Books("newcomer")}


# --- estates


@pytest.mark.parametrize("side", ["lessee", "lessor"])
def test_a_lease_that_is_assigned_has_another_party_and_the_gpus_go_with_the_lessee(side: str):
    state, at = full(), "leases.leases.reseller/lease/1"
    state.leases.leases["reseller/lease/1"].assignee, state.leases.leases["reseller/lease/1"].may_assign = LAB, True
    passed = said(estates.LeaseAssigned, lease_id="reseller/lease/1", org=RESELLER if side == "lessee" else CLOUD,
                  counterparty=LAB, kind=side, chip="H100", site="hall", gpus=1000)  # fmt: skip
    changes = moved(state, passed, START)
    assert changes.pop(f"{at}.{side}") == LAB
    if side == "lessor":
        assert state.index.let[LAB] == {"reseller/lease/1": None}
        assert "reseller/lease/1" not in state.index.let.get(CLOUD, {})
        assert all(path.startswith("index.let.") for path in changes)
        return
    assert state.index.rented[LAB] == {"reseller/lease/1": None}
    assert RESELLER not in state.index.rented
    assert (changes[f"{at}.assignee"], changes[f"{at}.may_assign"]) == ("", False)
    held = state.chips.holdings
    assert held[Place(RESELLER, "H100", "hall")].leased_in == 0
    assert held[Place(LAB, "H100", "hall")].leased_in == 1000


def sold(kind: str) -> estates.LotSold:
    return said(estates.LotSold, lot_id="rival/lot/1", org=RIVAL, counterparty=CLOUD, kind=kind, site="field",
                amount_usd_cents=70)  # fmt: skip


def test_a_lot_that_is_sold_fills_the_estate_and_a_site_takes_its_buildings_along():
    for kind, more in (("chips", {}), ("site", {"sites.sites.field.owner": CLOUD, f"{BUILDING}.org": CLOUD})):
        state = full()
        state.finance.estates[RIVAL].sold_cents = 30
        lot = {f"{ESTATE}.sold_cents": 100, f"{ESTATE}.lots.rival/lot/1": GONE}
        assert moved(state, sold(kind), START) == {**lot, **more}


def test_a_bid_is_that_for_its_lot():
    state = full()
    bid = said(estates.BidPlaced, lot_id="rival/lot/1", org=LAB, amount_usd_cents=11)
    assert moved(state, bid, START) == {f"{ESTATE}.lots.rival/lot/1.bids.lab": 11}
    assert moved(state, said(estates.BidPlaced, lot_id="none", org=LAB, amount_usd_cents=11), START) == {}


def test_gpus_that_are_sold_pass_with_the_leases_on_them():
    passed = said(estates.GpusTransferred, org=CLOUD, counterparty=LAB, chip="H100", site="hall", gpus=500, gpus_let=20)
    state = full()
    for number in (1, 2):
        moved(state, passed, START)
        ours, theirs = (state.chips.holdings[Place(org, "H100", "hall")] for org in (CLOUD, LAB))
        assert (ours.owned, ours.leased_out) == (10_000 - 500 * number, 1000 - 20 * number)
        assert (theirs.owned, theirs.leased_out) == (500 * number, 20 * number)


@pytest.mark.parametrize(("kind", "creditor", "counts"), [("equity", CLOUD, True), ("cash", CLOUD, False),
                                                          ("equity", "world/lenders", False)])  # fmt: skip
def test_only_orgs_of_the_market_get_equity_for_a_claim(kind: str, creditor: str, counts: bool):
    settled = said(estates.ClaimSettled, org=RIVAL, counterparty=creditor, kind=kind, amount_usd_cents=6)
    state = full()
    moved(state, settled, START)
    stakes = state.finance.stakes.get(RIVAL, {})
    assert (creditor in stakes and stakes[creditor].invested_cents == 6) == counts


def test_loans_are_changed_and_written_off():
    state, at = full(), "finance.loans.cloud/deal/1"
    new = said(estates.LoanRestructured, deal_id="cloud/deal/1", org=CLOUD, counterparty=FUND, amount_usd_cents=60,
               value=0.2, end_day=START + 50)  # fmt: skip
    moved(state, new, START + 5)
    assert state.finance.loans["cloud/deal/1"] == Loan("cloud/deal/1", CLOUD, FUND, 60, 0.2, START + 5, START + 50)
    assert moved(state, said(estates.LoanWrittenOff, deal_id="cloud/deal/1"), START) == {at: GONE}
    cancelled = said(estates.StakeCancelled, org=LAB, counterparty=FUND)
    assert moved(state, cancelled, START) == {"finance.stakes.lab.fund": GONE}
    assert moved(state, said(estates.EstateClosed, org=RIVAL), START) == {ESTATE: GONE}


def test_an_org_that_exits_is_nowhere_any_more():
    state = full()
    moved(state, said(estates.EstateClosed, org=RIVAL), START)
    for part in (state.leases.posted, state.demand.revenues):
        part[RIVAL] = []  # type: ignore[assignment]
    moved(state, said(demand.UseMeasured, org=RIVAL), START)
    moved(state, said(training.ProjectProposed, run_id="rival/project/1", org=RIVAL), START)
    moved(state, said(training.ProjectProposed, run_id="rival/project/2", org=RIVAL), START)
    moved(state, said(training.ProjectStarted, run_id="rival/project/1", org=RIVAL), START)
    moved(state, said(training.ClusterFormed, org=RIVAL, site="hall", chip="H100", gpus=9), START)
    moved(state, said(finance.StakeKnown, org=RIVAL, counterparty=FUND, amount_usd_cents=5, kind="equity"), START)
    moved(state, said(training.ResearchersMeasured, org=RIVAL, researchers=4.0), START)
    two = [lease(RIVAL, lease_id="rival/lease/8", gpus=4), lease(LAB, lease_id="lab/lease/8", gpus=4)]
    for one in two:
        moved(state, one, START)
        moved(state, said(leases.GpusHandedOver, lease_id=one.lease_id, gpus=4), START)
        moved(state, said(leases.LeaseEnded, lease_id=one.lease_id, reason="term"), START + 9)
    assert {"rival/lease/8", "lab/lease/8"} <= state.leases.over.keys()
    moved(state, said(estates.OrgExited, org=RIVAL), START)
    assert state.leases.lost == {}
    assert "rival/lease/8" not in state.leases.over
    assert "lab/lease/8" in state.leases.over
    for part in (state.run.orgs, state.finance.books, state.finance.stakes, state.training.labs, state.leases.posted,
                 state.training.projects, state.training.waiting, state.demand.uses, state.demand.revenues,
                 state.index.holdings, *(segment.shares for segment in state.demand.segments.values())):  # fmt: skip
        assert RIVAL not in part
        assert LAB in part or part is state.leases.posted or part is state.demand.uses
    assert RIVAL not in {place.org for place in (*state.chips.holdings, *state.training.clusters)}
