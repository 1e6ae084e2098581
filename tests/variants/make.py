"""Write variants of a world as a user would: every entry, role and section taken out, every number at its bounds.

All of it is read from the schema, the table of parameters and the resolved world, so a new field or parameter is tried
without a line here.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from datetime import date
from hashlib import blake2b
from itertools import islice
from typing import Any, Literal, NamedTuple, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from market.catalogue.bounds import bounds_of
from market.catalogue.tables import table
from market.scenario.draw import SECTIONS, keys_of
from market.scenario.load import load_scenario
from market.scenario.schema import Org, Role, Scenario

WORLD = "frontier-2024"
Change = dict[str, Any]
ROLES: tuple[str, ...] = get_args(Role)


class Variant(NamedTuple):
    """A world that differs from another: its name, and the scenario file that says how."""

    name: str
    text: str


def variant(name: str, change: Change) -> Variant:
    """Write a change as a scenario file, one section a line."""
    lines = ["name: variant", "title: Variant", f"extends: {WORLD}"]
    return Variant(name, "\n".join([*lines, *(f"{key}: {json.dumps(value)}" for key, value in change.items())]) + "\n")


def variants(seed: int = 0) -> Iterator[Variant]:
    """All variants in an order drawn by a seed, then pairs of parameters without end."""
    world = load_scenario(WORLD).scenario
    singles = [variant(*each) for family in FAMILIES for each in family(world)]
    yield from sorted(singles, key=lambda v: _key(seed, v.name))
    yield from (variant(*each) for each in pairs(seed))


def sample(count: int, seed: int = 0) -> list[Variant]:
    """The first variants of an order."""
    return list(islice(variants(seed), count))


def _key(seed: int, *words: object) -> bytes:
    return blake2b("|".join(map(str, (seed, *words))).encode(), digest_size=8).digest()


# --- a piece taken out


def entries(world: Scenario) -> Iterator[tuple[str, Change]]:
    """Every entry of every section that is a mapping, taken out by name."""
    for section in SECTIONS:
        if section != "parameters" and not keys_of(section):
            for id_ in getattr(world, section):
                yield f"{section} without {id_}", {section: {id_: None}}


def whole_sections(world: Scenario) -> Iterator[tuple[str, Change]]:
    """Every section not drawn at all, and every one cut down to its first entry."""
    for section in SECTIONS:
        yield f"no {section}", {"draw": dict.fromkeys(SECTIONS, "all") | {section: "none"}}
        part = getattr(world, section)
        if isinstance(part, dict) and section != "parameters":
            for id_ in list(part)[:3]:
                yield f"{section} of {id_} alone", {section: {name: None for name in part if name != id_}}


def roles(world: Scenario) -> Iterator[tuple[str, Change]]:
    """Every role without anybody, and with one org alone."""
    for role in ROLES:
        ids = [id_ for id_, org in world.orgs.items() if role in org.roles]
        yield f"no {role}", {"orgs": dict.fromkeys(ids)}
        for kept in (ids[0], ids[-1]):
            yield f"{kept} the only {role}", {"orgs": {id_: None for id_ in ids if id_ != kept}}
        if role != "supplier":
            stays = {id_: {"roles": sorted({*world.orgs[id_].roles} - {role}) or ["rest"]} for id_ in ids}
            yield f"nobody plays {role}", {"orgs": stays}


def newcomers(world: Scenario) -> Iterator[tuple[str, Change]]:
    """A new org of every role and behaviour, with only what the schema requires, and with money and a bare site."""
    region = next(iter(world.regions))
    for role in ROLES:
        for behaviour in ROLES:
            org = {"title": "New", "roles": [role], "country": "FR", "behaviour": behaviour}
            yield f"new {role} that behaves as {behaviour}", {"orgs": {"a-new": org}}
            if role == behaviour:
                rich = org | {"cash_usd": 1e10, "chip_budget_usd_per_year": 5e9, "revenue_usd_per_year": 1e9}
                site = {"title": "S", "owner": "a-new", "region": region, "kind": "greenfield", "planned_mw_it": 500}
                yield f"new rich {role}", {"orgs": {"a-new": rich}}
                yield f"new {role} with a bare site", {"orgs": {"a-new": rich}, "sites": {"a-site": site}}


def behaviours(world: Scenario) -> Iterator[tuple[str, Change]]:
    """Behaviours that are not installed, or that are another role's."""
    for id_ in list(world.orgs)[:12]:
        for behaviour in ("labb", "", *ROLES):
            yield f"{id_} behaves as {behaviour}", {"orgs": {id_: {"behaviour": behaviour}}}


# --- a number at its bounds


def parameters(world: Scenario) -> Iterator[tuple[str, Change]]:
    """Every parameter at both of its bounds."""
    for row in table("parameters"):
        for name, value in zip(("least", "most"), bounds_of(row.id)[:2], strict=True):
            yield f"{row.id} at its {name}", {"parameters": {row.id: value}}


def pairs(seed: int) -> Iterator[tuple[str, Change]]:
    """Two parameters at bounds, drawn by a seed, without end."""
    ids = [row.id for row in table("parameters")]
    number = 0
    while True:
        bits = int.from_bytes(_key(seed, "pair", number), "little")
        one, other = ids[bits % len(ids)], ids[bits // 65536 % len(ids)]
        values = bounds_of(one)[bits >> 40 & 1], bounds_of(other)[bits >> 41 & 1]
        yield f"pair {number}", {"parameters": {one: values[0], other: values[1]}}
        number += 1


def fields(world: Scenario) -> Iterator[tuple[str, Change]]:
    """Every field of every section at the bounds of the schema, in one entry drawn by its name."""
    for section in SECTIONS:
        part = getattr(world, section)
        if section == "parameters" or not part:
            continue
        listed = {_id(section, entry): entry for entry in part} if isinstance(part, list) else part
        ids = sorted(listed, key=lambda id_: _key(0, section, id_))[:3]
        model = type(listed[ids[0]])
        for name, field in model.model_fields.items():
            for id_ in ids:
                for told, value in extremes(field, getattr(listed[id_], name)):
                    yield f"{section}.{id_}.{name} {told}", {section: {id_: {name: value}}}


def traits(world: Scenario) -> Iterator[tuple[str, Change]]:
    """Every trait that somebody has at its bounds."""
    names = sorted({(trait, org.behaviour): id_ for id_, org in world.orgs.items() for trait in org.traits}.items())
    for (trait, _), id_ in names:
        low, high, _ = bounds_of(f"traits.{trait}")
        for value in (low, high, 0, None):
            yield f"{id_}.{trait} {value}", {"orgs": {id_: {"traits": {trait: value}}}}


def _id(section: str, entry: BaseModel) -> str:
    return "/".join(str(getattr(entry, name)) for name in keys_of(section))


def extremes(field: FieldInfo, value: Any) -> Iterator[tuple[str, Any]]:
    """Values of a field at the ends of its type: bounds, words of a literal, far dates, nothing."""
    low, high = -1e300, 1e300
    for bound in _metadata(field):
        low = (
            bound.ge if isinstance(bound, Ge) else math.nextafter(bound.gt, math.inf) if isinstance(bound, Gt) else low
        )
        high = bound.le if isinstance(bound, Le) else math.nextafter(bound.lt, 0) if isinstance(bound, Lt) else high
    if isinstance(value, bool):
        yield from ((str(x), x) for x in (True, False))
    elif isinstance(value, int | float):
        yield from (("least", low), ("most", high))
    elif isinstance(value, date):
        yield from ((day, day) for day in ("2000-01-01", "2024-07-14", "2024-07-15", "2024-07-16", "2099-12-31"))
    elif get_origin(field.annotation) is Literal:
        yield from ((str(word), word) for word in get_args(field.annotation))
    elif isinstance(value, list):
        yield "empty", []
    yield "null", None


def _metadata(field: FieldInfo) -> Iterator[Any]:
    for part in field.metadata:
        yield from getattr(part, "metadata", (part,))


def calendar(world: Scenario) -> Iterator[tuple[str, Change]]:
    """Other starts and lengths."""
    for start in ("2024-07-01", "2024-08-01", "2025-01-01", "2026-01-01", "2030-01-01"):
        yield f"from {start}", {"start": start}
    for years in (0.02, 0.05, 1, 20):
        yield f"{years} years", {"years": years}


def one_of_each(world: Scenario) -> Iterator[tuple[str, Change]]:
    """Small worlds: a few orgs by name, with all that is theirs."""
    small: dict[str, Callable[[Org], bool]] = {
        "labs and clouds": lambda org: {"lab", "cloud", "supplier", "oem", "investor"} >= set(org.roles),
        "nobody": lambda org: False,
        "suppliers alone": lambda org: "supplier" in org.roles,
        "clouds alone": lambda org: "cloud" in org.roles,
        "labs alone": lambda org: "lab" in org.roles,
        "China alone": lambda org: org.country == "CN",
        "outside China": lambda org: org.country != "CN",
        "United States alone": lambda org: org.country == "US",
    }
    for name, kept in small.items():
        yield name, {"orgs": {id_: None for id_, org in world.orgs.items() if not kept(org)}}


FAMILIES: tuple[Callable[[Scenario], Iterator[tuple[str, Change]]], ...] = (
    entries, whole_sections, roles, newcomers, behaviours, parameters, fields, traits, calendar, one_of_each,
)  # fmt: skip
