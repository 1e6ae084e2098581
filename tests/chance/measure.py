"""How much of a lab's fleet at the end of the second year is chance, and how much its world: variance components.

A draw is a world: parameters from the catalogue's ranges, and a seed is one history of it. The seed explains the
variance within draws, the parameters that among draws. The law asks that the seed explain less than half, and that the
standard deviation of the fleet's natural logarithm within a draw be at most 0.3.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import chi2, f

from agents.simulation import Simulation, begin
from events import MemoryLog
from events.manifest import canonical
from events.types.finance import OrgDefaulted
from market.experiments.design.paths import with_values
from market.kernel import few_collections
from market.rules.base import fleets_h100e
from market.scenario.load import Resolved, load_scenario
from market.state import State
from market.truth.futures import Floats, Future, draw, ranges
from tests.worlds import WORLD

WEEKS = 104
SHARE = 0.5  # the seed explains less
SPREAD = 0.3  # standard deviation of the logarithm within a draw, at most
LEVEL = 0.95
TOGETHER = ("long-tail-labs",)  # many labs as one org: no named lab


class Estimate(NamedTuple):
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.2f} [{self.low:.2f}, {self.high:.2f}]"


class Components(NamedTuple):
    """Share of the variance within draws, the standard deviation within a draw, and what a seed always brings."""

    share: Estimate
    within: Estimate
    alike: float  # part of the variance within draws that a seed brings to all draws alike


class Lab(NamedTuple):
    """What was found of a lab. A draw in which it holds nothing at some seed has no logarithm and is left out there."""

    name: str
    median_h100e: float
    never: int  # draws in which it holds nothing at any seed
    sometimes: int  # draws in which it holds nothing at some seeds
    defaults: int  # runs in which it has defaulted, holding nothing since or not
    of_log: Components
    of_h100e: Components  # nothing counts as 0

    @property
    def holds(self) -> bool:
        """Whether both lines of the law hold."""
        return self.of_log.share.value < SHARE and self.of_log.within.value <= SPREAD


@cache
def world() -> Resolved:
    """The default world with the catalogue's own values."""
    return load_scenario(WORLD, {})


@cache
def futures(count: int) -> list[Future]:
    """Draws as a forecast of so many futures makes them; their own seeds are not used."""
    return draw(ranges(world()), count)


def opened(
    seed: int, number: int, count: int, log: MemoryLog, fixed: Mapping[str, float] = MappingProxyType({})
) -> Simulation:
    """Begin a history of a draw: its number of so many; what is `fixed` is the same in all draws."""
    return begin(with_values(world().scenario, {**futures(count)[number].values, **fixed}), seed, log)


def run(
    seed: int, number: int, count: int, weeks: int = WEEKS, fixed: Mapping[str, float] = MappingProxyType({})
) -> dict[str, Any]:
    """Run one history of a draw: H100e held by each named lab at the end, and who defaulted when (days) and why."""
    log = MemoryLog()
    model = opened(seed, number, count, log, fixed)
    labs = [name for name, org in model.state.run.orgs.items() if "lab" in org.roles and name not in TOGETHER]
    with few_collections():
        for _ in range(weeks):
            model.step()
    return outcome(labs, model.state, log)


def outcome(labs: Sequence[str], state: State, log: MemoryLog) -> dict[str, Any]:
    """What became of labs that were there at the start: one that has left since holds nothing."""
    fleets = fleets_h100e(state)
    found: dict[str, Any] = {"fleets_h100e": {name: round(fleets.get(name, 0.0), 1) for name in labs}, "defaults": {}}
    for entry in log.entries():
        if isinstance(entry.event, OrgDefaulted) and entry.event.org in labs:
            days = entry.day - state.run.start_day
            found["defaults"].setdefault(entry.event.org, [days, entry.event.reason])
    return found


def components(values: Floats) -> Components:
    """One-way random effects: k draws of n seeds each.

    With F the mean square among draws over that within them, F / (1 + n t) has the F distribution with k - 1 and
    k (n - 1) degrees of freedom, t being the variance among draws over that within. This gives an exact interval of the
    share within, 1 / (1 + t), and the chi-square distribution that of the standard deviation within, where effects are
    normal (Searle, Casella and McCulloch 1992, Variance Components, chapter 3). A t below 0 counts as 0.

    The seeds are the same in all draws. What one does to all of them alike is counted within, as the law asks, and is
    told apart by the crossed model: the larger it is, the more the intervals are too narrow, which take runs as
    independent.

    Parameters
    ----------
    values : [k, n]; fewer than two draws or no variance at all give figures that are no numbers.
    """
    draws, seeds = values.shape
    if draws < 2 or not np.ptp(values):
        nothing = Estimate(math.nan, math.nan, math.nan)
        return Components(nothing, nothing, math.nan)
    means = values.mean(axis=1)
    among, within = draws - 1, draws * (seeds - 1)
    square_within = float(np.sum((values - means[:, None]) ** 2)) / within
    square_among = seeds * float(np.var(means, ddof=1))
    ratio = square_among / square_within if square_within else math.inf
    tails = ((1 - LEVEL) / 2, (1 + LEVEL) / 2)
    shares = [1 / (1 + max(0.0, ratio / q - 1) / seeds) for q in (1.0, *f.ppf(tails, among, within))]
    spreads = [math.sqrt(square_within * within / q) for q in (within, *reversed(chi2.ppf(tails, within)))]
    square_seeds = draws * float(np.var(values.mean(axis=0), ddof=1))
    square_rest = (square_within * within - square_seeds * (seeds - 1)) / (among * (seeds - 1))
    always = max(0.0, square_seeds - square_rest) / draws
    alike = always / (always + square_rest) if always else 0.0
    return Components(Estimate(*shares), Estimate(*spreads), alike)


def by_lab(seeds: Sequence[Mapping[str, Mapping[str, Any]]]) -> list[Lab]:
    """What was found of each lab, the largest first, from the outcomes of each draw at each seed."""
    names = list(seeds[0])
    defaults = Counter(lab for each in seeds for outcome in each.values() for lab in outcome["defaults"])
    found = []
    for lab in seeds[0][names[0]]["fleets_h100e"]:
        fleets = np.array([[each[name]["fleets_h100e"][lab] for each in seeds] for name in names])
        has = fleets > 0
        never, always = ~has.any(axis=1), has.all(axis=1)
        logs = components(np.log(fleets[always]))
        sometimes = int(np.sum(~never & ~always))
        found.append(
            Lab(lab, float(np.median(fleets)), int(never.sum()), sometimes, defaults[lab], logs, components(fleets))
        )
    return sorted(found, key=lambda lab: (-lab.median_h100e, lab.name))


def table(labs: Sequence[Lab]) -> str:
    """All labs in Markdown: the seed's share of the variance and the standard deviation within a draw."""
    lines = [
        "| lab | median, H100e | seed's share, logarithm | deviation within a draw, logarithm | both lines hold "
        "| of its square alike in all draws | seed's share, H100e "
        "| holds nothing at any seed, at some: draws | defaults: runs |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for lab in labs:
        said = "yes" if lab.holds else "**no**"
        lines.append(
            f"| {lab.name} | {lab.median_h100e:,.0f} | {lab.of_log.share} | {lab.of_log.within} | {said} "
            f"| {lab.of_log.alike:.2f} | {lab.of_h100e.share} | {lab.never}, {lab.sometimes} | {lab.defaults} |"
        )
    return "\n".join(lines)


def grounds(count: int) -> str:
    """What was drawn: how many parameters, and a hash of all values, equal as long as the ranges are."""
    values = [each.values for each in futures(count)]
    return f"{count} draws of {len(values[0])} parameters, {hashlib.sha256(canonical(values)).hexdigest()[:16]}"
