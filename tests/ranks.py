"""Simulation-based calibration on the market itself: ranks of synthetic truths, and what permuted quarters teach.

    python -m tests.ranks --truths 50 --runs 150 [--origin 2024-06-30] [--only "demand.*,supply.*"] [--kept FOLDER]

A truth is a draw of the prior; its run, with an error of observation, is the record that the smoother is given. If the
posterior says what it knows, the rank of the truth among its draws is uniform. One wave is fitted, so that all truths
share one ensemble of runs; the world is that of a calibration, from mid-2023 to the origin. With `--only` the other
parameters stay as they are: a few runs can narrow a few. Then the quarters of the
real record are permuted within each series: a shuffled record should narrow nothing.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from cli import model_around
from market.scenario.load import load_scenario
from market.truth.calibrate import ERROR, SEED, START, Target, fitted_ranges, futures_of, predicted, targets
from market.truth.futures import Floats, Job, simulate
from market.truth.smoother import contraction, fit, standard_normals
from market.units import DAYS_PER_YEAR

PERMUTATIONS = 20
WORLD = "frontier-2024"


def runs_of(name: str, asked: Namespace, job: Job, prior: Any, normals: Floats, aims: Sequence[Target]) -> Floats:
    """Predictions [m, N] of an ensemble; what is kept in the folder is not run again."""
    columns = []
    for future in futures_of(prior, normals):
        path = asked.kept / f"{asked.origin} {name} {len(prior)} {normals.shape[1]} {future.number}.npy"
        if not path.exists():
            np.save(path, predicted(simulate(job, future).series, aims))
            print(f"{name} {future.number + 1} of {normals.shape[1]}", file=sys.stderr, flush=True)
        columns.append(np.load(path))
    return np.array(columns).T


def ranks(ensemble: Floats, truths: Floats, told: Floats, runs: int) -> tuple[Floats, Floats]:
    """Rank of each truth among the posterior's draws [k, truths], and how much narrower the posterior became."""
    rng, found, narrower = np.random.default_rng(SEED), [], []
    for i in range(truths.shape[1]):
        record = told[:, i] + rng.normal(0, ERROR, len(told))
        fitted = fit(lambda _: ensemble, len(truths), record, ERROR, waves=1, runs=runs, seed=SEED)
        found.append((fitted.posterior < truths[:, i, None]).mean(axis=1))
        narrower.append(contraction(fitted))
    return np.array(found).T, np.array(narrower).T


def permuted(aims: Sequence[Target], rng: np.random.Generator) -> Floats:
    """The record with the quarters of each series shuffled."""
    values, names = np.array([aim.value for aim in aims]), np.array([aim.series for aim in aims])
    for name in sorted(set(names)):
        values[names == name] = rng.permutation(values[names == name])
    return values


def told_of(what: str, found: Floats) -> str:
    """One line about ranks: the test of uniformity, and how often the middle four-fifths hold the truth."""
    inside = float(np.mean((found > 0.1) & (found < 0.9)))
    return f"{what}: KS p {stats.kstest(found.ravel(), 'uniform').pvalue:.3f}, 80 % bands hold {inside:.0%}"


def main() -> None:
    parser = ArgumentParser(prog="python -m tests.ranks", description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--truths", type=int, default=50)
    parser.add_argument("--runs", type=int, default=150)
    parser.add_argument("--origin", type=date.fromisoformat, default=date(2024, 6, 30))
    parser.add_argument("--only", default="*", help="patterns of the parameters that are fitted")
    parser.add_argument("--kept", type=Path, default=Path("runs") / "ranks")
    asked = parser.parse_args()
    asked.kept.mkdir(parents=True, exist_ok=True)
    years = f"{((asked.origin - START).days + 45) / DAYS_PER_YEAR:.3f}"
    world = load_scenario(WORLD, {"start": str(START), "vintage": "strict", "years": years})
    aims, patterns = targets(asked.origin), asked.only.split(",")
    prior = {k: v for k, v in fitted_ranges(world).items() if any(fnmatchcase(k, pattern) for pattern in patterns)}
    job = Job(world.scenario, model_around, wants_dates=False)
    normals, drawn = (standard_normals(len(prior), n, seed) for n, seed in ((asked.runs, SEED), (asked.truths, 2)))
    ensemble = runs_of("ensemble", asked, job, prior, normals, aims)
    told = runs_of("truth", asked, job, prior, drawn, aims)
    good = np.all(np.isfinite(told), axis=0)
    found, narrower = ranks(ensemble, drawn[:, good], told[:, good], asked.runs)
    mean = narrower.mean(axis=1)
    known = np.argsort(-mean)[:10]
    print(f"{good.sum()} truths, {asked.runs} runs, {len(aims)} targets, {len(prior)} parameters")
    print(told_of("all parameters", found))
    print(told_of("the ten that narrow most", found[known]))
    print("  " + ", ".join(f"{list(prior)[i]} {mean[i]:.2f}" for i in known))
    rng = np.random.default_rng(SEED)
    records = [np.array([aim.value for aim in aims]), *(permuted(aims, rng) for _ in range(PERMUTATIONS))]
    fits = [fit(lambda _: ensemble, len(prior), r, ERROR, waves=1, runs=asked.runs, seed=SEED) for r in records]
    largest = [float(np.sort(contraction(one))[-10:].mean()) for one in fits]
    print(f"contraction of the ten that narrow most: {largest[0]:.2f} by the record, "
          f"{np.median(largest[1:]):.2f} [{min(largest[1:]):.2f}, {max(largest[1:]):.2f}] by permuted quarters; "
          f"error taken {fits[0].error:.2f} and {np.median([one.error for one in fits[1:]]):.2f}")  # fmt: skip


if __name__ == "__main__":
    main()
