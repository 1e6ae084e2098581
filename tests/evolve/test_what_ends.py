"""What ends leaves nothing behind: queues, warehouses, the year of a round."""

from __future__ import annotations

import pytest
from evolve.test_state_and_evolve import full
from given import CLOUD, FUND, LAB, RESELLER, START

from events.types import estates, finance, sites
from events.types.clauses import ConsentGiven
from events.types.run import WeekClosed
from market.evolve import evolve
from market.state.chips import Place


def cancelled(building):
    return sites.BuildingCancelled(
        building_id=building, site="field", org=LAB, region="texas", power_kw_it=100, reason="default"
    )


def test_a_building_that_is_cancelled_leaves_the_queue_it_stood_in_and_no_other_goes():
    state = full()
    queue = state.run.regions["texas"].queue
    assert queue == ["field/building/1"]
    queue.append("another")
    evolve(state, cancelled("field/building/1"), START)
    assert queue == ["another"]
    assert "field/building/1" not in state.sites.buildings
    state = full()
    state.run.regions["texas"].queue.clear()
    evolve(state, cancelled("field/building/1"), START)  # one that has its power is in no queue
    assert state.run.regions["texas"].queue == []


def stock(gpus):
    return estates.StockTransferred(lot_id="lot", org=CLOUD, counterparty=RESELLER, chip="H100", gpus=gpus)


def test_a_warehouse_that_is_sold_out_holds_no_chip_and_waits_for_no_power():
    state = full()
    assert state.chips.warehouse[CLOUD] == {"H100": 5}
    assert CLOUD in state.chips.waiting
    evolve(state, stock(3), START)
    assert (state.chips.warehouse[CLOUD], state.chips.warehouse[RESELLER]) == ({"H100": 2}, {"H100": 3})
    assert CLOUD in state.chips.waiting
    evolve(state, stock(2), START)
    assert (state.chips.warehouse.get(CLOUD, {}), state.chips.warehouse[RESELLER]) == ({}, {"H100": 5})
    assert CLOUD not in state.chips.waiting
    assert state.chips.brought[RESELLER] == {"H100": "lot"}
    evolve(state, estates.OrgExited(org=RESELLER, reason="liquidated"), START)
    assert RESELLER not in state.chips.brought


def closed(org: str) -> finance.RoundClosed:
    return finance.RoundClosed(
        deal_id=f"{org}/deal/9", org=org, counterparty=FUND, amount_usd_cents=7, valuation_usd_cents=70, kind="equity"
    )


def test_rounds_of_labs_and_of_builders_are_remembered_apart_and_for_a_year():
    state = full()
    state.finance.raised.clear()
    for org, day in ((LAB, 0), (CLOUD, 200), (LAB, 365), (LAB, 366)):
        evolve(state, closed(org), START + day)
    assert state.finance.raised == {"lab": [(START + 365, 7), (START + 366, 7)], "cloud": [(START + 200, 7)]}
    assert state.finance.stakes[LAB][FUND].invested_cents >= 7


def test_a_week_that_closes_forgets_the_bids_and_the_leases_broken_in_it():
    state = full()
    state.leases.broken[Place(LAB, "H100", "hall")] = "lab/lease/1"
    lots = [lot for estate in state.finance.estates.values() for lot in estate.lots.values()]
    assert lots
    for lot in lots:
        lot.bids[LAB] = 1
    evolve(state, WeekClosed(week=4, state_hash=""), START)
    assert state.run.week == 4
    assert not state.leases.broken
    assert not any(lot.bids for lot in lots)


@pytest.mark.parametrize("kind", ["assign", "sublease"])
def test_consent_to_one_thing_is_no_consent_to_the_other(kind):
    state = full()
    lease = next(iter(state.leases.leases.values()))
    lease.may_assign = lease.may_sublet = False
    consent = ConsentGiven(lease_id=lease.lease_id, kind=kind, lessor=lease.lessor, lessee=lease.lessee)
    evolve(state, consent, START)
    assert (lease.may_assign, lease.may_sublet) == (kind == "assign", kind == "sublease")


def test_a_filing_ends_with_the_estate_that_it_asked_for():
    state = full()
    evolve(state, estates.WindUpFiled(org=RESELLER, counterparty=RESELLER), START)
    assert RESELLER in state.finance.filings
    opened = estates.EstateOpened(
        estate_id="reseller/estate/1", org=RESELLER, kind="liquidation", amount_usd_cents=1, due_day=START + 90
    )
    evolve(state, opened, START)
    assert RESELLER not in state.finance.filings
    assert RESELLER in state.finance.estates
