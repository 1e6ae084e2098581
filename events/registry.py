"""Every shape that an event ever had, and every column: what yesterday's logs are read by.

`events/registry.json` lists each column with its Arrow type, and each event type and version with its fields ("?" where
one may be null). It only grows. After a change of an event or of the vocabulary, `python -m events.registry` refreshes
it, and refuses a change that would make logs of earlier commits unreadable.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

import msgspec

from events.terms import DEFAULTS, LeaseTerms
from events.types import EVENTS
from events.types.base import Event, Retired, optional_fields
from events.vocabulary import ENVELOPE, VOCABULARY

FILE = Path(__file__).parent / "registry.json"
MAYBE = "?"
type Shape = dict[str, bool]  # field -> whether it may be null
type Key = tuple[str, int]  # event type, version


class Registry(NamedTuple):
    """Arrow type of every column, and the fields of every event type and version."""

    columns: Mapping[str, str]
    shapes: Mapping[Key, Shape]


def parse(data: bytes) -> Registry:
    """Read the text of `registry.json`."""
    content = msgspec.json.decode(data, type=dict[str, dict[str, str]])
    shapes = {}
    for key, fields in content["events"].items():
        name, version = key.split()
        shapes[name, int(version)] = {field.rstrip(MAYBE): field.endswith(MAYBE) for field in fields.split()}
    return Registry(content["columns"], shapes)


@cache
def registry() -> Registry:
    """The registry of this program."""
    return parse(FILE.read_bytes())


def shape(kind: type[Event]) -> Shape:
    """Fields of a type as it is now, and whether each may be null: a clause that has a default may, in an old log."""
    optional = optional_fields(kind) | (DEFAULTS.keys() if issubclass(kind, LeaseTerms) else set())
    return {field: field in optional for field in kind.__struct_fields__}


def present(events: Mapping[str, type[Event]] = EVENTS) -> Registry:
    """The vocabulary and the event types as they are now."""
    columns = {name: str(field.type) for name, field in {**ENVELOPE, **VOCABULARY}.items()}
    return Registry(columns, {(name, kind.version): shape(kind) for name, kind in events.items()})


@cache
def known_columns() -> dict[str, str]:
    """Arrow type of every column that a log may have."""
    return {**registry().columns, **present().columns}


@cache
def known_shapes() -> dict[Key, Shape]:
    """Fields of every event type and version that a log may hold."""
    return {**registry().shapes, **present().shapes}


@cache
def retired(name: str, version: int) -> type[Retired]:
    """Make the class of an event type that is written no more; its events are read, and change no state."""
    fields = [(field, object) for field in known_shapes()[name, version]]
    made = msgspec.defstruct(name, fields, bases=(Retired,), namespace={"version": version}, frozen=True, kw_only=True)
    assert issubclass(made, Retired)
    return made


def breaks(old: Registry, new: Registry) -> list[str]:
    """Say which changes would make logs written before them unreadable; none when all are additions.

    A type may gain fields that may be null and allow null where it did not; any other change needs a new version.
    """
    found = [
        f"column {name}: was {kind}, now {new.columns[name]}; give the new meaning a new name"
        for name, kind in old.columns.items()
        if new.columns.get(name, kind) != kind
    ]
    for (name, version), now in new.shapes.items():
        before = old.shapes.get((name, version))
        if before is not None and (reason := _reason(before, now)):
            found.append(f"{name}: {reason}; raise its version to {version + 1} and add an upcast to events/upcast.py")
    return found


def _reason(before: Shape, now: Shape) -> str:
    for field, is_optional in before.items():
        if field not in now:
            return f"{field} is gone"
        if is_optional and not now[field]:
            return f"{field} could be null, and no longer can"
    added = [field for field, is_optional in now.items() if field not in before and not is_optional]
    return f"{added[0]} is new and cannot be null" if added else ""


def merged(old: Registry, new: Registry) -> Registry:
    """The old registry with what is new."""
    return Registry({**old.columns, **new.columns}, {**old.shapes, **new.shapes})


def text(content: Registry) -> str:
    """Write a registry as JSON, one column or event a line."""
    shapes = {
        f"{name} {version}": " ".join(field + MAYBE * is_optional for field, is_optional in fields.items())
        for (name, version), fields in content.shapes.items()
    }
    return json.dumps({"columns": content.columns, "events": shapes}, indent=0, sort_keys=True) + "\n"


def main() -> int:
    """Refresh `registry.json`, or print what stands against it."""
    if problems := breaks(registry(), present()):
        print("\n".join(problems), file=sys.stderr)
        return 1
    FILE.write_text(text(merged(registry(), present())), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
