"""Tables and paragraphs of plain text within a width: nothing is cut, and nothing in them commands a terminal."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from typing import NamedTuple

WIDTH = 100
"""Columns where the width is not known: COLUMNS is not set and stdout is no terminal."""
GAP = 2
PHRASE = 30  # columns from which a phrase is broken


def printable(text: str) -> str:
    """Replace what a terminal would take for a command."""
    return "".join(c if c.isprintable() else "?" for c in text)


def columns() -> int:
    """Width of the output: COLUMNS, else the terminal's, else WIDTH."""
    return max(20, shutil.get_terminal_size((WIDTH, 24)).columns)


def safe(text: str) -> str:
    """Keep the lines of a text, and of each what is printable."""
    return "\n".join(printable(line) for line in text.split("\n"))


def counted(count: int, noun: str) -> str:
    """Write a number of things: 1 week, 26 weeks."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


class Column(NamedTuple):
    """A column of a table.

    keep : of columns that do not fit, those with the lowest number go first; 9 always stays.
    """

    name: str
    is_text: bool = False
    keep: int = 9


def table(heads: Sequence[Column], rows: Sequence[Sequence[str]], width: int, *, apart: bool = False) -> list[str]:
    """Lay out a table within a width. No cell is ever cut.

    Columns go, the least important first, until the rest fit; a text in the last column is wrapped between words;
    where even the columns that must stay do not fit, each row becomes a block of lines, or, where `apart` says so, its
    first cell a line of its own above the others.
    """
    cells = [[safe(cell) for cell in row] for row in rows]
    shown = _fitting(heads, cells, range(len(heads)), width)
    if _width(heads, cells, shown) > width:
        return _apart(heads, cells, width) if apart else _blocks(heads, cells, width)
    lines = [line for row in _lines(heads, cells, shown, width) for line in row]
    return [*lines, *_left_out(heads, shown, width)]


def _fitting(
    heads: Sequence[Column], cells: Sequence[Sequence[str]], candidates: Iterable[int], width: int
) -> list[int]:
    """Leave columns out, the least important first, until the others fit or are those that must stay."""
    shown = list(candidates)
    while _width(heads, cells, shown) > width and any(heads[i].keep < 9 for i in shown):
        shown.remove(min((i for i in reversed(shown) if heads[i].keep < 9), key=lambda i: heads[i].keep))
    return shown


def _left_out(heads: Sequence[Column], shown: Sequence[int], width: int) -> list[str]:
    left = [head.name for i, head in enumerate(heads) if i not in shown]
    return wrapped(f"(not shown, for want of width: {', '.join(left)})", width) if left else []


def _apart(heads: Sequence[Column], cells: Sequence[Sequence[str]], width: int) -> list[str]:
    """The first cell of each row on a line of its own, the others in a table below."""
    shown = _fitting(heads, cells, range(1, len(heads)), width - GAP)
    if _width(heads, cells, shown) > width - GAP:
        return _blocks(heads, cells, width)
    first = [heads[0].name, *(row[0] for row in cells)]
    below = _lines(heads, cells, shown, width - GAP)
    both = [
        line for name, row in zip(first, below, strict=True) for line in (name, *(" " * GAP + text for text in row))
    ]
    return [*both, *_left_out(heads, [0, *shown], width)]


def _is_wrapped(heads: Sequence[Column], shown: Sequence[int]) -> bool:
    return heads[shown[-1]].is_text and len(shown) > 2


def _widths(heads: Sequence[Column], cells: Sequence[Sequence[str]], shown: Sequence[int]) -> list[int]:
    return [max(len(heads[i].name), *(len(row[i]) for row in cells), 0) for i in shown]


def _width(heads: Sequence[Column], cells: Sequence[Sequence[str]], shown: Sequence[int]) -> int:
    """Least width of a table: a last column of text needs its longest word."""
    widths = _widths(heads, cells, shown)
    if _is_wrapped(heads, shown):
        needs = [_least(phrase) for row in cells for phrase in row[shown[-1]].split(", ")]
        widths[-1] = max(len(heads[shown[-1]].name.split()[0]), *needs, 0)
    return sum(widths) + GAP * (len(shown) - 1)


def _least(phrase: str) -> int:
    """Least width for a phrase with its comma: a long one is broken, but no word is."""
    return max(min(len(phrase) + 1, PHRASE), *map(len, phrase.split(" ")))


def _lines(heads: Sequence[Column], cells: Sequence[Sequence[str]], shown: list[int], width: int) -> list[list[str]]:
    """Give the lines of the head and of each row: several where the text of the last column is wrapped."""
    widths = _widths(heads, cells, shown)
    if _is_wrapped(heads, shown):
        widths[-1] = min(widths[-1], width - sum(widths[:-1]) - GAP * (len(shown) - 1))
    lines = []
    for row in ([head.name for head in heads], *cells):
        last = wrapped(row[shown[-1]], widths[-1]) if _is_wrapped(heads, shown) else [row[shown[-1]]]
        first = [_cell(row[i], w, heads[i].is_text) for i, w in zip(shown[:-1], widths[:-1], strict=True)]
        end = [_cell(text, widths[-1], heads[shown[-1]].is_text) for text in last]
        margin = " " * (sum(widths[:-1]) + GAP * (len(shown) - 1))
        lines.append([(" " * GAP).join([*first, end[0]]).rstrip(), *((margin + text).rstrip() for text in end[1:])])
    return lines


def _cell(text: str, width: int, is_text: bool) -> str:
    return text.ljust(width) if is_text else text.rjust(width)


def _blocks(heads: Sequence[Column], cells: Sequence[Sequence[str]], width: int) -> list[str]:
    """Write each row as a block: a line for each column that is filled."""
    label = max(len(head.name) for head in heads)
    lines: list[str] = []
    for row in cells:
        if lines:
            lines.append("")
        for head, cell in zip(heads, row, strict=True):
            if label + GAP + len(cell) <= width or len(cell) < width // 2:
                lines.append(f"{head.name:<{label}}{' ' * GAP}{cell}".rstrip())
            else:
                lines += [head.name, *(f"{' ' * GAP}{part}" for part in wrapped(cell, width - GAP))]
    return lines


def wrapped(text: str, width: int, indent: str = "") -> list[str]:
    """Break a text between words; a word that is wider than the line keeps a line of its own, whole.

    A number stays with the word before it: `azure 550k` is not parted.
    """
    lead = text[: len(text) - len(text.lstrip(" "))]
    words = _bound(text.strip(" ").split(" "))
    words[0] = lead + words[0]
    lines, line = [], ""
    for word in words:
        if line and len(line) + 1 + len(word) > width:
            lines.append(line)
            line = indent + word
        else:
            line = f"{line} {word}" if line else word
    return [*lines, line] if line or not lines else lines


def _bound(words: Sequence[str]) -> list[str]:
    bound: list[str] = []
    for word in words:
        if bound and bound[-1] and word[:1].isdigit() and not bound[-1].endswith(",") and len(bound[-1]) < 30:
            bound[-1] += f" {word}"
        else:
            bound.append(word)
    return bound
