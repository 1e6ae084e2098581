"""Rules that share out what is scarce among claims, and the auction at one price (docs/mechanisms.md)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from market.clearing.allocation import largest_remainder, water_fill
from market.clearing.book import Book, Cleared
from market.clearing.classes import Claim, Offer, Shared, clear_by_class

CLOSE = 1 + 1e-12  # of prices compared, what rounding may leave


def water_filling(of: Book) -> Cleared:
    """Give all the same until each has what it asked for: constrained equal awards (O'Neill 1982; Moulin 2002)."""
    return clear_by_class(of, lambda offers, claims: Shared(fill(_supply(offers), claims, [1.0] * len(claims))))


def pro_rata(of: Book) -> Cleared:
    """Give each the same part of what it asked for: the proportional rule (Moulin 2002)."""
    return clear_by_class(of, lambda offers, claims: Shared(_proportional(_supply(offers), _needs(claims))))


def strategic(of: Book) -> Cleared:
    """Give in proportion to what the seller weighs each claim by, none more than it asked for."""
    return clear_by_class(of, lambda offers, claims: Shared(weighted(_supply(offers), claims)))


def prepaid_first(of: Book) -> Cleared:
    """Serve who has paid the larger part beforehand first, those of the same part pro rata."""

    def rule(offers: Sequence[Offer], claims: Sequence[Claim]) -> Shared:
        return Shared(_tiers(_supply(offers), claims, lambda claim: claim.bid.prepaid_share))

    return clear_by_class(of, rule)


def ready_to_power(of: Book) -> Cleared:
    """Serve pro rata what could run on arrival first, then the rest pro rata."""

    def rule(offers: Sequence[Offer], claims: Sequence[Claim]) -> Shared:
        needs = _needs(claims)
        ready = [int(need * claim.bid.powered_share) for need, claim in zip(needs, claims, strict=True)]
        first = _proportional(_supply(offers), ready)
        rest = _proportional(_supply(offers) - sum(first), [a - b for a, b in zip(needs, ready, strict=True)])
        return Shared([a + b for a, b in zip(first, rest, strict=True)])

    return clear_by_class(of, rule)


def uniform_price(of: Book) -> Cleared:
    """Serve the bids worth most a unit from the cheapest lots; all pay one price.

    With M units traded it is the (M+1)st highest of all bids and reserves: the highest bid left out or the highest
    reserve used, whichever is more (Krishna 2010, ch. 12; Wurman, Walsh and Wellman 1998).
    """
    return clear_by_class(of, at_one_price)


def at_one_price(offers: Sequence[Offer], claims: Sequence[Claim]) -> Shared:
    """Trade while the next bid is worth the next lot; `offers` from the cheapest up."""
    order = sorted(range(len(claims)), key=lambda i: (-claims[i].worth_usd, claims[i].bid.id))
    units, price, supply = [0] * len(claims), 0.0, list(offers)
    left = supply[0].units if supply else 0
    for i in order:
        need = claims[i].asked.units
        while need and supply and claims[i].worth_usd * CLOSE >= supply[0].reserve_usd:
            n = min(need, left)
            units[i], need, left, price = units[i] + n, need - n, left - n, max(price, supply[0].reserve_usd)
            if not left:
                supply.pop(0)
                left = supply[0].units if supply else 0
        if need:
            return Shared(units, max(price, claims[i].worth_usd) if any(units) else None)
    return Shared(units, price if any(units) else None)


def fill(supply: int, claims: Sequence[Claim], weights: Sequence[float]) -> list[int]:
    """Fill what claims ask for in proportion to weights."""
    return water_fill(supply, _needs(claims), weights)


def weighted(supply: int, claims: Sequence[Claim]) -> list[int]:
    """Fill in proportion to the weights of the bids."""
    return fill(supply, claims, [float(c.asked.units) if c.bid.weight is None else c.bid.weight for c in claims])


def _supply(offers: Sequence[Offer]) -> int:
    return sum(offer.units for offer in offers)


def _needs(claims: Sequence[Claim]) -> list[int]:
    return [claim.asked.units for claim in claims]


def _proportional(supply: int, needs: Sequence[int]) -> list[int]:
    return largest_remainder(min(supply, sum(needs)), [float(need) for need in needs])


def _tiers(supply: int, claims: Sequence[Claim], key: Callable[[Claim], float]) -> list[int]:
    """Serve claims by tiers, the highest first, pro rata within one."""
    units = [0] * len(claims)
    for tier in sorted({key(claim) for claim in claims}, reverse=True):
        members = [i for i, claim in enumerate(claims) if key(claim) == tier]
        parts = _proportional(supply, [claims[i].asked.units for i in members])
        for i, part in zip(members, parts, strict=True):
            units[i], supply = part, supply - part
    return units
