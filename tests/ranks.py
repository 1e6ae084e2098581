"""Simulation-based calibration on the market itself: ranks of synthetic truths, and what permuted quarters teach.

    python -m tests.ranks --runs 100 [--origin 2024-06-30] [--only "demand.*,supply.*"] [--kept FOLDER]

Each run of an ensemble is the truth in turn: with an error of observation it is the record that the smoother is given,
and the others are the ensemble. If the posterior says what it knows, the rank of the truth among its draws is uniform.
One wave is fitted, so that no run is made twice; the world is that of a calibration, of a year before the last row that
is fitted. With `--only` the other parameters stay as they are: a few runs can narrow a few. Then the quarters of the
real record are permuted within each series: a shuffled record should narrow nothing.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
from scipy import stats

from cli import model_around
from market.truth.calibrate import (
    ERROR,
    SEED,
    Target,
    fitted_ranges,
    futures_of,
    groups_of,
    predicted,
    targets,
    world_of,
)
from market.truth.futures import Floats, Job, Range, simulate
from market.truth.smoother import Fitted, assimilate, contraction, standard_normals

PERMUTATIONS = 20
SHOWN = 10


def arguments() -> Namespace:
    """Read the command line."""
    parser = ArgumentParser(prog="python -m tests.ranks", description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--first", type=int, default=0, help="use the first so many runs alone; 0: all")
    parser.add_argument("--origin", type=date.fromisoformat, default=date(2024, 6, 30))
    parser.add_argument("--only", default="*", help="patterns of the parameters that are fitted")
    parser.add_argument("--kept", type=Path, default=Path("runs") / "ranks", help="a folder for each state of the code")
    return parser.parse_args()


def ensemble(asked: Namespace, job: Job, prior: dict[str, Range], aims: Sequence[Target]) -> tuple[Floats, Floats]:
    """Standard normals [k, N] and what their runs predict [m, N]; what is kept in the folder is not run again."""
    asked.kept.mkdir(parents=True, exist_ok=True)
    normals, columns = standard_normals(len(prior), asked.runs, SEED), []
    for future in futures_of(prior, normals)[: asked.first or asked.runs]:
        path = asked.kept / f"{asked.origin} ensemble {len(prior)} {asked.runs} {future.number}.npy"
        if not path.exists():
            np.save(path, predicted(simulate(job, future).series, aims))
            print(f"run {future.number + 1} of {asked.runs}", file=sys.stderr, flush=True)
        columns.append(np.load(path))
    told = np.array(columns).T
    good = np.all(np.isfinite(told), axis=0)
    return normals[:, : len(columns)][:, good], told[:, good]


def fitted(normals: Floats, told: Floats, record: Floats, groups: Sequence[str]) -> Fitted:
    """Fit one record in one wave."""
    return assimilate(normals, lambda _: told, record, ERROR, waves=1, seed=SEED, groups=groups)


def ranks(normals: Floats, told: Floats, groups: Sequence[str]) -> tuple[Floats, Floats]:
    """Rank of each truth among the draws of its posterior, and how much narrower that is than the prior, [k, N]."""
    rng, found, narrower = np.random.default_rng(SEED), [], []
    for i in range(normals.shape[1]):
        others = np.arange(normals.shape[1]) != i
        one = fitted(normals[:, others], told[:, others], told[:, i] + rng.normal(0, ERROR, len(told)), groups)
        found.append((one.posterior < normals[:, i, None]).mean(axis=1))
        narrower.append(contraction(one))
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
    """Run the ensemble and print what came of it."""
    asked = arguments()
    aims, patterns = targets(asked.origin), asked.only.split(",")
    world, groups = world_of(asked.origin, aims), groups_of(aims)
    prior = {k: v for k, v in fitted_ranges(world).items() if any(fnmatchcase(k, pattern) for pattern in patterns)}
    normals, told = ensemble(asked, Job(world.scenario, model_around, wants_dates=False), prior, aims)
    found, narrower = ranks(normals, told, groups)
    mean = narrower.mean(axis=1)
    known = np.argsort(-mean)[:SHOWN]
    print(f"{normals.shape[1]} truths and runs, {len(aims)} targets, {len(prior)} parameters")
    print(told_of("all parameters", found))
    print(told_of(f"the {SHOWN} that narrow most", found[known]))
    print("  " + ", ".join(f"{list(prior)[i]} {mean[i]:.2f}" for i in known))
    rng = np.random.default_rng(SEED)
    records = [np.array([aim.value for aim in aims]), *(permuted(aims, rng) for _ in range(PERMUTATIONS))]
    fits = [fitted(normals, told, record, groups) for record in records]
    largest = [float(np.sort(contraction(one))[-SHOWN:].mean()) for one in fits]
    print(
        f"contraction of the {SHOWN} that narrow most: {largest[0]:.2f} by the record, {np.median(largest[1:]):.2f} "
        f"[{min(largest[1:]):.2f}, {max(largest[1:]):.2f}] by permuted quarters; error taken {fits[0].error:.2f} and "
        f"{np.median([one.error for one in fits[1:]]):.2f}"
    )


if __name__ == "__main__":
    main()
