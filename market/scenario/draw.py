"""Draw the rows of the catalogue that were known on a day into a tree of plain values.

The tree has the shape of `market.scenario.schema.Scenario`, but for fleets and orders, which are keyed by what
they are: `owner/site/chip` and `buyer/chip`. `Origin` remembers the row of every value.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from datetime import date, timedelta
from fnmatch import fnmatchcase
from typing import Any

from market.catalogue.known import Knowledge
from market.catalogue.tables import Row, latest, table
from market.catalogue.vintages import built_entries, is_photograph

Tree = dict[str, Any]
Key = tuple[str | int, ...]
Origin = dict[Key, Row]

SECTIONS = (
    "parameters",
    "chips",
    "orgs",
    "regions",
    "sites",
    "fleets",
    "leases",
    "orders",
    "investments",
    "models",
    "runs",
)
_DEALS = ("leases", "orders", "investments")  # sections of deals.csv, by the head of the id
_TABLE = {"chips": "roadmap", **dict.fromkeys(_DEALS, "deals")}
_KEYED = {"fleets": ("owner", "site", "chip"), "orders": ("buyer", "chip")}

Wanted = str | list[str]
"""`all`, `none`, or ids and patterns such as `neoclouds-*`."""


def keys_of(section: str) -> tuple[str, ...]:
    """Fields that make the key of an entry of `fleets` or `orders`; empty for sections that are mappings."""
    return _KEYED.get(section, ())


def _value(row: Row) -> Any:
    if row.unit in ("text", "date"):
        return row.value
    if row.unit == "ids":
        return row.value.split("+")
    if row.unit == "bool":
        return row.value == "true"
    number = row.number
    return int(number) if number.is_integer() and abs(number) < 1e15 else number


def _chosen(id_: str, wanted: Wanted) -> bool:
    if isinstance(wanted, str):
        return wanted == "all"
    return any(fnmatchcase(id_, pattern) for pattern in wanted)


def _entries(section: str, knowledge: Knowledge) -> dict[str, dict[str, Row]]:
    """Entries of a section: built from observations, or as the tables of mid-2024 have them."""
    if not is_photograph(knowledge):
        return built_entries(knowledge)[section]
    start = knowledge.day
    known = latest(table(_TABLE.get(section, section)), start)
    if section not in _DEALS:
        return known
    prefix = f"{section}/"
    return {id_.removeprefix(prefix): fields for id_, fields in known.items() if id_.startswith(prefix)}


def _place(tree: Tree, origin: Origin, key: Key, fields: dict[str, Row]) -> None:
    """Write an entry's fields into the tree; `traits.x` and `buildings.2.x` go one level deeper."""
    entry: Tree = {}
    for field, row in fields.items():
        head, _, rest = field.partition(".")
        path: Key = (*key, head)
        if not rest:
            entry[head] = _value(row)
        elif head == "buildings":
            number, _, name = rest.partition(".")
            buildings = entry.setdefault(head, [])
            index = int(number) - 1
            buildings.extend({} for _ in range(index + 1 - len(buildings)))
            buildings[index][name] = _value(row)
            path = (*key, head, index, name)
        else:
            entry.setdefault(head, {})[rest] = _value(row)
            path = (*key, head, rest)
        origin[path] = row
    tree[str(key[-1])] = entry


def draw(start: date, wanted: Mapping[str, Wanted], *, is_strict: bool = False) -> tuple[Tree, Origin]:
    """Collect the wanted entries as they were known on `start`; strict: only what was published by then."""
    knowledge = Knowledge(start, is_strict)
    tree: Tree = {section: {} for section in SECTIONS}
    origin: Origin = {}
    for section in SECTIONS:
        choice = wanted.get(section, "none")
        if choice == "none":
            continue
        for id_, fields in _entries(section, knowledge).items():
            if not _chosen(id_, choice):
                continue
            if section == "parameters":
                tree[section][id_] = _value(fields["value"])
                origin[section, id_] = fields["value"]
                continue
            _place(tree[section], origin, (section, id_), fields)
            if section == "fleets":
                tree[section][id_].update(zip(_KEYED["fleets"], id_.split("/"), strict=True))
    return tree, origin


_REFERENCES: dict[str, tuple[tuple[str, str], ...]] = {
    "chips": (("supplier", "orgs"),),
    "sites": (("owner", "orgs"), ("region", "regions")),
    "fleets": (("owner", "orgs"), ("site", "sites"), ("chip", "chips")),
    "leases": (("lessor", "orgs"), ("lessee", "orgs"), ("chip", "chips"), ("site", "sites"), ("parent", "leases")),
    "orders": (("buyer", "orgs"), ("chip", "chips")),
    "investments": (("investor", "orgs"), ("org", "orgs")),
    "models": (("lab", "orgs"),),
    "runs": (("lab", "orgs"),),
}


def references(section: str) -> tuple[tuple[str, str], ...]:
    """(field, section it points into) of a section's entries."""
    return _REFERENCES.get(section, ())


def prune(tree: Tree, written: set[Key], start: date, said: Container[Key] = ()) -> list[Key]:
    """Drop drawn entries that are over by the start or refer to what the scenario leaves out, and parents left out.

    What a file wrote (entries in `written`, values in `said`) stays and is checked.
    """
    orgs = tree.get("orgs") or {}
    for id_, org in orgs.items():
        if isinstance(org, dict) and org.get("parent") not in orgs and ("orgs", id_, "parent") not in said:
            org.pop("parent", None)
    over = [("leases", "end", start), ("runs", "due", start - timedelta(1))]
    dropped: list[Key] = [
        (section, id_)
        for section, field, last in over
        for id_, entry in (tree.get(section) or {}).items()
        if (section, id_) not in written and str(entry.get(field, "9999")) <= last.isoformat()
    ]
    for section, id_ in dropped:
        del tree[str(section)][id_]
    again = True
    while again:
        again = False
        for section, fields in _REFERENCES.items():
            entries = tree.get(section) or {}
            for id_ in [
                i for i, e in entries.items() if _dangles(e, fields, tree) or _lacks_fleet(section, e, tree, start)
            ]:
                if (section, id_) not in written:
                    del entries[id_]
                    dropped.append((section, id_))
                    again = True
    return dropped


def _dangles(entry: Any, fields: tuple[tuple[str, str], ...], tree: Tree) -> bool:
    if not isinstance(entry, dict):
        return False
    return any(isinstance(entry.get(f), str) and entry[f] not in (tree.get(section) or {}) for f, section in fields)


def _lacks_fleet(section: str, entry: Any, tree: Tree, start: date) -> bool:
    """Whether a lease is of GPUs of a fleet that is not there."""
    if section != "leases" or not isinstance(entry, dict) or entry.get("parent") is not None:
        return False
    fleet = f"{entry.get('lessor')}/{entry.get('site')}/{entry.get('chip')}"
    return str(entry.get("start")) <= start.isoformat() and fleet not in (tree.get("fleets") or {})


def alive(tree: Tree, key: Key) -> bool:
    """True when the entry that a key belongs to is still part of the scenario."""
    return key[0] not in tree or len(key) < 2 or key[1] in tree[str(key[0])]


def later_row(key: Key, start: date) -> Row | None:
    """The first row for a key that describes a date after `start`."""
    section, id_, field = str(key[0]), ".".join(map(str, key[1:2])), ".".join(map(str, key[2:]))
    prefix = f"{section}/" if section in _DEALS else ""
    rows = table(_TABLE.get(section, section)) if section in SECTIONS else ()
    return next((r for r in rows if (r.id, r.field) == (prefix + id_, field) and not r.known_on(start)), None)
