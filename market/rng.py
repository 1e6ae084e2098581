"""Named, keyed random draws: a draw is a pure function of (run seed, stream, entity, week).

No generator is carried in state, so one more agent or decision changes no other draw, and a fork or a resume
needs no saved generator. The bits come from BLAKE2b (RFC 7693): the same on every platform and version, and six
times faster for single draws than setting up a counter-based generator for each (docs/decisions/0004).
"""

from __future__ import annotations

import math
from functools import lru_cache
from hashlib import blake2b
from statistics import NormalDist
from typing import Any

LIFETIME = -1  # the week of draws that hold for an entity's whole life
_STANDARD = NormalDist()
_SCALE = 2.0**-53
_EMPTY = blake2b(digest_size=8)  # a copy takes half the time of a new one
NORMAL_MAX = 8.3
"""No standard normal that is drawn lies further from zero: `uniform` gives at least 2**-54."""


def uniform(seed: int, stream: str, entity: str, week: int = LIFETIME) -> float:
    """Draw from the open interval (0, 1)."""
    return (_kept if week == LIFETIME else _bits)(seed, stream, entity, week)


def _bits(seed: int, stream: str, entity: str, week: int) -> float:
    hashed = _EMPTY.copy()
    hashed.update(f"{seed}|{stream}|{entity}|{week}".encode())
    return ((int.from_bytes(hashed.digest(), "little") >> 11) + 0.5) * _SCALE


_kept = lru_cache(1 << 16)(_bits)  # the draws of a lifetime stay at hand: they are asked for every week


def normal(seed: int, stream: str, entity: str, week: int = LIFETIME) -> float:
    """Draw from the standard normal distribution, by inversion."""
    return _STANDARD.inv_cdf(uniform(seed, stream, entity, week))


def normal_cdf(z: float) -> float:
    """Probability that a standard normal lies below `z`."""
    return _STANDARD.cdf(z)


def quantile(u: float) -> float:
    """Standard normal value below which a share `u` in (0, 1) lies."""
    return _STANDARD.inv_cdf(u)


def lognormal(median: float, sd: float, z: float) -> float:
    """Turn a standard normal `z` into a lognormal value with that median and log standard deviation."""
    return median * math.exp(sd * z)


def gumbel(u: float, scale: float) -> float:
    """Turn a uniform draw into a Gumbel one of that scale: what a logit adds to its options."""
    return -scale * math.log(-math.log(u))


class Draws:
    """The draws of one org in one week. Each is keyed by the org: it draws for nobody else, and no attribute is a seed.

    `about` names what a draw is about, where a stream has more than one; `week` is another week's draw, or LIFETIME.
    """

    __slots__ = ("_seed", "me", "week")
    me: str
    week: int

    def __init__(self, seed: int, me: str, week: int) -> None:
        _SEED.__set__(self, seed)
        object.__setattr__(self, "me", me)
        object.__setattr__(self, "week", week)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"draws are read-only: {name}")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"draws are read-only: {name}")

    def uniform(self, stream: str, about: str = "", week: int | None = None) -> float:
        """Draw from (0, 1)."""
        entity, when = f"{self.me} {about}" if about else self.me, self.week if week is None else week
        draw = _kept if when == LIFETIME else _bits
        return draw(_SEED.__get__(self), stream, entity, when)

    def normal(self, stream: str, about: str = "", week: int | None = None) -> float:
        """Draw a standard normal."""
        return _STANDARD.inv_cdf(self.uniform(stream, about, week))

    def chance(self, probability: float, stream: str, about: str = "") -> bool:
        """Whether something with that probability happens this week."""
        return self.uniform(stream, about) < probability


_SEED: Any = Draws.__dict__["_seed"]  # the slot loses its name on the class: only the methods above read it
delattr(Draws, "_seed")
