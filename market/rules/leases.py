"""Rules of the lease desk: talks, answers to quotes, leases and their end."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import get_args

from events.commands import leases as commands
from events.kinds import (
    Clause,
    CounterRefusal,
    LeaseEnd,
    LeaseKind,
    QuoteClosed,
    RequestRefusal,
)
from events.terms import LeaseTerms, spread
from events.types import Event
from events.types import leases as events
from market.rules import clauses
from market.rules.base import Deciders, Happening, asked_by, can_pay, let_by, quoted_by
from market.rules.contracts import sign
from market.rules.quotes import QUOTE_DAYS
from market.state import State, next_id
from market.state.leases import Lease, Quote
from market.units import digits

SILENCE_DAYS = 21  # talks without a message for three weeks are over
KINDS, CLAUSES = get_args(LeaseKind), get_args(Clause)


def request_lease(state: State, command: commands.RequestLease, day: int) -> list[Event]:
    """Open talks with one lessor."""
    org = state.run.orgs.get(command.lessor)
    reason: RequestRefusal | None = None
    if org is None or command.lessor == command.actor or not {"cloud", "lab"} & set(org.roles):
        reason = "unknown lessor"
    elif command.lessor in state.finance.estates:
        reason = "in default"
    elif command.kind not in KINDS:
        reason = "unknown kind"
    elif not 0 < command.h100e < math.inf or command.duration_days < 1:
        reason = "nothing asked"
    elif not 0 < command.price_usd_per_h100e_hour < math.inf:
        reason = "no price"
    elif (command.region and command.region not in state.run.regions) or (
        command.chip and command.chip not in state.chips.chips
    ):
        reason = "unknown region or chip"
    elif any(
        (r.lessor, r.kind, bool(r.chip)) == (command.lessor, command.kind, bool(command.chip))
        for r in asked_by(state, command.actor)
    ):
        reason = "talks already open"
    if reason:
        return [events.RequestRefused(lessee=command.actor, lessor=command.lessor, reason=reason)]
    return [
        events.LeaseRequested(
            request_id=next_id(state, command.actor, "request"),
            lessee=command.actor,
            lessor=command.lessor,
            h100e=round(command.h100e, 3),
            due_day=command.due_day,
            duration_days=command.duration_days,
            price_usd_per_h100e_hour=digits(command.price_usd_per_h100e_hour),
            kind=command.kind,
            region=command.region,
            chip=command.chip,
        )
    ]


def open_quote(state: State, quote_id: str, actor: str) -> Quote | QuoteClosed:
    """Find an open quote addressed to `actor`, or say why there is none."""
    quote = state.leases.quotes.get(quote_id)
    if quote is None:
        return "quote lapsed"
    if quote.lessee != actor:
        return "not the addressee"
    return quote


def counter_quote(state: State, command: commands.CounterQuote, day: int) -> list[Event]:
    """Answer a quote by asking for another clause."""
    quote = open_quote(state, command.quote_id, command.actor)
    if isinstance(quote, str):
        return [events.LeaseRefused(quote_id=command.quote_id, reason=quote)]
    terms = command.terms
    reason = "a counter-offer is open" if quote.countered else counter_fault(state, command.clause, terms, quote)
    if reason:
        return [events.LeaseRefused(quote_id=command.quote_id, reason=reason)]
    return [
        events.QuoteCountered(
            quote_id=quote.quote_id,
            lessor=quote.lessor,
            lessee=quote.lessee,
            price_usd_per_gpu_hour=digits(terms.price_usd_per_gpu_hour),
            clause=command.clause,
            start_day=terms.start_day,
            end_day=terms.end_day,
            region=terms.region,
        )
    ]


def counter_fault(state: State, clause: str, terms: LeaseTerms, quote: Quote) -> CounterRefusal | None:
    """Say why a counter-offer asks for nothing; None when it asks for something."""
    price = terms.price_usd_per_gpu_hour
    if clause not in CLAUSES or not 0 < price < math.inf:
        return "no such clause" if clause not in CLAUSES else "no lower price"
    if clause == "price" and price >= quote.price_usd_per_gpu_hour:
        return "no lower price"
    if clause == "date" and terms.start_day >= quote.start_day:
        return "no earlier day"
    if clause == "site" and terms.region not in state.run.regions:
        return "unknown region"
    if clause == "term" and terms.end_day <= terms.start_day:
        return "empty term"
    return None


def accept_quote(state: State, command: commands.AcceptQuote, day: int) -> list[Event]:
    """Bind an open quote; its GPUs are held, so it cannot fail on capacity."""
    quote = open_quote(state, command.quote_id, command.actor)
    if isinstance(quote, str):
        return [events.LeaseRefused(quote_id=command.quote_id, reason=quote)]
    if quote.countered:
        return [events.LeaseRefused(quote_id=command.quote_id, reason="a counter-offer is open")]
    if quote.form == "contract":
        return sign(state, quote, day)
    parent = state.leases.leases.get(quote.parent_lease_id) if quote.parent_lease_id else None
    if quote.parent_lease_id is not None and parent is None:
        return [events.LeaseRefused(quote_id=command.quote_id, reason="parent lease ended")]
    if quote.end_day <= day:
        return [events.LeaseRefused(quote_id=command.quote_id, reason="empty term")]
    if not can_pay(state, quote.lessee, clauses.deposit_cents(quote, quote.gpus)):
        return [events.LeaseRefused(quote_id=command.quote_id, reason="finance")]
    request, lease_id = state.leases.requests[quote.request_id], next_id(state, quote.lessee, "lease")
    return [
        events.LeaseSigned(
            lease_id=lease_id,
            parent_lease_id=quote.parent_lease_id,
            quote_id=quote.quote_id,
            lessor=quote.lessor,
            lessee=quote.lessee,
            kind=request.kind,
            depth=parent.depth + 1 if parent else 1,
            **spread(quote) | {"start_day": max(quote.start_day, day)},  # no lease begins before it is signed
        ),
        *clauses.deposit(quote, quote.gpus, (quote.lessee, quote.lessor), lease_id),
    ]


def break_talks(state: State, command: commands.BreakTalks, day: int) -> list[Event]:
    """End talks; the reason is the result."""
    request = state.leases.requests.get(command.request_id)
    if request is None or command.actor not in (request.lessee, request.lessor):
        return [events.RequestRefused(lessee=command.actor, lessor=command.actor, reason="no such talks")]
    return [
        events.LeaseTalksFailed(
            request_id=request.request_id,
            lessee=request.lessee,
            lessor=request.lessor,
            h100e=request.h100e,
            reason=command.reason,
            option=command.lost_to or None,
        )
    ]


def end_lease(state: State, lease: Lease, day: int, reason: LeaseEnd) -> Iterator[Happening]:
    """End a lease and all that was sublet or offered under it, deepest first."""
    for quote in quoted_by(state, lease.lessee):
        if quote.parent_lease_id == lease.lease_id:
            yield Happening(day, _lapsed(quote), quote.lessor, quote.quote_id)
    for child in list(let_by(state, lease.lessee)):
        if child.parent_lease_id == lease.lease_id:
            yield from end_lease(state, child, day, reason if reason == "term" else "parent ended")
    for back in clauses.deposit_back(state, lease, reason):
        yield Happening(day, back, lease.lessor, lease.lease_id)
    event = events.LeaseEnded(
        lease_id=lease.lease_id,
        lessor=lease.lessor,
        lessee=lease.lessee,
        chip=lease.chip,
        site=lease.site,
        gpus=lease.delivered,
        reason=reason,
    )
    yield Happening(day, event, lease.lessor, lease.lease_id)


def _lapsed(quote: Quote) -> Event:
    return events.QuoteLapsed(
        quote_id=quote.quote_id, request_id=quote.request_id, lessor=quote.lessor, lessee=quote.lessee
    )


def due(state: State, first: int, last: int) -> Iterator[Happening]:
    """Quotes that lapse and talks that fall silent between two days."""
    desk = state.leases
    for quote in desk.quotes.values():
        lapse = quote.day + QUOTE_DAYS + 1
        if lapse <= last:
            yield Happening(max(first, lapse), _lapsed(quote), quote.lessor, quote.quote_id)
    quoted = {quote.request_id for quote in desk.quotes.values()}
    for request in desk.requests.values():
        silent = request.day + SILENCE_DAYS + 7 * request.rounds
        if silent <= last and request.request_id not in quoted:
            failed = events.LeaseTalksFailed(
                request_id=request.request_id,
                lessee=request.lessee,
                lessor=request.lessor,
                h100e=request.h100e,
                reason="no answer",
            )
            yield Happening(max(first, silent), failed, request.lessor, request.request_id)


def terms_over(state: State, day: int) -> Iterator[Happening]:
    """Leases whose term is over, children before parents."""
    ended: set[str] = set()  # leases, and quotes under them
    said: set[tuple[str, type[Event]]] = set()
    over = [lease for lease in state.leases.leases.values() if lease.end_day <= day]
    for lease in sorted(over, key=lambda x: (-x.depth, x.lease_id)):
        if lease.renews:
            yield clauses.renewal(state, lease, day)
        elif lease.lease_id not in ended:
            for happening in end_lease(state, lease, day, "term"):
                name = happening.cause, type(happening.event)
                if name not in said:
                    said.add(name)
                    ended.add(happening.cause)
                    yield happening


DECIDE: Deciders = {
    commands.RequestLease: request_lease,
    commands.CounterQuote: counter_quote,
    commands.AcceptQuote: accept_quote,
    commands.BreakTalks: break_talks,
}
