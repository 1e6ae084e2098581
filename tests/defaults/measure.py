"""Who defaulted in three years of the default world, by rating, against historical and spread-implied frequencies."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from agents.simulation import begin
from events import MemoryLog
from events.types.finance import OrgDefaulted
from market.kernel import few_collections
from market.rules.base import trait
from market.scenario.load import load_scenario
from market.state import State
from tests.chance.measure import opened

WORLD = "frontier-2024"
WEEKS = 156
Z = 1.96  # 95 %


class Reference(NamedTuple):
    """Part of the orgs of a class that defaults within three years: least and most, and where that is from."""

    low: float
    high: float
    source: str


REFERENCE: dict[str, Reference] = {
    "AAA to AA-": Reference(
        0.0, 0.024, "none to what spreads of 0.12 to 0.48 points imply at 40 % recovery; 0.1 % of history"
    ),
    "A+ to A-": Reference(0.0, 0.041, "none to what spreads of 0.6 to 0.84 points imply; 0.2 % of history"),
    "BBB+ to BBB-": Reference(0.003, 0.055, "0.8 % of history to what a spread of 1.1 points implies (Oracle)"),
    "unrated borrowers": Reference(
        0.05, 0.30, "as B: 5 % of the best three years of history (12 % of all) to what loans at 11 % imply"
    ),
}
"""Cumulative frequencies of three years: history after S&P's annual study of 1981 to 2023 (from memory), spreads after
the rates of the catalogue (`finance.spread_per_step`, `finance.loan_rate`, `finance.state_rate`)."""
GROUPS = ("neoclouds-us", "neoclouds-europe", "neoclouds-asia")  # many firms as one org, which fall together or not
OTHERS = ("groups of firms", "labs", "other orgs")  # no reference: reported


def class_of(state: State, org: str) -> str:
    """The class of an org: its rating, or that it borrows without one, or its part in the market."""
    rating = trait(state, org, "rating")
    if rating:
        return "AAA to AA-" if rating <= 4 else "A+ to A-" if rating <= 7 else "BBB+ to BBB-"
    if trait(state, org, "borrows"):
        return "groups of firms" if org in GROUPS else "unrated borrowers"
    return "labs" if "lab" in state.run.orgs[org].roles else "other orgs"


def run(seed: int, draws: int = 0) -> dict[str, Any]:
    """Run a seed: orgs by class at the start, and the first default of each org with its day and reason.

    draws : worlds of which each seed has its own, drawn as forecasts draw them; none for the catalogue's values
    """
    log = MemoryLog()
    model = opened(seed, seed % draws, draws, log) if draws else begin(load_scenario(WORLD, {}).scenario, seed, log)
    classes = {org: class_of(model.state, org) for org in model.state.finance.books}
    with few_collections():
        for _ in range(WEEKS):
            model.step()
    found: dict[str, list[Any]] = {}
    for entry in log.entries():
        event = entry.event
        if isinstance(event, OrgDefaulted) and event.org in classes:
            days = entry.day - model.state.run.start_day
            found.setdefault(event.org, [classes[event.org], days, event.reason])
    return {"orgs": Counter(classes.values()), "defaults": found}


def interval(count: int, of: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a frequency."""
    if not of:
        return 0.0, 1.0
    share, spread = count / of, Z * Z / of
    middle = (share + spread / 2) / (1 + spread)
    half = Z * math.sqrt(share * (1 - share) / of + spread / (4 * of)) / (1 + spread)
    return max(0.0, middle - half), min(1.0, middle + half)


def agrees(count: int, of: int, reference: Reference) -> bool:
    """Whether the interval of what was seen meets that of the reference."""
    low, high = interval(count, of)
    return low <= reference.high and high >= reference.low


def totals(seeds: Iterable[Mapping[str, Any]]) -> dict[str, tuple[int, int]]:
    """Defaults and orgs of each class over all seeds."""
    orgs, fell = Counter[str](), Counter[str]()
    for seed in seeds:
        orgs.update(seed["orgs"])
        fell.update(kind for kind, _, _ in seed["defaults"].values())
    return {kind: (fell[kind], orgs[kind]) for kind in (*REFERENCE, *OTHERS) if orgs[kind]}


def table(seeds: Sequence[Mapping[str, Any]]) -> str:
    """Frequencies by class in Markdown, and the orgs that defaulted most."""
    lines = ["| class | defaults of orgs | in three years | 95 % | reference | agrees |", "|---|---|---|---|---|---|"]
    for kind, (count, of) in totals(seeds).items():
        low, high = interval(count, of)
        known = REFERENCE.get(kind)
        said = (
            f"{known.low:.1%} to {known.high:.1%} | {'yes' if agrees(count, of, known) else 'no'}"
            if known
            else "none |"
        )
        lines.append(f"| {kind} | {count} of {of} | {count / of:.1%} | {low:.1%} to {high:.1%} | {said} |")
    fell = Counter(org for seed in seeds for org in seed["defaults"])
    reasons = Counter(reason for seed in seeds for _, _, reason in seed["defaults"].values())
    by_org = ", ".join(f"{org} {n}" for org, n in sorted(fell.items(), key=lambda item: (-item[1], item[0])))
    said = (
        f"Seeds {len(seeds)}; Oracle (oci) in {fell['oci']}; reasons {dict(sorted(reasons.items()))}; by org {by_org}"
    )
    lines += ["", said]
    return "\n".join(lines)
