"""How a lessor sells capacity that it has yet to build: first offers, concessions, and building for what it signed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from msgspec.structs import replace

from agents import means, permission
from agents.buyers import NODE_GPUS
from agents.decision import Target
from agents.means import Build
from agents.resources import pending_kw, room_kw
from events.commands import Command
from events.commands.chips import PlaceOrder
from events.commands.leases import BreakTalks, GiveQuote
from events.commands.sites import PlanSite, StartBuilding
from events.terms import LeaseTerms, terms_of
from market.rng import LIFETIME, Draws
from market.view import Chip, Contract, MarketView, Quote, Request


class Offer(NamedTuple):
    """What a cloud could quote."""

    chip: str
    site: str
    gpus: int
    start_day: int
    parent_lease_id: str | None
    cost_usd_per_gpu_hour: float


def quote_price(view: MarketView, request: Request, offer: Offer) -> float:
    """Price of an offer, USD/GPU-hour: that of its term and first day, with the spread of talks.

    Capacity of chips that are cheaper to own than what is on sale today is sold nearer to their own cost, the more so
    the later it comes: by then others will have them too.
    """
    p = view.param
    if request.kind == "internal":
        return offer.cost_usd_per_gpu_hour
    if offer.parent_lease_id is not None:
        return offer.cost_usd_per_gpu_hour * (1 + p("chains.resale_margin"))
    wait, chip = max(0.0, (offer.start_day - view.day) / 7), view.chip(offer.chip)
    price = view.contract_price(request.duration_days, wait)
    later = 1 - math.exp(-wait / p("price.forward_decay_weeks"))
    price *= min(1.0, view.cost(offer.chip) / view.cost_of_mix) ** later
    spread = p("price.signed_sd") * view.draws.normal("quote", request.request_id, LIFETIME)
    signed: float = price * math.exp(spread) * chip.h100e
    return signed


def is_for_contract(view: MarketView, request: Request) -> bool:
    """Whether a request is for a cluster of one chip, for years, larger than anybody has standing free."""
    p = view.param
    is_long = request.duration_days >= p("contracts.days_min")
    return (
        request.kind == "frontier" and bool(request.chip) and is_long and request.h100e >= p("contracts.ask_min_h100e")
    )


class Plan(NamedTuple):
    """Where and how a lessor would serve a request, and from which week."""

    site: str  # empty: to be built
    build: Build | None
    region: str
    weeks: float


def plans(view: MarketView, chip: Chip, gpus: int, regions: list[str]) -> Iterator[Plan]:
    """Power that stands or is promised, another building of an own campus, a new site: each with its wait."""
    lead, kw = means.chip_weeks(view, chip), gpus * chip.power_kw_it_per_gpu
    own = pending_kw(view) / max(1, len(view.sites()))
    for site in view.sites():
        coming = [b for b in view.buildings() if b.site == site.name]
        room = site.spare_w / 1000 + sum(b.power_kw for b in coming) - view.promised_kw(site.name) - own
        if room >= kw and site.region in regions:
            due = max(((b.due_day - view.day) / 7 for b in coming), default=0.0)
            yield Plan(site.name, None, site.region, max(lead, due))
        if site.region in regions:
            build = Build("brownfield", site.region, False)
            power = means.power_weeks(view, build, kw)
            yield Plan(site.name, build, site.region, max(lead, means.shell_weeks(view, "next"), power))
    for region in regions:
        for build in (Build("greenfield", region, False), Build("greenfield", region, True)):
            wait = max(means.shell_weeks(view, "greenfield"), means.power_weeks(view, build, kw))
            yield Plan("", build, region, max(lead, wait))


def at_wish(view: MarketView, chip: Chip, gpus: int, region: str) -> Plan | None:
    """The lessee's own place, in the hall that it has in view: on the grid, for a cloud brings no turbines."""
    if region not in view.home_regions():
        return None
    build = Build("brownfield", region, False)
    kw = gpus * chip.power_kw_it_per_gpu
    power = means.power_weeks(view, build, kw)
    shell = means.shell_weeks(view, "brownfield")
    if power > shell or not permission.to_build(view, region, "brownfield", kw, on_site=False).is_worth_asking:
        return None
    return Plan("", build, region, max(means.chip_weeks(view, chip), shell))


def first_offers(view: MarketView, draws: Draws) -> Iterator[Command]:
    """Answer every new request for capacity: price, day, site, term; without power at the wish an own site."""
    quoted = {quote.request_id for quote in view.quotes_by_me()}
    for request in view.requests_to_me():
        if request.request_id in quoted or request.rounds or not is_for_contract(view, request):
            continue
        terms = offer(view, request)
        if terms is None:
            name = request.request_id
            yield BreakTalks(actor=view.me, because=name, request_id=name, reason="power")
        else:
            yield _give(view, request.request_id, terms)


def _give(view: MarketView, request_id: str, terms: LeaseTerms) -> GiveQuote:
    return GiveQuote(actor=view.me, because=request_id, request_id=request_id, form="contract", terms=terms)


def offer(view: MarketView, request: Request) -> LeaseTerms | None:
    """Terms of a first offer; None when the lessor has no chip or no place for it."""
    p = view.param
    chip = means.chip_for(view, _as_target(request))
    if chip is None:
        return None
    gpus = math.ceil(request.h100e / chip.h100e)
    wish = at_wish(view, chip, gpus, request.region) if request.region else None
    kw = gpus * chip.power_kw_it_per_gpu
    regions = permission.open_regions(view, sorted(view.home_regions()), kw)
    plan = wish or min(plans(view, chip, gpus, regions), key=_rank, default=None)
    if plan is None or 7 * plan.weeks > p("contracts.ahead_days_max"):
        return None
    start = max(request.due_day if plan.weeks * 7 + view.day < request.due_day else 0, view.day + round(7 * plan.weeks))
    cost = view.cost(chip.name) * chip.h100e
    price = quote_price(view, request, Offer(chip.name, plan.site, gpus, start, None, cost))
    bill = means.bill_usd(view, chip, gpus, plan.build or Build("greenfield", plan.region, False))
    own = means.owning_usd(view, bill, chip, gpus, plan.region) * chip.h100e
    price = p("talks.quote_factor") * max(price, own * p("price.entry_floor"))
    return LeaseTerms(
        chip=chip.name, site=plan.site, region=plan.region, gpus=gpus, start_day=start,
        end_day=start + request.duration_days, price_usd_per_gpu_hour=price,
        chip_choice="listed", site_choice="fixed" if plan.site else "listed",
        tranches=min(gpus, round(p("contracts.tranches"))), ramp_days=round(p("contracts.ramp_days")),
        take_or_pay_share=p("contracts.take_or_pay_share"),
        prepaid_share=p("contracts.prepaid_share") if view.trait("borrows") and not view.trait("income_usd_per_year")
        else 0.0,
    )  # fmt: skip


def _rank(plan: Plan) -> tuple[float, str, str]:
    return plan.weeks, plan.region, plan.site


def _as_target(request: Request) -> Target:
    return Target(
        kind="frontier", h100e=request.h100e, due_day=request.due_day, years=request.duration_days / 365,
        worth_usd_per_h100e_hour_max=request.price_limit_usd_per_h100e_hour, chip=request.chip or None,
    )  # fmt: skip


def concessions(view: MarketView, draws: Draws) -> Iterator[Command]:
    """Answer what lessees ask for: a part of the room in price or wait, the wished site if there is power."""
    for quote in view.quotes_by_me():
        if quote.form == "contract" and quote.countered:
            terms = conceded(view, quote)
            if draws.chance(2 / view.param("talks.slot_weeks"), "slot sold", quote.request_id):
                late = round(7 * view.param("talks.slot_lost_weeks"))
                terms = replace(terms, start_day=terms.start_day + late, end_day=terms.end_day + late)
            yield _give(view, quote.request_id, terms)


def conceded(view: MarketView, quote: Quote) -> LeaseTerms:
    """Terms of the next offer: the clause asked for moves by a part of its room; wait is sold for price."""
    p, terms = view.param, terms_of(quote)
    price, give = quote.price_usd_per_gpu_hour, p("talks.concession_share")
    if quote.countered == "price":
        room = price - p("talks.price_floor_share") * quote.first_price_usd_per_gpu_hour
        return replace(terms, price_usd_per_gpu_hour=price - give * max(0.0, room))
    if quote.countered == "date":
        wait = quote.start_day - quote.first_day
        room = wait - p("talks.wait_floor_share") * (quote.first_start_day - quote.first_day)
        days = round(give * max(0.0, room))
        dearer = 1 + p("talks.price_per_wait") * days / max(1, wait)
        first, last = max(view.day, terms.start_day - days), terms.end_day - days
        return replace(terms, start_day=first, end_day=last, price_usd_per_gpu_hour=price * dearer)
    if quote.countered == "site":
        plan = at_wish(view, view.chip(quote.chip), quote.gpus, quote.asked_region)
        if plan is not None:
            first = view.day + round(7 * plan.weeks)
            return replace(
                terms, site="", region=plan.region, site_choice="listed", start_day=first,
                end_day=first + terms.duration_days,
            )  # fmt: skip
    return terms


# --- what was signed is built and bought for


def fulfil(view: MarketView) -> Iterator[Command]:
    """Order chips and start buildings for contracts that chips, power and sites under way do not cover."""
    for contract in sorted(view.contracts(), key=lambda c: (c.start_day, c.contract_id)):
        if contract.lessor == view.me and contract.undrawn:
            yield from order_for(view, contract)
            yield from build_for(view, contract)


def order_for(view: MarketView, contract: Contract) -> Iterator[Command]:
    """Order the chips of a contract when their lead time says that it is time."""
    chip = view.chip(contract.chip)
    if chip.retired or not view.may_buy(chip.name) or chip.start_day - view.day > view.param("orders.ahead_days"):
        return
    owed = sum(c.undrawn for c in view.contracts() if c.lessor == view.me and c.chip == chip.name)
    cover = view.warehouse().get(chip.name, 0) + view.coming().get(chip.name, 0)
    cover += sum(order.gpus for order in view.orders() if order.chip == chip.name)
    cover += sum(max(0, view.free(h.chip, h.site)) for h in view.holdings() if h.chip == chip.name)
    weeks = (contract.start_day - view.day) / 7
    powered = int(max(0.0, room_kw(view, weeks)) / chip.power_kw_it_per_gpu)
    missing = min(contract.undrawn, owed - cover, powered)
    soon = contract.start_day - view.day <= 7 * means.chip_weeks(view, chip) + 91
    missing = permission.order_size(view, chip.name, missing)[0] if missing >= NODE_GPUS else missing
    if missing >= NODE_GPUS and soon:
        name = contract.contract_id
        yield PlaceOrder(actor=view.me, because=name, chip=chip.name, gpus=missing)


def build_for(view: MarketView, contract: Contract) -> Iterator[Command]:
    """Start what a contract's place lacks: another building at its site, or the site itself."""
    chip = view.chip(contract.chip)
    kw = math.ceil(contract.undrawn * chip.power_kw_it_per_gpu)
    places = [s for s in view.sites() if s.name == contract.site or (not contract.site and s.region == contract.region)]
    names = {site.name for site in places}
    room = sum(site.spare_w / 1000 - view.promised_kw(site.name) for site in places)
    room += sum(b.power_kw for b in view.buildings() if b.site in names)
    missing = math.ceil(kw - max(0.0, room))
    if missing < view.param("sites.building_kw_min"):
        return
    name, p = contract.contract_id, view.param
    weeks = (contract.start_day - view.day) / 7
    kind = "brownfield" if weeks < means.shell_weeks(view, "greenfield") else "greenfield"
    if places:
        yield StartBuilding(
            actor=view.me, because=name, site=places[0].name, kind="next" if places[0].energised_kw else "greenfield",
            power_kw_it=min(missing, round(p("sites.building_kw_max"))),
        )  # fmt: skip
    elif contract.region in view.home_regions():
        yield PlanSite(
            actor=view.me, because=name, region=contract.region,
            kind="brownfield" if kind == "brownfield" else "greenfield", power_kw_it=missing,
        )  # fmt: skip
