"""Lease or build: how a lab answers the quotes it gets (equations, lease or build)."""

from __future__ import annotations

import math
from collections.abc import Iterator

from msgspec.structs import replace

from agents.buyers import offers
from agents.resources import buildable_kw
from agents.valuation import choose, price_term, time_term
from events.commands import Choice, Command, Terms
from events.commands.leases import AcceptQuote, BreakTalks, CounterQuote
from events.commands.sites import PlanSite, StartBuilding
from events.kinds import TalksEnd
from events.terms import terms_of
from market.rng import Draws
from market.view import MarketView, Quote


def slip_risk(view: MarketView, wait_weeks: float) -> float:
    """Chance that a promise so far ahead slips by more than a quarter (lognormal slip of the plan)."""
    p = view.param
    if wait_weeks <= 4:
        return 0.0
    z = (math.log(1 + 13 / wait_weeks) - math.log(p("sites.slip_median"))) / p("sites.slip_sd")
    return 0.5 * math.erfc(z / math.sqrt(2))


def quote_terms(view: MarketView, quote: Quote) -> Terms:
    """Score a quote."""
    p = view.param
    price = quote.price_usd_per_gpu_hour / view.chip(quote.chip).h100e
    price /= view.training_yield(quote.quote_id)
    wait = max(0.0, (quote.start_day - view.day) / 7)
    return Terms(
        f"lease {quote.quote_id}",
        term_price=price_term(price, p("price.tco_usd_per_h100e_hour")),
        term_time=time_term(wait, view.trait("wait_weight", p("choice.wait_weight_default"))),
        term_risk=-p("choice.risk_weight") * slip_risk(view, wait),
    )


def build_terms(view: MarketView) -> Terms | None:
    """Score building for oneself: replacement cost with own power, capital and risk; control is worth a little."""
    p, found = view.param, offers(view)
    if not view.trait("build") or not found:
        return None
    name = max(found, key=lambda item: item[1].score)[0]
    chip = view.chip(name)
    weeks = max(chip.lead_time_weeks, (chip.start_day - view.day) / 7) + p("shipping.weeks")
    site = p("sites.brownfield_days") * p("sites.slip_median") / 7
    has_power = view.spare_kw() > p("sites.building_kw_min")
    wait = weeks if has_power else max(weeks, site)
    return Terms(
        f"build on {name}",
        term_price=price_term(view.cost(name) * p("build.cost_factor"), p("price.tco_usd_per_h100e_hour")),
        term_time=time_term(wait, view.trait("wait_weight", p("choice.wait_weight_default"))),
        term_control=view.trait("own_weight", p("choice.own_weight")),
        term_risk=-p("choice.risk_weight") * slip_risk(view, wait),
    )


def answer_quotes(view: MarketView, draws: Draws) -> Iterator[Command]:
    """Take the best quote, answer it with a lower price, build instead, or walk away; end the other talks."""
    quotes = [q for q in view.quotes_to_me() if not q.countered]
    if not quotes:
        return
    parent = view.parent_of(view.me)
    options = [quote_terms(view, quote) for quote in quotes]
    building = build_terms(view)
    if building is not None:
        options.append(building)
    u = draws.uniform("lease or build", view.me)
    i, why = choose("compute", options, view.param("choice.temperature"), u)
    if i == len(quotes):
        yield from build_instead(view, quotes, why)
        return
    best = quotes[i]
    for quote in quotes:
        if quote is not best:
            reason: TalksEnd = "too late" if quote.start_day > best.start_day + 91 else "price"
            yield BreakTalks(actor=view.me, because=quote.quote_id, request_id=quote.request_id, reason=reason)
    if best.lessor == parent:
        yield AcceptQuote(actor=view.me, because=best.quote_id, quote_id=best.quote_id, why=why)
        return
    yield settle(view, best, why)


def settle(view: MarketView, quote: Quote, why: Choice) -> Command:
    """Accept, counter or break off the best quote by its price and its first day."""
    p, request = view.param, view.request(quote.request_id)
    price = quote.price_usd_per_gpu_hour / view.chip(quote.chip).h100e
    late = quote.start_day - request.due_day > 7 * p("price.need_slack_weeks")
    if late and not view.trait("patient"):
        return BreakTalks(actor=view.me, because=quote.quote_id, request_id=quote.request_id, reason="too late")
    if price > request.price_limit_usd_per_h100e_hour:
        target = p("desk.limit_share") * request.price_limit_usd_per_h100e_hour * view.chip(quote.chip).h100e
        if request.rounds < 2 and price < p("desk.limit_reach") * request.price_limit_usd_per_h100e_hour:
            return CounterQuote(
                actor=view.me,
                because=quote.quote_id,
                quote_id=quote.quote_id,
                clause="price",
                terms=replace(terms_of(quote), price_usd_per_gpu_hour=target),
                why=why,
            )
        return BreakTalks(actor=view.me, because=quote.quote_id, request_id=quote.request_id, reason="price")
    if request.rounds < 2 and price > p("desk.counter_above") * view.price:
        target = p("desk.counter_at") * quote.price_usd_per_gpu_hour
        return CounterQuote(
            actor=view.me,
            because=quote.quote_id,
            quote_id=quote.quote_id,
            clause="price",
            terms=replace(terms_of(quote), price_usd_per_gpu_hour=target),
            why=why,
        )
    return AcceptQuote(actor=view.me, because=quote.quote_id, quote_id=quote.quote_id, why=why)


def build_instead(view: MarketView, quotes: list[Quote], why: Choice) -> Iterator[Command]:
    """Break all talks off and start an own building; the chips come through the own budget."""
    for quote in quotes:
        slow = bool(why.rejected) and why.rejected[0].term_time < why.chosen.term_time
        reason: TalksEnd = "too late" if slow else "control"
        yield BreakTalks(actor=view.me, because=quote.quote_id, request_id=quote.request_id, reason=reason)
    wanted_kw = max(view.request(q.request_id).h100e for q in quotes)  # about a kilowatt of IT power an H100e
    kw = int(min(buildable_kw(view), wanted_kw))
    if kw < view.param("sites.building_kw_min") or view.spare_kw() > kw:
        return
    turbines = bool(view.trait("on_site_power"))
    sites = [site for site in view.sites() if site.kind != "pool"]
    if sites:
        site = max(sites, key=lambda s: (s.energised_kw, s.name))
        yield StartBuilding(
            actor=view.me, because=site.name, site=site.name, kind="next", power_kw_it=kw, on_site_power=turbines,
            why=why,
        )  # fmt: skip
        return
    region = min(view.home_regions(), key=lambda r: (view.queue_days(r), r), default=None)
    if region is None:  # every region has refused it
        return
    yield PlanSite(
        actor=view.me, because=view.me, region=region, kind="brownfield", power_kw_it=kw, on_site_power=turbines,
        why=why,
    )  # fmt: skip
