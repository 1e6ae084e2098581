"""Errors in input files: one clear line each, with file, line and column."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from market.layout import printable


class Problem(NamedTuple):
    """One thing that is wrong: where (file:line:col or `--set`), which key, what and how to mend it."""

    where: str
    path: str
    message: str

    def __str__(self) -> str:
        text = f"{self.where} {self.path}: {self.message}" if self.path else f"{self.where} {self.message}"
        return printable(text)


class ScenarioError(ValueError):
    """A scenario or policy that cannot be used. `problems` holds all that was found, the text the first."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        more = len(self.problems) - 1
        tail = f" (and {more} more problem{'s' * (more > 1)})" if more else ""
        super().__init__(f"{self.problems[0]}{tail}")


def refuse(where: str, message: str, path: str = "") -> ScenarioError:
    return ScenarioError([Problem(where, path, message)])


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Name the closest known words, or nothing."""
    close = difflib.get_close_matches(word, sorted(known), n=3, cutoff=0.5)
    return f"; did you mean {' or '.join(repr(c) for c in close)}?" if close else ""


def shorten(value: object, width: int = 60) -> str:
    """Show a value in an error without letting it flood the line or the terminal."""
    text = repr(value) if isinstance(value, str) else str(value)
    text = printable(text)
    return text if len(text) <= width else f"{text[: width - 3]}..."
