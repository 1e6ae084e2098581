"""What a clearing amounts to: checked against the book, then summed up the same way for every mechanism."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from market.clearing.book import Alternative, Bid, Book, Cleared, Lot, Room

CLOSE = 1e-9  # of the money compared, what rounding may leave


class Infeasible(Exception):
    """A mechanism answered what the book does not allow; the text says what."""


class Account(NamedTuple):
    """Totals of one clearing. Units count once, whatever the weeks of the term; money is USD over all terms.

    surplus_usd : worth of what is allotted less the reserves of its lots; buyers and sellers share it.
    marginal_usd : worth of a unit (or unit-hour) to the bid served that values it least; null where none is.
    excluded_usd : the same of the bid left out that values it most.
    regret_usd : what bids left out would gain at the prices of the clearing.
    unserved : units by bid, of those that got less than they asked for.
    """

    offered_units: int
    wanted_units: int
    allotted_units: int
    unserved: dict[str, int]
    paid_usd: float
    surplus_usd: float
    buyers_usd: float
    sellers_usd: float
    marginal_usd: float | None
    excluded_usd: float | None
    regret_usd: float


def account(of: Book, cleared: Cleared) -> Account:
    """Sum up a clearing. Raises Infeasible where the book does not allow it."""
    got = _served(of, cleared)
    room, bids = Room(of), {bid.id: bid for bid in of.bids}
    paid, hours = dict.fromkeys(bids, 0.0), of.hours
    cost, costs = 0.0, dict[tuple[str, str, int, int], float]()
    for x in cleared.allotments:
        asked, place = bids[x.bid].alternatives[x.alternative], (x.site, x.chip)
        term, key = asked.term, (x.site, x.chip, asked.first_week, asked.weeks)
        if x.units > room.fits(place, term):
            raise Infeasible(f"{x.bid}: {x.units:,} units of {x.chip} at {x.site} are more than is left there")
        if key not in costs:
            costs[key] = room.cost(place, term) * hours
        least = costs[key] * x.units
        if x.pays_usd < least - CLOSE * max(1.0, least):
            raise Infeasible(f"{x.bid}: pays {x.pays_usd:g} USD at {x.site}, less than the reserve of {least:g}")
        room.take(place, term, x.units)
        paid[x.bid] += x.pays_usd
        cost += least
    worth = {bid: _worth(bids[bid].alternatives[number], units) for bid, (number, units) in got.items()}
    for bid, usd in worth.items():
        if paid[bid] > usd + CLOSE * max(1.0, usd):
            raise Infeasible(f"{bid}: pays {paid[bid]:g} USD for what is worth {usd:g} to it")
    money, value = math.fsum(paid.values()), math.fsum(worth.values())
    wanted = {bid.id: _wanted(bid, got.get(bid.id)) for bid in of.bids}
    served_units = {bid: got[bid][1] if bid in got else 0 for bid in wanted}
    unserved = {bid: n - served_units[bid] for bid, n in wanted.items() if n > served_units[bid]}
    served = [unit_worth(of, bids[bid].alternatives[number]) for bid, (number, _) in got.items()]
    left = [max(unit_worth(of, a) for a in bids[bid].alternatives) for bid in unserved if bid not in got]
    return Account(
        _offered(of), sum(wanted.values()), sum(units for _, units in got.values()), unserved,
        money, max(0.0, value - cost), max(0.0, value - money), max(0.0, money - cost),  # rounding apart
        min(served, default=None), max(left, default=None),
        _regret(of, [bid for bid in of.bids if bid.id not in got], cleared, room),
    )  # fmt: skip


def _served(of: Book, cleared: Cleared) -> dict[str, tuple[int, int]]:
    """Alternative and units of each bid served, checked against what the bid asked for."""
    bids, got = {bid.id: bid for bid in of.bids}, dict[str, tuple[int, int]]()
    sites: dict[str, set[str]] = {}
    lots = {(lot.site, lot.chip): lot for lot in of.lots}
    for x in cleared.allotments:
        bid, lot = bids.get(x.bid), lots.get((x.site, x.chip))
        if bid is None or lot is None or not 0 <= x.alternative < len(bid.alternatives) or x.units < 1:
            raise Infeasible(f"{x.bid}: the book has no such bid, alternative or lot ({x.chip} at {x.site})")
        number, units = got.get(x.bid, (x.alternative, 0))
        if number != x.alternative or not bid.alternatives[number].takes(lot):
            raise Infeasible(f"{x.bid}: is served by two alternatives, or with what none of them takes")
        got[x.bid] = number, units + x.units
        sites.setdefault(x.bid, set()).add(x.site)
    for name, (number, units) in got.items():
        asked = bids[name].alternatives[number]
        if units > asked.units or units < least_units(asked) or (asked.contiguous and len(sites[name]) > 1):
            raise Infeasible(f"{name}: {units:,} units at {len(sites[name])} sites do not serve {asked.units:,}")
    return got


def least_units(asked: Alternative) -> int:
    """Units below which an alternative is of no use."""
    return max(1, math.ceil(asked.share_min * asked.units - 1e-9))


def _worth(asked: Alternative, units: int) -> float:
    return asked.value_usd * units / asked.units


def unit_worth(of: Book, asked: Alternative) -> float:
    """Worth of one unit, an hour where units are leased."""
    return asked.value_usd / (asked.units * of.hours * asked.weeks)


def _wanted(bid: Bid, got: tuple[int, int] | None) -> int:
    return bid.alternatives[got[0]].units if got else max(a.units for a in bid.alternatives)


def _offered(of: Book) -> int:
    """Units of each place in the week in which it offers most."""
    most: dict[tuple[str, str], int] = {}
    for lot in of.lots:
        most[lot.site, lot.chip] = max(most.get((lot.site, lot.chip), 0), lot.units)
    return sum(most.values())


def _regret(of: Book, left: Sequence[Bid], cleared: Cleared, room: Room) -> float:
    """What bids that are left out would gain if each could buy its best alternative at the prices."""
    at = {(p.site, p.chip, p.week): p.price_usd for p in cleared.prices} if left else {}
    return math.fsum(_gain(of, bid, at, room) for bid in left)


def _gain(of: Book, bid: Bid, at: Mapping[tuple[str, str, int], float], room: Room) -> float:
    gains = [0.0]
    for asked in bid.alternatives:
        costs = [
            sum(price_of(at, lot) for lot in term) for term in _terms(asked, room.lots) if len(term) == asked.weeks
        ]
        if costs:
            gains.append(asked.value_usd - min(costs) * of.hours * asked.units)
    return max(gains)


def price_of(at: Mapping[tuple[str, str, int], float], lot: Lot) -> float:
    """Price of a lot: at least its reserve."""
    return max(at.get((lot.site, lot.chip, lot.week), lot.reserve_usd), lot.reserve_usd)


def _terms(asked: Alternative, lots: Mapping[tuple[str, str, int], Lot]) -> list[list[Lot]]:
    """Lots of each place over a term."""
    found: dict[tuple[str, str], list[Lot]] = {}
    for (site, chip, week), lot in lots.items():
        if week in asked.term and asked.takes(lot):
            found.setdefault((site, chip), []).append(lot)
    return list(found.values())
