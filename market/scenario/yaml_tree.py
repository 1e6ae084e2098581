"""Read YAML 1.2 into plain values, keeping line and column of every key and value.

Only the core schema counts: `yes` is text, a date is text until a schema reads it. Duplicate keys, tags, several
documents and files or aliases that swell beyond reason are refused.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from market.scenario.errors import refuse, shorten

BYTES_MAX = 4_000_000
NODES_MAX = 200_000
DEPTH_MAX = 40

_INT = re.compile(r"[-+]?[0-9][0-9_]*|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9][0-9_]*(\.[0-9_]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_TAGS = frozenset(f"tag:yaml.org,2002:{t}" for t in ("map", "seq", "str", "int", "float", "bool", "null", "timestamp"))

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
    if path.is_dir():
        raise refuse(f"{name}:1:1", "is a folder; name a YAML file")
    try:
        data = path.read_bytes() if path.stat().st_size <= BYTES_MAX else None
    except OSError as error:
        raise refuse(f"{name}:1:1", f"cannot be read: {(error.strerror or 'error').lower()}") from None
    if data is None:
        raise refuse(f"{name}:1:1", f"is larger than {BYTES_MAX:,} bytes; no scenario or policy needs that")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise refuse(f"{name}:{line}:1", "is not a YAML text: not UTF-8; save it as UTF-8 text") from None
    return read_text(text, name)


def read_text(text: str, name: str) -> Tree:
    """Parse one document whose top is a mapping."""
    node = _compose(text, name)
    if node is None:
        raise refuse(f"{name}:1:1", "is empty; start from `market scenario init`")
    builder = _Builder(name)
    value = builder.build(node, (), 0)
    if not isinstance(value, dict):
        raise refuse(_at(name, _mark(node)), f"must be a mapping of keys and values, was {shorten(value)}")
    return Tree(name, value, builder.keys, builder.values)


def read_scalar(text: str, name: str) -> Any:
    """Read a value from a command line: a number, a word, or a flow list or mapping."""
    node = _compose(text, name)
    return None if node is None else _Builder(name).build(node, (), 0)


def _compose(text: str, name: str) -> Node | None:
    try:
        node: Node | None = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = _at(name, (mark.line + 1, mark.column + 1) if mark else (1, 1))
        raise refuse(where, f"is not valid YAML: {error.problem or error.context}") from None
    except YAMLError as error:
        raise refuse(_at(name, (1, 1)), f"is not a YAML text: {shorten(str(error).splitlines()[0])}") from None
    except RecursionError:
        raise refuse(_at(name, (1, 1)), f"is nested deeper than {DEPTH_MAX} levels") from None
    return node


def _mark(node: Node) -> Mark:
    return node.start_mark.line + 1, node.start_mark.column + 1


def _at(name: str, mark: Mark) -> str:
    """Place in a file; a value of the command line has no lines."""
    return name if name.startswith("--") else f"{name}:{mark[0]}:{mark[1]}"


class _Builder:
    """Turns nodes into values; counts them so that aliases cannot swell without end."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.keys: dict[Path_, Mark] = {}
        self.values: dict[Path_, Mark] = {}
        self.nodes = 0

    def build(self, node: Node, path: Path_, depth: int) -> Any:
        self.nodes += 1
        mark = _mark(node)
        where = _at(self.name, mark)
        if self.nodes > NODES_MAX:
            raise refuse(where, f"holds more than {NODES_MAX:,} values once its aliases are written out")
        if depth > DEPTH_MAX:
            raise refuse(where, f"is nested deeper than {DEPTH_MAX} levels")
        if node.tag not in _TAGS:
            raise refuse(where, f"tag {shorten(node.tag)} is not used here; write plain values")
        self.values[path] = mark
        if isinstance(node, ScalarNode):
            return self._scalar(node, where)
        if isinstance(node, SequenceNode):
            return [self._item(child, (*path, i), depth) for i, child in enumerate(node.value)]
        assert isinstance(node, MappingNode)
        return self._mapping(node, path, depth)

    def _item(self, node: Node, path: Path_, depth: int) -> Any:
        self.keys[path] = _mark(node)
        return self.build(node, path, depth + 1)

    def _mapping(self, node: MappingNode, path: Path_, depth: int) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            mark = _mark(key_node)
            where = _at(self.name, mark)
            if not isinstance(key_node, ScalarNode):
                raise refuse(where, "a key must be a word, not a list or mapping")
            key = key_node.value
            if key in result:
                first = self.keys[(*path, key)]
                raise refuse(where, f"duplicate key; it stands already at line {first[0]}, remove one", key)
            self.keys[(*path, key)] = mark
            result[key] = self.build(value_node, (*path, key), depth + 1)
        return result

    def _scalar(self, node: ScalarNode, where: str) -> Any:
        text: str = node.value
        if node.style in ("'", '"', "|", ">"):
            return text
        if text in _NULL:
            return None
        if text in _BOOL:
            return _BOOL[text]
        if _INT.fullmatch(text):
            return _integer(text, where)
        if _FLOAT.fullmatch(text):
            number = float(re.sub(r"\.(?=[in])", "", text.lower().replace("_", "")))
            if not math.isfinite(number):
                raise refuse(where, f"must be a finite number, was {shorten(text)}")
            return number
        return text


def _integer(text: str, where: str) -> int:
    if len(text) > 40:
        raise refuse(where, f"number of {len(text)} digits; no quantity here is that large")
    digits = text.replace("_", "")
    return int(digits, 0) if digits[:2] in ("0o", "0x") else int(digits)
