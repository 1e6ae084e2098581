"""What a package exchange found, made better by hand: one package pushes others out where that gains surplus.

A deterministic search: packages in order of what they would gain, a few places each, rivals that gain least go first,
and what was pushed out is placed anew where it still fits. An exchange that does not gain is undone.
"""

from __future__ import annotations

from collections.abc import Sequence

from market.clearing.book import Book, Place, Room
from market.clearing.packages import Package, Taken, add_greedily, place, whole_gain

PASSES, PLACES = 2, 3  # over all packages, and places tried for each
LEAST_GAIN = 1e-9  # relative: less is rounding


def improved(of: Book, found: Sequence[Package], taken: Sequence[Taken]) -> list[Taken]:
    """Exchange packages until none gains, or so often."""
    board = _Board(of, found, taken)
    order = sorted(found, key=lambda x: (-whole_gain(x), x.bid, x.number))
    for _ in range(PASSES):
        if not sum(board.enters(package) for package in order):
            break
        board.fill(order)
    return [board.served[bid] for bid in sorted(board.served)]


class _Board:
    """Who is served where, and what that leaves."""

    def __init__(self, of: Book, found: Sequence[Package], taken: Sequence[Taken]) -> None:
        self.room = Room(of)
        self.served: dict[str, Taken] = {}
        self.asked: dict[str, list[Package]] = {}
        for package in found:
            self.asked.setdefault(package.bid, []).append(package)
        for packages in self.asked.values():
            packages.sort(key=lambda x: (-whole_gain(x), x.number))
        for one in taken:
            self.use(one)
            self.served[one.package.bid] = one

    def use(self, one: Taken, times: int = 1) -> None:
        """Take what a package uses, or give it back."""
        for at, units in one.units:
            self.room.take(at, one.package.asked.term, times * units)

    def enters(self, package: Package) -> bool:
        """Whether a package took the place of others, at one of its cheapest places."""
        mine = self.served.get(package.bid)
        if whole_gain(package) <= (mine.surplus_usd if mine else 0.0) * (1 + LEAST_GAIN):
            return False
        return any(self.pushes(package, cost, at, mine) for cost, at in package.costs[:PLACES])

    def pushes(self, package: Package, cost_usd: float, at: Place, mine: Taken | None) -> bool:
        """Serve a package at a place, pushing out who gains least there; undo it where that does not gain."""
        most = (package.worth_usd - cost_usd) * package.asked.units
        out = [mine] if mine else []
        for one in out:
            self.use(one, -1)
        lost = sum(one.surplus_usd for one in out)
        entered = place(package, self.room, None, ((at, package.asked.units),))
        for rival in [] if entered else self.rivals(package, at[0], mine):
            lost += rival.surplus_usd
            if lost >= most:
                break
            self.use(rival, -1)
            out.append(rival)
            if entered := place(package, self.room, None, ((at, package.asked.units),)):
                break
        back = self.again(out, package.bid) if entered else []
        gain = entered.surplus_usd + sum(one.surplus_usd for one in back) if entered else 0.0
        if entered and gain - sum(one.surplus_usd for one in out) > LEAST_GAIN * most:
            self.served = {k: x for k, x in self.served.items() if x not in out}
            self.served |= {one.package.bid: one for one in [entered, *back]}
            return True
        for one in [*back, *([entered] if entered else [])]:
            self.use(one, -1)
        for one in out:
            self.use(one)
        return False

    def rivals(self, package: Package, site: str, mine: Taken | None) -> list[Taken]:
        """Who is served at a site in weeks of a package's term, least surplus first."""
        term = package.asked.term
        return sorted(
            (x for x in self.served.values() if x is not mine and _meets(x, site, term)),
            key=lambda x: (x.surplus_usd, x.package.bid),
        )

    def again(self, out: Sequence[Taken], but: str) -> list[Taken]:
        """Place those who were pushed out where they still fit, the one that gains most first."""
        back = []
        for one in sorted(out, key=lambda x: (-x.surplus_usd, x.package.bid)):
            ways = self.asked[one.package.bid] if one.package.bid != but else []
            found = next((way for package in ways if (way := place(package, self.room))), None)
            back += [found] if found else []
        return back

    def fill(self, order: Sequence[Package]) -> None:
        """Serve who is not and fits."""
        self.served = {one.package.bid: one for one in add_greedily(self.room, order, list(self.served.values()))}


def _meets(one: Taken, site: str, term: range) -> bool:
    other = one.package.asked.term
    return other.start < term.stop and term.start < other.stop and any(at[0] == site for at, _ in one.units)
