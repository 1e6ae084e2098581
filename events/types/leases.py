"""Events of leases: requests, quotes, talks, signatures, handover, expansion, ends, defaults; prices."""

from __future__ import annotations

from typing import ClassVar

from events.kinds import (
    Clause,
    Lateness,
    LeaseEnd,
    LeaseKind,
    LeaseRefusal,
    LetterEnd,
    LetterRefusal,
    QuoteForm,
    QuoteRefusal,
    Repricing,
    RequestRefusal,
    TalksEnd,
)
from events.terms import LeaseTerms
from events.types.base import Event, Visibility


class LeaseRequested(Event, frozen=True, kw_only=True):
    """A lessee asks a lessor for GPUs by `due_day` for `duration_days`; `price_usd_per_h100e_hour` is its limit.

    `region` is where it wants them, empty when it does not mind; `chip` likewise.
    """

    version: ClassVar[int] = 2
    sees: ClassVar[Visibility] = "parties"
    subject: ClassVar[str] = "request_id"
    request_id: str
    lessee: str
    lessor: str
    h100e: float
    due_day: int
    duration_days: int
    price_usd_per_h100e_hour: float
    kind: LeaseKind  # frontier, serving, bridge, capacity (a cloud renting from a cloud), internal
    region: str = ""
    chip: str = ""


class RequestRefused(Event, frozen=True, kw_only=True):
    """A request cannot stand (a second open one, an unknown lessor, nothing asked)."""

    sees: ClassVar[Visibility] = "own"
    lessee: str
    lessor: str
    reason: RequestRefusal


class QuoteGiven(LeaseTerms, Event, frozen=True, kw_only=True):
    """A lessor offers GPUs and holds them for 7 days; `form` contract: capacity that it has yet to build or fill."""

    version: ClassVar[int] = 3
    sees: ClassVar[Visibility] = "parties"
    subject: ClassVar[str] = "quote_id"
    quote_id: str
    request_id: str
    parent_lease_id: str | None
    lessor: str
    lessee: str
    form: QuoteForm = "lease"
    turn: int = 1


class QuoteRefused(Event, frozen=True, kw_only=True):
    """A quote cannot stand: it would sell GPUs twice, or GPUs that the site cannot carry."""

    sees: ClassVar[Visibility] = "own"
    lessor: str
    request_id: str
    reason: QuoteRefusal


class QuoteCountered(Event, frozen=True, kw_only=True):
    """A lessee answers a quote: it asks for another `clause` and says which price, day, region and end it would sign.

    A clause `hold` asks for time and for nothing else.
    """

    version: ClassVar[int] = 2
    sees: ClassVar[Visibility] = "parties"
    subject: ClassVar[str] = "quote_id"
    quote_id: str
    lessor: str
    lessee: str
    price_usd_per_gpu_hour: float
    clause: Clause = "price"
    start_day: int | None = None
    end_day: int | None = None
    region: str | None = None


class QuoteLapsed(Event, frozen=True, kw_only=True):
    """A quote was not taken within 7 days; its GPUs are free again."""

    sees: ClassVar[Visibility] = "parties"
    subject: ClassVar[str] = "quote_id"
    quote_id: str
    request_id: str
    lessor: str
    lessee: str


class LeaseTalksFailed(Event, frozen=True, kw_only=True):
    """Talks end without a lease: too late, power, price, capacity, control, policy, no answer.

    Where they were lost to another offer, `option` names it and `reason` is the term on which it was better.
    """

    version: ClassVar[int] = 2
    sees: ClassVar[Visibility] = "parties"
    subject: ClassVar[str] = "request_id"
    request_id: str
    lessee: str
    lessor: str
    h100e: float
    reason: TalksEnd
    option: str | None = None


class LeaseRefused(Event, frozen=True, kw_only=True):
    """An acceptance cannot bind: the quote lapsed, or it is not the actor's to take."""

    sees: ClassVar[Visibility] = "own"
    quote_id: str
    reason: LeaseRefusal


class LeaseSigned(LeaseTerms, Event, frozen=True, kw_only=True):
    """A lease binds both sides: GPUs from `start_day`, rent for what is handed over, take-or-pay to `end_day`.

    A lease that is drawn under a contract for capacity names the contract.
    """

    version: ClassVar[int] = 3
    sees: ClassVar[Visibility] = "public"
    subject: ClassVar[str] = "lease_id"
    lease_id: str
    parent_lease_id: str | None
    quote_id: str | None
    lessor: str
    lessee: str
    kind: LeaseKind
    depth: int
    contract_id: str | None = None


class LeaseLate(Event, frozen=True, kw_only=True):
    """A lease's first day came and the lessor could not hand over all of its GPUs."""

    sees: ClassVar[Visibility] = "parties"
    subject: ClassVar[str] = "lease_id"
    lease_id: str
    lessor: str
    lessee: str
    gpus: int
    reason: Lateness


class GpusHandedOver(Event, frozen=True, kw_only=True):
    """Installed GPUs pass from lessor to lessee under a lease."""

    sees: ClassVar[Visibility] = "parties"
    lease_id: str
    lessor: str
    lessee: str
    chip: str
    site: str
    gpus: int


class LeaseEnded(Event, frozen=True, kw_only=True):
    """A lease ran out or was broken off (`reason`: term, default, parent ended); its GPUs go back."""

    subject: ClassVar[str] = "lease_id"
    lease_id: str
    lessor: str
    lessee: str
    chip: str
    site: str
    gpus: int  # handed over at that time
    reason: LeaseEnd


class OnDemandRented(Event, frozen=True, kw_only=True):
    """GPUs that a cloud (`lessor`) leases out on demand to the rest this week."""

    subject: ClassVar[str] = "lessor"
    periodic: ClassVar[bool] = True
    lessor: str
    chip: str
    site: str
    gpus: int
    price_usd_per_gpu_hour: float


class PriceMoved(Event, frozen=True, kw_only=True):
    """The index of one-year contracts, the mean of posted prices and tightness, once a week.

    h100e : signed compute that the index rests on, fading with its half-life; null at the start and in old logs
    work_per_h100e : mean work of an installed H100e over that of an H100; the index over it is the rent of an H100
    """

    periodic: ClassVar[bool] = True
    price_usd_per_h100e_hour: float
    spot_usd_per_h100e_hour: float
    tightness: float
    lead_time_weeks: float
    h100e: float | None = None
    work_per_h100e: float | None = None


class OnDemandRepriced(Event, frozen=True, kw_only=True):
    """A cloud (`lessor`) revises its posted on-demand price, at last; `world` stands for all in logs of version 1."""

    version: ClassVar[int] = 2
    lessor: str
    kind: Repricing
    spot_usd_per_h100e_hour: float


class LetterSigned(Event, frozen=True, kw_only=True):
    """A lab and a cloud announce compute by `due_day`; an announcement is not a contract."""

    subject: ClassVar[str] = "deal_id"
    deal_id: str
    org: str
    counterparty: str
    h100e: float
    due_day: int


class LetterRefused(Event, frozen=True, kw_only=True):
    """A letter of intent cannot stand."""

    sees: ClassVar[Visibility] = "own"
    org: str
    counterparty: str
    reason: LetterRefusal


class LetterCut(Event, frozen=True, kw_only=True):
    """A letter of intent shrinks to `h100e`, a `share` of what it was."""

    subject: ClassVar[str] = "deal_id"
    deal_id: str
    org: str
    counterparty: str
    h100e: float
    share: float


class LetterEnded(Event, frozen=True, kw_only=True):
    """A letter of intent becomes definitive (talks on a lease begin) or lapses: `reason` says which."""

    subject: ClassVar[str] = "deal_id"
    deal_id: str
    org: str
    counterparty: str
    h100e: float
    reason: LetterEnd
