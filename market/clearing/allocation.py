"""Allocation of a scarce whole number of units among claims."""

from __future__ import annotations

from collections.abc import Sequence


def largest_remainder(total: int, shares: Sequence[float]) -> list[int]:
    """Split `total` units in proportion to `shares` (n non-negative weights): whole numbers that sum to it.

    Remainders go to the largest fractions, ties to the earlier claim (Hamilton's method).
    """
    weight = sum(shares)
    if total <= 0 or weight <= 0:
        return [0] * len(shares)
    exact = [total * share / weight for share in shares]
    whole = [int(part) for part in exact]
    order = sorted(range(len(shares)), key=lambda i: (whole[i] - exact[i], i))
    for i in order[: total - sum(whole)]:
        whole[i] += 1
    return whole


def water_fill(supply: int, needs: Sequence[int], weights: Sequence[float]) -> list[int]:
    """Fill needs from `supply` in proportion to weights, none beyond its need; what one leaves the others share.

    `needs` and `weights` have one entry a claim. Everything is given out when needs allow; the result never exceeds
    any need, and claims of equal need and weight differ by at most one unit.
    """
    given = [0] * len(needs)
    left = min(supply, sum(needs))
    while left > 0:
        open_claims = [i for i in range(len(needs)) if needs[i] > given[i] and weights[i] > 0]
        if not open_claims:
            break
        parts = largest_remainder(left, [weights[i] for i in open_claims])
        for i, part in zip(open_claims, parts, strict=True):
            step = min(part, needs[i] - given[i])
            given[i] += step
            left -= step
    return given
