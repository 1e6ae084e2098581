"""How events of insolvency change the state."""

from __future__ import annotations

from events.types import estates as events
from market.evolve.chips import holding
from market.evolve.ids import count, drop, enter, owe
from market.state import State
from market.state.estates import Claim, Estate, Lot
from market.state.finance import Loan, Stake


def wind_up_filed(state: State, event: events.WindUpFiled, day: int) -> None:
    state.finance.filings[event.org] = day


def estate_opened(state: State, event: events.EstateOpened, day: int) -> None:
    state.finance.filings.pop(event.org, None)
    count(state, event.estate_id)
    state.finance.estates[event.org] = Estate(event.estate_id, event.org, event.kind, day, event.due_day)


def claim_filed(state: State, event: events.ClaimFiled, day: int) -> None:
    count(state, event.claim_id)
    state.finance.estates[event.org].claims[event.claim_id] = Claim(
        event.claim_id, event.counterparty, event.rank, event.amount_usd_cents, event.contract_id
    )


def lease_assigned(state: State, event: events.LeaseAssigned, day: int) -> None:
    lease = state.leases.leases[event.lease_id]
    parties = state.index.let if event.kind == "lessor" else state.index.rented
    drop(parties, getattr(lease, event.kind), event.lease_id)
    enter(parties, event.counterparty, event.lease_id)
    owe(state, lease, -lease.owed)
    setattr(lease, event.kind, event.counterparty)
    owe(state, lease, lease.owed)
    if event.kind == "lessee":
        holding(state, event.org, event.chip, event.site).leased_in -= event.gpus
        holding(state, event.counterparty, event.chip, event.site).leased_in += event.gpus
        lease.assignee, lease.may_assign = "", False


def lot_offered(state: State, event: events.LotOffered, day: int) -> None:
    count(state, event.lot_id)
    state.finance.estates[event.org].lots[event.lot_id] = Lot(
        event.lot_id, event.kind, event.site, event.chip, event.gpus, event.amount_usd_cents, day
    )


def bid_placed(state: State, event: events.BidPlaced, day: int) -> None:
    for estate in state.finance.estates.values():
        if event.lot_id in estate.lots:
            estate.lots[event.lot_id].bids[event.org] = event.amount_usd_cents


def lot_sold(state: State, event: events.LotSold, day: int) -> None:
    estate = state.finance.estates[event.org]
    estate.sold_cents += event.amount_usd_cents
    del estate.lots[event.lot_id]
    if event.kind == "site":
        state.sites.sites[event.site].owner = event.counterparty
        for building_id in state.index.buildings.get(event.site, ()):
            state.sites.buildings[building_id].org = event.counterparty


def gpus_transferred(state: State, event: events.GpusTransferred, day: int) -> None:
    for org, sign in ((event.org, -1), (event.counterparty, 1)):
        there = holding(state, org, event.chip, event.site)
        there.owned += sign * event.gpus
        there.leased_out += sign * event.gpus_let


def stock_transferred(state: State, event: events.StockTransferred, day: int) -> None:
    for org, sign in ((event.org, -1), (event.counterparty, 1)):
        store = state.chips.warehouse.setdefault(org, {})
        store[event.chip] = store.get(event.chip, 0) + sign * event.gpus
        if store[event.chip] == 0:
            del store[event.chip]
        if not store:
            state.chips.waiting.pop(org, None)
    state.chips.brought.setdefault(event.counterparty, {})[event.chip] = event.lot_id


def loan_written_off(state: State, event: events.LoanWrittenOff, day: int) -> None:
    del state.finance.loans[event.deal_id]


def loan_restructured(state: State, event: events.LoanRestructured, day: int) -> None:
    state.finance.loans[event.deal_id] = Loan(
        event.deal_id, event.org, event.counterparty, event.amount_usd_cents, event.value, day, event.end_day
    )


def stake_cancelled(state: State, event: events.StakeCancelled, day: int) -> None:
    del state.finance.stakes[event.org][event.counterparty]


def claim_settled(state: State, event: events.ClaimSettled, day: int) -> None:
    if event.kind == "equity" and event.counterparty in state.run.orgs:
        stakes = state.finance.stakes.setdefault(event.org, {})
        stakes.setdefault(event.counterparty, Stake()).invested_cents += event.amount_usd_cents


def estate_closed(state: State, event: events.EstateClosed, day: int) -> None:
    del state.finance.estates[event.org]


def org_exited(state: State, event: events.OrgExited, day: int) -> None:
    org = event.org
    del state.run.orgs[org]
    del state.finance.books[org]
    state.finance.stakes.pop(org, None)
    state.chips.brought.pop(org, None)
    state.training.labs.pop(org, None)
    state.training.projects.pop(org, None)
    state.training.waiting.pop(org, None)
    state.demand.uses.pop(org, None)
    state.demand.revenues.pop(org, None)
    state.leases.posted.pop(org, None)
    state.leases.lost.pop(org, None)
    for lease in [x for x in state.leases.over.values() if org in (x.lessee, x.lessor)]:
        del state.leases.over[lease.lease_id]
    for segment in state.demand.segments.values():
        segment.shares.pop(org, None)
    for estate in state.finance.estates.values():
        for claim_id in [name for name, claim in estate.claims.items() if claim.creditor == org]:
            del estate.claims[claim_id]
    for name in state.index.holdings.pop(org, ()):
        del state.chips.holdings[name]
    for place in [place for place in state.training.clusters if place.org == org]:
        del state.training.clusters[place]


APPLY = {
    events.WindUpFiled: wind_up_filed,
    events.EstateOpened: estate_opened,
    events.ClaimFiled: claim_filed,
    events.LeaseAssigned: lease_assigned,
    events.LotOffered: lot_offered,
    events.BidPlaced: bid_placed,
    events.LotSold: lot_sold,
    events.GpusTransferred: gpus_transferred,
    events.StockTransferred: stock_transferred,
    events.LoanWrittenOff: loan_written_off,
    events.LoanRestructured: loan_restructured,
    events.StakeCancelled: stake_cancelled,
    events.ClaimSettled: claim_settled,
    events.EstateClosed: estate_closed,
    events.OrgExited: org_exited,
}
INERT = (
    events.LeaseAssumed, events.LeaseRejected, events.BidRefused, events.TradeRefused, events.ExitRefused,
    events.EntryRefused,
)  # fmt: skip
