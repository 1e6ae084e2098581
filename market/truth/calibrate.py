"""Fit the parameters of a world to what was known at an origin, and say what the record can and cannot identify.

Fitted are rows of the split `calibration` that were published before the origin, never others. The world starts a year
before the last of them, with what was known then, and runs to it: longer runs err by more than parameters can mend.
Parameters that say how the start stands (prices, lead times, output of that day) are not fitted: every origin has its
own. The draws are kept with the hash of what was fitted, the code and the seed.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from events.manifest import canonical, code_hash
from market.catalogue.tables import vintages
from market.runs.drive import MakeModel
from market.runs.files import write_whole
from market.scenario.load import Resolved, load_scenario
from market.truth.answers import Quarterly
from market.truth.definitions import definition_of
from market.truth.futures import Floats, Future, Job, Range, ranges, simulate_all
from market.truth.observations import Seen, observations
from market.truth.quarters import last_day, origin_quarter, shifted
from market.truth.score import CAP, FLOOR
from market.truth.smoother import Fitted, assimilate, contraction, standard_normals, to_unit
from market.units import DAYS_PER_YEAR, digits

FIRST = date(2023, 6, 30)  # the earliest start that the tables allow
FITTED_QUARTERS = 4
GROUP_MIN = 3  # rows of a series that say by themselves how well the model follows it
ERROR = 0.15  # of an observation, in log points: what filings and estimates differ by (assumption)
PAIR_CORRELATION = 0.5
PAIRS_SHOWN = 10
SEED = 1


class CalibrationError(ValueError):
    """A calibration that cannot be made; the text is one line."""


class Target(NamedTuple):
    """One observed quarter to fit, as a log ratio to its base where growth or change is compared."""

    series: str
    quarter: str
    base: str | None
    value: float
    change: float | None = None  # what the record was in the base quarter, where change is compared


def origin_of(text: str) -> date:
    """Read an origin."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise CalibrationError(f"--origin: must be a date such as 2024-12-31, was {text}") from None


def start_of(origin: date) -> date:
    """Start of the world that is fitted at an origin: a year before the last row that may be, or as early as can be."""
    quarters = [one.quarter for one in observations() if _usable(one, origin, "")]
    last = max(quarters, default=origin_quarter(FIRST))
    return max(FIRST, last_day(shifted(last, -FITTED_QUARTERS)))


def world_of(origin: date, aims: Sequence[Target]) -> Resolved:
    """The strict world of the fit, from its start to the last target."""
    start, end = start_of(origin), last_day(max(aim.quarter for aim in aims))
    years = ((end - start).days + 45) / DAYS_PER_YEAR
    return load_scenario("frontier-2024", {"start": str(start), "vintage": "strict", "years": f"{years:.3f}"})


def groups_of(aims: Sequence[Target]) -> list[str]:
    """Name the group of each target whose misfit is judged by itself: its series; series of few rows are one."""
    counts = Counter(aim.series for aim in aims)
    return [aim.series if counts[aim.series] >= GROUP_MIN else "" for aim in aims]


def targets(origin: date) -> list[Target]:
    """Rows of the split `calibration` that were published before an origin, within the world's run."""
    begun = origin_quarter(start_of(origin))
    usable = [one for one in observations() if _usable(one, origin, begun)]
    found = []
    for one in usable:
        definition = definition_of(one.series)
        base = None
        if not definition.is_level:
            base = min(other.quarter for other in usable if other.series == one.series)
            if base == one.quarter:
                continue
        first = next((o.value for o in usable if (o.series, o.quarter) == (one.series, base)), 1.0)
        change = first if definition.compare == "change" else None
        found.append(Target(one.series, one.quarter, base, float(np.log(one.value / first)), change))
    return found


def _usable(one: Seen, origin: date, begun: str) -> bool:
    is_log = definition_of(one.series).is_log
    return one.split == "calibration" and one.known_on <= origin and one.quarter > begun and one.value > 0 and is_log


def fitted_ranges(resolved: Resolved) -> dict[str, Range]:
    """Ranges of what is fitted: parameters that do not describe the start, as those of single orgs do."""
    of_the_start = {row.id for row in vintages("parameters")}
    return {
        name: found
        for name, found in ranges(resolved).items()
        if name not in of_the_start and not name.startswith("orgs.")
    }


def calibrate(
    make: MakeModel, origin: date, *, waves: int, runs: int, engine: str, tell: Callable[[int, int], None]
) -> dict[str, Any]:
    """Fit one posterior and describe it."""
    aims = targets(origin)
    if not aims:
        raise CalibrationError(f"--origin {origin}: nothing that may be fitted was published before it")
    resolved = world_of(origin, aims)
    prior = fitted_ranges(resolved)
    job = Job(resolved.scenario, make, wants_dates=False)

    def forward(normals: Floats) -> Floats:
        answers = simulate_all(job, futures_of(prior, normals), engine, tell)
        return np.array([predicted(answer.series, aims) for answer in answers]).T

    observed = np.array([aim.value for aim in aims])
    first = standard_normals(len(prior), runs, SEED)
    fitted = assimilate(first, forward, observed, ERROR, waves=waves, seed=SEED, groups=groups_of(aims))
    return described(origin, prior, fitted, aims, waves, runs)


def futures_of(prior: dict[str, Range], normals: Floats) -> list[Future]:
    """Futures of an ensemble [k, N]; the seed of a member is its own in every wave."""
    values = _values(prior, normals)
    return [
        Future(i, i, {name: values[name][i] for name in prior}) for i in range(normals.shape[1])
    ]  # fmt: skip


def _values(prior: dict[str, Range], normals: Floats) -> dict[str, list[float]]:
    unit = to_unit(normals)
    return {
        name: [float(f"{value:.9g}") for value in found.quantile(unit[i])]
        for i, (name, found) in enumerate(prior.items())
    }


def predicted(series: dict[str, Quarterly], aims: Sequence[Target]) -> Floats:
    """What a run says of each target, in log points; nan where it says nothing."""
    found = []
    for aim in aims:
        value = series.get(aim.series, {}).get(aim.quarter, np.nan)
        if aim.base is not None:
            first = max(series.get(aim.series, {}).get(aim.base, np.nan), FLOOR)
            value = value / first if aim.change is None else 1 + (value - first) / aim.change
        found.append(np.clip(np.log(max(value, FLOOR)), aim.value - 2 * CAP, aim.value + 2 * CAP))
    return np.array(found)


def described(
    origin: date, prior: dict[str, Range], fitted: Fitted, aims: Sequence[Target], waves: int, runs: int
) -> dict[str, Any]:
    """Say the posterior against the prior, the pairs that trade off, and the draws."""
    names = list(prior)
    before, after = _values(prior, fitted.prior), _values(prior, fitted.posterior)
    narrower = contraction(fitted)
    noise = 3 / np.sqrt(runs)
    parameters = [
        {
            "name": name, "prior_sd": digits(float(np.std(before[name]))),
            "posterior_sd": digits(float(np.std(after[name]))),
            "posterior_median": digits(float(np.median(after[name]))), "contraction": digits(float(narrower[i])),
            "identified": bool(narrower[i] > noise),
        }
        for i, name in enumerate(names)
    ]  # fmt: skip
    return {
        "origin": origin.isoformat(), "start": start_of(origin).isoformat(),
        "waves": waves, "runs": waves * runs, "failed": fitted.failed,
        "targets": len(aims), "last_target": max(aim.quarter for aim in aims), "error": digits(fitted.error),
        "discrepancy": digits(fitted.discrepancy), "mean_contraction": digits(float(np.mean(narrower))),
        "identified": sum(entry["identified"] for entry in parameters),
        "parameters": sorted(parameters, key=lambda entry: -entry["contraction"]),
        "pairs": _pairs(names, fitted.prior, fitted.posterior),
        "inputs": hashlib.sha256(canonical([list(aim) for aim in aims])).hexdigest(), "code": code_hash(), "seed": SEED,
        "draws": after,
    }  # fmt: skip


def _pairs(names: Sequence[str], prior: Floats, posterior: Floats) -> list[dict[str, Any]]:
    """Parameters that trade off: the record knows a combination of the two better than either.

    What the prior's draws were correlated by chance is taken off.
    """
    matrix: Floats = np.atleast_2d(np.corrcoef(posterior)) - np.atleast_2d(np.corrcoef(prior))
    least = max(PAIR_CORRELATION, 3 / np.sqrt(prior.shape[1]))
    strong = [(i, j) for i in range(len(names)) for j in range(i) if abs(matrix[i, j]) > least]
    strong.sort(key=lambda pair: -abs(float(matrix[pair])))
    return [{"a": names[i], "b": names[j], "correlation": digits(float(matrix[i, j]))} for i, j in strong[:PAIRS_SHOWN]]


def write_posterior(found: dict[str, Any], path: Path) -> None:
    """Write the draws as CSV, with remarks that say what they rest on."""
    names = sorted(found["draws"])
    remarks = ("origin", "waves", "runs", "targets", "last_target", "error", "inputs", "code", "seed")
    lines = [f"# {name}: {found[name]}" for name in remarks]
    lines.append(",".join(names))
    columns = [found["draws"][name] for name in names]
    lines += [",".join(f"{value:.6g}" for value in row) for row in zip(*columns, strict=True)]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, "\n".join(lines) + "\n")
