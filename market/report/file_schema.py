"""The JSON Schema of a scenario file, for editors.

A file says what differs from what it extends: nothing is required, every value may carry its source, null takes an
entry out. Types, bounds and names are those of `market.scenario.schema.Scenario`.
"""

from __future__ import annotations

from typing import Any

from market.scenario.draw import SECTIONS
from market.scenario.schema import Scenario

SOURCED = {
    "type": "object",
    "additionalProperties": False,
    "required": ["value"],
    "properties": {
        "value": {},
        "as_of": {"type": "string", "format": "date", "description": "date that the figure describes"},
        "published": {"type": "string", "format": "date", "description": "date on which it was said"},
        "source": {"type": "string", "description": "document, or the word assumption"},
        "note": {"type": "string"},
    },
}
WANTED = {"anyOf": [{"enum": ["all", "none"]}, {"type": "array", "items": {"type": "string"}}]}


def file_schema() -> dict[str, Any]:
    """Derive the schema of files from the schema of resolved scenarios."""
    schema = Scenario.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    kinds = schema["$defs"]
    for kind in (*kinds.values(), schema):
        kind.pop("required", None)
        if "properties" in kind:
            kind["properties"] = {name: _with_source(value) for name, value in kind["properties"].items()}
    kinds["Sourced"] = SOURCED
    draw = {"anyOf": [{"enum": ["all", "none"]}, {"type": "object", "additionalProperties": False,
                                                  "properties": dict.fromkeys(SECTIONS, WANTED)}]}  # fmt: skip
    schema["properties"] |= {"extends": {"type": "string", "description": "scenario to start from"}, "draw": draw}
    return schema


def _with_source(value: dict[str, Any]) -> dict[str, Any]:
    """Let a value stand plain, with its source, or as null; let entries of mappings do so too."""
    if isinstance(entries := value.get("additionalProperties"), dict):
        return value | {"additionalProperties": _with_source(entries)}
    if "properties" in value:
        return value
    return {"anyOf": [value, {"$ref": "#/$defs/Sourced"}, {"type": "null"}]}
