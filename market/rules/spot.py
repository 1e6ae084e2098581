"""On demand by auction, where a scenario asks for it: what clouds have free, by region and chip (docs/odd.md).

The contracts of the tail go on at the index; the rest of what it wants bids, a step of its demand curve at a time.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from events.types import Batch
from events.types import clearing as events
from events.types import leases as lease_events
from market.clearing import Alternative, Bid, Book, Clearing, Lot, book
from market.rules import books, index, uses, work
from market.rules.base import Happening, demand_factor
from market.rules.prices import entry_price, running_cost_there
from market.state import State
from market.state.chips import Place
from market.state.demand import TAIL
from market.units import HOURS_PER_WEEK, MONTH_WEEKS, digits

STEPS = 24  # of the demand curve, from `SPAN` times the price of entry down to that part of it
SPAN = 8.0


class Class(NamedTuple):
    """GPUs of one chip in one region that clouds let by contract to the tail, and those that are open, by place."""

    region: str
    chip: str
    contracted: dict[Place, int]
    open: dict[Place, int]


def classes(state: State) -> list[Class]:
    """What clouds have free this month, by region and chip."""
    capacity = index.Capacity(state)
    fill = min(1.0, index.tail_wanted(state) / capacity.total_free) if capacity.total_free else 0.0
    part = fill * state.run.parameters["tail.contract_share"]
    found: dict[tuple[str, str], Class] = {}
    for (org, chip, site), h100e in sorted(capacity.free.items()):
        region, gpus = state.sites.sites[site].region, h100e / state.chips.chips[chip].h100e
        one = found.setdefault((region, chip), Class(region, chip, {}, {}))
        one.contracted[Place(org, chip, site)] = int(gpus * part)
        one.open[Place(org, chip, site)] = int(gpus) - int(gpus * part)
    return [found[key] for key in sorted(found)]


def spot_book(state: State, of: Class, share: float, day: int) -> Book:
    """The open GPUs of a class at running cost there, and `share` of the steps of the tail's demand on demand."""
    chip = state.chips.chips[of.chip]
    sites = state.sites.sites
    lots = [
        Lot(name(place), of.chip, of.region, week, gpus, cost)
        for place, gpus in of.open.items()
        if gpus
        for cost in [running_cost_there(state, chip, sites[place.site])]
        for week in range(MONTH_WEEKS)
    ]
    bids, each = [], work.in_h100e(state, day)[of.chip]
    for number, (price, h100e) in enumerate(steps(state)):
        gpus = int(share * h100e / chip.h100e)
        if gpus:
            worth = price * each * HOURS_PER_WEEK * MONTH_WEEKS * gpus
            bids.append(Bid(f"{number:02}", "tail", (Alternative(gpus, worth, (of.chip,), weeks=MONTH_WEEKS),)))
    return book(lots, bids)


def name(at: Place) -> str:
    """Name a place in a book: an org's GPUs at a site."""
    return f"{at.org}@{at.site}"


def open_classes(state: State) -> list[tuple[Class, float]]:
    """Classes with open GPUs, each with its part of all that is open, H100e: so much of the demand bids there."""
    found = [(one, sum(one.open.values()) * state.chips.chips[one.chip].h100e) for one in classes(state)]
    total = math.fsum(h100e for _, h100e in found)
    return [(one, h100e / total) for one, h100e in found if h100e > 0]


def steps(state: State) -> Iterator[tuple[float, float]]:
    """Demand of the tail on demand as steps: price, USD/H100e-hour, and the H100e that are wanted at no higher one."""
    use, p = state.demand.uses.get(TAIL), state.run.parameters
    if use is None:
        return
    usd = demand_factor(state) * use.usd_per_year * (1 - p["tail.contract_share"])
    before, top = 0.0, entry_price(state) * SPAN
    for number in range(STEPS):
        price = top * SPAN ** (-2 * number / (STEPS - 1))
        wanted = usd * uses.use_per_usd(state, price, p["tail.elasticity"])
        yield price, wanted - before
        before = wanted


def auctioned(state: State, day: int) -> Iterator[Happening | Batch]:
    """Clear each class, and let the tail rent what it won and what it has under contract."""
    rows: list[tuple[Place, int, float]] = []
    works = work.in_h100e(state, day)
    for one in classes(state):
        each = state.leases.price_usd_per_h100e_hour * works[one.chip]
        rows += [(at, gpus, each) for at, gpus in one.contracted.items() if gpus]
    for one, share in open_classes(state):
        done = books.cleared(state, "on_demand", spot_book(state, one, share, day))
        yield Happening(day, rents_cleared(one, done), "world", "world")
        rows += [(at, gpus, price_of(done)) for at, gpus in _won(one, done).items()]
    if rows:
        lessors = [at.org for at, _, _ in rows]
        columns = {
            "lessor": lessors, "chip": [at.chip for at, _, _ in rows], "site": [at.site for at, _, _ in rows],
            "gpus": [gpus for _, gpus, _ in rows], "price_usd_per_gpu_hour": [digits(each) for _, _, each in rows],
        }  # fmt: skip
        yield Batch(lease_events.OnDemandRented, columns, lessors, lessors)


def _won(of: Class, done: Clearing) -> dict[Place, int]:
    """GPUs let at each place."""
    places = {name(place): place for place in of.open}
    won: dict[Place, int] = defaultdict(int)
    for x in done.cleared.allotments:
        won[places[x.site]] += x.units
    return won


def price_of(done: Clearing) -> float:
    """Mean price that is paid for a GPU-hour; the tail is one renter, whatever step of it won."""
    hours = HOURS_PER_WEEK * MONTH_WEEKS * done.account.allotted_units
    return done.account.paid_usd / hours if hours else 0.0


def rents_cleared(of: Class, done: Clearing) -> events.RentsCleared:
    """Say what the clearing of a class amounted to."""
    total = done.account
    return events.RentsCleared(
        kind="on_demand",
        region=of.region,
        chip=of.chip,
        mechanism=done.mechanism,
        offered_gpus=sum(of.open.values()),
        wanted_gpus=total.wanted_units,
        gpus=total.allotted_units,
        surplus_usd=digits(total.surplus_usd),
        price_usd_per_gpu_hour=digits(price_of(done)) if total.allotted_units else None,
        marginal_usd_per_gpu_hour=books.some_digits(total.marginal_usd),
        excluded_usd_per_gpu_hour=books.some_digits(total.excluded_usd),
    )
