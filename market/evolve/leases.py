"""How facts of leases change the state."""

from __future__ import annotations

from events.facts import leases as facts
from market.evolve.chips import holding
from market.evolve.ids import count
from market.state import State
from market.state.leases import Lease, Letter, Quote, Request


def lease_requested(state: State, fact: facts.LeaseRequested, day: int) -> None:
    count(state, fact.request_id)
    state.leases.requests[fact.request_id] = Request(
        fact.request_id, fact.lessee, fact.lessor, fact.h100e, fact.due_day, fact.duration_days,
        fact.price_usd_per_h100e_hour, fact.kind, day,
    )  # fmt: skip


def _drop_quotes(state: State, request_id: str) -> None:
    quotes = state.leases.quotes
    for quote_id in [name for name, quote in quotes.items() if quote.request_id == request_id]:
        del quotes[quote_id]


def quote_given(state: State, fact: facts.QuoteGiven, day: int) -> None:
    count(state, fact.quote_id)
    _drop_quotes(state, fact.request_id)
    state.leases.requests[fact.request_id].rounds += 1
    state.leases.quotes[fact.quote_id] = Quote(
        fact.quote_id, fact.request_id, fact.parent_lease_id, fact.lessor, fact.lessee, fact.chip, fact.site,
        fact.gpus, fact.start_day, fact.end_day, fact.price_usd_per_gpu_hour, day,
    )  # fmt: skip


def quote_countered(state: State, fact: facts.QuoteCountered, day: int) -> None:
    quote = state.leases.quotes[fact.quote_id]
    quote.countered_at_usd = fact.price_usd_per_gpu_hour
    quote.day = day


def quote_lapsed(state: State, fact: facts.QuoteLapsed, day: int) -> None:
    del state.leases.quotes[fact.quote_id]


def talks_failed(state: State, fact: facts.LeaseTalksFailed, day: int) -> None:
    _drop_quotes(state, fact.request_id)
    del state.leases.requests[fact.request_id]


def lease_signed(state: State, fact: facts.LeaseSigned, day: int) -> None:
    count(state, fact.lease_id)
    desk = state.leases
    desk.leases[fact.lease_id] = Lease(
        fact.lease_id, fact.parent_lease_id, fact.lessor, fact.lessee, fact.chip, fact.site, fact.gpus,
        fact.start_day, fact.end_day, fact.price_usd_per_gpu_hour, fact.kind, fact.depth,
    )  # fmt: skip
    if fact.parent_lease_id is not None:
        desk.leases[fact.parent_lease_id].subleased += fact.gpus
    quote = desk.quotes.get(fact.quote_id) if fact.quote_id is not None else None
    if quote is not None:
        del desk.requests[quote.request_id]
        _drop_quotes(state, quote.request_id)


def lease_late(state: State, fact: facts.LeaseLate, day: int) -> None:
    state.leases.leases[fact.lease_id].late_said = True


def _move(state: State, lease: Lease, gpus: int) -> None:
    """Pass GPUs from lessor to lessee; a negative number brings them back."""
    holding(state, lease.lessor, lease.chip, lease.site).leased_out += gpus
    holding(state, lease.lessee, lease.chip, lease.site).leased_in += gpus
    lease.delivered += gpus


def gpus_handed_over(state: State, fact: facts.GpusHandedOver, day: int) -> None:
    _move(state, state.leases.leases[fact.lease_id], fact.gpus)


def lease_ended(state: State, fact: facts.LeaseEnded, day: int) -> None:
    lease = state.leases.leases[fact.lease_id]
    _move(state, lease, -lease.delivered)
    if lease.parent_lease_id in state.leases.leases:
        state.leases.leases[lease.parent_lease_id].subleased -= lease.gpus
    del state.leases.leases[fact.lease_id]


def letter_signed(state: State, fact: facts.LetterSigned, day: int) -> None:
    count(state, fact.deal_id)
    state.leases.letters[fact.deal_id] = Letter(fact.deal_id, fact.org, fact.counterparty, fact.h100e, fact.due_day)


def letter_cut(state: State, fact: facts.LetterCut, day: int) -> None:
    state.leases.letters[fact.deal_id].h100e = fact.h100e


def letter_ended(state: State, fact: facts.LetterEnded, day: int) -> None:
    del state.leases.letters[fact.deal_id]


def price_moved(state: State, fact: facts.PriceMoved, day: int) -> None:
    desk = state.leases
    desk.price_usd_per_h100e_hour = fact.price_usd_per_h100e_hour
    desk.spot_usd_per_h100e_hour = fact.spot_usd_per_h100e_hour
    desk.tightness = fact.tightness
    state.chips.lead_times.append(fact.lead_time_weeks)
    del state.chips.lead_times[:-53]


def on_demand_repriced(state: State, fact: facts.OnDemandRepriced, day: int) -> None:
    state.leases.spot_usd_per_h100e_hour = fact.spot_usd_per_h100e_hour


APPLY = {
    facts.LeaseRequested: lease_requested,
    facts.QuoteGiven: quote_given,
    facts.QuoteCountered: quote_countered,
    facts.QuoteLapsed: quote_lapsed,
    facts.LeaseTalksFailed: talks_failed,
    facts.LeaseSigned: lease_signed,
    facts.LeaseLate: lease_late,
    facts.GpusHandedOver: gpus_handed_over,
    facts.LeaseEnded: lease_ended,
    facts.LetterSigned: letter_signed,
    facts.LetterCut: letter_cut,
    facts.LetterEnded: letter_ended,
    facts.PriceMoved: price_moved,
    facts.OnDemandRepriced: on_demand_repriced,
}
INERT = (facts.RequestRefused, facts.QuoteRefused, facts.LeaseRefused, facts.LetterRefused, facts.OnDemandRented)
