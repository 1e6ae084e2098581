"""Where text goes: stdout, as wide as the terminal, with nothing in it that a terminal takes for a command."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import IO, Any

from rich.console import Console
from rich.text import Text

from market.layout import Column, columns, safe, table, wrapped

__all__ = ["Column", "Page", "columns", "console", "para", "safe", "show", "table", "wrapped"]


class Page(Console):
    """A console that shows text as text: no markup, no emoji codes, no control characters."""

    def print(self, *objects: Any, **how: Any) -> None:
        """Print, with whatever a terminal would obey taken out of every text."""
        super().print(*(safe(o) if isinstance(o, str) else o for o in objects), **how)

    def on_broken_pipe(self) -> None:
        """Say so to who called: rich itself would end the program with exit code 1."""
        raise BrokenPipeError


def console(file: IO[str] | None = None) -> Page:
    """Make a console on stdout, in colour on a terminal; rich itself heeds NO_COLOR."""
    out = file or sys.stdout
    plain = {} if out.isatty() else {"color_system": None}
    return Page(file=out, width=columns(), highlight=False, markup=False, emoji=False, **plain)  # type: ignore[arg-type]


def show(out: Page, heads: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
    """Print a table: its head dim, its rows as wide as the console allows."""
    for index, line in enumerate(table(heads, rows, out.width)):
        out.print(Text(line, style="dim" if index == 0 else ""), soft_wrap=True)


def para(out: Page, text: str, indent: str = "") -> None:
    """Print a paragraph, broken between words."""
    for line in wrapped(safe(text), out.width, indent):
        out.print(Text(line), soft_wrap=True)
