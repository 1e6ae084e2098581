"""Rules of the lease desk: talks, quotes that hold GPUs, leases, handover, the end of leases."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from typing import get_args

from events.commands import leases as commands
from events.kinds import (
    ChoiceOf,
    Clause,
    CounterRefusal,
    Lateness,
    LeaseEnd,
    LeaseKind,
    QuoteClosed,
    QuoteForm,
    QuoteRefusal,
    RequestRefusal,
)
from events.terms import LeaseTerms, spread
from events.types import Event
from events.types import leases as events
from market.rules import clauses
from market.rules.base import Deciders, Happening, asked_by, buildings_at, cash, let_by, quoted_by, training_use
from market.rules.contracts import sign
from market.rules.free import free_gpus, promised_watts, quoted_under
from market.state import State, next_id
from market.state.chips import Place
from market.state.leases import Lease, Quote, Request

QUOTE_DAYS = 7  # a quote holds its GPUs for a week
SILENCE_DAYS = 21  # talks without a message for three weeks are over
KINDS, FORMS, CLAUSES, CHOICES = get_args(LeaseKind), get_args(QuoteForm), get_args(Clause), get_args(ChoiceOf)


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
    elif any((r.lessor, r.kind) == (command.lessor, command.kind) for r in asked_by(state, command.actor)):
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
            price_usd_per_h100e_hour=round(command.price_usd_per_h100e_hour, 6),
            kind=command.kind,
            region=command.region,
            chip=command.chip,
        )
    ]


def quote_fault(state: State, command: commands.GiveQuote, request: Request, day: int) -> QuoteRefusal | None:
    """Say why a quote cannot stand; None when it can."""
    terms = command.terms
    if fault := terms_fault(state, terms, day):
        return fault
    if command.form == "contract":
        return contract_fault(state, command.actor, terms)
    site = state.sites.sites.get(terms.site)
    if command.form not in FORMS:
        return "unknown form"
    if site is None:
        return "unknown chip or site"
    if command.parent_lease_id is not None:
        return _sublease_fault(state, command) or ("the lessee's own" if site.owner == request.lessee else None)
    if site.owner != command.actor:
        return "not the actor's site"
    return _room_fault(state, command, request, day)


def terms_fault(state: State, terms: LeaseTerms, day: int) -> QuoteRefusal | None:
    """Say what no lease and no contract may say; None when the terms make sense."""
    if terms.chip not in state.chips.chips:
        return "unknown chip or site"
    if terms.gpus < 1 or terms.end_day <= terms.start_day or terms.start_day < day:
        return "empty term"
    if not 0 < terms.price_usd_per_gpu_hour < math.inf:
        return "no price"
    if terms.chip_choice not in CHOICES or terms.site_choice not in CHOICES:
        return "unknown choice"
    return clauses.fault(state, terms)


def contract_fault(state: State, lessor: str, terms: LeaseTerms) -> QuoteRefusal | None:
    """Say why terms are none of a contract for capacity: place, years, tranches."""
    p, site = state.run.parameters, state.sites.sites.get(terms.site)
    if site is None and (terms.site or terms.region not in state.run.regions or terms.site_choice == "fixed"):
        return "unknown chip or site"
    if site is not None and site.owner != lessor:
        return "not the actor's site"
    if not p["contracts.days_min"] <= terms.duration_days <= p["contracts.days_max"]:
        return "term"
    if not 1 <= terms.tranches <= terms.gpus or terms.ramp_days < 0:
        return "tranches"
    return None


def _room_fault(state: State, command: commands.GiveQuote, request: Request, day: int) -> QuoteRefusal | None:
    """Say whether GPUs or power fall short of a quote on own GPUs."""
    terms = command.terms
    chip, site = state.chips.chips[terms.chip], state.sites.sites[terms.site]
    own = state.leases.quotes.get(state.index.quote.get(request.request_id, ""))
    same = own is not None and own.form == "lease" and (own.chip, own.site) == (terms.chip, terms.site)
    replaced = own.gpus if own is not None and same else 0
    free = free_gpus(state, command.actor, terms.chip, terms.site) + replaced
    if terms.start_day - day <= QUOTE_DAYS and terms.gpus > free:
        return "capacity"
    building = sum(b.power_kw for b in buildings_at(state, terms.site))
    watts = round(chip.power_kw_it_per_gpu * 1000)
    new = max(0, terms.gpus - max(0, free)) * watts - replaced * watts
    if new > site.spare_w + building * 1000 - promised_watts(state, terms.site):
        return "power"
    return None


def _sublease_fault(state: State, command: commands.GiveQuote) -> QuoteRefusal | None:
    parent, terms = state.leases.leases.get(command.parent_lease_id or ""), command.terms
    if parent is None or parent.lessee != command.actor:
        return "not the actor's lease"
    if (parent.chip, parent.site) != (terms.chip, terms.site):
        return "not what the parent lease holds"
    if not clauses.may_sublet(parent):
        return "no consent"
    if parent.depth + 1 > state.run.parameters["chains.depth_max"]:
        return "chain too long"
    if terms.end_day > parent.end_day or terms.start_day < parent.start_day:
        return "outside the parent's term"
    if terms.gpus > parent.gpus - parent.subleased - quoted_under(state, parent.lease_id):
        return "capacity"
    return None


def give_quote(state: State, command: commands.GiveQuote, day: int) -> list[Event]:
    """Offer GPUs for an open request, within what the lessor and the site can carry."""
    request = state.leases.requests.get(command.request_id)
    if request is None or request.lessor != command.actor:
        return [events.QuoteRefused(lessor=command.actor, request_id=command.request_id, reason="no such request")]
    if fault := quote_fault(state, command, request, day):
        return [events.QuoteRefused(lessor=command.actor, request_id=command.request_id, reason=fault)]
    rounded = spread(command.terms) | {"price_usd_per_gpu_hour": round(command.terms.price_usd_per_gpu_hour, 6)}
    return [
        events.QuoteGiven(
            quote_id=next_id(state, command.actor, "quote"),
            request_id=request.request_id,
            parent_lease_id=command.parent_lease_id,
            lessor=command.actor,
            lessee=request.lessee,
            form=command.form,
            turn=request.rounds + 1,
            **rounded,
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
            price_usd_per_gpu_hour=round(terms.price_usd_per_gpu_hour, 6),
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
    if clauses.deposit_cents(quote, quote.gpus) > max(0, cash(state, quote.lessee)):
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
    for lease in sorted(state.leases.leases.values(), key=lambda x: (-x.depth, x.lease_id)):
        if lease.end_day <= day and lease.renews:
            yield clauses.renewal(state, lease, day)
        elif lease.end_day <= day and lease.lease_id not in ended:
            for happening in end_lease(state, lease, day, "term"):
                name = happening.cause, type(happening.event)
                if name not in said:
                    said.add(name)
                    ended.add(happening.cause)
                    yield happening


def hand_over(state: State, day: int) -> Iterator[Happening]:
    """Give free GPUs to the leases that are owed them: earlier start first, owners' leases before subleases."""
    waiting = [x for x in state.leases.leases.values() if x.owed and x.start_day <= day]
    if not waiting:
        return
    free = _Unused(state)
    passed: dict[str, int] = defaultdict(int)  # lease -> sublet GPUs handed on
    for lease in state.leases.leases.values():
        if lease.parent_lease_id is not None:
            passed[lease.parent_lease_id] += lease.delivered
    arrived: dict[str, int] = defaultdict(int)
    for lease in sorted(waiting, key=lambda x: (x.depth, x.start_day, x.lease_id)):
        source = Place(lease.lessor, lease.chip, lease.site)
        gpus = min(lease.owed, max(0, free[source]))
        if lease.parent_lease_id is not None:
            parent = state.leases.leases[lease.parent_lease_id]
            here = parent.delivered + arrived[parent.lease_id] - passed[parent.lease_id]
            gpus = min(gpus, max(0, here))
            passed[parent.lease_id] += gpus
        if gpus:
            free[source] -= gpus
            free[Place(lease.lessee, lease.chip, lease.site)] += gpus
            arrived[lease.lease_id] += gpus
            handed = events.GpusHandedOver(
                lease_id=lease.lease_id,
                lessor=lease.lessor,
                lessee=lease.lessee,
                chip=lease.chip,
                site=lease.site,
                gpus=gpus,
            )
            yield Happening(day, handed, lease.lessor, lease.lease_id)
        if gpus < lease.owed and not lease.late_said:
            late = events.LeaseLate(
                lease_id=lease.lease_id,
                lessor=lease.lessor,
                lessee=lease.lessee,
                gpus=lease.owed - gpus,
                reason=_cause(state, lease),
            )
            yield Happening(day, late, lease.lessor, lease.lease_id)


class _Unused(dict[Place, int]):
    """GPUs of holdings that no run trains on, counted when first asked for."""

    def __init__(self, state: State) -> None:
        super().__init__()
        self._state = state

    def __missing__(self, place: Place) -> int:
        holding = self._state.chips.holdings.get(place)
        self[place] = holding.held - training_use(self._state, *place) if holding else 0
        return self[place]


def _cause(state: State, lease: Lease) -> Lateness:
    """Say which layer makes a lease late: the parent's GPUs, power, or chips."""
    if lease.parent_lease_id is not None:
        return "parent late"
    if state.chips.warehouse.get(lease.lessor, {}).get(lease.chip, 0):
        return "power"
    return "chips"


DECIDE: Deciders = {
    commands.RequestLease: request_lease,
    commands.GiveQuote: give_quote,
    commands.CounterQuote: counter_quote,
    commands.AcceptQuote: accept_quote,
    commands.BreakTalks: break_talks,
}
