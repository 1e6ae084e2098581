"""Lay what a file or `--set` says over the drawn tree, remembering who said it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from functools import cached_property
from itertools import islice
from typing import Any

from market.catalogue.tables import Row
from market.scenario.draw import SECTIONS, Key, Origin, keys_of, later_row
from market.scenario.draw import Tree as Values
from market.scenario.errors import Problem, ScenarioError, did_you_mean, shorten
from market.scenario.population import Population, populate
from market.scenario.yaml_tree import Path_, Tree

HEADER = ("name", "title", "description", "start", "years")
UNDRAWN = "mechanisms"  # a section of which the catalogue knows nothing
_SOURCED = frozenset({"value", "as_of", "published", "source", "note"})


class Overlay:
    """The tree under construction and the place of every value that was written over it."""

    def __init__(self, tree: Values, origin: Origin, start: date) -> None:
        self.tree, self.origin, self.start = tree | {UNDRAWN: {}}, origin, start
        self.places: dict[Key, tuple[str, str]] = {}  # where a value stands, where its key stands
        self.written: set[Key] = set()  # entries that a file or --set touched
        self.problems: list[Problem] = []
        self.top = "scenario"  # place of the last file
        self._parameters = set(tree["parameters"])
        self._told: dict[Key, dict[Key, None]] = defaultdict(dict)  # keys of `origin` by the entry they belong to
        for key in origin:
            self._told[key[:2]][key] = None

    def raise_problems(self) -> None:
        if self.problems:
            raise ScenarioError(self.problems)

    def place(self, path: Key, *, key: bool = False) -> str:
        """Where a value was written: a line of a file, `--set`, or a row of the catalogue."""
        for end in range(len(path), 0, -1):
            spot = self.places.get(path[:end])
            if spot is not None:
                return spot[1] if key else spot[0]
            row = self.origin.get(path[:end])
            if row is not None:
                return f"catalogue/{row.where}"
        return self._below.get(path, self.top)

    @cached_property
    def _below(self) -> dict[Key, str]:
        """Place of the first thing below each path that has none of its own; asked for when all is written."""
        found: dict[Key, str] = {}
        spots = [(key, spot[1]) for key, spot in self.places.items()]
        for key, where in [*spots, *((key, f"catalogue/{row.where}") for key, row in self.origin.items())]:
            for end in range(len(key)):
                found.setdefault(key[:end], where)
        return found

    def later(self, path: Key) -> Row | None:
        """The row of the catalogue that would fill a value, were it not of a date after the start."""
        return later_row(path, self.start)

    def apply(self, document: Tree) -> None:
        """Lay a file over the tree."""
        self.top = document.where(())
        for section, value in document.value.items():
            where, key = document.where((section,)), document.where((section,), key=True)
            if section in ("extends", "draw", "vintage", "population"):
                self.places[(section,)] = (where, key)
                continue
            if section in HEADER:
                self._write((section,), value, (document, (section,)))
            elif section not in (*SECTIONS, UNDRAWN):
                known = [*SECTIONS, UNDRAWN, *HEADER, "extends", "draw", "vintage", "population"]
                hint = did_you_mean(section, known)
                self.problems.append(Problem(key, section, f"unknown key{hint}"))
            elif keys_of(section):
                self._list(section, value, document)
            elif isinstance(value, dict):
                self._merge((section,), value, (document, (section,)))
            elif value is not None:
                self.problems.append(Problem(where, section, f"must be a mapping, was {shorten(value)}"))

    def add_tail(self, population: Population) -> None:
        """Add a synthetic tail to what files say, in the regions and with the chips that they leave."""
        self.raise_problems()
        before = len(self.origin)
        populate(self.tree, self.origin, self.start, population)
        for key in islice(self.origin, before, None):
            self._told[key[:2]][key] = None

    def set(self, key: str, value: Any) -> None:
        """Lay one `--set key=value` over the tree."""
        path = self._resolve(key)
        if path is None:
            head, word = key.partition(".")[0], key
            known = [*self._parameters, *HEADER]
            if head in SECTIONS and head != "parameters":
                known = [f"{head}.{id_}" for id_ in self.tree[head]]
                word = ".".join(key.split(".")[:2])
            self.problems.append(Problem("--set", key[:60], f"unknown key{did_you_mean(word, known)}"))
            return
        self._write(path, value, None)

    def _resolve(self, key: str) -> Key | None:
        """Split a dotted key where the names that exist say so: ids and parameters have dots of their own."""
        if key in HEADER:
            return (key,)
        if key in self._parameters:
            return ("parameters", key)
        head, _, rest = key.partition(".")
        if head == UNDRAWN and rest:
            return (UNDRAWN, rest)
        if head == "parameters":
            return ("parameters", rest) if rest in self._parameters else None
        if head not in SECTIONS or not rest:
            return None
        id_ = max((k for k in self.tree[head] if rest == k or rest.startswith(f"{k}.")), key=len, default="")
        if not id_:
            return None
        tail = rest[len(id_) + 1 :]
        if not tail:
            return (head, id_)
        parts: list[str | int] = [int(p) if p.isdigit() else p for p in tail.split(".")]
        return (head, id_, *parts)

    def _list(self, section: str, value: Any, document: Tree) -> None:
        """Fleets and orders are lists; an entry replaces the one with the same owner, site and chip."""
        if isinstance(value, dict):
            self._merge((section,), value, (document, (section,)))
            return
        if not isinstance(value, list):
            self.problems.append(Problem(document.where((section,)), section, f"must be a list, was {shorten(value)}"))
            return
        names = keys_of(section)
        seen: dict[str, int] = {}
        for i, entry in enumerate(value):
            where = document.where((section, i))
            if not isinstance(entry, dict) or not all(isinstance(entry.get(n), str) for n in names):
                text = f"must be a mapping with {', '.join(names)} and gpus, was {shorten(entry)}"
                self.problems.append(Problem(where, f"{section}.{i}", text))
                continue
            id_ = "/".join(entry[n] for n in names)
            if id_ in seen:
                self.problems.append(Problem(where, f"{section}.{i}", f"duplicate of entry {seen[id_]}: {id_}"))
                continue
            seen[id_] = i
            self.tree[section].pop(id_, None)
            self._merge((section, id_), entry, (document, (section, i)))

    def _merge(self, path: Key, value: dict[str, Any], source: tuple[Tree, Path_]) -> None:
        document, at = source
        self.places[path] = (document.where(at), document.where(at, key=True))
        for key, child in value.items():
            self._write((*path, key), child, (document, (*at, key)))

    def _write(self, path: Key, value: Any, source: tuple[Tree, Path_] | None) -> None:
        """Put a value at a path: a mapping merges, null removes an entry, anything else replaces."""
        where, key = ("--set", "--set")
        if source is not None:
            where, key = source[0].where(source[1]), source[0].where(source[1], key=True)
        if len(path) > 1:
            self.written.add(path[:2])
        if value is None and len(path) == 2 and path[0] in SECTIONS:
            self._remove(path, key)
            return
        if isinstance(value, dict) and "value" in value and set(value) <= _SOURCED:
            value = self._sourced(path, value, where)
        elif isinstance(value, dict) and (path[0] != "parameters" or len(path) == 1):
            self._descend(path, where)
            if source is None:
                self.places[path] = (where, key)
                for name, child in value.items():
                    self._write((*path, name), child, None)
            else:
                self._merge(path, value, source)
            return
        else:
            self._forget(path, len(path) + 1)
            value = self._plain(path, value, where)
        parent = self._descend(path[:-1], where)
        if parent is None:
            return
        last = path[-1]
        if isinstance(parent, list):
            if not isinstance(last, int) or last >= len(parent):
                text = f"no item {last}; there are {len(parent)}"
                self.problems.append(Problem(where, ".".join(map(str, path)), text))
                return
            parent[last] = value
        else:
            parent[str(last)] = value
        self.places[path] = (where, key)
        self._places_below(path, value, source)

    def _places_below(self, path: Key, value: Any, source: tuple[Tree, Path_] | None) -> None:
        """Remember where the items of a list stand, such as the buildings of a site."""
        if source is None or not isinstance(value, list):
            return
        document, at = source
        for deep in _inside(value, ()):
            spot = (*at, *deep)
            self.places[(*path, *deep)] = (document.where(spot), document.where(spot, key=True))

    def _descend(self, path: Key, where: str) -> Any:
        """Find or make the container at a path."""
        node: Any = self.tree
        for depth, name in enumerate(path):
            if isinstance(node, list):
                if not isinstance(name, int) or name >= len(node):
                    dotted = ".".join(map(str, path[: depth + 1]))
                    self.problems.append(Problem(where, dotted, f"no such item; there are {len(node)}"))
                    return None
                node = node[name]
                continue
            child = node.get(str(name))
            if not isinstance(child, (dict, list)):
                child = {}
                node[str(name)] = child
            node = child
        return node

    def _remove(self, path: Key, where: str) -> None:
        section, id_ = str(path[0]), str(path[1])
        if self.tree[section].pop(id_, None) is None:
            text = f"cannot take out what is not there{did_you_mean(id_, self.tree[section])}"
            self.problems.append(Problem(where, f"{section}.{id_}", text))
        self._forget(path, len(path))
        self.places[path] = (where, where)

    def _forget(self, path: Key, least: int) -> None:
        """Drop the origins of what stands at a path and below it, from keys of a length on."""
        told = self._told[path[:2]]
        for stale in [key for key in told if len(key) >= least and key[: len(path)] == path]:
            del self.origin[stale], told[stale]

    def _sourced(self, path: Key, value: dict[str, Any], where: str) -> Any:
        dotted = ".".join(map(str, path))
        days: dict[str, date] = {}
        for name in ("as_of", "published"):
            if name not in value:
                continue
            try:
                days[name] = date.fromisoformat(value[name])
            except (TypeError, ValueError):
                text = f"must be a date such as 2024-07-15, was {shorten(value[name])}"
                self.problems.append(Problem(where, f"{dotted}.{name}", text))
        as_of = days.get("as_of")
        if as_of is not None and as_of > self.start:
            text = f"as_of {as_of} is after the start {self.start}; a scenario knows nothing of its future"
            self.problems.append(Problem(where, dotted, text))
        if as_of is not None and "published" in days and days["published"] < as_of:
            self.problems.append(Problem(where, f"{dotted}.published", f"is before as_of {as_of}"))
        self._remember(path, shorten(value["value"]), where, {**value, **days})
        return value["value"]

    def _plain(self, path: Key, value: Any, where: str) -> Any:
        """Strip sources from the items of a list; note where a plain value comes from."""
        if isinstance(value, list):
            return [self._plain((*path, i), item, where) for i, item in enumerate(value)]
        if isinstance(value, dict) and "value" in value and set(value) <= _SOURCED:
            return self._sourced(path, value, where)
        if isinstance(value, dict):
            return {name: self._plain((*path, name), item, where) for name, item in value.items()}
        self._remember(path, shorten(value), where, {})
        return value

    def _remember(self, path: Key, text: str, where: str, value: dict[str, Any]) -> None:
        before = self.origin.get(path)
        self._told[path[:2]][path] = None
        self.origin[path] = Row(
            str(path[1]) if len(path) > 1 else str(path[0]), ".".join(map(str, path[2:])), text,
            before.unit if before else "", None, None, "override", value.get("as_of"), value.get("published"),
            str(value.get("source", "the scenario file" if where != "--set" else "the command line")),
            "", str(value.get("note", "")), where,
        )  # fmt: skip


def _inside(value: Any, at: Key) -> Iterator[Key]:
    """Paths of all that a list or mapping holds."""
    items = enumerate(value) if isinstance(value, list) else value.items() if isinstance(value, dict) else ()
    for name, child in items:
        yield (*at, name)
        yield from _inside(child, (*at, name))
