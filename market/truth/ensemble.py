"""One ensemble of runs for all origins: the same draws of parameters in the world of every start."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple

import numpy as np

from events.manifest import code_hash
from market.runs.drive import MakeModel
from market.truth.aims import Target, predicted, world_of
from market.truth.futures import Answer, Floats, Future, Job, Range
from market.truth.kept import simulate_kept
from market.truth.samples import samples
from market.truth.smoother import to_unit
from market.units import digits

type Simulate = Callable[[date, Sequence[Future], str], list[Answer]]
"""Run futures in the world of a start; the word names the file that keeps them."""
FIRST_WAVE = "prior"


class Ensemble(NamedTuple):
    """Draws that every origin starts from: standard normals [k, N] of parameters in the order of `prior`."""

    prior: dict[str, Range]
    normals: Floats
    simulate: Simulate


def simulated_by(make: MakeModel, engine: str, tell: Callable[[int, int], None], keep: Path | None) -> Simulate:
    """Simulate on this machine, each ensemble once; with `keep`, runs that a folder holds are not made again."""

    def simulate(start: date, futures: Sequence[Future], word: str) -> list[Answer]:
        job = Job(world_of(start).scenario, make, wants_dates=False)
        key = {"start": start.isoformat(), "code": code_hash()}
        path = None if keep is None else keep / f"{start} {word}.jsonl"
        return simulate_kept(job, futures, engine, tell, path=path, key=key)

    return once_each(simulate)


def once_each(simulate: Simulate) -> Simulate:
    """Remember what each ensemble said, so that origins share it."""
    done: dict[tuple[date, str], list[Answer]] = {}

    def simulated(start: date, futures: Sequence[Future], word: str) -> list[Answer]:
        if (start, word) not in done:
            done[start, word] = simulate(start, futures, word)
        return done[start, word]

    return simulated


def told_by(ensemble: Ensemble, normals: Floats, aims: Sequence[Target], word: str) -> Floats:
    """What the runs of an ensemble [k, N] say of each target [m, N]: a column of nan is a run that failed."""
    futures = futures_of(ensemble.prior, normals)
    told = np.full((len(aims), normals.shape[1]), np.nan)
    for start in sorted({aim.start for aim in aims}):
        rows = [i for i, aim in enumerate(aims) if aim.start == start]
        answers = ensemble.simulate(start, futures, word)
        good = [i for i, answer in enumerate(answers) if not answer.error]
        said = samples([answers[i] for i in good])
        told[np.ix_(rows, good)] = predicted(said, [aims[i] for i in rows], len(good))
    return told


def futures_of(prior: dict[str, Range], normals: Floats) -> list[Future]:
    """Futures of an ensemble [k, N]; the seed of a member is its own in every wave and world."""
    values = values_of(prior, normals)
    return [Future(i, i, {name: values[name][i] for name in prior}) for i in range(normals.shape[1])]


def values_of(prior: dict[str, Range], normals: Floats) -> dict[str, list[float]]:
    """Turn standard normals [k, N] into draws of each parameter [N]."""
    unit = to_unit(normals)
    return {name: [digits(value) for value in found.quantile(unit[i])] for i, (name, found) in enumerate(prior.items())}
