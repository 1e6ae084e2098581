"""Rules of quotes: what a lessor may offer for open talks, within its GPUs, its power and the terms of leases."""

from __future__ import annotations

import math
from typing import get_args

from events.commands import leases as commands
from events.kinds import QuoteForm, QuoteRefusal
from events.terms import LeaseTerms, spread
from events.types import Event
from events.types import leases as events
from market.rules import clauses
from market.rules.base import Deciders, above, buildings_at, to_come
from market.rules.free import free_gpus, promised_watts, quoted_under
from market.state import State, next_id
from market.state.leases import Request
from market.units import digits

QUOTE_DAYS = 7  # a quote holds its GPUs for a week
FORMS = get_args(QuoteForm)


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
    if terms.prepaid_share:  # a contract's prepayment is paid at its signature: of a lease alone none is
        return "prepaid without a contract"
    if site is None:
        return "unknown chip or site"
    if command.parent_lease_id is not None:
        return _sublease_fault(state, command, request)
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
    building = sum(b.power_kw for b in to_come(state, buildings_at(state, terms.site)))
    watts = round(chip.power_kw_it_per_gpu * 1000)
    new = max(0, terms.gpus - max(0, free)) * watts - replaced * watts
    if new > site.spare_w + building * 1000 - promised_watts(state, terms.site):
        return "power"
    return None


def _sublease_fault(state: State, command: commands.GiveQuote, request: Request) -> QuoteRefusal | None:
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
    return "the lessee's own" if request.lessee in above(state, parent) else None


def give_quote(state: State, command: commands.GiveQuote, day: int) -> list[Event]:
    """Offer GPUs for an open request, within what the lessor and the site can carry."""
    request = state.leases.requests.get(command.request_id)
    if request is None or request.lessor != command.actor:
        return [events.QuoteRefused(lessor=command.actor, request_id=command.request_id, reason="no such request")]
    if fault := quote_fault(state, command, request, day):
        return [events.QuoteRefused(lessor=command.actor, request_id=command.request_id, reason=fault)]
    rounded = spread(command.terms) | {"price_usd_per_gpu_hour": digits(command.terms.price_usd_per_gpu_hour)}
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


DECIDE: Deciders = {commands.GiveQuote: give_quote}
