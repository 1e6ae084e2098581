"""The book of a market: what is offered, who bids, what a mechanism makes of it, and what came of that.

A unit is a GPU that is leased by the hour, a GPU that is sold, or a kW of a powered shell that is leased by the hour.
Money is USD. Lots and bids are in the order of their ids, whatever the order in which they came.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from market.units import HOURS_PER_WEEK

Unit = Literal["GPU-hour", "GPU", "kW-hour"]
UNLIMITED = float("inf")
FITS = 1 + 1e-9  # power is compared with what rounding leaves


class Lot(NamedTuple):
    """Units of one class at one site in one week, and the least that their seller takes, USD a unit (or unit-hour)."""

    site: str
    chip: str
    region: str
    week: int
    units: int
    reserve_usd: float
    power_kw: float = UNLIMITED


class Alternative(NamedTuple):
    """What would serve a bid: units for some weeks, at named sites or in regions (none named: anywhere).

    `contiguous`: all at one site. `share_min`: the least part that is of use; what is served is worth its part of
    `value_usd`, which is for all units and weeks.
    """

    units: int
    value_usd: float
    chips: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    first_week: int = 0
    weeks: int = 1
    contiguous: bool = False
    share_min: float = 0.0

    @property
    def term(self) -> range:
        """Weeks in which the units are used."""
        return range(self.first_week, self.first_week + self.weeks)

    def takes(self, lot: Lot) -> bool:
        """Whether units of a lot would do, but for their week."""
        is_there = lot.site in self.sites or lot.region in self.regions or not (self.sites or self.regions)
        return is_there and (not self.chips or lot.chip in self.chips)


class Bid(NamedTuple):
    """A buyer wants at most one of the alternatives; the rest is what rules of sharing out look at."""

    id: str
    buyer: str
    alternatives: tuple[Alternative, ...]
    weight: float | None = None  # what the seller weighs the claim by; None: the units asked for
    prepaid_share: float = 0.0
    powered_share: float = 1.0  # part that could run on arrival


class Book(NamedTuple):
    """One market at one moment; make it by `book`, which orders it."""

    lots: tuple[Lot, ...]
    bids: tuple[Bid, ...]
    unit: Unit = "GPU-hour"
    kw_per_unit: Mapping[str, float] = {}  # by chip; what is not named takes no power

    @property
    def hours(self) -> float:
        """Priced hours of a unit in a week: 1 where units are sold."""
        return 1.0 if self.unit == "GPU" else HOURS_PER_WEEK


def book(
    lots: Sequence[Lot], bids: Sequence[Bid], unit: Unit = "GPU-hour", kw_per_unit: Mapping[str, float] | None = None
) -> Book:
    """Order lots by place and week, bids by id; keep the power of what is offered."""
    chips = sorted({lot.chip for lot in lots} & set(kw_per_unit or {}))
    power = {chip: kw for chip in chips if kw_per_unit and (kw := kw_per_unit[chip]) > 0}
    return Book(tuple(sorted(lots)), tuple(sorted(bids)), unit, power)


class Allotment(NamedTuple):
    """Units of one lot's class for a bid, over the weeks of the alternative taken, and what is paid for them."""

    bid: str
    alternative: int
    site: str
    chip: str
    units: int
    pays_usd: float


class Price(NamedTuple):
    """USD a unit (or unit-hour) at which a lot was cleared."""

    site: str
    chip: str
    region: str
    week: int
    price_usd: float


class Cleared(NamedTuple):
    """What a mechanism answers. `gap`: how far its surplus may lie below the greatest, as a part of the bound."""

    allotments: tuple[Allotment, ...]
    prices: tuple[Price, ...]
    gap: float | None = None


Place = tuple[str, str]  # site, chip


class Room:
    """What is left of a book's lots while units are placed: units of each lot, and power.

    Where all lots of a site and week state the same power it is the site's, which they share; else each states its own.
    """

    def __init__(self, of: Book) -> None:
        self.kw = of.kw_per_unit
        self.lots = {(lot.site, lot.chip, lot.week): lot for lot in of.lots}
        self.units = {key: lot.units for key, lot in self.lots.items()}
        self.row_kw = {key: lot.power_kw for key, lot in self.lots.items()}
        self.site_kw = shared_power(of.lots)

    def fits(self, place: Place, term: range) -> int:
        """Units of a class at a site that are free in every week of a term."""
        site, chip = place
        if len(term) == 1:
            free = self.units.get((site, chip, term[0]), 0)
        else:
            free = min((self.units.get((site, chip, week), 0) for week in term), default=0)
        kw = self.kw.get(chip, 0.0)
        if free > 0 and kw > 0:
            least = min(min(self.row_kw[site, chip, w], self.site_kw.get((site, w), UNLIMITED)) for w in term)
            free = free if least == UNLIMITED else min(free, int(least * FITS / kw))
        return max(free, 0)

    def take(self, place: Place, term: range, units: int) -> None:
        """Use units over a term."""
        (site, chip), kw = place, self.kw.get(place[1], 0.0)
        for week in term:
            self.units[site, chip, week] -= units
            if kw:
                self.row_kw[site, chip, week] -= kw * units
                if (site, week) in self.site_kw:
                    self.site_kw[site, week] -= kw * units

    def cost(self, place: Place, term: range) -> float:
        """Reserve of one unit over a term, USD an hour of each week."""
        return sum([self.lots[*place, week].reserve_usd for week in term])


def shared_power(lots: Sequence[Lot]) -> dict[tuple[str, int], float]:
    """Power of each site and week that its lots share, kW."""
    stated: dict[tuple[str, int], set[float]] = {}
    for lot in lots:
        stated.setdefault((lot.site, lot.week), set()).add(lot.power_kw)
    return {key: min(values) for key, values in stated.items() if len(values) == 1}


def places(of: Book, alternative: Alternative) -> Iterator[Place]:
    """Sites and classes with lots that would do, each once, in order."""
    yield from dict.fromkeys((lot.site, lot.chip) for lot in of.lots if alternative.takes(lot))
