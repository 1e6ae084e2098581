"""Turn the tree into the typed scenario, and pydantic's findings into one-line problems with their place."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from market.scenario.blame import Places, is_told
from market.scenario.draw import SECTIONS, Key, Tree, keys_of
from market.scenario.errors import Problem, ScenarioError, did_you_mean, shorten
from market.scenario.schema import Scenario


def validate(tree: Tree, places: Places) -> Scenario:
    """Check types, units and bounds against the schema; parameters must be exactly those of the catalogue."""
    ids = {section: list(tree[section]) for section in SECTIONS if keys_of(section)}

    def path_of(loc: Key) -> Key:
        if len(loc) > 1 and loc[0] in ids and isinstance(loc[1], int):
            return (loc[0], ids[str(loc[0])][loc[1]], *loc[2:])
        return loc

    values = {key: list(part.values()) if key in ids else part for key, part in tree.items()}
    return parse(Scenario, values, places, path_of)


def parse[M: BaseModel](
    model: type[M], values: Mapping[str, Any], places: Places, path_of: Callable[[Key], Key] = lambda p: p
) -> M:
    """Validate plain values strictly: numbers are numbers, dates are ISO dates, unknown keys are refused."""
    try:
        return model.model_validate_json(json.dumps(_whole(values)), strict=True)
    except ValidationError as error:
        raise ScenarioError([_problem(model, e, places, path_of) for e in _distinct(error.errors())]) from None


def _whole(value: Any) -> Any:
    """Write 1e5 as 100000, so that a count may be given either way."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return int(value)
    if isinstance(value, dict):
        return {str(k): _whole(v) for k, v in value.items()}
    return [_whole(v) for v in value] if isinstance(value, list) else value


def _distinct(errors: Iterable[ErrorDetails]) -> list[ErrorDetails]:
    """One finding a place: alternatives of a type each raise their own."""
    seen: dict[Key, ErrorDetails] = {}
    for error in errors:
        seen.setdefault(error["loc"], error)
    return list(seen.values())


def _problem(model: type[BaseModel], error: ErrorDetails, places: Places, path_of: Callable[[Key], Key]) -> Problem:
    kind = error["type"]
    loc = tuple(part for part in error["loc"] if part != "[key]")
    path = path_of(loc)
    dotted = ".".join(map(str, path))
    by_key = kind in ("extra_forbidden", "missing") or loc != error["loc"]
    row = places.later(path) if kind == "missing" else None
    if row is not None:
        text = f"as_of {row.as_of} is after the scenario's start; give it a value that was known then"
        where = places.place(path[:-1], key=True) if is_told(places, path[:-1]) else f"catalogue/{row.where}"
        return Problem(where, dotted, text)
    where = places.place(path[:-1] if kind == "missing" else path, key=by_key)
    return Problem(where, dotted, _message(model, error, loc))


_BOUNDS = {
    "greater_than_equal": (">=", "ge"),
    "greater_than": (">", "gt"),
    "less_than_equal": ("<=", "le"),
    "less_than": ("<", "lt"),
}
_TYPES = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_type": "text",
    "dict_type": "a mapping",
    "list_type": "a list",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "finite_number": "a finite number",
}


def _message(model: type[BaseModel], error: ErrorDetails, loc: Key) -> str:
    kind, was, context = error["type"], shorten(error["input"]), error.get("ctx", {})
    if kind == "extra_forbidden":
        fields = _fields(model, loc[:-1])
        known = f"; there are {', '.join(fields)}" if len(fields) <= 12 else ""
        return f"unknown key{did_you_mean(str(loc[-1]), fields) or known}"
    if kind == "missing":
        return "is missing; give it a value"
    if kind in _BOUNDS:
        sign, name = _BOUNDS[kind]
        return f"must be {sign} {context[name]:g}, was {was}"
    if kind in _TYPES:
        return f"must be {_TYPES[kind]}, was {was}"
    if kind.startswith("date"):
        return f"must be a date such as 2024-07-15, was {was}"
    if kind == "literal_error":
        return f"must be one of {context['expected']}, was {was}"
    if kind == "string_pattern_mismatch":
        if "A-Z" in context["pattern"]:
            return f"must be a country code of two capitals such as US, was {was}"
        if "a-z" in context["pattern"]:
            return f"must be lower-case letters, digits, dots and hyphens, was {was}"
        return f"must be a name on one line without blanks at its ends, was {was}"
    if kind == "string_too_long":
        return f"must have at most {context['max_length']} characters, was {was}"
    if kind == "too_short":
        return f"must name {context['min_length']} or more, was {was}"
    return f"{error['msg'].lower()}, was {was}"


def _fields(model: type[BaseModel], loc: Key) -> list[str]:
    """Field names of the model at a place, to suggest from; walks through mappings and lists by their types."""
    current: Any = model
    for part in loc:
        current = _unwrap(current)
        if _is_model(current):
            fields = {field.alias or name: field for name, field in current.model_fields.items()}
            current = fields[str(part)].annotation if str(part) in fields else None
        else:
            current = _item(current)
    current = _unwrap(current)
    return [field.alias or name for name, field in current.model_fields.items()] if _is_model(current) else []


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _item(kind: Any) -> Any:
    """What a list or mapping holds."""
    arguments = [a for a in getattr(kind, "__args__", ()) if a not in (type(None), ...)]
    return arguments[-1] if arguments else None


def _unwrap(kind: Any) -> Any:
    """The type inside `Annotated[...]` and `... | None`."""
    while kind is not None and not _is_model(kind):
        if hasattr(kind, "__metadata__"):
            kind = kind.__origin__
        elif type(None) in getattr(kind, "__args__", ()):
            kind = _item(kind)
        else:
            break
    return kind
