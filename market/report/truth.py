"""Forecasts, scores, back-tests and claims as a person reads them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

FORECAST_FIELDS = ("scenario", "start", "futures", "failed", "head", "drawn", "dates")
QUESTION_FIELDS = ("id", "median", "low", "high", "p_inside")
SERIES_FIELDS = ("series", "quarter", "q10", "q50", "q90")


def teller(quiet: bool) -> Callable[[int, int], None]:
    """Tell progress on stderr, a line for every tenth of the futures."""

    def tell(done: int, total: int) -> None:
        if not quiet and (done == total or done % max(1, total // 10) == 0):
            click.echo(f"market: {done} of {total} futures", err=True)

    return tell


def forecast_fields(found: dict[str, Any], out: Path) -> dict[str, Any]:
    """What scripts read of a forecast; the file holds more."""
    return {
        **_some(found, FORECAST_FIELDS),
        "file": str(out),
        "questions": [_some(entry, QUESTION_FIELDS) for entry in found["questions"]],
        "series": [_some(entry, SERIES_FIELDS) for entry in found["series"]],
    }


def show_forecast(found: dict[str, Any], out: Path) -> None:
    """Print the answers to the questions."""
    click.echo(
        f"{out}: {found['futures']} futures of {found['scenario']} from {found['start']}, "
        f"{found['failed']} failed, head {found['head'][:16]}"
    )
    for entry in found["questions"]:
        interval = f"{_say(entry['median'])} [{_say(entry['low'])}, {_say(entry['high'])}] {entry['unit']}"
        click.echo(f"  {entry['id']:<28} {interval}  p {entry['p_inside']:.2f}  {entry['text']}")


def show_score(found: dict[str, Any], file: Path) -> None:
    """Print coverage and each point."""
    shares = ", ".join(f"{band} %: {'none' if v is None else f'{v:.0%}'}" for band, v in found["coverage"].items())
    click.echo(f"{file}: {found['points']} points; coverage of bands {shares}; CRPS {_say(found['score']['crps'])}")
    if not found["same_definitions"]:
        click.echo("  the forecast was made with other definitions of series")
    for row in found["rows"]:
        mark = "inside " if row["inside"] else "outside"
        said = f"observed {row['observed']} median {row['median']} [{row['low']}, {row['high']}]"
        click.echo(f"  {row['series']:<28} {row['quarter']:<7} {mark} {said}")
    for name in found["not_forecast"]:
        click.echo(f"  not forecast: {name}")


def _some(entry: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: entry[name] for name in names}


def _say(value: float | None) -> str:
    return "none" if value is None else f"{value:,.4g}"
