"""How a lessor sells capacity that it has yet to build: first offers, within its power and money, and concessions."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from msgspec.structs import replace

from agents import means
from agents.decision import Target
from agents.means import YEAR_DAYS, Build, build_of
from agents.places import at_wish, own_usd, place_for, place_of
from agents.resources import own_part, running_kw
from agents.rights import with_clauses
from agents.valuation import once, once_each
from events.commands import Command
from events.commands.leases import BreakTalks, GiveQuote
from events.kinds import TalksEnd
from events.terms import LeaseTerms, terms_of
from market.rng import LIFETIME, Draws
from market.units import CENTS, YEAR_MONTHS, clip
from market.view import Chip, MarketView, Quote, Request


class Offer(NamedTuple):
    """What a cloud could quote."""

    chip: str
    site: str
    gpus: int
    start_day: int
    parent_lease_id: str | None
    cost_usd_per_gpu_hour: float


def quote_price(view: MarketView, request: Request, offer: Offer, spread: float | None = None) -> float:
    """Price of an offer, USD/GPU-hour: that of its term and first day, with the spread of talks.

    spread : in standard deviations about the median; the request's own draw where none is given.
    """
    p = view.param
    if request.kind == "internal":
        return offer.cost_usd_per_gpu_hour
    wait, chip = max(0.0, (offer.start_day - view.day) / 7), view.chip(offer.chip)
    price = view.rent(chip.name, request.duration_days, wait)  # of what it rents itself too: that rent is sunk
    drawn = view.draws.normal("quote", request.request_id, LIFETIME) if spread is None else spread
    signed: float = price * math.exp(p("price.signed_sd") * drawn)
    return signed


def is_for_contract(view: MarketView, request: Request) -> bool:
    """Whether a request is for years, and for more, or for later, than what stands free: for capacity to be built."""
    p = view.param
    is_long = request.duration_days >= p("contracts.days_min") and request.kind not in ("internal", "bridge")
    is_later = bool(request.chip) or request.due_day - view.day > 7 * p("price.need_slack_weeks")
    return is_long and is_later and request.h100e >= p("contracts.ask_min_h100e")


def first_offers(view: MarketView) -> Iterator[Command]:
    """Answer every new request for capacity: price, day, site, term; without power at the wish an own site."""
    quoted = {quote.request_id for quote in view.quotes_by_me()}
    for request in view.requests_to_me():
        if request.request_id in quoted or request.rounds or not is_for_contract(view, request):
            continue
        terms = offer(view, request)
        if isinstance(terms, str):
            name = request.request_id
            yield BreakTalks(actor=view.me, because=name, request_id=name, reason=terms)
        else:
            yield _give(view, request.request_id, terms)


def _give(view: MarketView, request_id: str, terms: LeaseTerms) -> GiveQuote:
    return GiveQuote(actor=view.me, because=request_id, request_id=request_id, form="contract", terms=terms)


def carried_gpus(view: MarketView, chip: Chip, first_day: int, build: Build | None = None) -> float:
    """GPUs of a new contract that the lessor can pay for: lenders give those who borrow a part on it, the rest is own.

    Its own is cash and what it earns until the first day beyond debt service, less its part of the contracts that it
    has yet to build for. Of no `build` in particular it is new land where that costs least.
    """
    p, means_usd = view.param, own_means(view)
    years = clip((first_day - view.day) / 365, 0.0, p("contracts.raise_years_max"))
    bill = least_bill_usd(view, chip) if build is None else means.bill_usd(view, chip, 1, build)
    return max(0.0, means_usd.cash + years * means_usd.per_year) / (means_usd.part * bill)


@once_each
def least_bill_usd(view: MarketView, chip: Chip) -> float:
    """Bill of a GPU with new land where that costs least."""
    open_to = (build_of("greenfield", region, False) for region in view.home_regions())
    return min((means.bill_usd(view, chip, 1, each) for each in open_to), default=math.inf)


def buildable_gpus(view: MarketView, chip: Chip) -> float:
    """GPUs of a new contract that the lessor could build for: what it has signed is a multiple of what it runs."""
    return max(0.0, view.param("contracts.backlog_max") * running_kw(view) - signed_kw(view)) / chip.power_kw_it_per_gpu


@once
def signed_kw(view: MarketView) -> float:
    """Power that the contracts of a lessor have yet to draw."""
    return sum(c.undrawn * view.chip(c.chip).power_kw_it_per_gpu for c in view.contracts() if c.lessor == view.me)


class Means(NamedTuple):
    """Money of a lessor's own for new contracts, USD, what it earns a year, and the part of a bill that it pays."""

    cash: float
    per_year: float
    part: float


@once
def own_means(view: MarketView) -> Means:
    """Sum up what a lessor has for new contracts beside those that it has yet to build for."""
    part = own_part(view)
    signed = sum(
        c.undrawn * means.bill_usd(view, view.chip(c.chip), 1, build_of("greenfield", c.region, False))
        for c in view.contracts()
        if c.lessor == view.me
    )
    cash = (max(0, view.cash_cents) + view.bond_room_cents()) / CENTS
    return Means(cash - part * signed, earned_usd_per_year(view), part)


def earned_usd_per_year(view: MarketView) -> float:
    """What an org can put into new capacity a year: other business and rents, less rents and instalments paid."""
    rents, coverage = YEAR_MONTHS * view.monthly_kept_cents() / CENTS, view.coverage(0)
    served = rents * (1 - 1 / coverage) if coverage > 1 else 0.0
    paid = YEAR_MONTHS * view.monthly_rent_cents() / CENTS
    return max(0.0, view.param("finance.income_share") * view.income_usd_per_year() + served - paid)


def offer(view: MarketView, request: Request, spread: float | None = None) -> LeaseTerms | TalksEnd:
    """Terms of a first offer, of a part where that is all that can be paid for; or why there is none.

    spread : of its price, as `quote_price` takes it.
    """
    p = view.param
    chip = means.chip_for(view, _as_target(request))
    if chip is None:
        return "chips"
    asked = math.ceil(request.h100e / chip.h100e)
    least = p("labs.race_least_share" if request.chip else "desk.part_min") * asked
    last = view.day + math.ceil(YEAR_DAYS * p("contracts.raise_years_max"))
    firm = view.trait("largest_firm_share", 1.0) if request.chip else 1.0  # a machine is one firm's of a group
    if min(asked, int(firm * carried_gpus(view, chip, last))) < least:  # what is carried grows with the wait
        return "finance"
    plan = place_for(view, chip, asked, request)
    first = request.due_day if plan is None else max(request.due_day, view.day + round(7 * plan.weeks))
    carried = int(firm * carried_gpus(view, chip, first, plan and plan.works))
    built = int(firm * buildable_gpus(view, chip))
    gpus = min(asked, carried, built)
    if gpus < least:
        return "finance" if carried <= built else "power"
    if plan is None or 7 * plan.weeks > p("contracts.ahead_days_max"):
        return "power"
    cost = view.cost(chip.name) * view.work_h100e(chip.name)
    price = quote_price(view, request, Offer(chip.name, plan.site, gpus, first, None, cost), spread)
    price = p("talks.quote_factor") * max(price, own_usd(view, chip, gpus, plan) * p("price.entry_floor"))
    ramp = "" if request.chip else "fleet_"  # a machine is wanted whole, a fleet as it grows
    terms = LeaseTerms(
        chip=chip.name, site=plan.site, region=plan.region, gpus=gpus, start_day=first,
        end_day=first + request.duration_days, price_usd_per_gpu_hour=price,
        chip_choice="listed", site_choice="fixed" if plan.site else "listed",
        tranches=min(gpus, round(p(f"contracts.{ramp}tranches"))), ramp_days=round(p(f"contracts.{ramp}ramp_days")),
        take_or_pay_share=p("contracts.take_or_pay_share"),
        prepaid_share=p("contracts.prepaid_share") if view.trait("borrows") and not view.trait("income_usd_per_year")
        else 0.0,
    )  # fmt: skip
    late = means.slip(view, means.chip_weeks(view, chip)).late_weeks if plan.build is None else None
    return with_clauses(view, request, terms, asked, late_weeks=late)


def _as_target(request: Request) -> Target:
    return Target(
        kind="frontier", h100e=request.h100e, due_day=request.due_day, years=request.duration_days / 365,
        worth_usd_per_h100e_hour_max=request.price_limit_usd_per_h100e_hour, chip=request.chip or None,
    )  # fmt: skip


def concessions(view: MarketView, draws: Draws) -> Iterator[Command]:
    """Answer what lessees ask for: a part of the room in price or wait, the wished site if there is power.

    While they talk another buyer may take the place; what comes later is offered at the rent of its day. No price falls
    below what the capacity costs its owner with the margin of first offers; another place may make it dearer.
    """
    for quote in view.quotes_by_me():
        if quote.form == "contract" and quote.countered:
            here = least_usd(view, quote, terms_of(quote))
            terms = conceded(view, quote, here)
            if draws.chance(2 / view.param("talks.slot_weeks"), "slot sold", quote.request_id):
                terms = from_day(view, terms, terms.start_day + round(7 * view.param("talks.slot_lost_weeks")))
            is_there = (terms.site, terms.region) == (quote.site, quote.region)
            least = min(quote.price_usd_per_gpu_hour, here) if is_there else least_usd(view, quote, terms)
            price = max(terms.price_usd_per_gpu_hour, least)
            yield _give(view, quote.request_id, replace(terms, price_usd_per_gpu_hour=price))


def least_usd(view: MarketView, quote: Quote, terms: LeaseTerms) -> float:
    """Least price of capacity that is sold ahead, USD/GPU-hour: a margin over what it costs its owner there today.

    Until the signature neither its chips nor its power are bought, so all of their cost can still be avoided.
    """
    plan = place_of(view, terms, view.request(quote.request_id).region)
    return view.param("price.entry_floor") * own_usd(view, view.chip(terms.chip), terms.gpus, plan)


def conceded(view: MarketView, quote: Quote, least: float) -> LeaseTerms:
    """Terms of the next offer: the clause asked for moves by a part of its room, of price down to `least`.

    Wait is sold for price.
    """
    p, terms = view.param, terms_of(quote)
    price, give = quote.price_usd_per_gpu_hour, p("talks.concession_share")
    if quote.countered == "price":
        floor = max(p("talks.price_floor_share") * quote.first_price_usd_per_gpu_hour, least)
        room = price - floor
        return replace(terms, price_usd_per_gpu_hour=price - give * max(0.0, room))
    if quote.countered == "date":
        wait = quote.start_day - quote.slot_day
        room = wait - p("talks.wait_floor_share") * (quote.slot_start_day - quote.slot_day)
        days = round(give * max(0.0, room))
        dearer = 1 + p("talks.price_per_wait") * days / max(1, wait)
        first, last = max(view.day, terms.start_day - days), terms.end_day - days
        return replace(terms, start_day=first, end_day=last, price_usd_per_gpu_hour=price * dearer)
    if quote.countered == "site":
        plan = at_wish(view, view.chip(quote.chip), quote.gpus, quote.asked_region)
        if plan is not None:
            there = replace(terms, site="", region=plan.region, site_choice="listed")
            return from_day(view, there, view.day + round(7 * plan.weeks))
    return terms


def from_day(view: MarketView, terms: LeaseTerms, first: int) -> LeaseTerms:
    """The same terms from another day, dearer or cheaper as rents quoted for the two days are."""
    then, now = (
        view.rent(terms.chip, terms.duration_days, max(0, day - view.day) / 7) for day in (first, terms.start_day)
    )
    return replace(
        terms, start_day=first, end_day=first + terms.duration_days,
        price_usd_per_gpu_hour=terms.price_usd_per_gpu_hour * then / now,
    )  # fmt: skip
