"""What answers share: a complaint as lines with an exit code, JSON, texts and files."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import polars as pl

FAILED, USAGE, DAMAGED, SOME_FAILED, INTERRUPTED = 1, 2, 3, 4, 130


class Complaint(click.ClickException):
    """One clear line on stderr for each thing that is wrong, and an exit code."""

    def __init__(self, message: str, exit_code: int = USAGE, then: Sequence[str] = ()) -> None:
        super().__init__(" ".join(message.split()))
        self.then = then
        self.exit_code = exit_code  # type: ignore[misc]  # click calls it a class variable and reads the instance's

    def show(self, file: Any = None) -> None:
        """Print the lines."""
        from market.report.console import safe

        for line in (f"market: {self.message}", *self.then):
            click.echo(safe(line), file=file or sys.stderr)


def emit(content: Any, out: Path | None = None) -> None:
    """Print one JSON object, or write it to a file."""
    from market.report.listing import to_json

    put(f"{to_json(content)}\n", out)


def put(text: str, out: Path | None = None) -> None:
    """Print a text, or write it to a file."""
    if out is None:
        sys.stdout.write(text)
    else:
        from market.runs.files import write_whole

        write_whole(out, text)


def write(frame: pl.DataFrame | pl.LazyFrame, form: str, out: Path | None) -> None:
    """Write csv or parquet to a file, or to stdout when that is no terminal."""
    from market.report.listing import write_frame

    if form == "parquet" and out is None and sys.stdout.isatty():
        raise Complaint("parquet is no text; name a file with --out, or redirect")
    write_frame(frame, form, out)


def names(titles: dict[str, str], what: str, as_json: bool) -> None:
    """Print names with titles."""
    if as_json:
        emit({what: [{"name": name, "title": title} for name, title in titles.items()]})
        return
    from market.report.console import console, para

    for name, title in titles.items():
        para(console(), f"{name:<28} {title}", " " * 29)
