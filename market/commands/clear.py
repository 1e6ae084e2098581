"""Clear a book by a mechanism: what is offered, who bids, who gets what at which price."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from market.commands import complete
from market.commands.group import command
from market.commands.options import FILE, JSON
from market.commands.shell import Complaint, emit, put

if TYPE_CHECKING:
    from market.clearing import Book

DEFAULT_MECHANISM = "greedy"


@command()
@click.argument("book", metavar="BOOK.json", type=click.Path(path_type=Path))
@click.option("--mechanism", "-m", "mechanisms", multiple=True, metavar="NAME", shell_complete=complete.mechanisms,
              help=f"How to clear it; of several, or `all`, a comparison.  [default: {DEFAULT_MECHANISM}]")  # fmt: skip
@FILE
@JSON
def clear(book: Path, mechanisms: tuple[str, ...], out: Path | None, as_json: bool) -> None:
    """Clear a book of offers and bids by a mechanism: allotments, prices, surplus, who is left out.

    BOOK.json holds `supply` and `bids`; docs/mechanisms.md describes the format and the mechanisms.
    """
    from market.clearing import clear as by
    from market.report.clearing import compared, compared_text, fields, told

    of, named = read(book), chosen(mechanisms)
    found = [by(name, of) for name in named]
    if len(found) == 1:
        one = found[0]
        emit(fields(of, one), out) if as_json else put(told(of, one), out)
        return
    rows = compared(of, found)
    emit({"book": str(book), "rows": rows}, out) if as_json else put(compared_text(of, rows), out)


def read(book: Path) -> Book:
    """Read a book from a file."""
    from market.scenario.book import read_book

    if book.is_dir():
        raise Complaint(f"{book}: is a folder; name a file BOOK.json")
    return read_book(book)


def chosen(mechanisms: tuple[str, ...]) -> list[str]:
    """Names of the mechanisms asked for, each installed and once."""
    from market.clearing import names
    from market.scenario.book import mechanism_for

    if "all" in mechanisms:
        return names()
    return list(dict.fromkeys(mechanism_for(name, "--mechanism") for name in mechanisms or (DEFAULT_MECHANISM,)))
