"""The desk of who needs compute: ask, compare all ways by the one decision, talk, sign, build, order, or hold out.

A behaviour remembers nothing: a target in hand is read from the talks that are open for it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from agents import decision, means, permission, race
from agents.decision import Decision, Option, Scored, Target, Way
from events.commands import Choice, Command
from events.commands.chips import PlaceOrder
from events.commands.finance import SeekRound
from events.commands.leases import AcceptQuote, BreakTalks, CounterQuote, RequestLease
from events.commands.sites import PlanSite
from events.kinds import Clause, TalksEnd
from events.terms import LeaseTerms, terms_of
from market.rng import Draws
from market.units import MONTH_WEEKS
from market.view import MarketView, Quote, Request

Talks = list[tuple[Request, Quote | None]]
BUILT = ("frontier",)  # what an org could build instead of renting


def pursue(view: MarketView, targets: Sequence[Target], draws: Draws) -> Iterator[Command]:
    """Answer what is on the table, then open talks for the targets for which there are none."""
    yield from answer_quotes(view, draws)
    talking = {request.kind for request in view.requests_by_me()}
    for target in targets:
        if target.kind not in talking:
            talking.add(target.kind)
            yield from ask(view, target, draws)


def ask(view: MarketView, target: Target, draws: Draws) -> Iterator[Command]:
    """Ask for capacity every lessor that the org may rent from, for what stands free a few, for more the present one.

    A machine is asked for in the region where the org would build itself.
    """
    if target.kind == "bridge":
        yield from _ask_all(view, target, largest_lessor(view), "")
    elif target.kind == "internal":
        yield from _ask_all(view, target, [str(view.parent_of(view.me))], "")
    elif target.is_machine:
        build = [o for o in means.builds(view, target, view.day) if o.way == Way.BROWNFIELD and not _is_own(view, o)]
        region = target.region or (build[0].region if build else "")
        yield from _ask_all(view, target, lessors(view), region)
    elif target.h100e >= view.param("contracts.ask_min_h100e") and target.kind != "serving":
        yield from _ask_all(view, target, lessors(view), target.region or "")
    else:
        yield from _ask_all(view, target, nearest_lessors(view, draws), target.region or "")


def nearest_lessors(view: MarketView, draws: Draws) -> list[str]:
    """The few whom an org asks for what stands free: those that it rents from rank higher, then the larger ones."""
    p, ranked = view.param, []
    for cloud in lessors(view):
        size = math.log(max(view.fleet_owned_by(cloud), 1.0))
        loyal = p("desk.loyalty") if view.leases_from(view.me, cloud) or view.compute_backer(view.me) == cloud else 0.0
        noise = p("desk.noise") * draws.normal("lessor rank", cloud)
        ranked.append((size + loyal + noise, cloud))
    ranked.sort(key=lambda item: (-item[0], item[1]))
    return [cloud for _, cloud in ranked[: round(p("desk.lessors_asked"))]]


def largest_lessor(view: MarketView) -> list[str]:
    """The lessor that the org rents most from."""
    rented: dict[str, int] = {}
    for lease in view.rented():
        rented[lease.lessor] = rented.get(lease.lessor, 0) + lease.gpus
    return [max(rented, key=lambda name: (rented[name], name))] if rented else []


def _ask_all(view: MarketView, target: Target, names: Sequence[str], region: str) -> Iterator[Command]:
    for lessor in names:
        yield RequestLease(
            actor=view.me, because=target.because, lessor=lessor, h100e=target.h100e, due_day=target.due_day,
            duration_days=target.duration_days, price_usd_per_h100e_hour=target.worth_usd_per_h100e_hour_max,
            kind=target.kind, region=region, chip=target.chip or "",
        )  # fmt: skip


def _is_own(view: MarketView, option: Option) -> bool:
    return any(site.region == option.region for site in view.sites())


def lessors(view: MarketView) -> list[str]:
    """Clouds of the same bloc; the backer alone where a lab is bound to its cloud."""
    backer = view.compute_backer(view.me)
    clouds = [name for name in view.orgs("cloud") if name != view.me and view.same_bloc(name) and view.fleet_of(name)]
    if view.trait("exclusive_cloud") and backer in clouds:
        return [str(backer)]
    return sorted(clouds)


# --- the talks that are open


def tables(view: MarketView) -> list[Talks]:
    """Open talks of the org, one table for each thing that it asked for."""
    quotes = {quote.request_id: quote for quote in view.quotes_to_me()}
    found: dict[tuple[str, float, int], Talks] = {}
    for request in view.requests_by_me():
        key = (request.kind, request.h100e, request.due_day)
        found.setdefault(key, []).append((request, quotes.get(request.request_id)))
    return list(found.values())


def target_of(view: MarketView, request: Request) -> Target:
    """The target that a request was made for, as things are today."""
    machine = request.kind == "frontier" and request.chip
    keen = view.trait("wait_weight", view.param("choice.wait_weight_default"))
    return Target(
        kind=request.kind,
        h100e=request.h100e,
        due_day=request.due_day,
        years=request.duration_days / 365,
        worth_usd_per_h100e_hour_max=request.price_limit_usd_per_h100e_hour,
        urgency=race.urgency(view, request.h100e) if machine else keen,
        control=view.trait("own_weight", view.param("choice.own_weight")),
        region=request.region or None,
        chip=request.chip or None,
        because=request.request_id,
    )


def noise(view: MarketView) -> dict[str, float]:
    """Draws of what observers do not see, by option and month."""
    return _Noise(view, view.week // MONTH_WEEKS)


class _Noise(dict[str, float]):
    def __init__(self, view: MarketView, month: int) -> None:
        super().__init__()
        self._view, self._month = view, month

    def __missing__(self, option: str) -> float:
        u = self._view.draws.uniform("option", option, self._month)
        self[option] = decision.gumbel(u, self._view.param("decision.noise"))
        return self[option]


def weigh(view: MarketView, talks: Talks) -> Decision:
    """Compare all ways to meet what the talks are about."""
    request = talks[0][0]
    target = target_of(view, request)
    quotes = [quote for _, quote in talks if quote is not None and not quote.countered]
    since = min(r.day for r, _ in talks)
    options = means.all_options(view, target, quotes, since) if target.kind in BUILT else [
        means.quoted(view, target, quote) for quote in quotes
    ]  # fmt: skip
    draw = noise(view)
    return decision.decide(target, options, means.weights(view), lambda name: draw[name])


def answer_quotes(view: MarketView, draws: Draws) -> Iterator[Command]:
    """Answer all talks in which a quote waits for the org."""
    for talks in tables(view):
        if not any(quote is not None and not quote.countered for _, quote in talks):
            continue
        found = weigh(view, talks)
        quotes = {q.quote_id: q for _, q in talks if q is not None and not q.countered}
        best = next((s for s in found.ranked if s.option.quote_id in quotes), None)
        if best is None:
            continue
        quote = quotes[best.option.quote_id]
        if quote.form == "contract":
            yield from negotiate(view, talks, found, best)
        else:
            yield from take_or_leave(view, talks, found, best)


def take_or_leave(view: MarketView, talks: Talks, found: Decision, best: Scored) -> Iterator[Command]:
    """Settle the best of the leases that stand free, and leave the others for the term that turned the order."""
    quotes = {q.quote_id: q for _, q in talks if q is not None and not q.countered}
    quote, why = quotes[best.option.quote_id], found.choice("compute", best)
    for scored in found.ranked:
        other = quotes.get(scored.option.quote_id)
        if other is not None and other is not quote:
            yield _lose(view, other.request_id, scored, best)
    yield settle(view, quote, why)


def settle(view: MarketView, quote: Quote, why: Choice | None) -> Command:
    """Accept, counter or break off a lease by its price and its first day."""
    p, request = view.param, view.request(quote.request_id)
    h100e = view.chip(quote.chip).h100e
    price, limit = quote.price_usd_per_gpu_hour / h100e, request.price_limit_usd_per_h100e_hour
    price *= 1 + permission.rent_levy(view, quote.duration_days, quote.lessor)
    if not permission.accepting(view, quote).is_worth_asking:
        return _break(view, request.request_id, "permission")
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
    """Break off talks that were lost to a better option; a gate that the offer does not pass is no loss to another."""
    better = "" if lost.option.failed else winner.option.name
    reason = decision.true_reason(lost, winner)
    return BreakTalks(actor=view.me, because=request_id, request_id=request_id, reason=reason, lost_to=better)


# --- talks over capacity


def negotiate(view: MarketView, talks: Talks, found: Decision, best: Scored) -> Iterator[Command]:
    """Sign, ask for better terms, hold out, or end the talks and do what is better."""
    quotes = {q.quote_id: q for _, q in talks if q is not None and not q.countered}
    quote = quotes[best.option.quote_id]
    other = found.best_of(lambda o: not o.quote_id and o.way != Way.WAIT)
    hope = next((s for s in found.ranked if not s.option.failed and not s.option.is_executable), None)
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
    for number, scored in enumerate(sorted(ranked, key=lambda s: (-s.score, s.option.name))):
        quote = quotes[scored.option.quote_id]
        if number < few or scored is best:
            hold = "finance" in scored.option.failed
            yield counter(view, quote, found.target, "hold" if hold else None)
        else:
            yield _lose(view, quote.request_id, scored, best)


def without_gate(
    view: MarketView, talks: Talks, found: Decision, pair: tuple[Scored, Scored | None]
) -> Iterator[Command]:
    """Deal with a best quote that fails a gate: its slot was sold, or the money is not there yet."""
    best, other = pair
    quote = next(q for _, q in talks if q is not None and q.quote_id == best.option.quote_id)
    if other is not None:
        yield from end_talks(view, talks, found, other)
        yield from execute(view, found, other)
        return
    if "finance" in best.option.failed and view.day - quote.first_day < 7 * view.param("talks.finance_weeks"):
        yield from raise_for(view, found)
        yield from go_on(view, talks, found, best)
        return
    yield from end_talks(view, talks, found, None)


def raise_for(view: MarketView, found: Decision) -> Iterator[Command]:
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
    first_wait = quote.first_start_day - quote.first_day
    wait_room = max(0.0, quote.start_day - quote.first_day - p("talks.wait_floor_share") * first_wait)
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
        return replace(terms, price_usd_per_gpu_hour=terms.price_usd_per_gpu_hour - max(1e-6, room[0]))
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
    """Do what was decided: announce the site and order the chips, or order for power that is there."""
    option, why = taken.option, found.choice("compute", taken)
    because = found.target.because
    chip = view.chip(option.chip)
    gpus = max(1, round(option.h100e / chip.h100e))
    if option.way in (Way.BROWNFIELD, Way.GREENFIELD):
        kw = math.ceil(gpus * chip.power_kw_it_per_gpu)
        yield PlanSite(
            actor=view.me, because=because, region=option.region,
            kind="brownfield" if option.way == Way.BROWNFIELD else "greenfield", power_kw_it=kw,
            on_site_power=option.on_site_power, why=why,
        )  # fmt: skip
        why = None
    yield PlaceOrder(actor=view.me, because=because, chip=option.chip, gpus=gpus, why=why)
