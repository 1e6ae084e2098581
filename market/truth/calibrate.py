"""Fit the parameters of a world to what was known at each origin, and say what the record can and cannot identify.

All origins start from one ensemble of runs, so that an origin more costs no run; waves after the first are an origin's
own. What is fitted is said in `aims`. The draws of what was identified are kept with the hash of what was fitted, the
code and the seed; all else stays drawn from its range.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from events.manifest import canonical, code_hash
from market.runs.files import write_whole
from market.truth.aims import Target, fitted_ranges, groups_of, starts_of, targets
from market.truth.backtest import ORIGINS
from market.truth.ensemble import FIRST_WAVE, Ensemble, Simulate, told_by, values_of
from market.truth.futures import Floats
from market.truth.smoother import Fitted, assimilate, contraction, standard_normals
from market.truth.synthetic import chance_of, checked, whole_runs
from market.units import digits

ERROR = 0.15  # of an observation, in log points: what filings and estimates differ by (assumption)
PAIR_CORRELATION = 0.5
PAIRS_SHOWN = 10
SEED = 1


class CalibrationError(ValueError):
    """A calibration that cannot be made; the text is one line."""


def origins_of(words: Sequence[str]) -> list[date]:
    """Read origins: `all` of the back-test, or dates."""
    if "all" in words:
        return list(ORIGINS)
    return sorted({_origin(word) for word in words})


def _origin(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise CalibrationError(f"--origin: must be all or a date such as 2024-12-31, was {text}") from None


def ensemble_of(origins: Iterable[date], runs: int, simulate: Simulate) -> Ensemble:
    """Draw the ensemble that all origins share."""
    starts = starts_of([aim for origin in origins for aim in targets(origin)])
    if not starts:
        raise CalibrationError("--origin: nothing that may be fitted was published before it")
    prior = fitted_ranges(starts)
    return Ensemble(prior, standard_normals(len(prior), runs, SEED), simulate)


def calibrate(origins: Sequence[date], runs: int, waves: int, simulate: Simulate, truths: int = 0) -> dict[str, Any]:
    """Fit one posterior per origin and describe it; with `truths`, test the fit on so many synthetic truths."""
    ensemble = ensemble_of(origins, runs, simulate)
    fits: dict[str, dict[str, Any]] = {}  # by what was known: nothing new may have been published between two origins
    found = []
    for origin in origins:
        aims = targets(origin)
        known = _hash_of(aims)
        if known not in fits:
            fits[known] = posterior_of(origin, aims, ensemble, waves, truths)
        found.append(fits[known] | {"origin": origin.isoformat()})
    return {"runs": runs, "waves": waves, "code": code_hash(), "seed": SEED, "posteriors": found}


def posterior_of(origin: date, aims: Sequence[Target], ensemble: Ensemble, waves: int, truths: int) -> dict[str, Any]:
    """Fit what was known at an origin; where nothing was, all stays as it was drawn."""
    if not aims:
        return {"origin": origin.isoformat(), "targets": 0, "identified": 0, "parameters": [], "draws": {}}
    observed, groups = np.array([aim.value for aim in aims]), groups_of(aims)
    fitted = _fit(origin, aims, ensemble, waves)
    known = whole_runs(ensemble.normals, told_by(ensemble, ensemble.normals, aims, FIRST_WAVE))
    chance = chance_of(known, observed, groups, ERROR, SEED)
    check = checked(known, aims, groups, error=ERROR, seed=SEED, truths=truths) if truths else None
    return described(origin, ensemble, fitted, aims, chance) | {"check": check}


def _fit(origin: date, aims: Sequence[Target], ensemble: Ensemble, waves: int) -> Fitted:
    words = iter([FIRST_WAVE, *(f"{origin} wave {wave}" for wave in range(2, waves + 1))])
    return assimilate(
        ensemble.normals, lambda normals: told_by(ensemble, normals, aims, next(words)),
        np.array([aim.value for aim in aims]), ERROR, waves=waves, seed=SEED, groups=groups_of(aims),
    )  # fmt: skip


def described(
    origin: date, ensemble: Ensemble, fitted: Fitted, aims: Sequence[Target], chance: float
) -> dict[str, Any]:
    """Say the posterior against the prior, the pairs that trade off, and the draws of what was identified.

    Identified is what narrows by more than any parameter does whose draws have nothing to do with the runs.
    """
    names, narrower = list(ensemble.prior), contraction(fitted)
    before, after = values_of(ensemble.prior, fitted.prior), values_of(ensemble.prior, fitted.posterior)
    parameters = [
        {
            "name": name, "prior_sd": digits(float(np.std(before[name]))),
            "posterior_sd": digits(float(np.std(after[name]))), "prior_median": digits(float(np.median(before[name]))),
            "posterior_median": digits(float(np.median(after[name]))), "contraction": digits(float(narrower[i])),
            "identified": bool(narrower[i] > chance),
        }
        for i, name in enumerate(names)
    ]  # fmt: skip
    known = [name for i, name in enumerate(names) if narrower[i] > chance]
    return {
        "origin": origin.isoformat(), "starts": [start.isoformat() for start in starts_of(aims)],
        "failed": fitted.failed, "targets": len(aims), "last_target": max(aim.quarter for aim in aims),
        "error": digits(fitted.error), "discrepancy": digits(fitted.discrepancy), "chance": digits(chance),
        "mean_contraction": digits(float(np.mean(narrower))), "identified": len(known),
        "parameters": sorted(parameters, key=lambda entry: -entry["contraction"]),
        "pairs": _pairs(names, fitted.prior, fitted.posterior), "inputs": _hash_of(aims),
        "draws": {name: after[name] for name in known},
    }  # fmt: skip


def _hash_of(aims: Sequence[Target]) -> str:
    return hashlib.sha256(canonical([[aim.start.isoformat(), *aim[1:]] for aim in aims])).hexdigest()


def _pairs(names: Sequence[str], prior: Floats, posterior: Floats) -> list[dict[str, Any]]:
    """Parameters that trade off: the record knows a combination of the two better than either.

    What the prior's draws were correlated by chance is taken off.
    """
    matrix: Floats = np.atleast_2d(np.corrcoef(posterior)) - np.atleast_2d(np.corrcoef(prior))
    least = max(PAIR_CORRELATION, 3 / np.sqrt(prior.shape[1]))
    strong = [(i, j) for i in range(len(names)) for j in range(i) if abs(matrix[i, j]) > least]
    strong.sort(key=lambda pair: -abs(float(matrix[pair])))
    return [{"a": names[i], "b": names[j], "correlation": digits(float(matrix[i, j]))} for i, j in strong[:PAIRS_SHOWN]]


def write_posteriors(found: dict[str, Any], folder: Path) -> list[Path]:
    """Write the draws of each origin that has any as CSV, with remarks that say what they rest on."""
    folder.mkdir(parents=True, exist_ok=True)
    return [_write(found, entry, folder) for entry in found["posteriors"] if entry["draws"]]


def _write(found: dict[str, Any], entry: dict[str, Any], folder: Path) -> Path:
    names = sorted(entry["draws"])
    rests_on = ("origin", "waves", "runs", "targets", "last_target", "error", "inputs", "code", "seed")
    lines = [f"# {name}: {(found | entry)[name]}" for name in rests_on]
    lines.append(",".join(names))
    columns = [entry["draws"][name] for name in names]
    lines += [",".join(f"{value:.6g}" for value in row) for row in zip(*columns, strict=True)]
    path = folder / f"{entry['origin']}.csv"
    write_whole(path, "\n".join(lines) + "\n")
    return path
