"""How events of contracts for capacity change the state."""

from __future__ import annotations

from events.terms import spread
from events.types import contracts as events
from market.evolve.chips import holding
from market.evolve.ids import count, drop, enter
from market.evolve.leases import close_talks, count_days, note_price
from market.state import State
from market.state.contracts import Contract, Tranche


def contract_signed(state: State, event: events.ContractSigned, day: int) -> None:
    count(state, event.contract_id)
    state.contracts.open[event.contract_id] = Contract(
        **spread(event), contract_id=event.contract_id, lessor=event.lessor, lessee=event.lessee, kind=event.kind,
        day=day,
    )  # fmt: skip
    enter(state.index.sold, event.lessor, event.contract_id)
    enter(state.index.bought, event.lessee, event.contract_id)
    close_talks(state, event.quote_id)
    note_price(state, event, event.lessor, day)


def tranche_scheduled(state: State, event: events.TrancheScheduled, day: int) -> None:
    tranche = Tranche(event.tranche, event.gpus, event.start_day, event.end_day)
    state.contracts.open[event.contract_id].schedule.append(tranche)


def tranche_drawn(state: State, event: events.TrancheDrawn, day: int) -> None:
    contract = state.contracts.open[event.contract_id]
    for tranche in contract.schedule:
        if tranche.number == event.tranche:
            tranche.gpus -= event.gpus
    contract.schedule = [tranche for tranche in contract.schedule if tranche.gpus]


def tranche_late(state: State, event: events.TrancheLate, day: int) -> None:
    for tranche in state.contracts.open[event.contract_id].schedule:
        if tranche.number == event.tranche:
            tranche.late_said = True


def capacity_shed(state: State, event: events.CapacityShed, day: int) -> None:
    lease = state.leases.leases[event.lease_id]
    count_days(lease, day)
    holding(state, lease.lessor, lease.chip, lease.site).leased_out -= event.gpus
    holding(state, lease.lessee, lease.chip, lease.site).leased_in -= event.gpus
    lease.gpus -= event.gpus  # type: ignore[misc]  # terms are frozen for all but the state
    lease.delivered -= event.gpus
    lease.shed += event.gpus


def contract_ended(state: State, event: events.ContractEnded, day: int) -> None:
    contract = state.contracts.open.pop(event.contract_id)
    drop(state.index.sold, contract.lessor, event.contract_id)
    drop(state.index.bought, contract.lessee, event.contract_id)


APPLY = {
    events.ContractSigned: contract_signed,
    events.TrancheScheduled: tranche_scheduled,
    events.TrancheDrawn: tranche_drawn,
    events.TrancheLate: tranche_late,
    events.CapacityShed: capacity_shed,
    events.ContractEnded: contract_ended,
}
INERT = (events.ContractRefused,)
