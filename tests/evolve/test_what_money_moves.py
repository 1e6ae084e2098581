"""All that an event of money and estates changes: what is not named here stays as it was."""

from __future__ import annotations

import msgspec
import pytest
from evolve.moved import GONE, moved, said
from evolve.test_state_and_evolve import full
from given import CLOUD, FUND, LAB, RESELLER, RIVAL, START, lease

from events.types import demand, estates, finance, leases, training, vendors
from market.state.chips import Place
from market.state.finance import Books, Loan
from market.state.training import Lab

BUILDING = "sites.buildings.field/building/1"
ESTATE = "finance.estates.rival"


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
