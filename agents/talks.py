"""Talks that are open: settle, sign, ask for better terms, hold out, or end them and do what is better."""

from __future__ import annotations

import math
from collections.abc import Iterator

from msgspec.structs import replace

from agents import decision, permission, race
from agents.decision import Decision, Scored, Target, Way
from agents.valuation import why_left
from events.commands import Choice, Command
from events.commands.chips import PlaceOrder
from events.commands.finance import SeekRound
from events.commands.leases import AcceptQuote, BreakTalks, CounterQuote
from events.commands.sites import PlanSite
from events.kinds import Clause, TalksEnd
from events.terms import LeaseTerms, terms_of
from market.view import MarketView, Quote, Request

Talks = list[tuple[Request, Quote | None]]
LEAST_CUT_SHARE = 1e-6  # a counter-offer that asks for less says a lower price, however little there is to win


def take_or_leave(view: MarketView, talks: Talks, found: Decision, best: Scored) -> Iterator[Command]:
    """Settle the best of the leases that stand free, and leave the others for the term that turned the order.

    Where not even the best passes its gates, each is left for the one that it fails.
    """
    quotes = {q.quote_id: q for _, q in talks if q is not None and not q.countered}
    if best.option.failed:
        gates = {s.option.quote_id: s.option.failed[0] for s in found.ranked if s.option.quote_id in quotes}
        yield from (_break(view, quotes[name].request_id, gate) for name, gate in gates.items())
        return
    quote, why = quotes[best.option.quote_id], found.choice("compute", best)
    for scored in found.ranked:
        other = quotes.get(scored.option.quote_id)
        if other is not None and other is not quote:
            yield _lose(view, other.request_id, scored, best)
    yield settle(view, quote, why)


def settle(view: MarketView, quote: Quote, why: Choice | None) -> Command:
    """Accept, counter or break off a lease by its price and its first day."""
    p, request = view.param, view.request(quote.request_id)
    h100e = view.chip(quote.chip).h100e if request.chip else view.work_h100e(quote.chip)
    price, limit = quote.price_usd_per_gpu_hour / h100e, request.price_limit_usd_per_h100e_hour
    price *= 1 + permission.quote_levy(view, quote)
    if quote.lessor == view.parent_of(view.me):
        return AcceptQuote(actor=view.me, because=quote.quote_id, quote_id=quote.quote_id, why=why)
    late = quote.start_day - request.due_day > 7 * p("price.need_slack_weeks")
    if late and not view.trait("patient"):
        return _break(view, request.request_id, "too late")
    if price > limit:
        if request.rounds < 2 and price < p("desk.limit_reach") * limit:
            return _ask_price(view, quote, p("desk.limit_share") * limit * h100e, why)
        return _break(view, request.request_id, "price")
    if request.rounds < 2 and price > p("desk.counter_above") * view.price:
        return _ask_price(view, quote, p("desk.counter_at") * quote.price_usd_per_gpu_hour, why)
    return AcceptQuote(actor=view.me, because=quote.quote_id, quote_id=quote.quote_id, why=why)


def _ask_price(view: MarketView, quote: Quote, usd: float, why: Choice | None) -> CounterQuote:
    terms = replace(terms_of(quote), price_usd_per_gpu_hour=usd)
    return CounterQuote(
        actor=view.me, because=quote.quote_id, quote_id=quote.quote_id, clause="price", terms=terms, why=why
    )


def _break(view: MarketView, request_id: str, reason: TalksEnd) -> BreakTalks:
    return BreakTalks(actor=view.me, because=request_id, request_id=request_id, reason=reason)


def _lose(view: MarketView, request_id: str, lost: Scored, winner: Scored) -> BreakTalks:
    """Break off talks that were lost to a better option; a gate that only the loser fails is no loss to another."""
    shared = bool(lost.option.failed) and lost.option.failed == winner.option.failed
    better = "" if lost.option.failed and not shared else winner.option.name
    reason = why_left(lost, winner) if shared else decision.true_reason(lost, winner)
    return BreakTalks(actor=view.me, because=request_id, request_id=request_id, reason=reason, lost_to=better)


def negotiate(view: MarketView, talks: Talks, found: Decision, best: Scored) -> Iterator[Command]:
    """Sign, ask for better terms, hold out, or end the talks and do what is better."""
    quotes = {q.quote_id: q for _, q in talks if q is not None and not q.countered}
    quote = quotes[best.option.quote_id]
    other = found.best_of(lambda o: not o.quote_id)
    hope = next((s for s in found.ranked if not s.option.failed and not s.option.is_executable), None)
    unpaid = awaiting_money(view, found, quote)
    if unpaid is not None and unpaid.score > max(s.score for s in (best, other) if s is not None):
        yield from raise_for(view)
        yield from go_on(view, talks, found, best)
        return
    if best.option.failed:
        yield from without_gate(view, talks, found, (best, other))
        return
    is_best = other is None or best.score >= other.score
    if is_best and (hope is None or best.score >= hope.score) and quote.turn >= view.param("talks.turns_min"):
        yield from sign(view, talks, found, best)
    elif other is not None and not is_best and is_hopeless(view, quote, other.score - best.score, found.target):
        yield from end_talks(view, talks, found, other)
        yield from execute(view, found, other)
    else:
        yield from go_on(view, talks, found, best)


def go_on(view: MarketView, talks: Talks, found: Decision, best: Scored) -> Iterator[Command]:
    """Answer the best few offers; leave the others for the term on which they fall behind the best."""
    quotes = {q.quote_id: q for _, q in talks if q is not None and not q.countered}
    ranked = [s for s in found.ranked if s.option.quote_id in quotes]
    few = round(view.param("desk.lessors_asked"))
    for number, scored in enumerate(sorted(ranked, key=lambda s: -s.score)):
        quote = quotes[scored.option.quote_id]
        if number < few or scored is best:
            hold = "finance" in scored.option.failed
            yield counter(view, quote, found.target, "hold" if hold else None)
        else:
            yield _lose(view, quote.request_id, scored, best)


def without_gate(
    view: MarketView, talks: Talks, found: Decision, pair: tuple[Scored, Scored | None]
) -> Iterator[Command]:
    """Deal with a best quote that fails a gate: the money is not there yet, or a policy forbids it."""
    best, other = pair
    quote = next(q for _, q in talks if q is not None and q.quote_id == best.option.quote_id)
    if other is not None:
        yield from end_talks(view, talks, found, other)
        yield from execute(view, found, other)
        return
    if "finance" in best.option.failed and view.day - quote.first_day < 7 * view.param("talks.finance_weeks"):
        yield from raise_for(view)
        yield from go_on(view, talks, found, best)
        return
    yield from end_talks(view, talks, found, None)


def awaiting_money(view: MarketView, found: Decision, quote: Quote) -> Scored | None:
    """The best machine of one's own that lacks nothing but money, while a round is sought or may be.

    A machine is asked for within what cash and one round pay (`race.money_h100e`), so that the round would do.
    """
    if not found.target.is_machine or view.parent_of(view.me):
        return None
    if view.day - quote.first_day >= 7 * view.param("talks.finance_weeks"):
        return None
    may_seek = view.day - view.books.round_day >= 7 * view.param("finance.round_gap_weeks")
    if not view.books.sought_cents and not may_seek:
        return None
    own = (s for s in found.ranked if s.option.is_owned and s.option.failed == ("finance",))
    return max(own, key=lambda s: s.score, default=None)


def raise_for(view: MarketView) -> Iterator[Command]:
    """Seek a round for what the cheapest way would need, within what the valuation carries."""
    if view.parent_of(view.me) or view.books.sought_cents:
        return
    if view.day - view.books.round_day < 7 * view.param("finance.round_gap_weeks"):
        return
    usd = view.param("talks.raise_share") * race.valuation_usd(view)
    yield SeekRound(actor=view.me, because=view.me, amount_usd_cents=round(usd * 100))


def is_hopeless(view: MarketView, quote: Quote, gap: float, target: Target) -> bool:
    """Whether two more rounds like the last would not close the gap; a round that moved no clause tells nothing yet."""
    price = math.log(quote.before_price_usd_per_gpu_hour / quote.price_usd_per_gpu_hour)
    weeks = (quote.before_start_day - quote.start_day) / 7
    if price == weeks == 0 and quote.turn < view.param("talks.turns_idle_max"):
        return False
    return 2 * (price + target.urgency * weeks / decision.HALF_YEAR_WEEKS) < gap


def counter(view: MarketView, quote: Quote, target: Target, clause: Clause | None = None) -> CounterQuote:
    """Ask for the clause that is worth most: the wanted site first, then the price or the day, by what could be won."""
    p, terms = view.param, terms_of(quote)
    price_room = quote.price_usd_per_gpu_hour - p("talks.price_floor_share") * quote.first_price_usd_per_gpu_hour
    first_wait = quote.slot_start_day - quote.slot_day
    wait_room = max(0.0, quote.start_day - quote.slot_day - p("talks.wait_floor_share") * first_wait)
    by_price = -math.log(max(1e-9, 1 - p("talks.concession_share") * price_room / quote.price_usd_per_gpu_hour))
    by_date = target.urgency * p("talks.concession_share") * wait_room / 7 / decision.HALF_YEAR_WEEKS
    if clause is None and quote.turn == 1 and target.region and quote.region != target.region:
        clause = "site"
    if clause is None and max(by_price, by_date) <= 0:
        clause = "hold"
    clause = clause or ("date" if by_date > by_price else "price")
    return CounterQuote(
        actor=view.me, because=quote.quote_id, quote_id=quote.quote_id, clause=clause,
        terms=_asked(terms, clause, (price_room, wait_room), target),
    )  # fmt: skip


def _asked(terms: LeaseTerms, clause: Clause, room: tuple[float, float], target: Target) -> LeaseTerms:
    if clause == "price":
        price = terms.price_usd_per_gpu_hour
        return replace(terms, price_usd_per_gpu_hour=price - max(LEAST_CUT_SHARE * price, room[0]))
    if clause == "date":
        earlier = max(1, round(room[1]))
        return replace(terms, start_day=terms.start_day - earlier, end_day=terms.end_day - earlier)
    return replace(terms, region=target.region) if clause == "site" and target.region else terms


def sign(view: MarketView, talks: Talks, found: Decision, best: Scored) -> Iterator[Command]:
    """Take the best quote and end the other talks."""
    yield from end_talks(view, talks, found, best)
    name = best.option.quote_id
    yield AcceptQuote(actor=view.me, because=name, quote_id=name, why=found.choice("compute", best))


def end_talks(view: MarketView, talks: Talks, found: Decision, winner: Scored | None) -> Iterator[Command]:
    """Break off all talks but the winner's, each for what its own last offer was left for."""
    scored = {s.option.quote_id: s for s in found.ranked if s.option.quote_id}
    for request, quote in talks:
        if quote is not None and winner is not None and quote.quote_id == winner.option.quote_id:
            continue
        lost = scored.get(quote.quote_id) if quote is not None else None
        if lost is not None and winner is not None:
            yield _lose(view, request.request_id, lost, winner)
        elif lost is not None:
            yield _break(view, request.request_id, lost.option.failed[0])
        else:
            yield _break(view, request.request_id, "no answer" if quote is None else "too late")


def execute(view: MarketView, found: Decision, taken: Scored) -> Iterator[Command]:
    """Do what was decided: announce the site and order the chips, or order for power that is there.

    What a fleet should build itself is begun with its other buildings.
    """
    if found.target.is_fleet:
        return
    option, why = taken.option, found.choice("compute", taken)
    because = found.target.because
    chip = view.chip(option.chip)
    gpus = max(1, round(option.h100e / chip.h100e))
    if option.way in (Way.BROWNFIELD, Way.GREENFIELD, Way.LEASED_SHELL):
        kw = math.ceil(gpus * chip.power_kw_it_per_gpu)
        yield PlanSite(
            actor=view.me, because=because, region=option.region, kind=option.site_kind, power_kw_it=kw,
            on_site_power=option.on_site_power, is_firm=option.is_firm, why=why,
        )  # fmt: skip
        why = None
    yield PlaceOrder(actor=view.me, because=because, chip=option.chip, gpus=gpus, why=why)
