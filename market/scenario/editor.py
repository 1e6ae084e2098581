"""Help for who writes scenario files: a JSON Schema for editors and a file to start from."""

from __future__ import annotations

from typing import Any

from market.catalogue.tables import table
from market.scenario.draw import SECTIONS
from market.scenario.schema import Scenario

_SOURCED = {
    "type": "object",
    "required": ["value"],
    "additionalProperties": False,
    "properties": {
        "value": {},
        "as_of": {"type": "string", "format": "date", "description": "date that the figure describes"},
        "published": {"type": "string", "format": "date", "description": "date on which it was said"},
        "source": {"type": "string"},
        "note": {"type": "string"},
    },
}
_WANTED = {"anyOf": [{"enum": ["all", "none"]}, {"type": "array", "items": {"type": "string"}}]}


def json_schema() -> dict[str, Any]:
    """Describe a scenario file: unlike in a resolved scenario every key may be left out and carry its source."""
    schema = Scenario.model_json_schema()
    for definition in schema["$defs"].values():
        _loosen(definition)
    _loosen(schema)
    properties = schema["properties"]
    properties["parameters"] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {row.id: _parameter(row.note, row.unit, row.number) for row in table("parameters")},
    }
    for section in SECTIONS[1:]:
        part = properties[section]
        if "additionalProperties" in part:
            part["additionalProperties"] = {"anyOf": [part["additionalProperties"], {"type": "null"}]}
    properties["extends"] = {"type": "string", "description": "scenario of the library, or a file beside this one"}
    sections = {"type": "object", "additionalProperties": False, "properties": dict.fromkeys(SECTIONS, _WANTED)}
    properties["draw"] = {"anyOf": [{"enum": ["all", "none"]}, sections]}
    schema["title"] = "A scenario of market"
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _parameter(note: str, unit: str, value: float) -> dict[str, Any]:
    text = f"{note} (unit: {unit})" if unit != "1" else note
    return {"anyOf": [{"type": "number"}, {"$ref": "#/$defs/Sourced"}], "description": text, "examples": [value]}


def _loosen(definition: dict[str, Any]) -> None:
    """Drop what is required and let scalars carry their source."""
    definition.pop("required", None)
    for name, field in definition.get("properties", {}).items():
        if field.get("type") in ("number", "integer", "string"):
            kept = {key: field.pop(key) for key in ("description", "title", "default") if key in field}
            definition["properties"][name] = {**kept, "anyOf": [field, {"$ref": "#/$defs/Sourced"}]}
    if "$defs" in definition:
        definition["$defs"]["Sourced"] = _SOURCED


def template(name: str = "mine") -> str:
    """A file to start from: the default world with one difference."""
    return f"""\
# market run {name}.yaml
name: {name}
title: What differs from the default world, in a line
extends: frontier-2024          # market scenario show frontier-2024 lists every value with its source
parameters:
  sites.slip_median: 1.25       # realised over planned building time
sites:
  abilene:
    planned_mw_it: {{value: 836, as_of: 2024-07-15, source: where the figure comes from}}
"""
