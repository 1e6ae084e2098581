"""What is true of the lease desk: open talks, leases in force, prices."""

from __future__ import annotations

import msgspec

from events.kinds import LeaseKind


class Request(msgspec.Struct, array_like=True):
    """An open request of one lessee to one lessor."""

    request_id: str
    lessee: str
    lessor: str
    h100e: float
    due_day: int
    duration_days: int
    price_limit_usd_per_h100e_hour: float
    kind: LeaseKind
    day: int
    rounds: int = 0  # messages since it was made


class Quote(msgspec.Struct, array_like=True):
    """An open quote; its GPUs are held."""

    quote_id: str
    request_id: str
    parent_lease_id: str | None
    lessor: str
    lessee: str
    chip: str
    site: str
    gpus: int
    start_day: int
    end_day: int
    price_usd_per_gpu_hour: float
    day: int
    countered_at_usd: float = 0.0  # price of the lessee's counter-offer, 0: none


class Lease(msgspec.Struct, array_like=True):
    """A lease in force; `delivered` of its `gpus` have been handed over."""

    lease_id: str
    parent_lease_id: str | None
    lessor: str
    lessee: str
    chip: str
    site: str
    gpus: int
    start_day: int
    end_day: int
    price_usd_per_gpu_hour: float
    kind: LeaseKind
    depth: int
    delivered: int = 0
    subleased: int = 0  # of `gpus`, promised on by the lessee
    late_said: bool = False

    @property
    def owed(self) -> int:
        """GPUs promised and not handed over."""
        return self.gpus - self.delivered


class Letter(msgspec.Struct, array_like=True):
    """A letter of intent that is neither definitive nor lapsed."""

    deal_id: str
    org: str
    counterparty: str
    h100e: float
    due_day: int


class Leases(msgspec.Struct, array_like=True):
    """Requests, quotes and leases by id; the two prices and the tightness behind them."""

    requests: dict[str, Request] = {}
    quotes: dict[str, Quote] = {}
    leases: dict[str, Lease] = {}
    letters: dict[str, Letter] = {}
    price_usd_per_h100e_hour: float = 0.0
    spot_usd_per_h100e_hour: float = 0.0
    tightness: float = 1.0
