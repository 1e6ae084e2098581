"""Events of contracts for capacity: signature, schedule, lateness, end. They are drawn as leases (`LeaseSigned`)."""

from __future__ import annotations

from typing import ClassVar

from events.kinds import ContractEnd, ContractRefusal, Lateness, LeaseKind
from events.terms import LeaseTerms
from events.types.base import Event, Visibility


class ContractSigned(LeaseTerms, Event, frozen=True, kw_only=True):
    """Two orgs agree on capacity for years; what is built and bought for it rests on this event."""

    version: ClassVar[int] = 2
    subject: ClassVar[str] = "contract_id"
    contract_id: str
    quote_id: str | None
    lessor: str
    lessee: str
    kind: LeaseKind


class TrancheScheduled(Event, frozen=True, kw_only=True):
    """A part of a contract is due on `start_day` and runs to `end_day`."""

    contract_id: str
    tranche: int
    lessor: str
    lessee: str
    gpus: int
    start_day: int
    end_day: int


class TrancheDrawn(Event, frozen=True, kw_only=True):
    """A lease takes `gpus` of a tranche, counted in the contract's chip.

    `work_ratio` is the work of a GPU of the lease over that of one of the contract's chip, by which price and GPUs go;
    logs written before it go by H100e.
    """

    contract_id: str
    tranche: int
    lease_id: str
    lessor: str
    lessee: str
    gpus: int
    work_ratio: float | None = None


class TrancheLate(Event, frozen=True, kw_only=True):
    """The day of a tranche has come and the lessor has neither chips nor site for `gpus` of it (`reason`)."""

    sees: ClassVar[Visibility] = "parties"
    subject: ClassVar[str] = "contract_id"
    contract_id: str
    tranche: int
    lessor: str
    lessee: str
    gpus: int
    reason: Lateness


class CapacityShed(Event, frozen=True, kw_only=True):
    """A lessee gives `gpus` of a lease back before its end and pays the take-or-pay share of their rent on."""

    subject: ClassVar[str] = "lease_id"
    lease_id: str
    lessor: str
    lessee: str
    chip: str
    site: str
    gpus: int


class ContractRefused(Event, frozen=True, kw_only=True):
    """A command about a contract cannot stand."""

    sees: ClassVar[Visibility] = "own"
    org: str
    contract_id: str
    reason: ContractRefusal


class ContractEnded(Event, frozen=True, kw_only=True):
    """A contract is over: all of its tranches are drawn, or it was cancelled or broken off with `gpus` undrawn."""

    subject: ClassVar[str] = "contract_id"
    contract_id: str
    lessor: str
    lessee: str
    gpus: int
    reason: ContractEnd
