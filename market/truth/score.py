"""Score a forecast against what was observed later: coverage of its bands, CRPS and weighted interval score.

A forecast file holds its samples, so a third person needs the file and the observations alone. Errors of series on a
log scale are taken of log values, capped at `CAP` on either side; the rest is relative to the observed value.
"""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import msgspec
import numpy as np
import scoringrules

from market.scenario.errors import shorten
from market.truth.definitions import Definition, definition_of
from market.truth.forecast import definitions_hash, quantiles_of
from market.truth.futures import Floats
from market.truth.quarters import distance, origin_quarter
from market.units import digits

BANDS = (50, 80, 90)
ALPHAS = np.array([0.5, 0.2, 0.1])
CAP = 2.0  # of an error in log points: a factor of 7.4
FLOOR = 1e-9
QUARTER = "[0-9]{4}Q[1-4]"
type Quarter = Annotated[str, msgspec.Meta(pattern=f"^{QUARTER}$")]
type Finite = Annotated[float, msgspec.Meta(ge=-1e300, le=1e300)]


class ScoreError(ValueError):
    """A file that is no forecast, or observations that cannot be read; the text names file, line and rule."""


class Point(NamedTuple):
    """One forecast of one quarter: a sample, and what was observed. `first` is the base of a growth comparison."""

    definition: Definition
    quarter: str
    horizon: int
    sample: Floats
    observed: float


class Scored(NamedTuple):
    """What a point's sample is worth: errors on the series' scale; inside says which bands hold the observed value."""

    crps: float
    wis: float
    pit: float
    median: float
    bands: dict[int, tuple[float, float]]
    inside: dict[int, bool]


def score_point(point: Point) -> Scored:
    """Score one sample against one observed value."""
    values = np.sort(point.sample)
    shift = _errors(point)
    crps = float(scoringrules.crps_ensemble(0.0, np.sort(shift)))
    bounds = {band: _band(values, band) for band in BANDS}
    edges = [_band(np.sort(shift), band) for band in BANDS]
    lower, upper = np.array([low for low, _ in edges]), np.array([high for _, high in edges])
    wis = float(scoringrules.weighted_interval_score(0.0, float(np.median(shift)), lower, upper, ALPHAS))
    pit = float((np.sum(values < point.observed) + 0.5 * np.sum(values == point.observed)) / len(values))
    inside = {band: low <= point.observed <= high for band, (low, high) in bounds.items()}
    return Scored(digits(crps), digits(wis), digits(pit), digits(float(np.median(values))), bounds, inside)


def _errors(point: Point) -> Floats:
    """Errors of a sample: log ratios, or relative to the observed value; capped."""
    if point.definition.is_log and point.observed > 0:
        error = np.log(np.maximum(point.sample, FLOOR) / point.observed)
    else:
        error = (point.sample - point.observed) / max(abs(point.observed), 1.0)
    return np.asarray(np.clip(error, -CAP, CAP))


def _band(values: Floats, band: int) -> tuple[float, float]:
    low, high = quantiles_of(values, [(100 - band) / 200, (100 + band) / 200])
    return digits(float(low)), digits(float(high))


def coverage(scored: Sequence[Scored]) -> dict[str, float | None]:
    """Share of points inside each band."""
    if not scored:
        return {str(band): None for band in BANDS}
    return {str(band): digits(sum(s.inside[band] for s in scored) / len(scored)) for band in BANDS}


class _Series(msgspec.Struct):
    series: str
    quarter: Quarter
    sample: Annotated[list[Finite], msgspec.Meta(min_length=1)]


class _Dates(msgspec.Struct):
    id: str
    q10: str | None
    q50: str | None
    q90: str | None


class _Question(msgspec.Struct):
    id: str
    median: Finite | None
    low: Finite | None
    high: Finite | None


class _File(msgspec.Struct):
    """What of a forecast file is scored."""

    start: date
    series: list[_Series]
    dates: list[_Dates]
    questions: list[_Question]


def read_forecast(path: Path) -> dict[str, Any]:
    """Read a forecast file; ScoreError where it is none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        msgspec.convert(found, _File)
    except OSError as error:
        raise ScoreError(f"{path}: {(error.strerror or str(error)).lower()}") from None
    except msgspec.ValidationError as error:
        raise ScoreError(f"{path}: is no forecast file: {error}") from None
    except (ValueError, RecursionError):
        raise ScoreError(f"{path}: is no forecast file, which is JSON as `market forecast --out` writes it") from None
    return dict(found)


def read_observed(path: Path) -> dict[tuple[str, str], float]:
    """Read observations: columns series, quarter, value; a question or date by its id, with an empty quarter."""
    found: dict[tuple[str, str], float] = {}
    try:
        with path.open(newline="", encoding="utf-8") as handle:
            reader = csv.DictReader(handle)
            if not {"series", "quarter", "value"} <= set(reader.fieldnames or ()):
                raise ScoreError(f"{path}:1 must have the columns series, quarter, value")
            for line in reader:
                where = f"{path}:{reader.line_num}"
                key = (line["series"] or "", line["quarter"] or "")
                if key[1] and re.fullmatch(QUARTER, key[1]) is None:
                    raise ScoreError(f"{where} quarter: must read as 2024Q4 or be empty, was {shorten(key[1])}")
                if key in found:
                    raise ScoreError(f"{where} {' '.join(key).strip()} is observed twice")
                found[key] = _value(line["value"] or "", where)
    except OSError as error:
        raise ScoreError(f"{path}: {(error.strerror or str(error)).lower()}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise ScoreError(f"{path}: is no CSV text ({error})") from None
    return found


def _value(text: str, where: str) -> float:
    with suppress(ValueError):
        return float(date.fromisoformat(text).toordinal())
    with suppress(ValueError):
        if math.isfinite(value := float(text)):
            return value
    raise ScoreError(f"{where} value: must be a number or a date, was {shorten(text)}")


def score(forecast: dict[str, Any], observed: dict[tuple[str, str], float]) -> dict[str, Any]:
    """Score what a forecast says of the observed points; what it does not say is listed."""
    points = list(points_of(forecast, observed))
    rows, scored = [], []
    for point in points:
        found = score_point(point)
        scored.append(found)
        rows.append(row_of(point, found))
    rows += [*_dates(forecast, observed), *_questions(forecast, observed)]
    answered = {(row["series"], row["quarter"]) for row in rows}
    return {
        "forecast": {name: forecast.get(name) for name in ("scenario", "start", "head", "code", "futures", "drawn")},
        "same_definitions": forecast.get("definitions_sha256") == definitions_hash(),
        "points": len(points),
        "coverage": coverage(scored),
        "score": {
            "crps": digits(float(np.mean([s.crps for s in scored]))) if scored else None,
            "wis": digits(float(np.mean([s.wis for s in scored]))) if scored else None,
        },
        "rows": rows,
        "not_forecast": sorted(" ".join(key).strip() for key in observed if key not in answered),
    }  # fmt: skip


def row_of(point: Point, found: Scored) -> dict[str, Any]:
    """One scored point as scripts read it."""
    low, high = found.bands[80]
    return {
        "series": point.definition.id, "quarter": point.quarter, "horizon": point.horizon, "observed": point.observed,
        "median": found.median, "low": low, "high": high, "inside": found.inside[80], "crps": found.crps,
        "wis": found.wis, "pit": found.pit,
    }  # fmt: skip


def points_of(forecast: dict[str, Any], observed: dict[tuple[str, str], float]) -> Iterable[Point]:
    """Pair the forecast's samples with the observed quarters after its start."""
    origin = origin_quarter(date.fromisoformat(forecast["start"]))
    samples = {(entry["series"], entry["quarter"]): np.array(entry["sample"]) for entry in forecast["series"]}
    for name, quarter in sorted(observed):
        if not quarter:
            continue
        definition = definition_of(name)
        if definition.how == "none" or quarter < definition.comparable_from:
            continue
        point = compared(definition, quarter, origin, samples, observed)
        if point is not None:
            yield point


def compared(
    definition: Definition, quarter: str, origin: str, samples: dict[tuple[str, str], Floats],
    observed: dict[tuple[str, str], float],
) -> Point | None:  # fmt: skip
    """Pair one quarter; growth and change are from the first quarter that both sides have, which is not scored."""
    name, horizon = definition.id, distance(origin, quarter)
    sample, value = samples.get((name, quarter)), observed[name, quarter]
    if sample is None or horizon < 1 or (definition.is_log and value <= 0):
        return None
    if not definition.is_level:
        first = base_of(name, origin, samples, observed)
        if first is None or first == quarter or len(samples[name, first]) != len(sample):
            return None
        base, recorded = samples[name, first], observed[name, first]
        if recorded <= 0:
            return None
        sample, value = (
            definition.as_compared(sample, base, recorded),
            definition.as_compared(value, recorded, recorded),
        )
    return Point(definition, quarter, horizon, sample, value)


def base_of(
    name: str, origin: str, samples: Iterable[tuple[str, str]], observed: dict[tuple[str, str], float]
) -> str | None:
    """The first quarter from an origin on that a forecast and the record both have."""
    both = (q for n, q in samples if n == name and (n, q) in observed and distance(origin, q) >= 0)
    return min(both, default=None)


def _dates(forecast: dict[str, Any], observed: dict[tuple[str, str], float]) -> Iterable[dict[str, Any]]:
    for entry in forecast["dates"]:
        if (entry["id"], "") in observed:
            ordinal = observed[entry["id"], ""]
            if not 1 <= ordinal <= date.max.toordinal():
                raise ScoreError(f"{entry['id']}: must be observed as a date such as 2025-06-30, was {ordinal:g}")
            day = date.fromordinal(int(ordinal)).isoformat()
            low, high = entry["q10"], entry["q90"]
            inside = low is not None and low <= day and (high is None or day <= high)
            yield _plain(entry["id"], day, (entry["q50"], low, high), inside)


def _questions(forecast: dict[str, Any], observed: dict[tuple[str, str], float]) -> Iterable[dict[str, Any]]:
    for entry in forecast["questions"]:
        if (entry["id"], "") in observed and entry["median"] is not None:
            value = observed[entry["id"], ""]
            said = (entry["median"], entry["low"], entry["high"])
            yield _plain(entry["id"], value, said, entry["low"] <= value <= entry["high"])


def _plain(id_: str, observed: object, said: tuple[object, object, object], inside: bool) -> dict[str, Any]:
    """A date or question as a row."""
    median, low, high = said
    return {"series": id_, "quarter": "", "observed": observed, "median": median, "low": low, "high": high,
            "inside": inside}  # fmt: skip
