"""Campaigns over seeds as commands: what is missing is run, what was run is kept, and laws are told over all seeds."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple


class Verdict(NamedTuple):
    """Whether a law holds for one seed, and the figure that says so."""

    holds: bool
    figure: float


def over_seeds(found: Sequence[Verdict]) -> str:
    """In how many seeds a law holds, the median figure and its range."""
    figures = [verdict.figure for verdict in found]
    holds = sum(verdict.holds for verdict in found)
    return f"{holds:3d} of {len(found)}  {median(figures):8.3g} [{min(figures):.3g}, {max(figures):.3g}]"


def arguments(name: str, about: str | None, seeds: int) -> ArgumentParser:
    """Make the options that campaigns share."""
    parser = ArgumentParser(prog=f"python -m tests.{name}", description=about)
    parser.add_argument("--seeds", type=int, default=seeds)
    parser.add_argument("--first", type=int, default=0, help="first seed, to share the work between processes")
    parser.add_argument(
        "--kept", type=Path, default=Path("runs") / name, help="folder of what was run, one for each state of the code"
    )
    return parser


def seeds_of(asked: Namespace) -> range:
    """Seeds that a command line asks for."""
    return range(asked.first, asked.first + asked.seeds)


def outcomes(asked: Namespace, runs: Mapping[str, Callable[[int], Any]]) -> list[dict[str, Any]]:
    """Give what came of each run for each seed, by name; what is not kept yet is run."""
    asked.kept.mkdir(parents=True, exist_ok=True)
    return [{name: _outcome(asked.kept, seed, name, run) for name, run in runs.items()} for seed in seeds_of(asked)]


def _outcome(kept: Path, seed: int, name: str, run: Callable[[int], Any]) -> Any:
    path = kept / f"{seed} {name}.json"
    if not path.exists():
        path.write_text(json.dumps(run(seed), default=asdict))
        print(f"seed {seed}: {name}", file=sys.stderr, flush=True)
    return json.loads(path.read_text())


def as_kept(found: Any) -> Any:
    """Give what a command would read of a run that was kept."""
    return json.loads(json.dumps(found, default=asdict))
