"""How events of leases change the state."""

from __future__ import annotations

from events.terms import LeaseTerms, spread
from events.types import leases as events
from market.evolve.chips import holding
from market.evolve.ids import count, drop, enter, owe
from market.state import State
from market.state.chips import Place
from market.state.leases import Lease, Letter, Quote, Request, Signature, Span


def lease_requested(state: State, event: events.LeaseRequested, day: int) -> None:
    state.leases.lost.pop(event.lessee, None)
    count(state, event.request_id)
    enter(state.index.asked, event.lessee, event.request_id)
    state.leases.requests[event.request_id] = Request(
        event.request_id, event.lessee, event.lessor, event.h100e, event.due_day, event.duration_days,
        event.price_usd_per_h100e_hour, event.kind, day, event.region, event.chip,
    )  # fmt: skip


def _drop_quote(state: State, request_id: str) -> Quote | None:
    """Take out the quote that answers a request, if there is one."""
    quote_id = state.index.quote.pop(request_id, None)
    if quote_id is None:
        return None
    quote = state.leases.quotes.pop(quote_id)
    drop(state.index.quoted, quote.lessor, quote_id)
    return quote


def _drop_request(state: State, request_id: str) -> None:
    request = state.leases.requests.pop(request_id)
    drop(state.index.asked, request.lessee, request_id)


def quote_given(state: State, event: events.QuoteGiven, day: int) -> None:
    count(state, event.quote_id)
    desk = state.leases
    before = _drop_quote(state, event.request_id)
    state.index.quote[event.request_id] = event.quote_id
    enter(state.index.quoted, event.lessor, event.quote_id)
    desk.requests[event.request_id].rounds += 1
    first = before.first_price_usd_per_gpu_hour if before else event.price_usd_per_gpu_hour
    slot = before if before and _is_same_slot(before, event) else None
    desk.quotes[event.quote_id] = Quote(
        **spread(event), quote_id=event.quote_id, request_id=event.request_id, parent_lease_id=event.parent_lease_id,
        lessor=event.lessor, lessee=event.lessee, form=event.form, turn=event.turn, day=day,
        first_price_usd_per_gpu_hour=first,
        first_start_day=before.first_start_day if before else event.start_day,
        first_day=before.first_day if before else day,
        slot_start_day=slot.slot_start_day if slot else event.start_day,
        slot_day=slot.slot_day if slot else day,
        before_price_usd_per_gpu_hour=before.price_usd_per_gpu_hour if before else event.price_usd_per_gpu_hour,
        before_start_day=before.start_day if before else event.start_day,
    )  # fmt: skip


def _is_same_slot(before: Quote, event: events.QuoteGiven) -> bool:
    """Whether an offer is of the slot that was offered before: at its place, and no later."""
    there = (event.region, event.site) == (before.region, before.site)
    return there and event.start_day <= before.start_day


def quote_countered(state: State, event: events.QuoteCountered, day: int) -> None:
    quote = state.leases.quotes[event.quote_id]
    quote.countered = event.clause
    quote.asked_price_usd_per_gpu_hour = event.price_usd_per_gpu_hour
    quote.asked_start_day = quote.start_day if event.start_day is None else event.start_day
    quote.asked_end_day = quote.end_day if event.end_day is None else event.end_day
    quote.asked_region = quote.region if event.region is None else event.region
    quote.day = day


def quote_lapsed(state: State, event: events.QuoteLapsed, day: int) -> None:
    _drop_quote(state, state.leases.quotes[event.quote_id].request_id)


def talks_failed(state: State, event: events.LeaseTalksFailed, day: int) -> None:
    _drop_quote(state, event.request_id)
    _drop_request(state, event.request_id)


def lease_signed(state: State, event: events.LeaseSigned, day: int) -> None:
    count(state, event.lease_id)
    desk = state.leases
    lease = desk.leases[event.lease_id] = Lease(
        **spread(event), lease_id=event.lease_id, parent_lease_id=event.parent_lease_id, lessor=event.lessor,
        lessee=event.lessee, kind=event.kind, depth=event.depth, contract_id=event.contract_id,
    )  # fmt: skip
    enter(state.index.let, event.lessor, event.lease_id)
    enter(state.index.rented, event.lessee, event.lease_id)
    owe(state, lease, lease.gpus)
    if event.parent_lease_id is not None:
        desk.leases[event.parent_lease_id].subleased += event.gpus
    if event.contract_id is None:
        close_talks(state, event.quote_id)
        if event.quote_id is not None and event.kind != "internal":
            note_price(state, event, event.lessor, day)


def note_price(state: State, terms: LeaseTerms, lessor: str, day: int) -> None:
    """Keep what was signed this week for the index."""
    weight = state.chips.chips[terms.chip].h100e
    state.leases.signed.append(
        Signature(
            lessor, terms.chip, terms.gpus * weight, terms.end_day - terms.start_day, max(0, terms.start_day - day),
            terms.price_usd_per_gpu_hour / weight,
        )
    )  # fmt: skip


def close_talks(state: State, quote_id: str | None) -> None:
    """End the talks that led to a signature."""
    quote = state.leases.quotes.get(quote_id) if quote_id is not None else None
    if quote is not None:
        _drop_request(state, quote.request_id)
        _drop_quote(state, quote.request_id)


def lease_late(state: State, event: events.LeaseLate, day: int) -> None:
    state.leases.leases[event.lease_id].late_said = True


def count_days(lease: Lease, day: int) -> None:
    """Count the days of the GPUs that a lessee holds or pays for, up to a day."""
    lease.gpu_days += lease.delivered * (day - lease.since_day)
    lease.shed_days += lease.shed * (day - lease.since_day)
    lease.since_day = day


def _move(state: State, lease: Lease, gpus: int, day: int) -> None:
    """Pass GPUs from lessor to lessee; a negative number brings them back."""
    count_days(lease, day)
    holding(state, lease.lessor, lease.chip, lease.site).leased_out += gpus
    holding(state, lease.lessee, lease.chip, lease.site).leased_in += gpus
    lease.delivered += gpus
    owe(state, lease, -gpus)


def gpus_handed_over(state: State, event: events.GpusHandedOver, day: int) -> None:
    _move(state, state.leases.leases[event.lease_id], event.gpus, day)


def lease_ended(state: State, event: events.LeaseEnded, day: int) -> None:
    lease = state.leases.leases[event.lease_id]
    if event.reason in ("rejected", "parent ended"):
        state.leases.broken[Place(lease.lessee, lease.chip, lease.site)] = event.lease_id
        if lease.lessee not in state.finance.estates:
            state.leases.lost[lease.lessee] = event.lease_id
    _move(state, lease, -lease.delivered, day)
    lease.shed = 0
    is_claimed = event.reason == "rejected" and lease.lessee in state.finance.estates
    if not is_claimed and (lease.gpu_days or lease.shed_days or lease.due_cents):
        state.leases.over[event.lease_id] = lease
    if lease.parent_lease_id in state.leases.leases:
        state.leases.leases[lease.parent_lease_id].subleased -= lease.gpus
    del state.leases.leases[event.lease_id]
    drop(state.index.let, lease.lessor, event.lease_id)
    drop(state.index.rented, lease.lessee, event.lease_id)
    owe(state, lease, -lease.owed)


def letter_signed(state: State, event: events.LetterSigned, day: int) -> None:
    count(state, event.deal_id)
    state.leases.letters[event.deal_id] = Letter(
        event.deal_id, event.org, event.counterparty, event.h100e, event.due_day
    )


def letter_cut(state: State, event: events.LetterCut, day: int) -> None:
    state.leases.letters[event.deal_id].h100e = event.h100e


def letter_ended(state: State, event: events.LetterEnded, day: int) -> None:
    del state.leases.letters[event.deal_id]


def price_moved(state: State, event: events.PriceMoved, day: int) -> None:
    desk = state.leases
    desk.price_usd_per_h100e_hour = event.price_usd_per_h100e_hour
    desk.spot_usd_per_h100e_hour = event.spot_usd_per_h100e_hour
    desk.tightness = event.tightness
    desk.signed_days.update((Span(x.wait_days, x.days), day) for x in desk.signed)
    desk.signed.clear()
    desk.counted_h100e = event.h100e or 0.0
    desk.work_per_h100e = event.work_per_h100e or 1.0
    state.chips.lead_times.append(event.lead_time_weeks)
    del state.chips.lead_times[:-53]


def on_demand_repriced(state: State, event: events.OnDemandRepriced, day: int) -> None:
    state.leases.posted[event.lessor] = event.spot_usd_per_h100e_hour


APPLY = {
    events.LeaseRequested: lease_requested,
    events.QuoteGiven: quote_given,
    events.QuoteCountered: quote_countered,
    events.QuoteLapsed: quote_lapsed,
    events.LeaseTalksFailed: talks_failed,
    events.LeaseSigned: lease_signed,
    events.LeaseLate: lease_late,
    events.GpusHandedOver: gpus_handed_over,
    events.LeaseEnded: lease_ended,
    events.LetterSigned: letter_signed,
    events.LetterCut: letter_cut,
    events.LetterEnded: letter_ended,
    events.PriceMoved: price_moved,
    events.OnDemandRepriced: on_demand_repriced,
}
INERT = (events.RequestRefused, events.QuoteRefused, events.LeaseRefused, events.LetterRefused, events.OnDemandRented)
