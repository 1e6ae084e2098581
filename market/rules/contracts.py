"""Rules of contracts for capacity: signature, schedule, prepayment, the leases drawn under them, their end."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Iterator
from typing import NamedTuple

from events.commands import contracts as commands
from events.kinds import ContractEnd, ContractRefusal, Lateness
from events.terms import LeaseTerms, schedule, spread
from events.types import Event
from events.types import contracts as events
from events.types.leases import LeaseRefused, LeaseSigned
from market import rng
from market.rules import clauses, work
from market.rules.base import Deciders, Happening, above, can_pay, held, rented_by, training_use, week_start
from market.rules.clauses import may_sublet, paid
from market.rules.free import free_gpus, quoted_under
from market.rules.prices import energy_at
from market.state import State, next_id
from market.state.contracts import Contract, Tranche
from market.state.leases import Quote
from market.state.sites import Site
from market.units import CENTS, HOURS_PER_DAY, digits


def sign(state: State, quote: Quote, day: int) -> list[Event]:
    """Sign a contract on an open quote; the prepayment is due at once, so a lessee without it cannot sign."""
    prepaid = round(quote.prepaid_share * quote.worth_usd * CENTS)
    if not can_pay(state, quote.lessee, prepaid):
        return [LeaseRefused(quote_id=quote.quote_id, reason="finance")]
    contract_id = next_id(state, quote.lessee, "contract")
    signed: list[Event] = [
        events.ContractSigned(
            contract_id=contract_id,
            quote_id=quote.quote_id,
            lessor=quote.lessor,
            lessee=quote.lessee,
            kind=state.leases.requests[quote.request_id].kind,
            **spread(quote),
        )
    ]
    for number, gpus, first in schedule(quote):
        signed.append(
            events.TrancheScheduled(
                contract_id=contract_id,
                tranche=number,
                lessor=quote.lessor,
                lessee=quote.lessee,
                gpus=gpus,
                start_day=first,
                end_day=first + quote.duration_days,
            )
        )
    if prepaid:
        signed.append(paid(quote.lessee, quote.lessor, prepaid, "prepayment", contract_id))
    return signed


# --- drawing


class Place(NamedTuple):
    """GPUs on which a lessor could let a tranche begin: of its own, or of a lease that it rents."""

    chip: str
    site: str
    parent_lease_id: str | None
    depth: int
    gpus: int


def substitutes(state: State, terms: LeaseTerms) -> list[str]:
    """Chips that may stand for the one named, that one first.

    `listed` : chips of the same supplier that do no less work; `seller` : every chip that all may buy.
    """
    chips, named = state.chips.chips, state.chips.chips[terms.chip]
    if terms.chip_choice == "fixed":
        return [terms.chip]
    works = works_of(state)
    listed = [
        c.name
        for c in chips.values()
        if c.name != terms.chip
        and c.buyers == named.buyers
        and (terms.chip_choice == "seller" or (c.supplier == named.supplier and works[c.name] >= works[terms.chip]))
    ]
    return [terms.chip, *sorted(listed)]


def works_of(state: State) -> dict[str, float]:
    """Work of a GPU of each chip in the week, by which chips stand for one another under a contract."""
    return work.in_h100s(state, week_start(state))


def may_be_at(state: State, contract: Contract, site: str) -> bool:
    """Whether a contract leaves it to the lessor to serve it at a site."""
    if contract.site_choice == "fixed":
        return site == contract.site
    return contract.site_choice == "seller" or not contract.region or state.sites.sites[site].region == contract.region


def sites_of(state: State, contract: Contract) -> list[str]:
    """Own sites at which a lessor may serve a contract: the one named, then by cost of energy and by what is free."""
    if contract.site_choice == "fixed":
        return [contract.site]
    own = (site for site in state.sites.sites.values() if site.owner == contract.lessor)

    def order(site: Site) -> tuple[bool, float, int, float]:
        free, energy = free_gpus(state, contract.lessor, contract.chip, site.name), energy_at(state, site)
        tie = rng.uniform(state.run.seed, "contract site", f"{contract.contract_id} {site.name}")
        return site.name != contract.site, math.prod(energy), -free, tie

    return [site.name for site in sorted((s for s in own if may_be_at(state, contract, s.name)), key=order)]


def places(state: State, contract: Contract, tranche: Tranche, taken: Counter[Hashable]) -> Iterator[Place]:
    """Where a lessor has GPUs free for a tranche, not `taken` in this step: its own, then those rented for so long."""
    allowed, lessor = substitutes(state, contract), contract.lessor
    for site in sites_of(state, contract):
        for chip in allowed:
            gpus = free_gpus(state, lessor, chip, site) - taken[lessor, chip, site]
            if gpus > 0 and state.sites.sites[site].owner == lessor:
                yield Place(chip, site, None, 1, gpus)
    for lease in rented_by(state, lessor):
        if lease.chip not in allowed or lease.end_day < tranche.end_day or not may_sublet(lease):
            continue
        if lease.depth + 1 > state.run.parameters["chains.depth_max"] or lease.start_day > tranche.start_day:
            continue
        if contract.lessee in above(state, lease) or not may_be_at(state, contract, lease.site):
            continue
        free = min(lease.gpus, lease.delivered) - lease.subleased - quoted_under(state, lease.lease_id)
        there = lessor, lease.chip, lease.site
        free = min(free - taken[lease.lease_id], free_gpus(state, *there) - taken[there])
        if free > 0:
            yield Place(lease.chip, lease.site, lease.lease_id, lease.depth + 1, free)


def draw(state: State, day: int) -> Iterator[Happening]:
    """Let leases begin under contracts whose tranches are due soon; say once which tranches are late."""
    p = state.run.parameters
    taken: Counter[Hashable] = Counter()
    signed: Counter[str] = Counter()
    due = [
        (tranche.start_day, contract.contract_id, tranche.number, contract, tranche)
        for contract in state.contracts.open.values()
        for tranche in contract.schedule
        if tranche.start_day <= day + p["contracts.draw_days"] and day < tranche.end_day
    ]
    for _, _, _, contract, tranche in sorted(due, key=lambda item: item[:3]):
        left = tranche.gpus
        for place in places(state, contract, tranche, taken):
            gpus = part(state, contract, place.chip, left, place.gpus)
            if gpus < 1:
                continue
            taken[contract.lessor, place.chip, place.site] += gpus
            if place.parent_lease_id is not None:
                taken[place.parent_lease_id] += gpus
            signed[contract.lessee] += 1
            lease, drawn = lease_under(state, contract, tranche, (place, gpus, left, signed[contract.lessee], day))
            left -= drawn.gpus
            yield Happening(day, lease, contract.lessor, contract.contract_id)
            yield Happening(day, drawn, contract.lessor, contract.contract_id)
            for held_back in clauses.deposit(lease, gpus, (lease.lessee, lease.lessor), lease.lease_id):
                yield Happening(day, held_back, lease.lessee, lease.lease_id)
            if left == 0:
                break
        if left and tranche.start_day <= day and not tranche.late_said:
            yield Happening(day, _late(state, contract, tranche, left), contract.lessor, contract.contract_id)


def part(state: State, contract: Contract, chip: str, left: int, free: int) -> int:
    """GPUs of a chip to be let for `left` GPUs of the contract's: all of them, or a part worth a lease of its own."""
    works = works_of(state)
    ratio = works[contract.chip] / works[chip]
    wanted = math.ceil(left * ratio - 1e-9)
    gpus = min(wanted, free)
    return gpus if gpus >= min(wanted, math.ceil(state.run.parameters["contracts.part_min"] * wanted)) else 0


def lease_under(
    state: State, contract: Contract, tranche: Tranche, found: tuple[Place, int, int, int, int]
) -> tuple[LeaseSigned, events.TrancheDrawn]:
    """The lease that begins under a contract, and what it takes of the tranche.

    `found` : the place, its GPUs, GPUs of the contract's chip still open, number of the lease in this step, the day.
    """
    place, gpus, left, number, day = found
    works = works_of(state)
    ratio = works[place.chip] / works[contract.chip]
    stem, _, count = next_id(state, contract.lessee, "lease").rpartition("/")
    lease_id = f"{stem}/{int(count) + number - 1}"
    terms = spread(contract) | {
        "chip": place.chip,
        "site": place.site,
        "region": state.sites.sites[place.site].region,
        "gpus": gpus,
        "start_day": max(day, tranche.start_day),
        "end_day": tranche.end_day,
        "price_usd_per_gpu_hour": digits(contract.price_usd_per_gpu_hour * ratio),
        "tranches": 1,
        "ramp_days": 0,
        "expand_gpus": contract.expand_gpus * gpus // contract.gpus,  # as GPUs of the chip let, whose part this is
    }
    lease = LeaseSigned(
        lease_id=lease_id, parent_lease_id=place.parent_lease_id, quote_id=None, lessor=contract.lessor,
        lessee=contract.lessee, kind=contract.kind, depth=place.depth, contract_id=contract.contract_id, **terms,
    )  # fmt: skip
    drawn = events.TrancheDrawn(
        contract_id=contract.contract_id,
        tranche=tranche.number,
        lease_id=lease_id,
        lessor=contract.lessor,
        lessee=contract.lessee,
        gpus=min(left, max(1, math.floor(gpus * ratio + 1e-9))),
        work_ratio=digits(ratio),
    )
    return lease, drawn


def _late(state: State, contract: Contract, tranche: Tranche, gpus: int) -> events.TrancheLate:
    store = state.chips.warehouse.get(contract.lessor, {})
    reason: Lateness = "power" if any(store.get(chip, 0) for chip in substitutes(state, contract)) else "chips"
    return events.TrancheLate(
        contract_id=contract.contract_id,
        tranche=tranche.number,
        lessor=contract.lessor,
        lessee=contract.lessee,
        gpus=gpus,
        reason=reason,
    )


def settled(state: State, day: int) -> Iterator[Happening]:
    """Contracts of which nothing is left to be drawn, or only tranches whose term is over."""
    for contract in state.contracts.open.values():
        if all(tranche.end_day <= day for tranche in contract.schedule):
            reason: ContractEnd = "term" if contract.undrawn else "drawn"
            yield Happening(day, _ended(contract, reason), contract.lessor, contract.contract_id)


def _ended(contract: Contract, reason: ContractEnd) -> events.ContractEnded:
    return events.ContractEnded(
        contract_id=contract.contract_id,
        lessor=contract.lessor,
        lessee=contract.lessee,
        gpus=contract.undrawn,
        reason=reason,
    )


# --- commands


def cancel(state: State, command: commands.CancelContract, day: int) -> list[Event]:
    """Give up what is not drawn, for the take-or-pay share of some years of its rent."""
    contract = state.contracts.open.get(command.contract_id)
    if contract is None or contract.lessee != command.actor:
        return [_refused(command.actor, command.contract_id, "not the actor's contract")]
    years = min(state.run.parameters["contracts.exit_years"], contract.duration_days / 365)
    rent = contract.undrawn * contract.due_usd_per_gpu_hour * HOURS_PER_DAY * 365 * years
    cents = round(contract.take_or_pay_share * rent * CENTS)
    fee = [paid(contract.lessee, contract.lessor, cents, "exit fee", contract.contract_id)] if cents else []
    return [*fee, _ended(contract, "cancelled")]


def shed(state: State, command: commands.ShedCapacity, day: int) -> list[Event]:
    """Give rented GPUs back that neither train nor are sublet; a part of their rent is paid on."""
    lease = state.leases.leases.get(command.lease_id)
    if lease is None or lease.lessee != command.actor or not 0 < command.gpus <= lease.delivered:
        return [_refused(command.actor, command.lease_id, "not the actor's GPUs")]
    busy = training_use(state, command.actor, lease.chip, lease.site)
    free = held(state, command.actor, lease.chip, lease.site) - busy
    if command.gpus > min(free, lease.gpus - lease.subleased) - quoted_under(state, lease.lease_id):
        return [_refused(command.actor, command.lease_id, "in use")]
    return [
        events.CapacityShed(
            lease_id=lease.lease_id,
            lessor=lease.lessor,
            lessee=lease.lessee,
            chip=lease.chip,
            site=lease.site,
            gpus=command.gpus,
        )
    ]


def _refused(org: str, contract_id: str, reason: ContractRefusal) -> events.ContractRefused:
    return events.ContractRefused(org=org, contract_id=contract_id, reason=reason)


DECIDE: Deciders = {
    commands.CancelContract: cancel,
    commands.ShedCapacity: shed,
}
