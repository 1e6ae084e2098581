"""What is true of contracts for capacity: their terms, and what of their tranches is still to be drawn."""

from __future__ import annotations

import msgspec

from events.kinds import LeaseKind
from events.terms import LeaseTerms


class Tranche(msgspec.Struct, array_like=True):
    """A part of a contract; `gpus` of it are not drawn as a lease yet."""

    number: int
    gpus: int
    start_day: int
    end_day: int
    late_said: bool = False


class Contract(LeaseTerms, frozen=False, array_like=True, kw_only=True):  # type: ignore[misc]
    """A contract of which something is still to be drawn."""

    contract_id: str
    lessor: str
    lessee: str
    kind: LeaseKind
    day: int
    schedule: list[Tranche] = msgspec.field(default_factory=list)

    @property
    def undrawn(self) -> int:
        """GPUs that the lessor still owes a lease for."""
        return sum([tranche.gpus for tranche in self.schedule])


class Contracts(msgspec.Struct, array_like=True):
    """Contracts by id, until all of them is drawn."""

    open: dict[str, Contract] = {}
