"""Write a scenario as YAML 1.2: one entity a line, JSON scalars, so that it reads back to the same values."""

from __future__ import annotations

import json
from typing import Any

from market.scenario.draw import SECTIONS
from market.scenario.schema import Scenario

_SAFE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./")


def _flow(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(", ", ": "))


def _key(name: str) -> str:
    return name if name and name[0].isalpha() and _SAFE.issuperset(name) else json.dumps(name, ensure_ascii=False)


def dump_yaml(scenario: Scenario) -> str:
    """Resolved values alone; the source of each is in the catalogue and the scenario's own file."""
    values = scenario.model_dump(mode="json", exclude_defaults=True)
    lines = ["# A resolved scenario: it draws nothing from the catalogue."]
    for name in ("name", "title", "description", "start", "years"):
        lines.append(f"{name}: {_flow(getattr(scenario, name) if name == 'years' else values[name])}")
    lines.append("draw: none")
    for section in (*SECTIONS, "mechanisms"):
        part = values.get(section)
        if not part:
            continue
        lines.append(f"{section}:")
        if isinstance(part, list):
            lines.extend(f"  - {_flow(entry)}" for entry in part)
        else:
            lines.extend(f"  {_key(id_)}: {_flow(entry)}" for id_, entry in part.items())
    return "\n".join(lines) + "\n"
