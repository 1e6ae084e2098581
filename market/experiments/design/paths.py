"""Find and change a number of a scenario by its dotted name, as `--set` names it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from market.scenario.schema import Scenario

SECTIONS = ("chips", "orgs", "regions", "sites", "leases", "models", "runs")
Path = tuple[str | int, ...]


def settable(scenario: Scenario) -> list[str]:
    """List the parameters, and the numbers of regions, orgs, chips and other entries, by dotted name."""
    names = list(scenario.parameters)
    for section in SECTIONS:
        for id_, entry in getattr(scenario, section).items():
            for field, value in entry:
                if _is_number(value):
                    names.append(f"{section}.{id_}.{field}")
            names.extend(f"{section}.{id_}.traits.{trait}" for trait in getattr(entry, "traits", {}))
    return names


def find(scenario: Scenario, key: str) -> Path | None:
    """Resolve a dotted name to the path of a number, or None when there is no such number."""
    name = key.removeprefix("parameters.")
    if name in scenario.parameters:
        return ("parameters", name)
    section, _, rest = key.partition(".")
    if section not in SECTIONS:
        return None
    entries = getattr(scenario, section)
    id_ = max((i for i in entries if rest.startswith(f"{i}.")), key=len, default="")
    if not id_:
        return None
    path: Path = (section, id_, *(int(part) if part.isdigit() else part for part in rest[len(id_) + 1 :].split(".")))
    try:
        return path if _is_number(read(scenario, path)) else None
    except (AttributeError, IndexError, KeyError, TypeError):
        return None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def read(scenario: Scenario, path: Path) -> Any:
    """Read what stands at a path."""
    node: Any = scenario
    for part in path:
        node = getattr(node, str(part)) if isinstance(node, BaseModel) else node[part]
    return node


def whole(scenario: Scenario, path: Path) -> bool:
    """Whether the schema wants a whole number there."""
    return isinstance(read(scenario, path), int)


def with_values(scenario: Scenario, values: Mapping[str, float]) -> Scenario:
    """Copy a scenario with some of its numbers changed; what does not change is shared."""
    changed: Any = scenario
    for key, value in values.items():
        path = find(scenario, key)
        if path is None:
            raise KeyError(f"{scenario.name} has no number {key!r}")
        changed = _changed(changed, path, value)
    copy: Scenario = changed
    return copy


def _changed(node: Any, path: Path, value: float) -> Any:
    if not path:
        return round(value) if isinstance(node, int) else float(value)
    head, rest = path[0], path[1:]
    if isinstance(node, BaseModel):
        return node.model_copy(update={str(head): _changed(getattr(node, str(head)), rest, value)})
    copy = list(node) if isinstance(node, list) else dict(node)
    copy[head] = _changed(node[head], rest, value)  # type: ignore[index]
    return copy
