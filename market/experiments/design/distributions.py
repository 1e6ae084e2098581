"""Distributions of an uncertain parameter, as quantile functions: a future is a point of the unit cube.

uniform: [low, high]                     loguniform: [low, high]
triangular: [low, mode, high]            choice: [a, b, c]              equally likely
normal: [mean, sd]  or  [mean, sd, low, high]                           cut off at the bounds
lognormal: [median, sd of the log]  or with bounds as above
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Numbers = Sequence[float]


class Distribution(NamedTuple):
    """A kind of distribution with its numbers."""

    kind: str
    numbers: tuple[float, ...]

    def quantile(self, u: Floats) -> Floats:
        """Turn points in (0, 1) of any shape into values of the same shape."""
        return _KINDS[self.kind].quantile(u, self.numbers)

    def __str__(self) -> str:
        return f"{self.kind}({', '.join(f'{x:g}' for x in self.numbers)})"


class _Kind(NamedTuple):
    counts: tuple[int, ...]  # how many numbers it takes; empty: one or more
    form: str
    wrong: Callable[[Numbers], str]
    quantile: Callable[[Floats, Numbers], Floats]


def problem_with(kind: str, numbers: Numbers) -> str:
    """Say what is wrong with a distribution, or nothing."""
    rule = _KINDS[kind]
    if rule.counts and len(numbers) not in rule.counts:
        return f"takes {rule.form}, was {len(numbers)} number{'s' * (len(numbers) != 1)}"
    return rule.wrong(numbers)


def _range(low: float, high: float) -> str:
    return "" if low < high else f"is an empty range: low must be below high, was {low:g} and {high:g}"


def _ordered(n: Numbers) -> str:
    inside = "" if n[0] <= n[1] <= n[2] else f"mode must lie between low and high, was {n[1]:g}"
    return _range(n[0], n[2]) or inside


def _positive_range(n: Numbers) -> str:
    return _range(n[0], n[1]) or ("" if n[0] > 0 else f"low must be > 0, was {n[0]:g}")


def _spread(n: Numbers) -> str:
    if n[1] <= 0:
        return f"sd must be > 0, was {n[1]:g}"
    return _range(n[2], n[3]) if len(n) == 4 else ""


def _log_spread(n: Numbers) -> str:
    return _spread(n) or ("" if n[0] > 0 and (len(n) == 2 or n[2] > 0) else "median and bounds must be > 0")


def _alternatives(n: Numbers) -> str:
    return "" if len(set(n)) == len(n) > 1 else "takes two or more different values"


def _uniform(u: Floats, n: Numbers) -> Floats:
    return n[0] + u * (n[1] - n[0])


def _loguniform(u: Floats, n: Numbers) -> Floats:
    return np.exp(_uniform(u, (math.log(n[0]), math.log(n[1]))))


def _triangular(u: Floats, n: Numbers) -> Floats:
    low, mode, high = n
    split = (mode - low) / (high - low)
    rising = low + np.sqrt(u * (high - low) * (mode - low))
    falling = high - np.sqrt((1 - u) * (high - low) * (high - mode))
    return np.asarray(np.where(u < split, rising, falling), dtype=np.float64)


def _normal(u: Floats, n: Numbers) -> Floats:
    from scipy.special import ndtr, ndtri

    below, above = (ndtr((n[2] - n[0]) / n[1]), ndtr((n[3] - n[0]) / n[1])) if len(n) == 4 else (0.0, 1.0)
    values: Floats = n[0] + n[1] * ndtri(below + u * (above - below))
    return values


def _lognormal(u: Floats, n: Numbers) -> Floats:
    bounds = [math.log(x) for x in n[2:]]
    return np.asarray(np.exp(_normal(u, (math.log(n[0]), n[1], *bounds))))


def _choice(u: Floats, n: Numbers) -> Floats:
    values: Floats = np.asarray(n, dtype=np.float64)
    picked: Floats = values[np.minimum((u * len(n)).astype(int), len(n) - 1)]
    return picked


_KINDS: dict[str, _Kind] = {
    "uniform": _Kind((2,), "[low, high]", lambda n: _range(n[0], n[1]), _uniform),
    "loguniform": _Kind((2,), "[low, high]", _positive_range, _loguniform),
    "triangular": _Kind((3,), "[low, mode, high]", _ordered, _triangular),
    "normal": _Kind((2, 4), "[mean, sd] or [mean, sd, low, high]", _spread, _normal),
    "lognormal": _Kind((2, 4), "[median, sd of the log] or with [.., low, high]", _log_spread, _lognormal),
    "choice": _Kind((), "two or more values", _alternatives, _choice),
}
