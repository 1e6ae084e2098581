"""All sections of a scenario as of a day: built from observations, or the catalogue's rows with what is newer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from functools import cache

from market.catalogue.known import Entries, Knowledge, newest, rank
from market.catalogue.tables import TABLES, VINTAGES, Row, table, vintages
from market.catalogue.vintages.labs import carried, models, runs
from market.catalogue.vintages.leases import leases
from market.catalogue.vintages.parts import Parts, derived
from market.catalogue.vintages.sites import fleets_and_sites

FIRST = date(2023, 6, 30)
PHOTOGRAPH = date(2024, 7, 15)
NEXT = date(2024, 9, 30)  # the first day after it that has observations of fleets
CARRIED = "carried back"
_NEWER = {"parameters": "parameters", "chips": "chips", "orgs": "books"}
_IDENTITY = {"orgs": "title", "chips": "supplier", "regions": "title"}
_BASE = {"chips": "roadmap"}


def is_photograph(knowledge: Knowledge) -> bool:
    """True when the tables of mid-2024 are drawn as they stand: that start, and dates for which nothing is built."""
    return not knowledge.is_strict and (knowledge.day < FIRST or PHOTOGRAPH <= knowledge.day < NEXT)


@cache
def built_entries(knowledge: Knowledge) -> dict[str, Entries]:
    """Entries of every section as known on a day: {section: {id: {field: row}}}."""
    parts = Parts(knowledge)
    fleets, sites, stock = fleets_and_sites(parts)
    let = leases(parts, stock)
    released = models(parts)
    return {
        "parameters": _merged("parameters", knowledge),
        "chips": _merged("chips", knowledge),
        "orgs": carried(parts, _merged("orgs", knowledge)),
        "regions": _merged("regions", knowledge),
        "sites": sites,
        "fleets": fleets,
        "leases": let,
        "orders": _orders(parts),
        "investments": _investments(knowledge),
        "models": released,
        "runs": runs(parts, released, stock, let),
    }


def _merged(section: str, knowledge: Knowledge) -> Entries:
    """The catalogue's rows and newer ones; a figure that was never known earlier is carried back and says so."""
    base = table(_BASE.get(section, section))
    newer = vintages(_NEWER[section]) if section in _NEWER else ()
    known = newest((*base, *newer), knowledge)
    first: dict[tuple[str, str], Row] = {}
    for row in base:
        first.setdefault((row.id, row.field), row)
    watched = {(row.id, row.field) for row in newer}
    identity = _IDENTITY.get(section)
    ids = {row.id for row in base}
    entries = {id_: fields for id_, fields in known.items() if id_ in ids}
    if identity:
        entries = {id_: fields for id_, fields in entries.items() if identity in fields}
    for (id_, field), row in first.items():
        is_state = section == "orgs" and (id_, field) in watched
        if (identity and id_ not in entries) or is_state:
            continue
        if field not in entries.setdefault(id_, {}):
            entries[id_][field] = _carried(row)
    return entries


def _carried(row: Row) -> Row:
    note = f"{CARRIED} from {row.as_of}, for want of an earlier figure: chosen with the later record in view"
    return row._replace(kind="assumption", source="assumption", as_of=None, published=None, confidence="low", note=note)


def _orders(parts: Parts) -> Entries:
    found: Entries = {}
    for id_, fields in parts.known("orders").items():
        if "gpus" not in fields or ("until" in fields and rank(fields["until"]) >= rank(fields["gpus"])):
            continue
        entry = {"gpus": derived(fields["gpus"], id_, "gpus", int(fields["gpus"].number), "GPUs")}
        if "due" in fields:
            due = parts.still_due(date.fromisoformat(fields["due"].value))
            entry["due"] = derived(fields["due"], id_, "due", due, "date")
        buyer, _, chip = id_.partition("/")
        for name, value in (("buyer", buyer), ("chip", chip)):
            entry[name] = derived(fields["gpus"], id_, name, value, "text")
        found[id_] = entry
    return found


def _investments(knowledge: Knowledge) -> Entries:
    prefix = "investments/"
    old = (row._replace(id=row.id.removeprefix(prefix)) for row in table("deals") if row.id.startswith(prefix))
    known = newest((*old, *vintages("investments")), knowledge)
    return {id_: fields for id_, fields in known.items() if "investor" in fields and "amount_usd" in fields}


def rows_left_out(day: date) -> dict[str, int]:
    """Count the rows that each vintage leaves out: `revised` what describes later days, `strict` also what was said
    later.
    """
    every = list(_every_row())
    kept = {
        name: sum(1 for row in every if Knowledge(day, name == "strict").has(row)) for name in ("revised", "strict")
    }
    return {name: len(every) - count for name, count in kept.items()}


def _every_row() -> Iterator[Row]:
    for name in TABLES:
        yield from table(name)
    for name in VINTAGES:
        yield from vintages(name)
