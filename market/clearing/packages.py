"""The package exchange: what can be served at all, how a bid is placed, who pays what; greedy (docs/mechanisms.md).

A bid wants all units of one alternative, or at least a part; at one site, or spread over several.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from market.clearing.account import least_units
from market.clearing.book import Allotment, Alternative, Book, Cleared, Place, Price, Room, places


class Package(NamedTuple):
    """An alternative of a bid that is worth more than the reserves of some places with room, the cheapest first."""

    bid: str
    number: int
    asked: Alternative
    worth_usd: float  # of a unit over the term
    costs: tuple[tuple[float, Place], ...]  # reserve of a unit over the term, and where

    @property
    def margin_usd(self) -> float:
        """What a unit over the term is worth beyond the cheapest reserve."""
        return self.worth_usd - self.costs[0][0]


class Taken(NamedTuple):
    """A package that is served: units by place."""

    package: Package
    units: tuple[tuple[Place, int], ...]

    @property
    def surplus_usd(self) -> float:
        """Worth less reserves."""
        costs = {place: cost for cost, place in self.package.costs}
        return math.fsum((self.package.worth_usd - costs[place]) * n for place, n in self.units)


def packages(of: Book) -> list[Package]:
    """Alternatives that could be served, in the order of bids."""
    room, found = Room(of), list[Package]()
    for bid in of.bids:
        for number, asked in enumerate(bid.alternatives):
            worth = asked.value_usd / asked.units
            least = asked.units if asked.contiguous else 1
            costs = sorted(
                (cost, place)
                for place in places(of, asked)
                if room.fits(place, asked.term) >= least and (cost := room.cost(place, asked.term) * of.hours) < worth
            )
            if costs:
                found.append(Package(bid.id, number, asked, worth, tuple(costs)))
    return found


def place(
    package: Package, room: Room, wanted: int | None = None, first: Sequence[tuple[Place, int]] = ()
) -> Taken | None:
    """Serve a package from what is left: so many units at the places named first, the rest there, then the cheapest.

    `wanted` units, or all; what is contiguous takes all at one place. None where less is left than is of use.
    """
    asked = package.asked
    left = asked.units if wanted is None or asked.contiguous else min(asked.units, wanted)
    took: dict[Place, int] = {}
    anywhere = ((at, asked.units) for at in dict.fromkeys([*(at for at, _ in first), *(at for _, at in package.costs)]))
    for at, most in (*first, *anywhere):
        n = min(left, most, room.fits(at, asked.term))
        if n < 1 or (asked.contiguous and n < asked.units):
            continue
        room.take(at, asked.term, n)
        took[at] = took.get(at, 0) + n
        left -= n
        if not left:
            break
    if sum(took.values()) >= least_units(asked):
        return Taken(package, tuple(took.items()))
    for at, n in took.items():
        room.take(at, asked.term, -n)
    return None


Score = Callable[[Package], float]


def whole_gain(package: Package) -> float:
    """Surplus of a package that is served whole at its cheapest place, USD."""
    return package.margin_usd * package.asked.units


def _size(package: Package) -> float:
    return float(package.asked.units * package.asked.weeks)


ORDERS: tuple[Score, ...] = (
    lambda x: x.margin_usd / x.asked.weeks,
    lambda x: x.margin_usd / x.asked.weeks * math.sqrt(_size(x)),
    whole_gain,
    lambda x: x.worth_usd / x.costs[0][0] if x.costs[0][0] > 0 else x.margin_usd,
)
"""By what packages are served: margin a unit-hour, the same times the root of size, in all, and relative to cost."""


def served_greedily(of: Book, found: Sequence[Package]) -> list[Taken]:
    """Serve packages one by one in four orders; the order with most surplus counts, the first of equals.

    Where all want parts of one good for the same weeks, the first order is the best.
    """
    best, most = list[Taken](), -1.0
    for score in ORDERS[:1] if _is_one_good(found) else ORDERS:
        taken = add_greedily(Room(of), sorted(found, key=lambda x: (-score(x), x.bid, x.number)), [])
        total = surplus(taken)
        if total > most:
            best, most = taken, total
    return best


def _is_one_good(found: Sequence[Package]) -> bool:
    """Whether any part of any package is of use, all want one class for the same weeks, and no bid has another way."""
    return (
        len({(one.asked.term, one.asked.sites, one.asked.regions, one.asked.chips) for one in found}) == 1
        and all(len(one.asked.chips) == 1 and not one.asked.contiguous and not one.asked.share_min for one in found)
        and len({one.bid for one in found}) == len(found)
    )


def add_greedily(room: Room, order: Sequence[Package], taken: Sequence[Taken]) -> list[Taken]:
    """Serve packages in an order from what is left, one a bid."""
    done = list(taken)
    served = {x.package.bid for x in done}
    for package in order:
        if package.bid not in served and (one := place(package, room)) is not None:
            served.add(package.bid)
            done.append(one)
    return done


def surplus(taken: Sequence[Taken]) -> float:
    """Worth of what is served less reserves, USD."""
    return math.fsum(x.surplus_usd for x in taken)


def greedy(of: Book) -> Cleared:
    """Serve packages in the best of four orders; a full lot costs what the best bid left out for it would pay."""
    found = packages(of)
    taken = served_greedily(of, found)
    return settle(of, taken, prices_of_excluded(of, found, taken))


Prices = dict[tuple[str, str, int], float]


def prices_of_excluded(of: Book, found: Sequence[Package], taken: Sequence[Taken]) -> Prices:
    """Reserve of each lot, or worth of a unit-hour to the best bid left out that would take it, where it is used."""
    at = {(lot.site, lot.chip, lot.week): lot.reserve_usd for lot in of.lots}
    served = {x.package.bid for x in taken}
    used = {(*place, week) for x in taken for place, _ in x.units for week in x.package.asked.term}
    for package in found:
        if package.bid in served:
            continue
        each = package.worth_usd / (package.asked.weeks * of.hours)
        for _, place in package.costs:
            for week in package.asked.term:
                key = (*place, week)
                if key in used:
                    at[key] = max(at[key], each)
    return at


def settle(of: Book, taken: Sequence[Taken], at: Mapping[tuple[str, str, int], float]) -> Cleared:
    """Let each winner pay the prices or, where they exceed its worth, that; what it saves comes off margins."""
    allotments = []
    for x in sorted(taken, key=lambda x: x.package.bid):
        package, term = x.package, x.package.asked.term
        cost = {place: each for each, place in package.costs}
        full = {place: sum(at[*place, week] for week in term) * of.hours for place, _ in x.units}
        worth = package.worth_usd * sum(n for _, n in x.units)
        reserve = math.fsum(cost[place] * n for place, n in x.units)
        over = math.fsum((full[place] - cost[place]) * n for place, n in x.units)
        part = min(1.0, (worth - reserve) / over) if over > 0 else 0.0
        allotments += [
            Allotment(package.bid, package.number, *place, n, n * (cost[place] + part * (full[place] - cost[place])))
            for place, n in x.units
        ]
    prices = tuple(Price(x.site, x.chip, x.region, x.week, at[x.site, x.chip, x.week]) for x in of.lots)
    return Cleared(tuple(sorted(allotments)), prices)
