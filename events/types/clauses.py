"""Events of what a lease allows its parties: options, consent, assignment, and the price after a step or a renewal."""

from __future__ import annotations

from typing import ClassVar

from events.kinds import ClauseRefusal, ConsentTo, OptionKind
from events.types.base import Event, Visibility


class OptionExercised(Event, frozen=True, kw_only=True):
    """A lessee renews a lease from its last day on, or takes more GPUs under it: `gpus`, from `start_day`."""

    subject: ClassVar[str] = "lease_id"
    lease_id: str
    lessor: str
    lessee: str
    kind: OptionKind
    gpus: int
    start_day: int
    end_day: int


class LeaseRenewed(Event, frozen=True, kw_only=True):
    """A lease goes on behind its last day, until `end_day`, at the price that its clause gives on that day.

    `amount_usd_cents` is the rent due at the price before. `work_h100e` is the work of a GPU where the clause says the
    index: the price is the index of the day times it.
    """

    subject: ClassVar[str] = "lease_id"
    lease_id: str
    lessor: str
    lessee: str
    end_day: int
    price_usd_per_gpu_hour: float
    amount_usd_cents: int
    work_h100e: float | None = None


class RentStepped(Event, frozen=True, kw_only=True):
    """A year of a lease is over and its rent rises by its step; `amount_usd_cents` is the rent due before."""

    subject: ClassVar[str] = "lease_id"
    lease_id: str
    lessor: str
    lessee: str
    price_usd_per_gpu_hour: float
    amount_usd_cents: int


class ConsentGiven(Event, frozen=True, kw_only=True):
    """A lessor agrees that its lessee assigns a lease once, or sublets under it (`kind`)."""

    sees: ClassVar[Visibility] = "parties"
    subject: ClassVar[str] = "lease_id"
    lease_id: str
    lessor: str
    lessee: str
    kind: ConsentTo


class AssignmentOffered(Event, frozen=True, kw_only=True):
    """A lessee offers its lease to another org (`counterparty`), who may take its place (`LeaseAssigned`)."""

    sees: ClassVar[Visibility] = "parties"
    subject: ClassVar[str] = "lease_id"
    lease_id: str
    lessor: str
    lessee: str
    counterparty: str


class ClauseRefused(Event, frozen=True, kw_only=True):
    """A lease does not allow what an org asks for under it."""

    sees: ClassVar[Visibility] = "own"
    org: str
    lease_id: str
    reason: ClauseRefusal
