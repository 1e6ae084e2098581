"""Commands of the lease desk: one message a week in each negotiation."""

from __future__ import annotations

from events.commands.base import Command
from events.kinds import LeaseKind, TalksEnd


class RequestLease(Command, frozen=True, kw_only=True):
    """Ask a lessor for compute by a day, at most at a price."""

    lessor: str
    h100e: float
    due_day: int
    duration_days: int
    price_usd_per_h100e_hour: float
    kind: LeaseKind


class GiveQuote(Command, frozen=True, kw_only=True):
    """Offer GPUs for an open request and hold them for 7 days."""

    request_id: str
    parent_lease_id: str | None = None
    chip: str
    site: str
    gpus: int
    start_day: int
    end_day: int
    price_usd_per_gpu_hour: float


class CounterQuote(Command, frozen=True, kw_only=True):
    """Answer a quote with a lower price; the lessor may quote once more."""

    quote_id: str
    price_usd_per_gpu_hour: float


class AcceptQuote(Command, frozen=True, kw_only=True):
    """Take a quote as it stands."""

    quote_id: str


class BreakTalks(Command, frozen=True, kw_only=True):
    """End talks on a request, with a reason; either side may."""

    request_id: str
    reason: TalksEnd


class SignLetter(Command, frozen=True, kw_only=True):
    """Announce compute with a lessor, without a contract."""

    lessor: str
    h100e: float
    due_day: int
