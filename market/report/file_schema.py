"""The JSON Schema of a scenario file, for editors.

A file says what differs from what it extends: nothing is required, every value may carry its source, null takes an
entry out. Types, bounds and names are those of `market.scenario.schema.Scenario`.
"""

from __future__ import annotations

from typing import Any

from market.scenario.draw import SECTIONS, keys_of
from market.scenario.load import VINTAGES
from market.scenario.population import LIMITS, MOST, Population
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
    parts = {part: {"type": "integer", "minimum": 0, "maximum": LIMITS.get(part, MOST)} for part in Population._fields}
    population = {"type": "object", "additionalProperties": False, "properties": parts}
    schema["properties"] |= {section: _with_entries(schema["properties"][section], section) for section in SECTIONS}
    schema["properties"] |= {
        "extends": {"type": "string", "description": "scenario to start from"}, "draw": draw,
        "vintage": {"enum": list(VINTAGES), "description": "whether later estimates of earlier dates are drawn"},
        "population": population | {"description": "orgs without names, drawn"},
    }  # fmt: skip
    return schema


def _with_entries(value: dict[str, Any], section: str) -> dict[str, Any]:
    """Let null take an entry out of a section, and a list be written as a mapping of what each entry is."""
    if section == "parameters":
        return value
    told = value["anyOf"][0]
    if keys_of(section):
        mapping = {"type": "object", "additionalProperties": _or_null(told["items"])}
        return {"anyOf": [told, mapping, {"type": "null"}]}
    entries = {pattern: _or_null(entry) for pattern, entry in told["patternProperties"].items()}
    return {"anyOf": [told | {"patternProperties": entries, "additionalProperties": False}, {"type": "null"}]}


def _or_null(entry: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [entry, {"type": "null"}]}


def _with_source(value: dict[str, Any]) -> dict[str, Any]:
    """Let a value stand plain, with its source, or as null; let entries of mappings do so too."""
    if isinstance(entries := value.get("additionalProperties"), dict):
        return value | {"additionalProperties": _with_source(entries)}
    if "properties" in value:
        return value
    return {"anyOf": [value, {"$ref": "#/$defs/Sourced"}, {"type": "null"}]}
