"""Markets by region and class: what bids enter, how a rule's answer is placed at sites, what is too little."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from market.clearing.account import least_units, unit_worth
from market.clearing.book import Allotment, Alternative, Bid, Book, Cleared, Place, Price, Room, places

Class = tuple[str, str, int, int]  # region, chip, first week, weeks as a negative: the longest first


class Claim(NamedTuple):
    """A bid in the market of one class: what of it is asked for, worth how much a unit (and hour)."""

    bid: Bid
    number: int  # of its alternatives
    asked: Alternative
    worth_usd: float


class Offer(NamedTuple):
    """Units at one site, and what one costs at least, USD a unit (and hour)."""

    place: Place
    units: int
    reserve_usd: float


class Shared(NamedTuple):
    """What a rule gives each claim, and the price of a unit (and hour) where there is one: else each pays reserves."""

    units: list[int]
    price_usd: float | None = None


Rule = Callable[[Sequence[Offer], Sequence[Claim]], Shared]


def clear_by_class(of: Book, rule: Rule) -> Cleared:
    """Clear each region, class and term by a rule; a bid enters one of them, with one of its alternatives.

    A claim that would get less than it can use, or pay more than it is worth to it, leaves, and the rule answers anew.
    """
    room, allotments, hours = Room(of), list[Allotment](), of.hours
    prices = {(lot.site, lot.chip, lot.week): lot.reserve_usd for lot in of.lots}
    for (region, chip, first, longest), claims in sorted(_entries(of, room).items()):
        weeks = -longest
        term = range(first, first + weeks)
        offers = sorted(_offers(of, room, region, chip, term), key=lambda o: (o.reserve_usd, o.place))
        placed, price = _settle(offers, claims, rule)
        for claim, place, units, each in placed:
            pays = each * units * hours * weeks
            allotments.append(Allotment(claim.bid.id, claim.number, *place, units, pays))
            room.take(place, term, units)
        for offer in offers if price is not None else ():
            for week in term:
                key = (*offer.place, week)
                prices[key] = max(prices[key], price or 0.0)
    told = tuple(Price(x.site, x.chip, x.region, x.week, prices[x.site, x.chip, x.week]) for x in of.lots)
    return Cleared(tuple(sorted(allotments)), told)


def _entries(of: Book, room: Room) -> dict[Class, list[Claim]]:
    """Bids by the class that each enters: of the first alternative that is on offer, the class with most units."""
    found: dict[Class, list[Claim]] = {}
    regions = {lot.site: lot.region for lot in of.lots}
    known: dict[tuple[object, ...], tuple[str, str] | None] = {}
    for bid in of.bids:
        for number, asked in enumerate(bid.alternatives):
            wanted = asked.chips, asked.sites, asked.regions, asked.term
            if wanted not in known:
                known[wanted] = _largest(of, room, asked, regions)
            if (best := known[wanted]) is not None:
                claim = Claim(bid, number, asked, unit_worth(of, asked))
                found.setdefault((*best, asked.first_week, -asked.weeks), []).append(claim)
                break
    return found


def _largest(of: Book, room: Room, asked: Alternative, regions: Mapping[str, str]) -> tuple[str, str] | None:
    """The class of an alternative with most units free, None where none are; `regions` by site."""
    units: dict[tuple[str, str], int] = {}
    for place in places(of, asked):
        key = regions[place[0]], place[1]
        units[key] = units.get(key, 0) + room.fits(place, asked.term)
    best = max(sorted(units), key=units.__getitem__, default=None)
    return best if best is not None and units[best] > 0 else None


def _offers(of: Book, room: Room, region: str, chip: str, term: range) -> Iterator[Offer]:
    regions = {lot.site: lot.region for lot in of.lots}
    for site, name in dict.fromkeys((lot.site, lot.chip) for lot in of.lots):
        if name == chip and regions[site] == region and (units := room.fits((site, chip), term)):
            yield Offer((site, chip), units, room.cost((site, chip), term) / len(term))


Placed = tuple[Claim, Place, int, float]


def _settle(offers: Sequence[Offer], claims: list[Claim], rule: Rule) -> tuple[list[Placed], float | None]:
    """Ask the rule until every claim can use what it gets; the claims with their sites, and the price."""
    while claims:
        shared = rule(offers, claims)
        placed, out = _place(offers, claims, shared)
        if out is None:
            return placed, shared.price_usd
        claims = [claim for claim in claims if claim is not out]
    return [], None


def _place(offers: Sequence[Offer], claims: Sequence[Claim], shared: Shared) -> tuple[list[Placed], Claim | None]:
    """Put claims on sites, the cheapest first; of those that get too little to use, name the one that gets least."""
    left, placed, short = (
        {offer.place: offer.units for offer in offers},
        list[Placed](),
        list[tuple[float, str, Claim]](),
    )
    pairs = sorted(zip(claims, shared.units, strict=True), key=lambda x: (not x[0].asked.contiguous, x[0].bid.id))
    open_to = [x for x in offers if shared.price_usd is None or x.reserve_usd <= shared.price_usd]
    price = shared.price_usd
    for claim, units in pairs:
        if units < 1:
            continue
        took = [
            (offer, n, offer.reserve_usd if price is None else price) for offer, n in _take(open_to, claim, units, left)
        ]
        pays, got = sum([n * each for _, n, each in took]), sum([n for _, n, _ in took])
        if got < least_units(claim.asked) or pays > claim.worth_usd * got * (1 + 1e-12):
            short.append((got / claim.asked.units, claim.bid.id, claim))
            continue
        placed += [(claim, offer.place, n, each) for offer, n, each in took]
    return placed, min(short, key=lambda x: x[:2])[2] if short else None


def _take(offers: Sequence[Offer], claim: Claim, units: int, left: dict[Place, int]) -> Iterator[tuple[Offer, int]]:
    """Units of a claim at sites that it takes; one that needs a single site takes the cheapest with room."""
    sites = claim.asked.sites
    for offer in offers:
        n = min(units, left[offer.place])
        if n < 1 or (sites and offer.place[0] not in sites) or (claim.asked.contiguous and n < units):
            continue
        left[offer.place] -= n
        units -= n
        yield offer, n
