"""How any org leases out what is free or can be ordered for power of its own: leases, and what it rents itself."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from agents.lessors import Offer, is_for_contract, quote_price
from agents.means import best_chip, chip_weeks
from agents.owning import Place, upkeep_usd
from agents.resources import coming_kw, powered_day, queued_kw
from agents.rights import with_clauses
from agents.valuation import once, tie
from events.commands import Command
from events.commands.leases import BreakTalks, GiveQuote
from events.kinds import TalksEnd
from events.terms import LeaseTerms
from market.view import Chip, MarketView, Quote, Request

Used = dict[tuple[str, str, str | None], int]


def answer_requests(view: MarketView) -> Iterator[Command]:
    """Quote for every open request that has no quote yet, or say why not."""
    quoted = {quote.request_id for quote in view.quotes_by_me()}
    used: dict[tuple[str, str, str | None], int] = {}
    for request in view.requests_to_me():
        if request.request_id in quoted or request.rounds or is_for_contract(view, request):
            continue
        found = find_offer(view, request, used)
        if isinstance(found, str):
            yield BreakTalks(actor=view.me, because=request.request_id, request_id=request.request_id, reason=found)
            continue
        place = (found.chip, found.site, found.parent_lease_id)
        used[place] = used.get(place, 0) + found.gpus
        yield _quote(view, request, found, quote_price(view, request, found))


def _quote(view: MarketView, request: Request, offer: Offer, price: float) -> GiveQuote:
    end = offer.start_day + request.duration_days
    if offer.parent_lease_id is not None:
        end = min(end, view.lease(offer.parent_lease_id).end_day)
    terms = LeaseTerms(
        chip=offer.chip, site=offer.site, gpus=offer.gpus, start_day=offer.start_day, end_day=end,
        price_usd_per_gpu_hour=price, region=view.site(offer.site).region,
    )  # fmt: skip
    if offer.parent_lease_id is None:
        terms = with_clauses(view, request, terms, math.ceil(request.h100e / view.chip(offer.chip).h100e))
    return GiveQuote(
        actor=view.me, because=request.request_id, request_id=request.request_id, terms=terms,
        parent_lease_id=offer.parent_lease_id,
    )  # fmt: skip


def find_offer(view: MarketView, request: Request, used: Used) -> Offer | TalksEnd:
    """Find what can serve a request: from the shelf, from rented GPUs, or forward; else the reason why nothing can."""
    if "cloud" not in view.org.roles:
        return best_of(list(shelf(view, request, used)), view) or "capacity"
    is_soon = request.due_day - view.day <= 7 * view.param("price.need_slack_weeks")
    options = [*shelf(view, request, used), *resale(view, request, used)] if is_soon else []
    return best_of(options, view) or forward(view, request, used)


def best_of(options: Sequence[Offer], view: MarketView) -> Offer | None:
    """The largest offer, of several the cheapest to the lessor, then where energy is."""
    if not options:
        return None

    def merit(offer: Offer) -> tuple[float, float]:
        return offer.gpus * view.chip(offer.chip).h100e, -offer.cost_usd_per_gpu_hour

    merits = [merit(offer) for offer in options]
    most = max(merits)
    equal = [offer for offer, of_it in zip(options, merits, strict=True) if of_it == most]
    if len(equal) == 1:
        return equal[0]
    return min(equal, key=lambda offer: (energy_usd(view, offer), -tie(view, offer.site)))


def energy_usd(view: MarketView, offer: Offer) -> float:
    """What energy costs in an hour of an H100 equivalent at the place of an offer."""
    site = view.site(offer.site)
    return upkeep_usd(view, view.chip(offer.chip), Place(site.region, site.plant_share)).energy_usd


def shelf(view: MarketView, request: Request, used: Used) -> Iterator[Offer]:
    """Offers from GPUs that are free today, if they cover enough of the request; inside a group whatever is free."""
    part_min = view.param("desk.part_min")
    start = max(view.day + 7, min(request.due_day, view.day + round(7 * view.param("desk.lead_weeks"))))
    for chip, site, gpus in standing_free(view):
        if request.chip not in ("", chip.name):
            continue
        need = math.ceil(request.h100e / chip.h100e)
        free = gpus - used.get((chip.name, site, None), 0)
        if free >= (1 if request.kind == "internal" else part_min * need):
            cost = view.cost(chip.name) * view.work_h100e(chip.name)
            yield Offer(chip.name, site, min(need, free), start, None, cost)


@once
def standing_free(view: MarketView) -> tuple[tuple[Chip, str, int], ...]:
    """Own GPUs that are free today beside what the org keeps for its own users: chip, site, GPUs."""
    captive, found = view.captive_share(), []
    for holding in view.holdings():
        if holding.owned and (free := view.free(holding.chip, holding.site) - round(captive * holding.owned)) > 0:
            found.append((view.chip(holding.chip), holding.site, min(free, holding.owned)))
    return tuple(found)


def resale(view: MarketView, request: Request, used: Used) -> Iterator[Offer]:
    """Offers from GPUs that the cloud itself rents and has not passed on."""
    if request.kind == "internal":
        return
    for lease in view.rented():
        if lease.kind != "capacity" or lease.depth + 1 > view.param("chains.depth_max"):
            continue
        chip = view.chip(lease.chip)
        need = math.ceil(request.h100e / chip.h100e)
        free = lease.gpus - lease.subleased - quoted_on(view).get(lease.lease_id, 0)
        free -= used.get((lease.chip, lease.site, lease.lease_id), 0)
        start = max(view.day + 7, lease.start_day)
        if free < view.param("desk.part_min") * need or lease.end_day - start < view.param("chains.term_days_min"):
            continue
        if start - request.due_day > 7 * view.param("price.need_slack_weeks"):
            continue
        offer = Offer(lease.chip, lease.site, min(need, free), start, lease.lease_id, lease.price_usd_per_gpu_hour)
        if view.may(_quote(view, request, offer, offer.cost_usd_per_gpu_hour)).is_given:
            yield offer


@once
def quoted_on(view: MarketView) -> dict[str, int]:
    """GPUs of each lease that the org rents which its own quotes hold."""
    found: dict[str, int] = {}
    for quote in view.quotes_by_me():
        if quote.parent_lease_id is not None:
            found[quote.parent_lease_id] = found.get(quote.parent_lease_id, 0) + quote.gpus
    return found


def forward(view: MarketView, request: Request, used: Used) -> Offer | TalksEnd:
    """Sell GPUs still to be ordered, on power that exists or is promised."""
    chip = best_chip(view)
    if chip is None:
        return "chips"
    name = chip.name
    gpus = math.ceil(request.h100e / chip.h100e)
    ready = max(request.due_day, view.day + round(7 * chip_weeks(view, chip)))
    best: Offer | None = None
    queued = queued_kw(view)
    for site in view.sites():
        coming = coming_kw(view, site)
        room = site.spare_w / 1000 - view.promised_kw(site.name) - queued
        room -= used.get((name, site.name, None), 0) * chip.power_kw_it_per_gpu
        fits = int((room + sum(kw for _, kw in coming)) / chip.power_kw_it_per_gpu)
        if fits < view.param("desk.part_min") * gpus:
            continue
        start = max(ready, powered_day(room, coming, min(gpus, fits) * chip.power_kw_it_per_gpu))
        offer = Offer(name, site.name, min(gpus, fits), start, None, view.cost(name) * view.work_h100e(name))
        if best is None or _sooner(view, offer) < _sooner(view, best):
            best = offer
    if best is None:
        return "power"
    if best.start_day - request.due_day > 7 * view.param("price.need_slack_weeks"):
        return "too late"
    return best


def _sooner(view: MarketView, offer: Offer) -> tuple[int, int, float, float]:
    return offer.start_day, -offer.gpus, energy_usd(view, offer), tie(view, offer.site)


def answer_counters(view: MarketView) -> Iterator[Command]:
    """Meet a counter-offer that still earns a little, or break off."""
    for quote in view.quotes_by_me():
        if not quote.countered or quote.form == "contract":
            continue
        request = view.request(quote.request_id)
        if quote.asked_price_usd_per_gpu_hour >= floor_price(view, quote):
            offer = Offer(
                quote.chip, quote.site, quote.gpus, max(quote.start_day, view.day), quote.parent_lease_id, 0.0
            )
            yield _quote(view, request, offer, quote.asked_price_usd_per_gpu_hour)
        else:
            yield BreakTalks(actor=view.me, because=quote.quote_id, request_id=quote.request_id, reason="price")


def floor_price(view: MarketView, quote: Quote) -> float:
    """Lowest rent that a lessor takes, USD/GPU-hour."""
    wait, days = max(0.0, (quote.start_day - view.day) / 7), quote.end_day - quote.start_day
    return view.rent(quote.chip, days, wait) * (1 - view.param("desk.room"))
