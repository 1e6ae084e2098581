"""The 97 claims of the two source articles, each with the query over logs that can fail it.

`market/catalogue/observed/claims.csv` says of each claim its kind, where it lives, and either a query that gives one
number, which must lie in low..high, or why there is none. A claim holds in the share of seeds whose number lies there.

shown         in at least `needs` of the seeds: 0.95 for a structure, 0.5 for a pattern or figure, 0.25 for a single
              event of history
contradicted  in at most one seed in twenty; of an event only when 60 seeds or more were run
absent        between the two, or nothing in the log speaks of it
given         it is an input, a data sheet, or shown by a small computation alone
text          no claim about the market
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

from market.catalogue.tables import HERE
from market.runs.drive import MakeModel
from market.scenario.load import load_scenario
from market.truth.futures import Answer, Future, Job, simulate_all
from market.units import digits

COLUMNS = (
    "id", "kind", "claim", "where", "world", "query", "low", "high", "needs", "without_query", "reason",
)  # fmt: skip
KINDS = ("structure", "pattern", "event", "figure", "text")
STATUSES = ("shown", "given", "contradicted", "absent", "text")
CONTRADICTED_SHARE = 0.05
EVENT_SEEDS_MIN = 60  # with fewer, no seed in none still allows one in twenty (rule of three)


class ClaimError(ValueError):
    """A claim that cannot be checked; the text is one line."""


class Claim(NamedTuple):
    """One line of `claims.csv`."""

    id: str
    kind: str
    claim: str
    where: str
    world: str
    query: str
    low: float | None
    high: float | None
    needs: float
    without_query: str
    reason: str

    def holds(self, value: float | None) -> bool:
        """Tell whether a number lies where the claim wants it; no number does not."""
        if value is None:
            return False
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)


@cache
def claims() -> tuple[Claim, ...]:
    """All claims, in order of their ids."""
    path = HERE / "observed" / "claims.csv"
    with path.open(newline="", encoding="utf-8") as handle:
        reader = csv.DictReader(handle)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise ClaimError(f"{path.name}:1 columns must be {', '.join(COLUMNS)}")
        return tuple(_read(line, f"{path.name}:{reader.line_num}") for line in reader)


def _read(line: dict[str, str], where: str) -> Claim:
    if line["kind"] not in KINDS:
        raise ClaimError(f"{where} kind: must be one of {', '.join(KINDS)}, was {line['kind']!r}")
    if bool(line["query"]) == bool(line["without_query"]):
        raise ClaimError(f"{where} a claim has either a query or a status without one")
    if line["without_query"] and not line["reason"]:
        raise ClaimError(f"{where} reason: a claim without a query says why")
    low, high = (float(line[name]) if line[name] else None for name in ("low", "high"))
    return Claim(
        line["id"], line["kind"], line["claim"], line["where"], line["world"], line["query"], low, high,
        float(line["needs"] or 1), line["without_query"], line["reason"],
    )  # fmt: skip


def check_claims(
    make: MakeModel, *, seeds: int, years: float, engine: str, tell: Callable[[int, int], None]
) -> dict[str, Any]:
    """Run the worlds of the claims over seeds and say the status of each claim."""
    values: dict[str, list[float | None]] = {}
    for world in sorted({claim.world for claim in claims() if claim.query}):
        asked = [claim for claim in claims() if claim.world == world]
        for claim, found in zip(asked, _ask(world, asked, make, seeds, years, engine, tell), strict=True):
            values[claim.id] = found
    rows = [row(claim, values.get(claim.id)) for claim in claims()]
    counts = {status: sum(entry["status"] == status for entry in rows) for status in STATUSES}
    counts["texts"] = counts.pop("text")
    return {"seeds": seeds, "years": years, **counts, "claims": rows}


def _ask(
    world: str, asked: Sequence[Claim], make: MakeModel, seeds: int, years: float, engine: str,
    tell: Callable[[int, int], None],
) -> list[list[float | None]]:  # fmt: skip
    """Values of each claim over the seeds of its world."""
    scenario = load_scenario(world, {"years": repr(years)}).scenario
    job = Job(scenario, make, tuple((claim.id, claim.query) for claim in asked), wants_series=False, wants_dates=False)
    answers = simulate_all(job, [Future(seed, seed, {}) for seed in range(seeds)], engine, tell)
    _refuse_failures(world, answers)
    return [[answer.questions[claim.id] for answer in answers] for claim in asked]


def _refuse_failures(world: str, answers: Sequence[Answer]) -> None:
    for answer in answers:
        if answer.error:
            raise ClaimError(f"{world}, seed {answer.number}: {answer.error}")


def row(claim: Claim, values: list[float | None] | None) -> dict[str, Any]:
    """Status of a claim as scripts read it; `figure` is the median of its number over the seeds."""
    kind = "pattern" if claim.kind == "event" else claim.kind
    entry: dict[str, Any] = {"id": claim.id, "kind": kind, "claim": claim.claim, "where": claim.where or claim.reason}
    if values is None:
        return entry | {"status": claim.without_query, "share": None, "figure": None, "reason": claim.reason}
    share = sum(claim.holds(value) for value in values) / len(values)
    told = sorted(value for value in values if value is not None)
    figure = told[len(told) // 2] if told else None
    reason = f"{claim.world}: needs {claim.needs:g} of seeds"
    return entry | {
        "status": status(claim, share, len(values)), "share": digits(share), "figure": figure, "reason": reason,
    }  # fmt: skip


def status(claim: Claim, share: float, seeds: int) -> str:
    """Read a share of seeds as a status."""
    if share >= claim.needs:
        return "shown"
    if share <= CONTRADICTED_SHARE and (claim.kind != "event" or seeds >= EVENT_SEEDS_MIN):
        return "contradicted"
    return "absent"
