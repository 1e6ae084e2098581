"""Whole books of the world's markets, to be written out and cleared by any mechanism (docs/mechanisms.md)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping

from market.clearing import Alternative, Bid, Book, Lot, book
from market.rules import books, index, spot, work
from market.rules.base import training_use
from market.rules.free import owed, promised_watts
from market.rules.prices import energy_at, reference_quote, running_cost_there
from market.state import State
from market.state.chips import Place
from market.state.leases import Request
from market.units import HOURS_PER_WEEK, WEEK_DAYS, YEAR_WEEKS

SHELL = "shell"  # what a book of shells offers instead of a chip
WEEKS_MAX = 52  # of a term that the book of leases shows


def chips(state: State, day: int) -> Book:
    """All chips in stock that somebody waits for, and all who wait, one bid an org and chip."""
    waiting = books.Waiting(state, day)
    parts = [books.chip_book(state, name, waiting) for name in sorted(waiting.by_chip)]
    bids = [
        bid._replace(id=f"{bid.id}/{bid.alternatives[0].chips[0]}") for part in parts for bid in part.bids
    ]  # an org bids for several chips
    return book([lot for part in parts for lot in part.lots], bids, "GPU")


def on_demand(state: State, day: int) -> Book:
    """All that clouds have open to rent by the hour, and the tail's demand by class, a step of it a bid."""
    parts = [(one, spot.spot_book(state, one, share, day)) for one, share in spot.open_classes(state)]
    bids = [
        bid._replace(
            id=f"{one.region}/{one.chip}/{bid.id}",
            alternatives=tuple(a._replace(regions=(one.region,)) for a in bid.alternatives),
        )
        for one, part in parts
        for bid in part.bids
    ]
    return book([lot for _, part in parts for lot in part.lots], bids)


def leases(state: State, day: int) -> Book:
    """What clouds have free, and the requests that are open, one bid a lessee and purpose, each lessor an alternative.

    A request is worth its limit over its term, of which `WEEKS_MAX` weeks are shown; a part of it is of use.
    """
    free, works = _free(state), work.in_h100e(state, day)
    asked: dict[tuple[str, str], list[Request]] = {}
    for request in state.leases.requests.values():
        asked.setdefault((request.lessee, request.kind), []).append(request)
    bids = [
        Bid(f"{lessee}/{kind}", lessee, tuple(found))
        for (lessee, kind), requests in sorted(asked.items())
        if (found := [x for request in requests for x in _alternatives(state, request, free, works)])
    ]
    weeks = max((a.weeks for bid in bids for a in bid.alternatives), default=1)
    lots = [
        Lot(spot.name(at), at.chip, site.region, week, gpus, cost)
        for at, gpus in free.items()
        for site in [state.sites.sites[at.site]]
        for cost in [running_cost_there(state, state.chips.chips[at.chip], site)]
        for week in range(weeks)
    ]  # fmt: skip
    return book(lots, bids)


def _free(state: State) -> dict[Place, int]:
    """GPUs that clouds could let: what they do not use themselves, have not promised and nobody trains on."""
    found = {}
    for (org, chip, site), h100e in sorted(index.Capacity(state).free.items()):
        at = Place(org, chip, site)
        spare = int(h100e / state.chips.chips[chip].h100e) - training_use(state, *at) - owed(state, *at)
        if spare > 0:
            found[at] = spare
    return found


def _alternatives(
    state: State, request: Request, free: Mapping[Place, int], works: Mapping[str, float]
) -> Iterator[Alternative]:
    """What would meet a request: each chip that its lessor has free, at the lessor's sites.

    A machine trains, whatever else is wanted does the work that is paid for.
    """
    weeks = min(WEEKS_MAX, max(1, request.duration_days // WEEK_DAYS))
    own = [at for at in free if at.org == request.lessor and request.chip in ("", at.chip)]
    for chip in sorted({at.chip for at in own}):
        each = state.chips.chips[chip].h100e
        gpus = math.ceil(request.h100e / each)
        paid = request.price_limit_usd_per_h100e_hour * (each if request.chip else works[chip])
        worth = paid * HOURS_PER_WEEK * weeks * gpus
        yield Alternative(gpus, worth, (chip,), tuple(spot.name(at) for at in own if at.chip == chip), weeks=weeks)


def shells(state: State, day: int) -> Book:
    """Powered shells that stand empty, kW, and chips in warehouses that wait for power: who could let to whom.

    The owner takes no less than the energy costs, and keeps what its own chips, promised or delivered, will use. A
    tenant goes where it has sites or is at home, and would earn the one-year rent until its own next building is due.
    """
    lots, bids = [], []
    ordered = books.Waiting(state, day)
    waiting = {org: store for org, store in sorted(state.chips.warehouse.items()) if store}
    for site in state.sites.sites.values():
        spare = site.spare_w - promised_watts(state, site.name)
        kw = 0 if site.owner in waiting else spare // 1000
        pue, energy = energy_at(state, site)
        if kw > 0:
            cost = pue * energy / 1000
            lots += [Lot(site.name, SHELL, site.region, week, kw, cost) for week in range(WEEKS_MAX)]
    for org, store in waiting.items():
        buyer = books.Buyer(state, org, [], ordered)
        home = [name for name, r in state.run.regions.items() if r.country == state.run.orgs[org].country]
        regions = tuple(sorted({*home, *buyer.regions}))
        weeks = max(1, min(WEEKS_MAX, round(buyer.wait_years * YEAR_WEEKS)))
        for name, gpus in sorted(store.items()):
            chip = state.chips.chips[name]
            rent = reference_quote(state) * ordered.works[name]
            rent -= state.run.parameters["price.running_usd_per_h100e_hour"] * chip.h100e
            worth = max(0.0, rent) * gpus * HOURS_PER_WEEK * weeks
            kw = math.ceil(gpus * chip.power_kw_it_per_gpu)
            asked = Alternative(kw, worth, (SHELL,), regions=regions, weeks=weeks)
            bids.append(Bid(f"{org}/{name}", org, (asked,)))
    return book(lots, bids, "kW-hour")


MAKE: dict[str, Callable[[State, int], Book]] = {
    "chips": chips,
    "leases": leases,
    "on_demand": on_demand,
    "shells": shells,
}
"""Books by market; those of leases and shells show what an exchange would have to clear: no rule clears them yet."""
