"""Read YAML 1.2 into plain values, keeping line and column of every key and value.

Only the core schema counts: `yes` is text, a date is text until a schema reads it. Duplicate keys, tags, several
documents, control characters, what is no regular file, and files or aliases that swell beyond reason are refused.
libyaml scans, and nothing here recurses: time and memory grow with the text.
"""

from __future__ import annotations

import math
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from market.scenario.errors import refuse, shorten

BYTES_MAX = 32_000_000
NODES_MAX = 4_000_000
DEPTH_MAX = 40

_INT = re.compile(r"[-+]?[0-9][0-9_]*|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9][0-9_]*(\.[0-9_]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_CONTROL = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)
_Loader: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)

Path_ = tuple[str | int, ...]
Mark = tuple[int, int]


class Tree(NamedTuple):
    """Plain values with the place of each: `keys` marks a key (or list item), `values` what stands there."""

    name: str
    value: Any
    keys: dict[Path_, Mark]
    values: dict[Path_, Mark]

    def where(self, path: Path_, *, key: bool = False) -> str:
        """Place of a path, or of the nearest thing above it."""
        marks = self.keys if key else self.values
        for end in range(len(path), -1, -1):
            mark = marks.get(path[:end])
            if mark is not None:
                return f"{self.name}:{mark[0]}:{mark[1]}"
        return f"{self.name}:1:1"


def read_file(path: Path) -> Tree:
    """Read a file, naming plainly what is not a YAML text."""
    name = path.name or str(path)
    try:
        data = _bytes(path, name)
    except OSError as error:
        raise refuse(f"{name}:1:1", f"cannot be read: {(error.strerror or 'error').lower()}") from None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise refuse(f"{name}:{line}:1", "is not a YAML text: not UTF-8; save it as UTF-8 text") from None
    return read_text(text, name)


def _bytes(path: Path, name: str) -> bytes:
    """Read a regular file up to a size; a pipe or a device is not even opened."""
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise refuse(f"{name}:1:1", "is a folder; name a YAML file")
    if not stat.S_ISREG(mode):
        raise refuse(f"{name}:1:1", "is a pipe or a device; name a YAML file")
    with path.open("rb") as handle:
        data = handle.read(BYTES_MAX + 1)
    if len(data) > BYTES_MAX:
        raise refuse(f"{name}:1:1", f"is larger than {BYTES_MAX:,} bytes; no scenario or policy needs that")
    return data


def read_text(text: str, name: str) -> Tree:
    """Parse one document whose top is a mapping."""
    builder = _built(text, name)
    if not builder.values:
        raise refuse(f"{name}:1:1", "is empty; start from `market scenario init`")
    if not isinstance(builder.top, dict):
        where = _at(name, builder.values[()])
        raise refuse(where, f"must be a mapping of keys and values, was {shorten(builder.top)}")
    return Tree(name, builder.top, builder.keys, builder.values)


def read_scalar(text: str, name: str) -> Any:
    """Read a value from a command line: a number, a word, or a flow list or mapping."""
    return _built(text, name).top


def _built(text: str, name: str) -> _Builder:
    found = _CONTROL.search(text)
    if found is not None:
        line = text.count("\n", 0, found.start()) + 1
        column = found.start() - text.rfind("\n", 0, found.start())
        raise refuse(_at(name, (line, column)), f"control character U+{ord(found.group()):04X}; write plain text")
    builder = _Builder(name)
    for step in _steps(text, name):
        builder.take(step)
    return builder


class _Step(NamedTuple):
    """A piece of the text: `scalar` with its text, `map` or `list` that begins, `end` of one, `alias` of pieces."""

    kind: str
    mark: Mark
    text: str = ""
    plain: bool = False
    pieces: tuple[_Step, ...] = ()


def _steps(text: str, name: str) -> Iterator[_Step]:
    """Cut a text of one document into steps, with what each alias stands for."""
    known: dict[str, list[_Step]] = {}
    recording: list[tuple[str, int, list[_Step]]] = []  # anchor, depth at which it began, steps so far
    depth = documents = 0
    for event in _events(text, name):
        kind = _KINDS.get(type(event).__name__)
        mark = (event.start_mark.line + 1, event.start_mark.column + 1)
        if kind == "document":
            documents += 1
            if documents > 1:
                raise refuse(_at(name, mark), "holds a second document; give each a file of its own")
            continue
        if kind is None:
            continue
        if getattr(event, "tag", None) is not None:
            raise refuse(_at(name, mark), f"tag {shorten(event.tag)} is not used here; write plain values")
        step = _step(event, kind, mark, known, name)
        if kind in ("scalar", "map", "list") and event.anchor:
            recording.append((event.anchor, depth, []))
        for _, _, steps in recording:
            steps.append(step)
        depth += (kind in ("map", "list")) - (kind == "end")
        while recording and recording[-1][1] == depth:
            anchor, _, steps = recording.pop()
            known[anchor] = steps
        yield step


_KINDS = {
    "ScalarEvent": "scalar", "MappingStartEvent": "map", "SequenceStartEvent": "list", "MappingEndEvent": "end",
    "SequenceEndEvent": "end", "AliasEvent": "alias", "DocumentStartEvent": "document",
}  # fmt: skip


def _step(event: Any, kind: str, mark: Mark, known: dict[str, list[_Step]], name: str) -> _Step:
    if kind == "alias":
        if event.anchor not in known:
            raise refuse(_at(name, mark), f"alias {shorten(event.anchor)} stands for nothing that ended before it")
        return _Step(kind, mark, pieces=tuple(known[event.anchor]))
    return _Step(kind, mark, event.value, event.implicit[0]) if kind == "scalar" else _Step(kind, mark)


def _events(text: str, name: str) -> Iterator[Any]:
    try:
        yield from yaml.parse(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = _at(name, (mark.line + 1, mark.column + 1) if mark else (1, 1))
        raise refuse(where, f"is not valid YAML: {error.problem or error.context}") from None
    except yaml.YAMLError as error:
        raise refuse(_at(name, (1, 1)), f"is not a YAML text: {shorten(str(error).splitlines()[0])}") from None


def _at(name: str, mark: Mark) -> str:
    """Place in a file; a value of the command line has no lines."""
    return name if name.startswith("--") else f"{name}:{mark[0]}:{mark[1]}"


class _Builder:
    """Turns steps into values; counts them so that aliases cannot swell without end."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.top: Any = None
        self.keys: dict[Path_, Mark] = {}
        self.values: dict[Path_, Mark] = {}
        self._open: list[tuple[Any, Path_]] = []  # containers that have begun, with their paths
        self._key: str | None = None  # of the innermost mapping, whose value comes next
        self._nodes = 0

    def take(self, step: _Step) -> None:
        """Go one step further."""
        if step.kind == "alias":
            for piece in step.pieces:
                self.take(piece)
            return
        if step.kind == "end":
            self._open.pop()
            return
        self._nodes += 1
        if self._nodes > NODES_MAX:
            where = _at(self.name, step.mark)
            raise refuse(where, f"holds more than {NODES_MAX:,} values once its aliases are written out")
        inside = self._open[-1][0] if self._open else None
        if isinstance(inside, dict) and self._key is None:
            self._take_key(step, inside)
        else:
            self._take_value(step, inside)

    def _take_key(self, step: _Step, inside: dict[str, Any]) -> None:
        where = _at(self.name, step.mark)
        if step.kind != "scalar":
            raise refuse(where, "a key must be a word, not a list or mapping")
        path = (*self._open[-1][1], step.text)
        self._refuse_control(step)
        if step.text in inside:
            raise refuse(where, f"duplicate key; it stands already at line {self.keys[path][0]}, remove one", step.text)
        self.keys[path] = step.mark
        self._key = step.text

    def _take_value(self, step: _Step, inside: Any) -> None:
        path: Path_ = ()
        if isinstance(inside, list):
            path = (*self._open[-1][1], len(inside))
            self.keys[path] = step.mark
        elif self._key is not None:
            path = (*self._open[-1][1], self._key)
        self.values[path] = step.mark
        value: Any = {} if step.kind == "map" else [] if step.kind == "list" else self._scalar(step)
        if isinstance(inside, list):
            inside.append(value)
        elif isinstance(inside, dict):
            inside[str(self._key)] = value
        else:
            self.top = value
        self._key = None
        if step.kind != "scalar":
            self._open.append((value, path))
            if len(self._open) > DEPTH_MAX:
                raise refuse(_at(self.name, step.mark), f"is nested deeper than {DEPTH_MAX} levels")

    def _refuse_control(self, step: _Step) -> None:
        """Refuse what an escape wrote: the text itself was searched before it was parsed."""
        found = _CONTROL.search(step.text)
        if found is not None:
            where = _at(self.name, step.mark)
            raise refuse(where, f"control character U+{ord(found.group()):04X}; write plain text")

    def _scalar(self, step: _Step) -> Any:
        text = step.text
        if not step.plain:
            self._refuse_control(step)
            return text
        if text in _NULL:
            return None
        if text in _BOOL:
            return _BOOL[text]
        if _INT.fullmatch(text):
            return _integer(text, _at(self.name, step.mark))
        if _FLOAT.fullmatch(text):
            number = float(re.sub(r"\.(?=[in])", "", text.lower().replace("_", "")))
            if not math.isfinite(number):
                raise refuse(_at(self.name, step.mark), f"must be a finite number, was {shorten(text)}")
            return number
        return text


def _integer(text: str, where: str) -> int:
    if len(text) > 40:
        raise refuse(where, f"number of {len(text)} digits; no quantity here is that large")
    digits = text.replace("_", "")
    return int(digits, 0) if digits[:2] in ("0o", "0x") else int(digits)
