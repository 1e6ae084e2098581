"""What must hold when an input that all share is cut to 60 %: named, felt by all who use it, dearer, answered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tests.campaign import Verdict, over_seeds
from tests.inputs.measure import CUT_WEEK

type Runs = Mapping[str, Mapping[str, Any]]  # input, or "base" -> figures of one seed

CUTS: dict[str, str] = {
    "packaging": "supply.packaging_factor",
    "memory": "supply.memory_factor",
    "racks": "supply.racks_factor",
    "shells": "sites.shells_factor",
}
NAMED_WEEKS, FELT_QUARTERS = 13, ("0", "1")
DEAR_WEEKS = slice(CUT_WEEK + 13, CUT_WEEK + 52)


def is_named(runs: Runs, cut: str) -> Verdict:
    """The input that binds is told by its name within a quarter (least part of the need that it meets)."""
    shares = [share for week, _, kind, share in runs[cut]["bound"] if kind == cut and 0 <= week < NAMED_WEEKS]
    least = min(shares, default=1.0)
    return Verdict(least < 1, least)


def is_felt(runs: Runs, cut: str) -> Verdict:
    """All who use it get less: makers' H100e in half a year, builders' shells in a year (ratio, of who falls least)."""
    if cut == "shells":
        base, other = ([sum(runs[name]["shells_gw"].get(q, 0) for q in "0123")] for name in ("base", cut))
    else:
        users = [m for m in runs["base"]["made"] if (" in racks" in m) == (cut == "racks")]
        base, other = ([_made(runs[name], user) for user in users] for name in ("base", cut))
    ratio = max(b / a for a, b in zip(base, other, strict=True) if a)
    return Verdict(ratio < 0.99, ratio)


def _made(figures: Mapping[str, Any], maker: str) -> float:
    return float(sum(figures["made"].get(maker, {}).get(quarter, 0) for quarter in FELT_QUARTERS))


def is_dearer(runs: Runs, cut: str) -> Verdict:
    """Compute is dearer in the three quarters after the first, before investment answers: spot (ratio of means)."""
    base, other = (runs[name]["spot"][DEAR_WEEKS] for name in ("base", cut))
    ratio = sum(other) / sum(base)
    return Verdict(ratio > 1, ratio)


def is_answered(runs: Runs, cut: str) -> Verdict:
    """Who makes it invests: what could be had a year and a half later were the cut lifted (ratio)."""
    ratio = runs[cut]["capacity"][cut] / runs["base"]["capacity"][cut]
    return Verdict(ratio > 1.02, ratio)


LAWS = (is_named, is_felt, is_dearer, is_answered)


def table(seeds: Iterable[Runs]) -> str:
    """Each law of each cut with the seeds in which it holds, the median figure and its range."""
    every = list(seeds)
    return "\n".join(
        f"{over_seeds([law(runs, cut) for runs in every])}  {cut}: {law.__doc__}" for cut in CUTS for law in LAWS
    )
