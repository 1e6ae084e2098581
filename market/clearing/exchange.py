"""The package exchange as a mixed-integer program, solved by SciPy's HiGHS within a bound of time (docs/mechanisms.md).

The linear relaxation is solved in full; the columns that it uses and the best of the rest by reduced cost go into a
program with few branches; what that leaves is filled greedily, and packages then push each other out where that gains
(`improve`). The answer is never worse than greedy's, and its gap is stated against the bound of the relaxation. SciPy
is imported only here and only when asked.
"""

from __future__ import annotations

import hashlib
import math
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from market.clearing.account import least_units
from market.clearing.book import UNLIMITED, Book, Cleared, Place, Room
from market.clearing.improve import improved
from market.clearing.packages import (
    Package,
    Prices,
    Taken,
    add_greedily,
    packages,
    place,
    prices_of_excluded,
    served_greedily,
    settle,
    surplus,
)

COLUMNS_MAX = 150
NODES_MAX = 5
GAP = 1e-2
ROUNDING = 1e-3  # units by which the program may miss whole ones
TIES = 1e-7  # by which equal columns differ, relative


class Column(NamedTuple):
    """A variable: a package (at one place where it must be contiguous), or the part of it served at a place."""

    package: int
    place: Place | None  # None: whether a package is served at all, wherever
    gain: float  # of the whole package, USD
    top: float  # of the variable
    whole: bool


def milp(of: Book) -> Cleared:
    """Serve the packages with the greatest surplus that a bounded search finds; prices are reserves plus scarcity."""
    found = packages(of)
    greedily = served_greedily(of, found)
    if not found:
        return settle(of, greedily, prices_of_excluded(of, found, greedily))._replace(gap=0.0)
    program = Program.of(of, found)
    with _muted():
        relaxed = program.relaxed()
        solved = program.solved(program.chosen(relaxed))
    taken = _whole(of, found, program.columns, solved) if solved is not None else []
    taken = improved(of, found, max((taken, greedily), key=surplus))
    bound = -float(relaxed.fun) * program.money
    gap = 1 - surplus(taken) / bound if bound > 0 else 0.0
    gap = gap if gap > 2 * TIES else 0.0
    return settle(of, taken, program.prices(of, relaxed))._replace(gap=gap)


@dataclass(frozen=True)
class Program:
    """Maximise the sum of gains over columns within rows: A x <= b, columns scaled to parts, money to its maximum."""

    found: Sequence[Package]
    columns: tuple[Column, ...]
    a: Any  # scipy.sparse.csr_array
    b: np.ndarray
    money: float
    lots: dict[int, tuple[Place, tuple[int, ...]]]  # row of units -> place, weeks
    power: dict[int, tuple[str, str, tuple[int, ...]]]  # row of power -> site, chip (or all: empty), weeks
    scales: np.ndarray  # units or kW of a row's limit

    @classmethod
    def of(cls, book: Book, found: Sequence[Package]) -> Program:
        """Write the program of a book."""
        from scipy.sparse import csr_array

        room, columns = Room(book), tuple(_columns(book, found))
        rows = _Rows(book, found, columns, room)
        a = csr_array((rows.values, (rows.rows, rows.cols)), shape=(len(rows.limits), len(columns)))
        money = max(column.gain for column in columns)
        return cls(found, columns, a, np.array(rows.limits), money, rows.lots, rows.power, np.array(rows.scales))

    def gains(self) -> np.ndarray:
        """What is minimised: gains, scaled, with equal columns told apart by their names."""
        return np.array([-x.gain / self.money * (1 + TIES * _mark(self.found[x.package], x)) for x in self.columns])

    def relaxed(self) -> Any:
        """Solve the linear relaxation."""
        from scipy.optimize import linprog

        bounds = [(0.0, column.top) for column in self.columns]
        found = linprog(self.gains(), A_ub=self.a, b_ub=self.b, bounds=bounds, method="highs-ds")
        if found.status != 0:
            raise ArithmeticError(f"the relaxation of the exchange was not solved: {found.message}")
        return found

    def chosen(self, relaxed: Any) -> np.ndarray:
        """Columns that the relaxation uses, and the best of the rest by reduced cost; a part brings its package."""
        reduced = relaxed.lower.marginals + relaxed.upper.marginals
        order = sorted(range(len(self.columns)), key=lambda i: (relaxed.x[i] <= 1e-9, reduced[i], i))
        used = int((relaxed.x > 1e-9).sum())
        kept = set(order[: max(used, COLUMNS_MAX)])
        heads = {x.package: i for i, x in enumerate(self.columns) if x.place is None}
        kept |= {heads[self.columns[i].package] for i in kept if self.columns[i].package in heads}
        return np.array(sorted(kept))

    def solved(self, kept: np.ndarray) -> np.ndarray | None:
        """Solve the program over some columns with whole packages; None where no answer was found in time."""
        from scipy.optimize import Bounds, LinearConstraint, milp

        tops = np.array([self.columns[i].top for i in kept])
        whole = np.array([int(self.columns[i].whole) for i in kept])
        found = milp(
            self.gains()[kept], integrality=whole, bounds=Bounds(0, tops),
            constraints=LinearConstraint(self.a[:, kept], -np.inf, self.b),
            options={"node_limit": NODES_MAX, "mip_rel_gap": GAP, "presolve": True},
        )  # fmt: skip
        if found.x is None:
            return None
        x = np.zeros(len(self.columns))
        x[kept] = found.x
        return x

    def prices(self, of: Book, relaxed: Any) -> Prices:
        """Reserve, the worth of one more unit, and of the power that it takes, USD a unit (and hour)."""
        dual = (-relaxed.ineqlin.marginals * self.money / self.scales).tolist()
        at = {(lot.site, lot.chip, lot.week): lot.reserve_usd for lot in of.lots}
        for row, (where, weeks) in self.lots.items():
            for week in weeks:
                at[*where, week] += max(0.0, dual[row]) / (len(weeks) * of.hours)
        for row, (site, chip, weeks) in self.power.items():
            for lot in of.lots:
                if lot.site == site and lot.week in weeks and chip in ("", lot.chip):
                    kw = of.kw_per_unit.get(lot.chip, 0.0)
                    at[lot.site, lot.chip, lot.week] += max(0.0, dual[row]) * kw / (len(weeks) * of.hours)
        return at


def _columns(of: Book, found: Sequence[Package]) -> Iterator[Column]:
    room = Room(of)
    for i, package in enumerate(found):
        asked = package.asked
        if asked.contiguous:
            for cost, at in package.costs:
                yield Column(i, at, (package.worth_usd - cost) * asked.units, 1.0, True)
            continue
        yield Column(i, None, 0.0, 1.0, True)
        for cost, at in package.costs:
            top = min(1.0, room.fits(at, asked.term) / asked.units)
            yield Column(i, at, (package.worth_usd - cost) * asked.units, top, False)


class _Rows:
    """Rows of the program: one alternative a bid, parts within their package, units and power of each place."""

    def __init__(self, of: Book, found: Sequence[Package], columns: Sequence[Column], room: Room) -> None:
        self.rows: list[int] = []
        self.cols: list[int] = []
        self.values: list[float] = []
        self.limits: list[float] = []
        self.scales: list[float] = []
        self.lots: dict[int, tuple[Place, tuple[int, ...]]] = {}
        self.power: dict[int, tuple[str, str, tuple[int, ...]]] = {}
        self._one_a_bid(found, columns)
        self._parts(found, columns)
        self._places(of, found, columns, room)

    def add(self, terms: Sequence[tuple[int, float]], limit: float, scale: float = 1.0) -> int:
        """Add a row and give its number."""
        row = len(self.limits)
        self.limits.append(limit / scale)
        self.scales.append(scale)
        for column, value in terms:
            self.rows.append(row)
            self.cols.append(column)
            self.values.append(value / scale)
        return row

    def _one_a_bid(self, found: Sequence[Package], columns: Sequence[Column]) -> None:
        by_bid: dict[str, list[int]] = {}
        for i, column in enumerate(columns):
            if column.whole:
                by_bid.setdefault(found[column.package].bid, []).append(i)
        for members in by_bid.values():
            self.add([(i, 1.0) for i in members], 1.0)

    def _parts(self, found: Sequence[Package], columns: Sequence[Column]) -> None:
        """share_min z <= sum of parts <= z, each part <= its room of z."""
        head = 0
        for i, column in enumerate(columns):
            if column.place is None:
                head = i
                last = i + 1 + len(found[column.package].costs)
                parts = range(i + 1, last)
                self.add([(i, -1.0), *((j, 1.0) for j in parts)], 0.0)
                self.add([(i, found[column.package].asked.share_min), *((j, -1.0) for j in parts)], 0.0)
            elif not column.whole and column.top < 1:
                self.add([(i, 1.0), (head, -column.top)], 0.0)

    def _places(self, of: Book, found: Sequence[Package], columns: Sequence[Column], room: Room) -> None:
        """Units and power of each place, once for all weeks in a row with the same users and limits."""
        users: dict[Place, dict[int, list[int]]] = {}
        for i, column in enumerate(columns):
            if column.place is not None:
                for week in found[column.package].asked.term:
                    users.setdefault(column.place, {}).setdefault(week, []).append(i)
        size = {i: float(found[column.package].asked.units) for i, column in enumerate(columns)}
        for at in sorted(users):
            for weeks, members in _spans(users[at], lambda week, at=at: room.units[*at, week]):
                limit = float(room.units[*at, weeks[0]])
                if sum(size[i] * columns[i].top for i in members) > limit:
                    self.lots[self.add([(i, size[i]) for i in members], limit, max(limit, 1.0))] = at, weeks
        self._power(of, users, size, room)

    def _power(self, of: Book, users: dict[Place, dict[int, list[int]]], size: dict[int, float], room: Room) -> None:
        """Power of sites that lots share, and of lots that have their own."""
        groups: dict[tuple[str, str], dict[int, list[tuple[int, float]]]] = {}
        for (site, chip), by_week in users.items():
            kw = of.kw_per_unit.get(chip, 0.0)
            for week, members in by_week.items():
                key = (site, "" if (site, week) in room.site_kw else chip)
                if kw > 0 and _limit(room, *key, week) < UNLIMITED:
                    groups.setdefault(key, {}).setdefault(week, []).extend((i, kw * size[i]) for i in members)
        for (site, chip), terms in sorted(groups.items()):
            spans = _spans(terms, lambda week, site=site, chip=chip: _limit(room, site, chip, week))
            for weeks, loads in spans:
                limit = _limit(room, site, chip, weeks[0])
                self.power[self.add(loads, limit, max(limit, 1.0))] = site, chip, weeks


def _limit(room: Room, site: str, chip: str, week: int) -> float:
    return room.row_kw[site, chip, week] if chip else room.site_kw[site, week]


def _spans[T](by_week: dict[int, list[T]], limit: Any) -> Iterator[tuple[tuple[int, ...], list[T]]]:
    """Weeks in a row with the same members and the same limit."""
    weeks: list[int] = []
    for week in sorted(by_week):
        if weeks and (week != weeks[-1] + 1 or by_week[week] != by_week[weeks[0]] or limit(week) != limit(weeks[0])):
            yield tuple(weeks), by_week[weeks[0]]
            weeks = []
        weeks.append(week)
    if weeks:
        yield tuple(weeks), by_week[weeks[0]]


def _whole(of: Book, found: Sequence[Package], columns: Sequence[Column], x: np.ndarray) -> list[Taken]:
    """Place what the program serves in whole units, and fill greedily what it leaves."""
    room, taken = Room(of), list[Taken]()
    shares: dict[int, list[tuple[float, Place]]] = {}
    for i, column in enumerate(columns):
        if column.place is not None and x[i] > 1e-6:
            shares.setdefault(column.package, []).append((float(x[i]), column.place))
    strict_first = sorted(shares, key=lambda i: (not found[i].asked.contiguous, -found[i].asked.share_min, i))
    for i in strict_first:
        units = {at: part * found[i].asked.units for part, at in sorted(shares[i], key=lambda x: (-x[0], x[1]))}
        total = max(least_units(found[i].asked), round(sum(units.values())))
        one = place(found[i], room, total, [(at, math.floor(n + ROUNDING)) for at, n in units.items()])
        if one is not None:
            taken.append(one)
    rest = sorted(found, key=lambda p: (-p.margin_usd / p.asked.weeks, p.bid, p.number))
    return add_greedily(room, rest, taken)


def _mark(package: Package, column: Column) -> float:
    """A number from 0 to 1 by the names of a column alone."""
    text = f"{package.bid}\0{package.number}\0{column.place}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big") / 2**48


@contextmanager
def _muted() -> Iterator[None]:
    """Send what HiGHS prints past Python's streams nowhere."""
    sys.stdout.flush()
    kept, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)
