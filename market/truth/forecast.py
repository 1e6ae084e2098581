"""A forecast: quantiles of every defined series, date and question over many futures, and hashes of its grounds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

import numpy as np

from events.manifest import canonical, code_hash
from market.scenario.load import Resolved
from market.truth.definitions import definition_of, definitions
from market.truth.futures import Answer, Floats
from market.truth.questions import Asked
from market.truth.samples import samples
from market.units import digits

LEVELS = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
VERSION = 1


class ForecastError(ValueError):
    """A forecast that cannot be made or read; the text is one line."""


def forecast_of(
    resolved: Resolved, answers: Sequence[Answer], questions: Sequence[Asked], drawn: str
) -> dict[str, Any]:
    """Build the content of a forecast file; the same answers give the same bytes."""
    good = [answer for answer in answers if not answer.error]
    if not good:
        first = answers[0].error if answers else "none was asked for"
        raise ForecastError(f"no future ran to its end: {first}")
    return {
        "version": VERSION,
        "scenario": resolved.scenario.name,
        "start": resolved.scenario.start.isoformat(),
        "years": resolved.scenario.years,
        "vintage": resolved.vintage,
        "scenario_sha256": resolved.sha256,
        "definitions_sha256": definitions_hash(),
        "code": code_hash(),
        "drawn": drawn,
        "futures": len(answers),
        "failed": len(answers) - len(good),
        "errors": sorted({answer.error for answer in answers if answer.error})[:5],
        "head": head_of(answers),
        "questions": [_question(asked, good) for asked in questions],
        "series": list(_series(good)),
        "dates": list(_dates(good)),
    }


def head_of(answers: Iterable[Answer]) -> str:
    """Hash all heads, in order of the futures."""
    return hashlib.sha256(canonical([answer.head for answer in answers])).hexdigest()


def definitions_hash() -> str:
    """Hash what the series mean."""
    return hashlib.sha256(canonical([list(found) for found in definitions().values()])).hexdigest()


def to_text(forecast: dict[str, Any]) -> str:
    """Write a forecast as JSON text with one end of line."""
    return json.dumps(forecast, ensure_ascii=False, allow_nan=False, sort_keys=True, indent=1) + "\n"


def quantiles_of(values: Floats, levels: Sequence[float]) -> Floats:
    """Quantiles of a sample by Weibull's plotting positions i / (n + 1).

    What comes lies below the lowest of n futures once in n + 1, if it is one of them: a band drawn from few futures by
    these positions holds what it says, where one between their extremes as quantiles 0 and 1 is too narrow
    (Makkonen 2006, Journal of Applied Meteorology and Climatology 45).
    """
    return np.asarray(np.quantile(values, levels, method="weibull"), dtype=np.float64)


def quantiles(values: Floats) -> dict[str, float]:
    """Name the quantiles of a sample: q05 to q95."""
    found = quantiles_of(values, LEVELS)
    return {f"q{round(100 * level):02d}": digits(float(value)) for level, value in zip(LEVELS, found, strict=True)}


def _series(good: Sequence[Answer]) -> Iterable[dict[str, Any]]:
    for (name, quarter), all_values in samples(good).items():
        values = all_values[~np.isnan(all_values)]
        yield {
            "series": name, "quarter": quarter, "unit": definition_of(name).unit, "n": len(values),
            **quantiles(values), "sample": [float(f"{value:.6g}") for value in values],
        }  # fmt: skip


def _dates(good: Sequence[Answer]) -> Iterable[dict[str, Any]]:
    """Share of futures in which each date came, and its quantiles over all: what did not come is later than any."""
    for id_ in sorted({id_ for answer in good for id_ in answer.dates}):
        days = sorted(answer.dates[id_].toordinal() for answer in good if id_ in answer.dates)
        entry: dict[str, Any] = {"id": id_, "share": digits(len(days) / len(good))}
        for level in (0.1, 0.5, 0.9):
            at = int(np.ceil(level * len(good))) - 1
            entry[f"q{round(100 * level)}"] = date.fromordinal(days[at]).isoformat() if at < len(days) else None
        yield entry


def _question(asked: Asked, good: Sequence[Answer]) -> dict[str, Any]:
    """Median, 80 % interval and the share of all futures inside low..high; a future without a number is outside."""
    values = np.array([v for answer in good if (v := answer.questions[asked.id]) is not None])
    low, high = -np.inf if asked.low is None else asked.low, np.inf if asked.high is None else asked.high
    found = quantiles(values) if len(values) else {}
    return {
        "id": asked.id, "text": asked.text, "unit": asked.unit, "n": len(values),
        "median": found.get("q50"), "low": found.get("q10"), "high": found.get("q90"),
        "asked_low": asked.low, "asked_high": asked.high,
        "p_inside": digits(float(np.sum((values >= low) & (values <= high))) / len(good)),
        "sample": [float(f"{value:.6g}") for value in values],
    }  # fmt: skip
