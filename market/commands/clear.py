"""Clear a book by a mechanism: what is offered, who bids, who gets what at which price."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from market.commands import complete
from market.commands.group import command
from market.commands.options import FILE, JSON, outside
from market.commands.shell import Complaint, emit, put

if TYPE_CHECKING:
    from market.clearing import Book

DEFAULT_MECHANISM = "greedy"


@command()
@click.argument("book", metavar="BOOK.json|RUN", type=click.Path(path_type=Path))
@click.option("--mechanism", "-m", "mechanisms", multiple=True, metavar="NAME", shell_complete=complete.mechanisms,
              help=f"How to clear it; of several, or `all`, a comparison.  [default: {DEFAULT_MECHANISM}]")  # fmt: skip
@click.option("--market", metavar="MARKET", type=click.Choice(["chips", "leases", "on_demand", "shells"]),
              help="Of a RUN, the market whose book is cleared.")  # fmt: skip
@click.option("--week", type=click.IntRange(0), metavar="N", help="Of a RUN, the week, from 0.")
@click.option("--save", type=click.Path(path_type=Path, dir_okay=False), callback=outside, metavar="FILE.json",
              help="Write the book that is cleared.")  # fmt: skip
@FILE
@JSON
def clear(book: Path, mechanisms: tuple[str, ...], market: str | None, week: int | None, save: Path | None,
          out: Path | None, as_json: bool) -> None:  # fmt: skip
    """Clear a book of offers and bids by a mechanism: allotments, prices, surplus, who is left out.

    BOOK.json holds `supply` and `bids`; docs/mechanisms.md describes the format and the mechanisms. Of a RUN it is the
    book of one --market in one --week, as it stood before it was cleared.
    """
    from market.clearing import clear as by
    from market.report.clearing import compared, compared_text, fields, told

    of, named = read(book, market, week), chosen(mechanisms)
    if save is not None:
        from market.scenario.book import write_book

        emit(write_book(of), save)
    found = [by(name, of) for name in named]
    if len(found) == 1:
        one = found[0]
        emit(fields(of, one), out) if as_json else put(told(of, one), out)
        return
    rows = compared(of, found)
    emit({"book": str(book), "rows": rows}, out) if as_json else put(compared_text(of, rows), out)


def read(book: Path, market: str | None, week: int | None) -> Book:
    """Read a book from a file, or take it from a week of a run."""
    if not book.is_dir():
        from market.scenario.book import read_book

        if market is not None or week is not None:
            raise Complaint(f"{book}: --market and --week choose a book of a RUN; this is a file")
        return read_book(book)
    from market.runs.books import book_of
    from market.runs.reading import open_run

    if market is None or week is None:
        raise Complaint(f"{book}: is a folder; of a RUN name the book by --market and --week, or name a file BOOK.json")
    return book_of(open_run(book), market, week)


def chosen(mechanisms: tuple[str, ...]) -> list[str]:
    """Names of the mechanisms asked for, each installed and once."""
    from market.clearing import names
    from market.scenario.book import mechanism_for

    if "all" in mechanisms:
        return names()
    return list(dict.fromkeys(mechanism_for(name, "--mechanism") for name in mechanisms or (DEFAULT_MECHANISM,)))
