"""All findings of an experiment as plain values, for scripts."""

from __future__ import annotations

from typing import Any

from market.experiments.results.dataset import Results
from market.experiments.statistics.discovery import discoveries
from market.experiments.statistics.pairing import effects, expected
from market.experiments.statistics.robustness import robustness
from market.experiments.statistics.tipping import tipping_points
from market.experiments.tell.sections import sensitivities


def as_json(results: Results) -> dict[str, Any]:
    """Give all findings as plain values; what is not known is null."""
    found = effects(results)
    return {
        "policies": list(results.policies),
        "metrics": results.units,
        "futures": results.about["futures"],
        "seeds": results.about["seeds"],
        "pairs": results.about["futures"] * results.about["seeds"][1],
        "effects": [_plain(e._asdict() | {"clear": e.is_clear}) for e in found],
        "expectations": [_plain(e._asdict()) for e in expected(results, found)],
        "robustness": [_plain(r._asdict()) for r in robustness(results)],
        "sensitivity": [
            {"policy": policy, "metric": metric, "method": type(row).__name__.lower(), **_plain(row._asdict())}
            for policy, metric, rows in sensitivities(results, found)
            for row in rows
        ],
        "discovery": [
            _plain({"policy": d.policy, "metric": d.metric, "cases": d.cases, "futures": d.futures})
            | {"limits": [_plain(x._asdict()) for x in d.limits]}
            | {"trajectory": [_plain(box._asdict()) for box in d.boxes]}
            for d in discoveries(results)
        ],
        "tipping_points": [_plain(p._asdict()) for p in tipping_points(results)],
        "missing": results.missing,
        "failures": [dict(zip(("policy", "future", "seed", "error"), f, strict=True)) for f in results.failed],
    }


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {key: _finite(value) for key, value in values.items()}


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if abs(value) < float("inf") else None  # nan compares as false
    return [_finite(x) for x in value] if isinstance(value, tuple | list) else value
