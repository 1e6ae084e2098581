"""Named, keyed random draws: a draw is a pure function of (run seed, stream, entity, week).

No generator is carried in state, so one more agent or decision changes no other draw, and a fork or a resume
needs no saved generator. The bits come from BLAKE2b (RFC 7693): the same on every platform and version, and six
times faster for single draws than setting up a counter-based generator for each (docs/decisions/0004).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from statistics import NormalDist

LIFETIME = -1  # the week of draws that hold for an entity's whole life
_STANDARD = NormalDist()
_SCALE = 2.0**-53


def uniform(seed: int, stream: str, entity: str, week: int = LIFETIME) -> float:
    """Draw from the open interval (0, 1)."""
    return _kept(seed, stream, entity) if week == LIFETIME else _bits(seed, stream, entity, week)


@lru_cache(1 << 16)
def _kept(seed: int, stream: str, entity: str) -> float:
    """Keep the draws of a lifetime at hand: they are asked for every week."""
    return _bits(seed, stream, entity, LIFETIME)


def _bits(seed: int, stream: str, entity: str, week: int) -> float:
    digest = blake2b(f"{seed}|{stream}|{entity}|{week}".encode(), digest_size=8).digest()
    return ((int.from_bytes(digest, "little") >> 11) + 0.5) * _SCALE


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


def phase(seed: int, stream: str, entity: str, every: int) -> int:
    """Draw which week of every so many is an entity's own, 0 to `every` - 1, for its whole life."""
    return int(uniform(seed, stream, entity) * every)


@dataclass(frozen=True, slots=True)
class Draws:
    """The draws that one entity may make in one week."""

    seed: int
    week: int

    def uniform(self, stream: str, entity: str) -> float:
        """Draw from (0, 1) for this week."""
        return uniform(self.seed, stream, entity, self.week)

    def normal(self, stream: str, entity: str) -> float:
        """Draw a standard normal for this week."""
        return normal(self.seed, stream, entity, self.week)

    def chance(self, probability: float, stream: str, entity: str) -> bool:
        """Whether something with that probability happens to the entity this week."""
        return uniform(self.seed, stream, entity, self.week) < probability
