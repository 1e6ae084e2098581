"""Events of money: payments, rounds, loans, defaults. All cash moves by `PaymentMade`."""

from __future__ import annotations

from typing import ClassVar

from events.kinds import (
    BudgetReason,
    DefaultReason,
    LoanRefusal,
    PaymentKind,
    PlanReason,
    RoundFailure,
    RoundRefusal,
    StakeKind,
)
from events.types.base import Event, Visibility


class PaymentMade(Event, frozen=True, kw_only=True):
    """Cash goes from `org` to `counterparty` under `contract_id`; `kind` says for what."""

    sees: ClassVar[Visibility] = "parties"
    periodic: ClassVar[bool] = True
    org: str
    counterparty: str
    amount_usd_cents: int
    kind: PaymentKind
    contract_id: str


class StakeKnown(Event, frozen=True, kw_only=True):
    """An org (`counterparty`) had invested in another before the start; `kind` as of a round."""

    subject: ClassVar[str] = "org"
    aspect: ClassVar[str] = "/stakes"
    org: str
    counterparty: str
    amount_usd_cents: int
    kind: StakeKind
    start_day: int


class RoundSought(Event, frozen=True, kw_only=True):
    """An org asks investors for equity."""

    sees: ClassVar[Visibility] = "parties"
    subject: ClassVar[str] = "org"
    aspect: ClassVar[str] = "/round"
    org: str
    amount_usd_cents: int
    duration_days: int  # runway


class RoundClosed(Event, frozen=True, kw_only=True):
    """Investors (`counterparty` leads) buy equity at a post-money valuation; `kind`: equity, or equity for compute."""

    subject: ClassVar[str] = "deal_id"
    deal_id: str
    org: str
    counterparty: str
    amount_usd_cents: int
    valuation_usd_cents: int
    kind: StakeKind


class RoundFailed(Event, frozen=True, kw_only=True):
    """An org sought equity and found none on terms it could take."""

    sees: ClassVar[Visibility] = "parties"
    subject: ClassVar[str] = "org"
    org: str
    amount_usd_cents: int
    reason: RoundFailure


class RoundRefused(Event, frozen=True, kw_only=True):
    """A command about equity cannot stand: a second open round, or none to fund."""

    sees: ClassVar[Visibility] = "own"
    org: str
    amount_usd_cents: int
    reason: RoundRefusal


class LoanGranted(Event, frozen=True, kw_only=True):
    """A lender (`counterparty`) lends against GPUs and their contracts; `value` is the yearly rate."""

    subject: ClassVar[str] = "deal_id"
    deal_id: str
    org: str
    counterparty: str
    amount_usd_cents: int
    value: float
    end_day: int


class LoanKnown(Event, frozen=True, kw_only=True):
    """A lender (`counterparty`) had lent before the start what is still owed; `value` is the yearly rate."""

    subject: ClassVar[str] = "deal_id"
    deal_id: str
    org: str
    counterparty: str
    amount_usd_cents: int
    value: float
    end_day: int


class LoanRefused(Event, frozen=True, kw_only=True):
    """A lender turns a loan down; `value` is the debt-service coverage."""

    sees: ClassVar[Visibility] = "parties"
    org: str
    counterparty: str
    amount_usd_cents: int
    value: float
    reason: LoanRefusal


class LoanRepaid(Event, frozen=True, kw_only=True):
    """The last instalment of a loan is paid."""

    subject: ClassVar[str] = "deal_id"
    deal_id: str
    org: str
    counterparty: str


class CovenantBreached(Event, frozen=True, kw_only=True):
    """An org's debt-service coverage (`value`) fell below what its lenders ask for: they may call what is owed."""

    sees: ClassVar[Visibility] = "own"
    subject: ClassVar[str] = "org"
    aspect: ClassVar[str] = "/covenant"
    org: str
    value: float


class CovenantCured(Event, frozen=True, kw_only=True):
    """An org's debt-service coverage (`value`) is again what its lenders ask for."""

    sees: ClassVar[Visibility] = "own"
    subject: ClassVar[str] = "org"
    aspect: ClassVar[str] = "/covenant"
    org: str
    value: float


class ValuationStated(Event, frozen=True, kw_only=True):
    """An org's valuation as known at the start."""

    subject: ClassVar[str] = "org"
    aspect: ClassVar[str] = "/value"
    org: str
    valuation_usd_cents: int


class BudgetSet(Event, frozen=True, kw_only=True):
    """A buyer revises what it means to spend on chips, USD a year (`value`)."""

    sees: ClassVar[Visibility] = "own"
    subject: ClassVar[str] = "org"
    aspect: ClassVar[str] = "/budget"
    org: str
    value: float
    reason: BudgetReason


class PlanAdopted(Event, frozen=True, kw_only=True):
    """A lab revises the compute it wants (H100e) and by when."""

    sees: ClassVar[Visibility] = "own"
    subject: ClassVar[str] = "org"
    aspect: ClassVar[str] = "/plan"
    org: str
    h100e: float
    due_day: int
    reason: PlanReason


class OrgDefaulted(Event, frozen=True, kw_only=True):
    """An org cannot pay, by `amount_usd_cents` of cash that it lacks; an estate is opened and it stops trading."""

    subject: ClassVar[str] = "org"
    org: str
    amount_usd_cents: int
    reason: DefaultReason
    estate_id: str | None = None  # null in logs from before there were estates
