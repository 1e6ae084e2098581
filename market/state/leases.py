"""What is true of the lease desk: open talks, leases in force, prices."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from events.kinds import LeaseKind, QuoteForm
from events.terms import LeaseTerms
from market.state.chips import Place


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
    region: str = ""
    chip: str = ""
    rounds: int = 0  # messages since it was made


class Quote(LeaseTerms, frozen=False, array_like=True, kw_only=True):  # type: ignore[misc]
    """An open quote; its GPUs are held. `countered` names the clause that the lessee asks for, empty when it is silent.

    What the first quote of its talks offered, and the one before this, tell how far the talks have moved. The
    slot under talks was first offered on `slot_day`, for `slot_start_day`: what comes later or elsewhere is another.
    """

    quote_id: str
    request_id: str
    parent_lease_id: str | None
    lessor: str
    lessee: str
    form: QuoteForm
    turn: int
    day: int
    first_price_usd_per_gpu_hour: float
    first_start_day: int
    first_day: int
    slot_start_day: int
    slot_day: int
    before_price_usd_per_gpu_hour: float
    before_start_day: int
    countered: str = ""
    asked_price_usd_per_gpu_hour: float = 0.0
    asked_start_day: int = 0
    asked_end_day: int = 0
    asked_region: str = ""


class Lease(LeaseTerms, frozen=False, array_like=True, kw_only=True):  # type: ignore[misc]
    """A lease in force; `delivered` of its `gpus` have been handed over."""

    lease_id: str
    parent_lease_id: str | None
    lessor: str
    lessee: str
    kind: LeaseKind
    depth: int
    contract_id: str | None = None
    delivered: int = 0
    subleased: int = 0  # of `gpus`, promised on by the lessee
    shed: int = 0  # given back before the end; the take-or-pay share of their rent is paid on
    late_said: bool = False
    since_day: int = 0  # up to which the two below count
    gpu_days: int = 0  # GPUs handed over, times days, for which no rent was paid yet
    shed_days: int = 0  # the same of those shed
    due_cents: int = 0  # rent not paid yet, at prices that were
    deposit_cents: int = 0  # of the lessee, held by the lessor
    renews: bool = False  # beyond `end_day`, when it comes
    may_assign: bool = False  # with the consent that the clause asks for
    may_sublet: bool = False
    assignee: str = ""  # to whom the lessee offers its place

    @property
    def owed(self) -> int:
        """GPUs promised and not handed over."""
        return self.gpus - self.delivered

    @property
    def last_day(self) -> int:
        """First day after its term, with that for which it was renewed."""
        return self.end_day + self.renew_days * self.renews


class Letter(msgspec.Struct, array_like=True):
    """A letter of intent that is neither definitive nor lapsed."""

    deal_id: str
    org: str
    counterparty: str
    h100e: float
    due_day: int


class Signature(msgspec.Struct, array_like=True):
    """A contract of this week, for the index: GPUs as H100e, term, wait, and its price."""

    lessor: str
    chip: str  # empty: whatever the lessor has free
    h100e: float
    days: int
    wait_days: int
    price_usd_per_h100e_hour: float


class Span(NamedTuple):
    """How far ahead something was signed for, and for how long, days."""

    wait_days: int
    days: int


class Leases(msgspec.Struct, array_like=True):
    """Requests, quotes and leases by id; the two prices and the tightness behind them."""

    requests: dict[str, Request] = {}
    quotes: dict[str, Quote] = {}
    leases: dict[str, Lease] = {}
    over: dict[str, Lease] = {}  # ended, with rent still to be paid at the end of the month
    letters: dict[str, Letter] = {}
    price_usd_per_h100e_hour: float = 0.0
    spot_usd_per_h100e_hour: float = 0.0
    tightness: float = 1.0
    posted: dict[str, float] = {}  # cloud -> its on-demand list price, USD/H100e-hour
    signed: list[Signature] = []  # since the index was last measured
    counted_h100e: float = 0.0  # what the index rests on: signed GPUs, fading with its half-life
    work_per_h100e: float = 1.0  # mean work of an installed H100e over that of an H100
    broken: dict[Place, str] = {}  # holding of a lessee -> lease broken off under it since the week closed
    lost: dict[str, str] = {}  # lessee -> lease broken off under it, until it asks for another
    signed_days: dict[Span, int] = {}  # last day on which something so far ahead was signed for so long
