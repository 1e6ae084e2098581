"""Whom to blame: of values that do not fit together, the one that the user wrote, at its file, line and column."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Protocol

from market.catalogue.tables import Row
from market.scenario.draw import Key
from market.scenario.errors import Problem


class Places(Protocol):
    """Knows where each value was written; `top` is where nothing better is known."""

    top: str

    def place(self, path: Key, *, key: bool = False) -> str: ...

    def later(self, path: Key) -> Row | None:
        """The row of the catalogue that would fill a value, were it not of a date after the start."""


def at(places: Places, path: Key, message: str, *, key: bool = False) -> Problem:
    """Say what is wrong with what stands at a path."""
    return Problem(places.place(path, key=key), ".".join(map(str, path)), message)


def written(places: Places, paths: Sequence[Key]) -> Key:
    """Of several values that clash, the one that a file states; else the first."""
    return next((p for p in paths if is_told(places, p)), paths[0])


def is_told(places: Places, path: Key) -> bool:
    """Whether a file or the command line says something at a place, and not the catalogue."""
    where = places.place(path)
    return where != places.top and not where.startswith(("catalogue/", *_ours()))


@cache
def _ours() -> tuple[str, ...]:
    """Beginnings of the places of our own scenarios."""
    return tuple(f"{path.name}:" for path in sorted((Path(__file__).parent / "library").glob("*.yaml")))


def clash(places: Places, paths: Sequence[Key], message: str) -> Problem:
    """Of values that do not fit together, blame the one that the user wrote, and name the first beside it."""
    path = written(places, paths)
    text = message if path == paths[0] else f"{'.'.join(map(str, paths[0]))} {message}"
    where = places.place(path) if is_told(places, path) or places.top.startswith(_ours()) else places.top
    return Problem(where, ".".join(map(str, path)), text)
