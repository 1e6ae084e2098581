"""Commands about contracts for capacity in force."""

from __future__ import annotations

from events.commands.base import Command


class CancelContract(Command, frozen=True, kw_only=True):
    """Give up the tranches of a contract that are not drawn; the lessee pays the take-or-pay share of their rent."""

    contract_id: str


class TerminateLease(Command, frozen=True, kw_only=True):
    """End a rented lease before its time for the fee that it names, or for nothing where it came too late."""

    lease_id: str


class ShedCapacity(Command, frozen=True, kw_only=True):
    """Give GPUs of a rented lease back before its end; the take-or-pay share of their rent is paid on."""

    lease_id: str
    gpus: int
