"""Forecast from many origins in the past and score each against what came, beside simple baselines.

Each origin draws the strict vintage of its day: only what was published by then, and parameters from the catalogue's
ranges, or on demand what a posterior fitted on such rows knows. Rows that may be fitted and rows that are only looked
at are scored apart.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import scoringrules
from scipy.special import ndtri

from events.manifest import code_hash
from market.experiments.design.sampling import unit_points
from market.runs.drive import MakeModel
from market.scenario.load import Resolved
from market.scenario.schema import Scenario
from market.truth.baselines import Panel, baselines
from market.truth.definitions import definition_of
from market.truth.futures import Answer, Floats, Job, draw, ranges, strict_world
from market.truth.kept import simulate_kept
from market.truth.observations import Seen, dated_milestones, known, observations
from market.truth.posterior import drawn_from
from market.truth.posterior import names as posteriors
from market.truth.quarters import distance, last_day, origin_quarter, shifted
from market.truth.samples import Samples, whole
from market.truth.samples import samples as samples_of
from market.truth.score import CAP, FLOOR, Point, Scored, base_of, compared, score_point
from market.units import QUARTER_DAYS

ORIGINS = tuple(last_day(shifted("2023Q2", i)) for i in range(10))
"""Ten quarters' ends: 2023-06-30 to 2025-09-30."""
HORIZONS = range(1, 9)
TOLERANCE_DAYS = dict.fromkeys(("colossus-25k", "colossus-100k", "colossus-200k"), 45)


class Scoring(NamedTuple):
    """One point of a back-test: what was forecast and observed, and the error of each baseline."""

    origin: date
    point: Point
    scored: Scored
    error: float  # of the median, on the scale of the series
    errors: dict[str, float]  # absolute errors of the baselines
    split: str


class Origin(NamedTuple):
    """What an origin's futures said."""

    start: date
    answers: list[Answer]
    drawn: str


class OriginError(ValueError):
    """An origin that is no quarter's end of the record."""


def origins_of(words: Sequence[str]) -> list[date]:
    """Read origins: `all`, or quarters' ends."""
    if "all" in words:
        return list(ORIGINS)
    known_ends = {origin.isoformat(): origin for origin in ORIGINS}
    for word in words:
        if word not in known_ends:
            raise OriginError(f"--origins: must be all or one of {', '.join(known_ends)}, was {word}")
    return sorted({known_ends[word] for word in words})


def vintage_of(start: date) -> Resolved:
    """The strict world of an origin, long enough for its horizons and no longer than the record."""
    recorded = max(seen.quarter for seen in observations())
    return strict_world(start, min(shifted(origin_quarter(start), max(HORIZONS)), recorded))


def simulate_origin(
    start: date, make: MakeModel, futures: int, engine: str, tell: Callable[[int, int], None], *,
    plain: bool = False, fitted: bool = False, keep: Path | None = None,
) -> Origin:  # fmt: skip
    """Run the futures of one origin.

    Parameters
    ----------
    plain : without constants of single orgs. fitted : what the posterior of the origin knows is drawn from it.
    """
    resolved = vintage_of(start)
    drawn, source = draw(ranges(resolved), futures, f"{start}"), "ranges"
    if fitted and f"{start}" in posteriors():
        drawn, source = drawn_from(f"{start}", drawn), f"posterior {start}"
    scenario = without_org_constants(resolved.scenario) if plain else resolved.scenario
    key = {"origin": start.isoformat(), "code": code_hash(), "plain": plain}
    path = None if keep is None else keep / f"{start}.jsonl"
    return Origin(start, simulate_kept(Job(scenario, make), drawn, engine, tell, path=path, key=key), source)


def score_origin(origin: Origin, seen: Sequence[Seen]) -> list[Scoring]:
    """Score every observed quarter within the horizons, with the baselines that were defined at the origin."""
    begun = origin_quarter(origin.start)
    panel = known(seen, origin.start)
    good = [answer for answer in origin.answers if not answer.error]
    samples = whole(samples_of(good))
    observed = {(one.series, one.quarter): one.value for one in seen}
    found = []
    for one in seen:
        if distance(begun, one.quarter) not in HORIZONS:
            continue
        point = compared(definition_of(one.series), one.quarter, begun, samples, observed)
        if point is not None:
            point = point._replace(sample=as_estimated(point, one))
            found.append(_scoring(origin.start, point, panel, one.split, samples, observed))
    return found


def as_estimated(point: Point, seen: Seen) -> Floats:
    """What the record would say of each future: an estimate, which errs by the range that it states for itself.

    A forecast of an estimate is as uncertain as the world and the estimate together; each future gets one draw of the
    error (Saetra, Hersbach, Bidlot, Richardson 2004, Monthly Weather Review 132). A record without a range is a point.
    """
    if not point.definition.is_log or not point.definition.is_level or seen.below + seen.above == 0:
        return point.sample
    drawn = ndtri(unit_points("lhs", [f"error of {seen.series} {seen.quarter}"], len(point.sample))[:, 0])
    spread = np.where(drawn < 0, seen.above, seen.below)  # a record too low by so much has a truth above it
    return np.asarray(point.sample * np.exp(drawn * spread), dtype=np.float64)


def _scoring(
    start: date, point: Point, panel: Panel, split: str, samples: Samples, observed: dict[tuple[str, str], float],
) -> Scoring:  # fmt: skip
    name, begun = point.definition.id, origin_quarter(start)
    simple = baselines(panel, name, start, point.quarter)
    if not point.definition.is_level:
        base = base_of(name, begun, samples, observed)
        assert base is not None  # `compared` found one
        first, recorded = baselines(panel, name, start, base), observed[name, base]
        simple = {
            k: point.definition.as_compared(v, first[k], recorded) for k, v in simple.items() if first.get(k, 0.0) > 0
        }
    scored = score_point(point)
    errors = {k: abs(_error(point, value)) for k, value in simple.items()}
    return Scoring(start, point, scored, _error(point, scored.median), errors, split)


def _error(point: Point, value: float) -> float:
    """Error of a single value on the scale of the series, capped."""
    if point.definition.is_log:
        error = float(np.log(max(value, FLOOR) / point.observed))
    else:
        error = (value - point.observed) / max(abs(point.observed), 1.0)
    return min(CAP, max(-CAP, error))


def energy(scorings: Sequence[Scoring]) -> dict[tuple[date, int], float]:
    """Energy score over all series of an origin and horizon: errors on each series' own scale, futures paired."""
    groups: dict[tuple[date, int], list[Point]] = {}
    for one in scorings:
        groups.setdefault((one.origin, one.point.horizon), []).append(one.point)
    found = {}
    for key, points in groups.items():
        columns = [_column(point) for point in points]
        if len({len(column) for column in columns}) == 1:
            ensemble = np.stack(columns, axis=1)
            found[key] = float(scoringrules.es_ensemble(np.zeros(len(columns)), ensemble)) / len(columns) ** 0.5
    return found


def _column(point: Point) -> Floats:
    return np.array([_error(point, float(value)) for value in point.sample])


def dates_of(origin: Origin) -> list[dict[str, Any]]:
    """What an origin's futures said of the dates that came after it: share within the milestone's tolerance."""
    good = [answer for answer in origin.answers if not answer.error]
    found = []
    for name, (day, split) in sorted(dated_milestones().items()):
        if day <= origin.start or not good:
            continue
        errors = sorted((answer.dates[name] - day).days for answer in good if name in answer.dates)
        within = TOLERANCE_DAYS.get(name, QUARTER_DAYS)  # every other date: a quarter
        found.append({
            "origin": origin.start.isoformat(), "date": name, "observed": day.isoformat(), "split": split,
            "share": len(errors) / len(good), "within_days": within,
            "share_within": sum(abs(error) <= within for error in errors) / len(good),
            "median_error_days": errors[len(errors) // 2] if errors else None,
        })  # fmt: skip
    return found


def without_org_constants(scenario: Scenario) -> Scenario:
    """Give every org the median traits of its role: what one org alone was given is taken away."""
    traits: dict[tuple[str, str], list[float]] = {}
    for org in scenario.orgs.values():
        for trait, value in org.traits.items():
            traits.setdefault((org.roles[0], trait), []).append(value)
    orgs = {
        name: org.model_copy(
            update={"traits": {trait: float(np.median(traits[org.roles[0], trait])) for trait in org.traits}}
        )
        for name, org in scenario.orgs.items()
    }
    return scenario.model_copy(update={"orgs": orgs})


def run_backtest(
    make: MakeModel, starts: Sequence[date], *, futures: int, engine: str, plain: bool,
    tell: Callable[[int, int], None], keep: Path | None = None, fitted: bool = False,
) -> tuple[list[Origin], list[Scoring]]:  # fmt: skip
    """Simulate and score every origin; with `keep`, futures that ran before are read from that folder."""
    origins = [
        simulate_origin(start, make, futures, engine, tell, plain=plain, fitted=fitted, keep=keep) for start in starts
    ]
    seen = observations()
    return origins, [one for origin in origins for one in score_origin(origin, seen)]
