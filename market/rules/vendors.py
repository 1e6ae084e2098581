"""Rules of finance by those who sell: loans of suppliers, warrants that vest with orders, money that is to be spent."""

from __future__ import annotations

from collections.abc import Iterator

from events.commands import vendors as commands
from events.kinds import WarrantRefusal
from events.types import Event
from events.types import vendors as events
from market.rules.base import Deciders, Happening, trait
from market.state import State, next_id
from market.state.finance import Warrant
from market.units import CENTS


def loan_room_cents(state: State, lender: str) -> int:
    """What a supplier would still lend to its buyers: its trait `vendor_finance_usd` less what it has lent."""
    most = CENTS * trait(state, lender, "vendor_finance_usd")
    return max(0, round(most) - sum(x.amount_cents for x in state.finance.loans.values() if x.lender == lender))


def grant_warrants(state: State, command: commands.GrantWarrants, day: int) -> list[Event]:
    """Promise a buyer equity of a supplier, which vests with the GPUs that are allotted to it."""
    buyer, reason = state.run.orgs.get(command.org), _fault(state, command, day)
    if reason or buyer is None:
        return [events.WarrantsRefused(org=command.actor, counterparty=command.org, reason=reason or "unknown buyer")]
    return [
        events.WarrantsGranted(
            deal_id=next_id(state, command.org, "deal"),
            org=command.org,
            counterparty=command.actor,
            gpus=command.gpus,
            amount_usd_cents=command.amount_usd_cents,
            end_day=command.end_day,
        )
    ]


def _fault(state: State, command: commands.GrantWarrants, day: int) -> WarrantRefusal | None:
    if "supplier" not in state.run.orgs[command.actor].roles:
        return "no supplier"
    if command.org not in state.run.orgs or command.org in (command.actor, *state.finance.estates):
        return "unknown buyer"
    if command.gpus < 1 or command.amount_usd_cents < 1 or command.end_day <= day:
        return "nothing granted"
    if any((x.org, x.supplier) == (command.org, command.actor) for x in state.finance.warrants.values()):
        return "warrants are open"
    return None


def vest(state: State, day: int) -> Iterator[Happening]:
    """Let warrants vest by the GPUs allotted since they were granted; they end when all is vested, or on their day."""
    for warrant in state.finance.warrants.values():
        due = vested_cents(warrant)
        if due > warrant.vested_cents:
            vested = events.WarrantsVested(
                deal_id=warrant.deal_id,
                org=warrant.org,
                counterparty=warrant.supplier,
                amount_usd_cents=due - warrant.vested_cents,
            )
            yield Happening(day, vested, warrant.supplier, warrant.deal_id)
        if due == warrant.cents or warrant.end_day <= day:
            ended = events.WarrantsEnded(
                deal_id=warrant.deal_id,
                org=warrant.org,
                counterparty=warrant.supplier,
                amount_usd_cents=warrant.cents - due,
                reason="vested" if due == warrant.cents else "lapsed",
            )
            yield Happening(day, ended, warrant.supplier, warrant.deal_id)


def vested_cents(warrant: Warrant) -> int:
    """Part of warrants that is earned: by GPUs allotted over those agreed on."""
    return warrant.cents * min(warrant.taken, warrant.gpus) // warrant.gpus


def rebate_usd_per_gpu(state: State, buyer: str, supplier: str) -> float:
    """What the next GPU of a supplier is worth to a buyer in warrants, USD."""
    for warrant in state.finance.warrants.values():
        if (warrant.org, warrant.supplier) == (buyer, supplier) and warrant.taken < warrant.gpus:
            return warrant.cents / warrant.gpus / CENTS
    return 0.0


def duty_cents(state: State, org: str, but: str = "") -> int:
    """Money that an org took for equity and has still to spend on the investors' compute, one of them left out."""
    stakes = state.finance.stakes.get(org, {})
    return sum(stake.duty_cents for investor, stake in stakes.items() if investor != but)


DECIDE: Deciders = {commands.GrantWarrants: grant_warrants}
