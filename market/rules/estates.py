"""Rules of what estates sell: what is offered, who may bid, and what changes hands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from events.commands import estates as commands
from events.kinds import BidRefusal, LotKind
from events.types import Event
from events.types import estates as events
from events.types.finance import PaymentMade
from market import rng
from market.rules import solvency, worth
from market.rules.base import Deciders, Happening, cash
from market.rules.leases import end_lease
from market.state import State, next_id
from market.state.estates import Estate, Lot
from market.state.leases import Lease
from market.units import clip


def bid(state: State, command: commands.BidForLot, day: int) -> list[Event]:
    """Bid for a lot with money that is there."""
    found = lot_of(state, command.lot_id)
    reason: BidRefusal | None = None
    if found is None or found[0].org == command.actor:
        reason = "no such lot"
    elif not is_open(state, found[1], day):
        reason = "not yet open"
    elif command.amount_usd_cents < 1:
        reason = "nothing bid"
    elif command.amount_usd_cents > cash(state, command.actor):
        reason = "cash"
    elif any(x.subleased for x in leases_at(state, *found) if x.lessee == command.actor):
        reason = "rents and sublets there"
    if reason:
        return [events.BidRefused(lot_id=command.lot_id, org=command.actor, reason=reason)]
    return [events.BidPlaced(lot_id=command.lot_id, org=command.actor, amount_usd_cents=command.amount_usd_cents)]


def lot_of(state: State, lot_id: str) -> tuple[Estate, Lot] | None:
    """An open lot and its estate."""
    return next(
        ((estate, estate.lots[lot_id]) for estate in state.finance.estates.values() if lot_id in estate.lots), None
    )


def leases_at(state: State, estate: Estate, lot: Lot) -> list[Lease]:
    """Leases of the estate's own GPUs at the site of a lot."""
    return [
        lease
        for lease in state.leases.leases.values()
        if lot.kind == "site"
        and lease.lessor == estate.org
        and lease.site == lot.site
        and lease.parent_lease_id is None
    ]


def offer(state: State, day: int) -> Iterator[Happening]:
    """Offer what estates in liquidation have: each site with all that stands on it, and chips as they arrive."""
    for estate in state.finance.estates.values():
        if estate.plan != "liquidation":
            continue
        stem, _, number = next_id(state, estate.org, "lot").rpartition("/")
        for count, (kind, site, chip, gpus, cents) in enumerate(_offered(state, estate, day), int(number)):
            event = events.LotOffered(
                lot_id=f"{stem}/{count}",
                estate_id=estate.estate_id,
                org=estate.org,
                kind=kind,
                site=site,
                chip=chip,
                gpus=gpus,
                amount_usd_cents=cents,
            )
            yield Happening(day, event, estate.org, estate.estate_id)


def _offered(state: State, estate: Estate, day: int) -> Iterator[tuple[LotKind, str, str, int, int]]:
    known = {lot.site for lot in estate.lots.values()}
    for site in state.sites.sites.values():
        if site.owner != estate.org or site.name in known:
            continue
        there = [h for h in state.chips.holdings.values() if (h.org, h.site) == (estate.org, site.name)]
        gpus = sum(h.owned for h in there)
        if gpus or site.energised_kw or any(b.site == site.name for b in state.sites.buildings.values()):
            largest = max(there, key=lambda h: (h.owned, h.chip), default=None)
            yield "site", site.name, largest.chip if largest else "", gpus, worth.site_cents(state, site, day)
    offered: Counter[str] = Counter()
    for lot in estate.lots.values():
        offered[lot.chip] += lot.gpus if lot.kind == "chips" else 0
    for chip, gpus in sorted(state.chips.warehouse.get(estate.org, {}).items()):
        if gpus > offered[chip]:
            more = gpus - offered[chip]
            yield "chips", "", chip, more, worth.stock_cents(state, estate.org, chip, more, day)


def is_open(state: State, lot: Lot, day: int) -> bool:
    """Whether a lot has been on offer for long enough to be sold."""
    return day - lot.day >= 7 * state.run.parameters["estates.notice_weeks"]


def reserve_cents(state: State, lot: Lot, day: int) -> int:
    """Least that an estate takes for a lot: a part of its appraisal, less every week, at last anything."""
    p = state.run.parameters
    left = 1 - ((day - lot.day) / 7 - p["estates.notice_weeks"]) / p["estates.sale_weeks"]
    return max(1, round(p["estates.reserve_share"] * clip(left, 0.0, 1.0) * lot.value_cents))


def sell(state: State, day: int) -> Iterator[Happening]:
    """Give each lot to its highest bidder, at its bid, if that meets the reserve; the dearest lots first."""
    money = {org: cash(state, org) for estate in state.finance.estates.values() for org in _bidders(estate)}
    lots = [
        (estate, lot)
        for estate in state.finance.estates.values()
        for lot in estate.lots.values()
        if lot.bids and is_open(state, lot, day)
    ]
    filed: Counter[str] = Counter()  # claims of lessees left without GPUs by estate, chips sold by estate and chip
    for estate, lot in sorted(lots, key=lambda item: (-item[1].value_cents, item[1].lot_id)):
        bids = {
            org: cents
            for org, cents in lot.bids.items()
            if reserve_cents(state, lot, day) <= cents <= money[org] and org not in state.finance.estates
        }
        if not bids:
            continue
        best = max(bids, key=lambda org: (bids[org], rng.uniform(state.run.seed, "bid", f"{lot.lot_id} {org}"), org))
        money[best] -= bids[best]
        yield from _sale(state, estate, lot, (best, bids[best], day), filed)


def _bidders(estate: Estate) -> set[str]:
    return {org for lot in estate.lots.values() for org in lot.bids}


def _sale(
    state: State, estate: Estate, lot: Lot, terms: tuple[str, int, int], filed: Counter[str]
) -> Iterator[Happening]:
    buyer, cents, day = terms
    gpus = sum(h.owned for h in state.chips.holdings.values() if (h.org, h.site) == (estate.org, lot.site))
    there = state.chips.warehouse.get(estate.org, {}).get(lot.chip, 0) - filed[f"{estate.org} {lot.chip}"]
    stock = min(lot.gpus, max(0, there))
    sold = events.LotSold(
        lot_id=lot.lot_id,
        estate_id=estate.estate_id,
        org=estate.org,
        counterparty=buyer,
        kind=lot.kind,
        site=lot.site,
        chip=lot.chip,
        gpus=gpus if lot.kind == "site" else stock,
        amount_usd_cents=cents,
    )
    paid = PaymentMade(
        org=buyer, counterparty=estate.org, amount_usd_cents=cents, kind="estate sale", contract_id=lot.lot_id
    )
    if lot.kind == "site":
        ended = [x for x in leases_at(state, estate, lot) if not takes_over(state, x, buyer)]
        for lease in ended:
            yield from _cut_off(state, estate, lease, (buyer, day), filed)
        yield Happening(day, sold, estate.org, lot.lot_id)
        yield Happening(day, paid, buyer, lot.lot_id)
        yield from _handed_on(state, estate, lot, (buyer, day, ended))
    elif stock:
        filed[f"{estate.org} {lot.chip}"] += stock
        yield Happening(day, sold, estate.org, lot.lot_id)
        yield Happening(day, paid, buyer, lot.lot_id)
        moved = events.StockTransferred(
            lot_id=lot.lot_id, org=estate.org, counterparty=buyer, chip=lot.chip, gpus=stock
        )
        yield Happening(day, moved, estate.org, lot.lot_id)


def takes_over(state: State, lease: Lease, buyer: str) -> bool:
    """Whether a buyer goes on with a lease: a cloud does, as do others with what they let to their own group."""
    if lease.lessee == buyer:
        return False
    return "cloud" in state.run.orgs[buyer].roles or lease.kind == "internal"


def _cut_off(
    state: State, estate: Estate, lease: Lease, terms: tuple[str, int], filed: Counter[str]
) -> Iterator[Happening]:
    """End a lease that the buyer does not take over: its own one merges, another is rejected; the lessee may claim.

    Who buys what it rents claims what it has paid ahead, another lessee all that it loses.
    """
    buyer, day = terms
    name = lease.lease_id
    if lease.lessee == buyer:
        yield from end_lease(state, lease, day, "merged")
        cents = solvency.paid_ahead_cents(lease, day)
    else:
        rejected = events.LeaseRejected(
            lease_id=name, estate_id=estate.estate_id, org=estate.org, counterparty=lease.lessee
        )
        yield Happening(day, rejected, estate.org, estate.estate_id)
        yield from end_lease(state, lease, day, "rejected")
        cents = solvency.lease_damages(state, estate.org, lease, day)
    if cents:
        stem, _, number = next_id(state, estate.org, "claim").rpartition("/")
        claim = events.ClaimFiled(
            claim_id=f"{stem}/{int(number) + filed[estate.org]}",
            estate_id=estate.estate_id,
            org=estate.org,
            counterparty=lease.lessee,
            rank="unsecured",
            amount_usd_cents=cents,
            contract_id=name,
        )
        filed[estate.org] += 1
        yield Happening(day, claim, estate.org, name)


def _handed_on(state: State, estate: Estate, lot: Lot, to: tuple[str, int, list[Lease]]) -> Iterator[Happening]:
    """Pass GPUs of a site on to its buyer, with the leases that it takes over."""
    buyer, day, cut_off = to
    ended: Counter[str] = Counter()
    for lease in cut_off:
        ended[lease.chip] += lease.delivered
    for h in state.chips.holdings.values():
        if (h.org, h.site) == (estate.org, lot.site) and h.owned:
            moved = events.GpusTransferred(
                lot_id=lot.lot_id,
                org=estate.org,
                counterparty=buyer,
                chip=h.chip,
                site=h.site,
                gpus=h.owned,
                gpus_let=h.leased_out - ended[h.chip],
            )
            yield Happening(day, moved, estate.org, lot.lot_id)
    for lease in leases_at(state, estate, lot):
        if lease not in cut_off:
            assigned = events.LeaseAssigned(
                lease_id=lease.lease_id,
                org=estate.org,
                counterparty=buyer,
                kind="lessor",
                chip=lease.chip,
                site=lease.site,
                gpus=lease.delivered,
            )
            yield Happening(day, assigned, estate.org, lot.lot_id)


DECIDE: Deciders = {commands.BidForLot: bid}
