"""How events of clauses change the state. An option that was taken is gone from the lease."""

from __future__ import annotations

from events.types import clauses as events
from market.evolve.ids import owe
from market.evolve.leases import count_days
from market.state import State
from market.state.leases import Lease


def option_exercised(state: State, event: events.OptionExercised, day: int) -> None:
    lease = state.leases.leases[event.lease_id]
    if event.kind == "renew":
        lease.renews = True
        return
    lease.gpus += event.gpus  # type: ignore[misc]  # terms are frozen for all but the state
    lease.expand_gpus -= event.gpus  # type: ignore[misc]
    owe(state, lease, event.gpus)
    if lease.parent_lease_id is not None:
        state.leases.leases[lease.parent_lease_id].subleased += event.gpus


def _reprice(lease: Lease, event: events.LeaseRenewed | events.RentStepped, day: int) -> None:
    """Keep the rent due so far as cents, and begin to count days at the new price."""
    count_days(lease, day)
    lease.due_cents, lease.gpu_days, lease.shed_days = event.amount_usd_cents, 0, 0
    lease.price_usd_per_gpu_hour = event.price_usd_per_gpu_hour  # type: ignore[misc]


def lease_renewed(state: State, event: events.LeaseRenewed, day: int) -> None:
    lease = state.leases.leases[event.lease_id]
    _reprice(lease, event, day)
    lease.end_day, lease.renew_days, lease.renews = event.end_day, 0, False  # type: ignore[misc]
    lease.prepaid_share = 0.0  # type: ignore[misc]  # what was prepaid was of the term that is over


def rent_stepped(state: State, event: events.RentStepped, day: int) -> None:
    _reprice(state.leases.leases[event.lease_id], event, day)


def consent_given(state: State, event: events.ConsentGiven, day: int) -> None:
    lease = state.leases.leases[event.lease_id]
    if event.kind == "assign":
        lease.may_assign = True
    else:
        lease.may_sublet = True


def assignment_offered(state: State, event: events.AssignmentOffered, day: int) -> None:
    state.leases.leases[event.lease_id].assignee = event.counterparty


APPLY = {
    events.OptionExercised: option_exercised,
    events.LeaseRenewed: lease_renewed,
    events.RentStepped: rent_stepped,
    events.ConsentGiven: consent_given,
    events.AssignmentOffered: assignment_offered,
}
INERT = (events.ClauseRefused,)
