"""What all rules share: the form of their answers, and readings of the state that several families need."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from events.commands import Command
from events.types import Event
from market.state import State
from market.state.chips import Holding, Place
from market.state.contracts import Contract
from market.state.leases import Lease, Quote, Request
from market.state.sites import Building
from market.units import DAYS_PER_YEAR, WEEK_DAYS


class Happening(NamedTuple):
    """An event of the clock or of clearing: when, what, whose process, and the id of what led to it."""

    day: int
    event: Event
    actor: str
    cause: str


Deciders = dict[type[Command], Callable[[State, Any, int], list[Event]]]


def columns_of(names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> dict[str, list[Any]]:
    """Turn rows of values into named columns, as a batch holds them."""
    return {name: list(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}


def week_start(state: State) -> int:
    """First day of the week that runs."""
    return state.run.start_day + WEEK_DAYS * (state.run.week + 1)


def years(state: State, day: int) -> float:
    """Years since the start of the run."""
    return (day - state.run.start_day) / DAYS_PER_YEAR


def h100e(state: State, chip: str, gpus: int) -> float:
    """Weigh GPUs by dense throughput against an H100."""
    return gpus * state.chips.chips[chip].h100e


def h100e_by_chip(state: State) -> dict[str, float]:
    """H100e of a GPU of each chip."""
    return {name: chip.h100e for name, chip in state.chips.chips.items()}


def training_use(state: State, org: str, chip: str, site: str) -> int:
    """GPUs of a holding that frontier runs occupy."""
    return sum(
        run.gpus for run in state.training.runs.values() if run.org == org and run.chip == chip and run.site == site
    )


def held(state: State, org: str, chip: str, site: str) -> int:
    """GPUs that an org can use there."""
    holding: Holding | None = state.chips.holdings.get(Place(org, chip, site))
    return holding.held if holding else 0


# --- what belongs to whom, in the order in which it came


def asked_by(state: State, lessee: str) -> Iterator[Request]:
    """Open requests of a lessee."""
    return map(state.leases.requests.__getitem__, state.index.asked.get(lessee, ()))


def quoted_by(state: State, lessor: str) -> Iterator[Quote]:
    """Open quotes of a lessor."""
    return map(state.leases.quotes.__getitem__, state.index.quoted.get(lessor, ()))


def let_by(state: State, lessor: str) -> Iterator[Lease]:
    """Leases of a lessor in force."""
    return map(state.leases.leases.__getitem__, state.index.let.get(lessor, ()))


def rented_by(state: State, lessee: str) -> Iterator[Lease]:
    """Leases of a lessee in force."""
    return map(state.leases.leases.__getitem__, state.index.rented.get(lessee, ()))


def sold_by(state: State, lessor: str) -> Iterator[Contract]:
    """Contracts of a lessor of which something is still to be drawn."""
    return map(state.contracts.open.__getitem__, state.index.sold.get(lessor, ()))


def bought_by(state: State, lessee: str) -> Iterator[Contract]:
    """Contracts of a lessee of which something is still to be drawn."""
    return map(state.contracts.open.__getitem__, state.index.bought.get(lessee, ()))


def buildings_at(state: State, site: str) -> Iterator[Building]:
    """What is being built at a site."""
    return map(state.sites.buildings.__getitem__, state.index.buildings.get(site, ()))


def to_come(state: State, buildings: Iterable[Building]) -> Iterator[Building]:
    """Those of some buildings whose power is to come: not halls in use, whose running plant the grid is to relieve."""
    permits = state.sites.permits
    return (b for b in buildings if (permit := permits.get(b.building_id)) is None or not permit.is_running)


def above(state: State, lease: Lease) -> set[str]:
    """The owner of a lease's site and all who let its GPUs on: none of them rents them back."""
    found, upper = {state.sites.sites[lease.site].owner}, list[Lease]([lease])
    while upper:
        one = upper.pop()
        found.add(one.lessor)
        upper += [state.leases.leases[one.parent_lease_id]] if one.parent_lease_id else []
    return found


def holdings_of(state: State, org: str) -> Iterator[Holding]:
    """Holdings of an org."""
    return map(state.chips.holdings.__getitem__, state.index.holdings.get(org, ()))


def fleet_h100e(state: State, org: str) -> float:
    """H100e that an org can use, everywhere."""
    chips = state.chips.chips
    return sum(h.held * chips[h.chip].h100e for h in holdings_of(state, org))


def fleets_h100e(state: State, orgs: Iterable[str] | None = None) -> dict[str, float]:
    """H100e that every org can use, in one pass, or that some can; the sums run in the order of holdings."""
    weights, holdings = h100e_by_chip(state), state.chips.holdings
    fleets = dict.fromkeys(state.run.orgs if orgs is None else orgs, 0.0)
    if orgs is None:
        for (org, chip, _), h in holdings.items():
            fleets[org] += (h.owned + h.leased_in - h.leased_out) * weights[chip]
        return fleets
    for org in fleets:
        for place in state.index.holdings.get(org, ()):
            h = holdings[place]
            fleets[org] += (h.owned + h.leased_in - h.leased_out) * weights[h.chip]
    return fleets


def demand_factor(state: State) -> float:
    """What multiplies the spending of every user of compute: a policy's or scenario's factor, and shocks."""
    factor: float = state.run.parameters["demand.factor"] * state.run.shocks.get("demand", 1.0)
    return factor


def frontier(state: State) -> float:
    """Capability of the best released model."""
    return max((lab.capability for lab in state.training.labs.values()), default=0.0)


def trait(state: State, org: str, name: str, default: float = 0.0) -> float:
    """Read an org's trait."""
    return state.run.parameters.get(f"orgs.{org}.{name}", default)


def cash(state: State, org: str) -> int:
    """Balance of an org in cents."""
    return state.finance.ledger.accounts.get(org, 0)


def can_pay(state: State, org: str, cents: int) -> bool:
    """Whether an org has the cash for a payment; nothing can be paid from an overdraft too."""
    return cents <= max(0, cash(state, org))


def overhead_share(state: State, org: str) -> float:
    """Part of its rents that a cloud spends on sales, administration and engineers; none of one with other business.

    The cash flow of other business is what is left after the overheads of the whole firm.
    """
    if "cloud" not in state.run.orgs[org].roles or trait(state, org, "income_usd_per_year") > 0:
        return 0.0
    share: float = state.run.parameters["finance.overhead_share"]
    return share


def income_usd_per_year(state: State, org: str, day: int) -> float:
    """Operating cash flow of an org's other business, USD a year: it grows as it did before the start."""
    grown = math.exp(trait(state, org, "income_growth") * years(state, day))
    return trait(state, org, "income_usd_per_year") * grown
