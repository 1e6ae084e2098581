"""Posteriors of `market calibrate`: draws kept in the catalogue with the hash of inputs, code and seed."""

from __future__ import annotations

import csv
from pathlib import Path

from market.catalogue.tables import HERE
from market.scenario.errors import did_you_mean
from market.truth.futures import Future

FOLDER = HERE / "posteriors"


class PosteriorError(ValueError):
    """A posterior that is not there or cannot be read."""


def names() -> list[str]:
    """Posteriors that come with the project."""
    return sorted(path.stem for path in FOLDER.glob("*.csv"))


def read_posterior(name: str) -> list[dict[str, float]]:
    """Read draws by name, or from a CSV file: one column a parameter, one line a draw; lines with # are remarks."""
    path = Path(name) if name.endswith(".csv") else FOLDER / f"{name}.csv"
    if not path.is_file():
        raise PosteriorError(f"no posterior {name!r}{did_you_mean(name, names()) or '; run `market calibrate` first'}")
    with path.open(newline="", encoding="utf-8") as handle:
        lines = csv.DictReader(line for line in handle if not line.startswith("#"))
        return [{key: float(value) for key, value in line.items()} for line in lines]


def drawn_from(name: str, futures: list[Future]) -> list[Future]:
    """Replace what a posterior knows by its draws, in turn; the other parameters stay drawn from their ranges."""
    draws = read_posterior(name)
    return [future._replace(values=future.values | draws[i % len(draws)]) for i, future in enumerate(futures)]
