"""How events of finance by those who sell change the state."""

from __future__ import annotations

from events.types import vendors as events
from market.evolve.ids import count
from market.state import State
from market.state.finance import Stake, Warrant


def warrants_granted(state: State, event: events.WarrantsGranted, day: int) -> None:
    count(state, event.deal_id)
    state.finance.warrants[event.deal_id] = Warrant(
        event.deal_id, event.org, event.counterparty, event.gpus, event.amount_usd_cents, event.end_day
    )


def warrants_vested(state: State, event: events.WarrantsVested, day: int) -> None:
    state.finance.warrants[event.deal_id].vested_cents += event.amount_usd_cents
    stakes = state.finance.stakes.setdefault(event.counterparty, {})
    stakes.setdefault(event.org, Stake()).invested_cents += event.amount_usd_cents


def warrants_ended(state: State, event: events.WarrantsEnded, day: int) -> None:
    del state.finance.warrants[event.deal_id]


APPLY = {
    events.WarrantsGranted: warrants_granted,
    events.WarrantsVested: warrants_vested,
    events.WarrantsEnded: warrants_ended,
}
INERT = (events.WarrantsRefused,)
