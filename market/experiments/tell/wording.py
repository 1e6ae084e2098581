"""Amounts as a reader says them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import groupby

_BIG = {
    "USD": (("tn USD", 1e12), ("bn USD", 1e9), ("m USD", 1e6)),
    "USD/year": (("tn USD/year", 1e12), ("bn USD/year", 1e9), ("m USD/year", 1e6)),
    "kW IT": (("GW IT", 1e6), ("MW IT", 1e3)),
    "H100e": (("m H100e", 1e6), ("k H100e", 1e3)),
    "GPUs": (("m GPUs", 1e6), ("k GPUs", 1e3)),
}


def scale(value: float, unit: str) -> tuple[str, float]:
    """Choose the unit in which a value of that size is said, and what it is worth in the metric's unit."""
    return next(((name, size) for name, size in _BIG.get(unit, ()) if abs(value) >= size), (unit, 1.0))


def amount(value: float, unit: str, *, sign: bool = False) -> str:
    """Write an amount with its unit in three or four digits."""
    if math.isnan(value):
        return "unknown"
    name, size = scale(value, unit)
    return number(value / size, sign=sign) + ("" if name in ("1", "") else f" {name}")


def number(value: float, *, sign: bool = False) -> str:
    """Write a number in three or four digits."""
    if math.isnan(value):
        return "unknown"
    plus = "+" if sign else ""
    if value == 0:
        return "0"
    size = abs(value)
    if size >= 1e7 or size < 1e-3:
        return f"{value:{plus}.1e}"
    digits = 0 if size >= 1000 else max(0, 2 - math.floor(math.log10(size)))
    return f"{value:{plus},.{digits}f}"


def percent(share: float, *, sign: bool = False) -> str:
    """Write a share as per cent."""
    points = 100 * share
    if 0 < abs(points) < 0.05:
        return f"{'<' if points > 0 else '>-'}0.1 %"
    return f"{points:{'+' if sign else ''}.{1 if abs(points) < 10 else 0}f} %"


def count(n: int, noun: str) -> str:
    """Write a number of things."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def indented(lines: Iterable[str]) -> list[str]:
    """Move lines two places in."""
    return [f"  {line}" for line in lines]


def together(metrics: Iterable[str], everything: Iterable[str]) -> list[str]:
    """Name metrics briefly: those that differ in the org or region alone as one, with how many of all."""
    total = list(everything)
    said = []
    for pattern, names in groupby(sorted(metrics, key=_pattern), key=_pattern):
        several = list(names)
        of_all = sum(1 for name in total if _pattern(name) == pattern)
        said.append(several[0] if of_all == 1 or len(several) == 1 else f"{pattern} ({len(several)} of {of_all})")
    return said


def _pattern(metric: str) -> str:
    head, _, rest = metric.partition(".")
    return f"{head}.*.{rest.rpartition('.')[2]}" if head in ("labs", "clouds", "regions", "countries") else metric
