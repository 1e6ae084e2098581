"""The desk of who needs compute: ask lessors, and compare all ways to meet a target by the one decision.

A behaviour remembers nothing: a target in hand is read from the talks that are open for it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from agents import decision, means, options, race
from agents.decision import Decision, Option, Target, Way
from agents.talks import Talks, negotiate, take_or_leave
from agents.targets import users_urgency
from agents.valuation import own_weight, ties
from events.commands import Command
from events.commands.leases import RequestLease
from market.rng import LIFETIME, NORMAL_MAX, Draws, gumbel
from market.units import MONTH_WEEKS, WEEK_DAYS
from market.view import MarketView, Request

BUILT = ("frontier", "capacity")  # what an org could build instead of renting


def pursue(view: MarketView, targets: Sequence[Target], draws: Draws) -> Iterator[Command]:
    """Answer what is on the table, then open talks for the targets for which there are none."""
    yield from answer_quotes(view)
    talking = {(request.kind, race.is_machine(request)) for request in view.requests_by_me()}
    for target in targets:
        about = target.kind, target.is_machine
        if about not in talking:
            talking.add(about)
            yield from ask(view, target, draws)


def ask(view: MarketView, target: Target, draws: Draws) -> Iterator[Command]:
    """Ask for capacity every lessor that the org may rent from, for what stands free a few, for more the present one.

    A machine is asked for in the region where the org would build itself.
    """
    if target.kind == "bridge":
        yield from ask_all(view, target, present_lessor(view, target.chip), "")
    elif target.kind == "internal":
        yield from ask_all(view, target, [str(view.parent_of(view.me))], "")
    elif target.is_machine:
        build = [o for o in options.builds(view, target, view.day) if o.way == Way.BROWNFIELD and not _is_own(view, o)]
        region = target.region or (build[0].region if build else "")
        yield from ask_all(view, target, lessors(view), region)
    elif target.h100e >= view.param("contracts.ask_min_h100e") and target.kind != "serving":
        yield from ask_all(view, target, lessors(view), target.region or "")
    else:
        yield from ask_all(view, target, nearest_lessors(view, draws), target.region or "")


def nearest_lessors(view: MarketView, draws: Draws) -> list[str]:
    """The few whom an org asks for what stands free: those that it rents from rank higher, then the larger ones."""
    p, best = view.param, list[tuple[float, str]]()
    asked, loyalty, noise = round(p("desk.lessors_asked")), p("desk.loyalty"), p("desk.noise")
    reach, backer = max(loyalty, 0.0) + abs(noise) * NORMAL_MAX, view.compute_backer(view.me)
    for cloud in known_lessors(view):
        size = math.log(max(view.fleet_owned_by(cloud), 1.0))
        if best and len(best) == asked and size + reach < -best[-1][0]:
            break  # nor could any of the smaller ones come among them
        loyal = loyalty if view.leases_from(view.me, cloud) or backer == cloud else 0.0
        best.append((-(size + loyal + noise * draws.normal("lessor rank", cloud)), cloud))
        best = sorted(best)[:asked]
    return [cloud for _, cloud in best]


def known_lessors(view: MarketView) -> list[str]:
    """Whom an org could ask for what stands free, the largest first: clouds, and labs that lease out what is idle."""
    if view.trait("exclusive_cloud"):
        return sorted(lessors(view), key=lambda name: (-view.fleet_owned_by(name), name))
    return [name for name in known(view, view.lessors_by_size()) if name != view.me]


def known(view: MarketView, names: Sequence[str]) -> Sequence[str]:
    """Those of many lessors whom an org knows: the largest, and as many that it came upon, by one draw for life.

    `names` come by size, and so does what is given back.
    """
    most = round(view.param("desk.lessors_known"))
    if len(names) <= most:
        return names
    largest = round(most / 2)
    first = largest + int(view.draws.uniform("lessors known", week=LIFETIME) * (len(names) - most + 1))
    return [*names[:largest], *names[first : first + most - largest]]


def present_lessor(view: MarketView, chip: str | None) -> list[str]:
    """The lessor from which the org rents most of a chip for its frontier runs."""
    rented: dict[str, int] = {}
    for lease in view.rented():
        if lease.kind == "frontier" and lease.chip == chip:
            rented[lease.lessor] = rented.get(lease.lessor, 0) + lease.gpus
    return [max(rented, key=lambda name: (rented[name], name))] if rented else []


def ask_all(view: MarketView, target: Target, names: Sequence[str], region: str) -> Iterator[Command]:
    """Ask each of several lessors for the whole of a target."""
    for lessor in names:
        yield RequestLease(
            actor=view.me, because=view.lost_lease() or target.because, lessor=lessor, h100e=target.h100e,
            due_day=target.due_day, duration_days=target.duration_days, kind=target.kind,
            price_usd_per_h100e_hour=target.worth_usd_per_h100e_hour_max, region=region, chip=target.chip or "",
        )  # fmt: skip


def _is_own(view: MarketView, option: Option) -> bool:
    return any(site.region == option.region for site in view.sites())


def lessors(view: MarketView) -> list[str]:
    """Clouds of the same bloc; the backer alone where a lab is bound to its cloud."""
    backer, me = view.compute_backer(view.me), view.me
    if view.trait("exclusive_cloud") and backer != me and backer in view.clouds():
        return [str(backer)]
    return sorted(name for name in known(view, view.clouds()) if name != me)


def tables(view: MarketView) -> list[Talks]:
    """Open talks of the org, one table for each thing that it asked for."""
    quotes = {quote.request_id: quote for quote in view.quotes_to_me()}
    found: dict[tuple[str, str, float, int], Talks] = {}
    for request in view.requests_by_me():
        key = (request.kind, request.chip, request.h100e, request.due_day)
        found.setdefault(key, []).append((request, quotes.get(request.request_id)))
    return list(found.values())


def target_of(view: MarketView, request: Request) -> Target:
    """The target that a request was made for, as things are today."""
    return Target(
        kind=request.kind,
        h100e=request.h100e,
        due_day=request.due_day,
        years=request.duration_days / 365,
        worth_usd_per_h100e_hour_max=request.price_limit_usd_per_h100e_hour,
        urgency=_urgency(view, request),
        control=own_weight(view),
        region=request.region or None,
        chip=request.chip or None,
        because=request.request_id,
    )


def _urgency(view: MarketView, request: Request) -> float:
    """Score lost by half a year: of a race, of users who are not served, or as the org is."""
    if race.is_machine(request):
        return race.urgency(view, request.h100e)
    chip = means.best_chip(view)
    if request.kind == "capacity" and chip is not None:
        return users_urgency(view, view.own_cost(chip.name), request.duration_days / 365)
    return view.trait("wait_weight", view.param("choice.wait_weight_default"))


def noise(view: MarketView, found: Sequence[Option], since_day: int) -> dict[str, float]:
    """Draws of what observers do not see, by option: one for each lessor or way of one's own in talks begun in a month.

    Each offer of a lessor in the same talks has the same draw, however many offers were made before it.
    """
    month, scale = (view.week - (view.day - since_day) // WEEK_DAYS) // MONTH_WEEKS, view.param("decision.noise")
    keys = {option.name: option.counterparty or option.name for option in found}
    return {name: gumbel(view.draws.uniform("option", key, month), scale) for name, key in keys.items()}


def weigh(view: MarketView, talks: Talks) -> Decision:
    """Compare all ways to meet what the talks are about."""
    request = talks[0][0]
    target = target_of(view, request)
    quotes = [quote for _, quote in talks if quote is not None and not quote.countered]
    since = min(r.day for r, _ in talks)
    found = options.all_options(view, target, quotes, since) if target.kind in BUILT else [
        options.quoted(view, target, quote) for quote in quotes
    ]  # fmt: skip
    return decision.decide(target, found, means.weights(view), noise(view, found, since).__getitem__, ties(view))


def answer_quotes(view: MarketView) -> Iterator[Command]:
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
