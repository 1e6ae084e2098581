"""Commands of the lease desk: one message a week in each negotiation."""

from __future__ import annotations

from events.commands.base import Command
from events.kinds import Clause, LeaseKind, QuoteForm, TalksEnd
from events.terms import LeaseTerms


class RequestLease(Command, frozen=True, kw_only=True):
    """Ask a lessor for compute by a day, at most at a price."""

    lessor: str
    h100e: float
    due_day: int
    duration_days: int
    price_usd_per_h100e_hour: float
    kind: LeaseKind
    region: str = ""  # where, if that matters
    chip: str = ""  # what, if that matters


class GiveQuote(Command, frozen=True, kw_only=True):
    """Offer GPUs for an open request and hold them for 7 days.

    `form` says what an acceptance makes of it: a lease, or a contract for capacity that is still to be built or filled.
    """

    request_id: str
    terms: LeaseTerms
    parent_lease_id: str | None = None
    form: QuoteForm = "lease"


class CounterQuote(Command, frozen=True, kw_only=True):
    """Answer a quote by asking for another clause: `price`, `date`, `site`, `term`, or `hold` for time alone."""

    quote_id: str
    clause: Clause
    terms: LeaseTerms


class AcceptQuote(Command, frozen=True, kw_only=True):
    """Take a quote as it stands; one of form contract is signed as a contract for capacity."""

    quote_id: str


class BreakTalks(Command, frozen=True, kw_only=True):
    """End talks on a request, with a reason; either side may. What they were lost to is named, where that is so."""

    request_id: str
    reason: TalksEnd
    lost_to: str = ""


class SignLetter(Command, frozen=True, kw_only=True):
    """Announce compute with a lessor, without a contract."""

    lessor: str
    h100e: float
    due_day: int
