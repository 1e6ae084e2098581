"""Standing leases: a share of a lessor's compute, a number of GPUs, or a contract for a site that is still to come."""

from __future__ import annotations

import math
from datetime import date, timedelta
from math import floor

from market.catalogue.known import Entries
from market.catalogue.tables import Row
from market.catalogue.vintages.parts import YEAR_DAYS, Parts, derived
from market.catalogue.vintages.sites import Stock

PRICE, REVENUE = "price_usd_per_gpu_hour", "revenue_usd_per_quarter"
ORDER = ("internal", "frontier", "capacity", "serving")  # who is served first from a lessor's stock


def leases(parts: Parts, stock: Stock) -> Entries:
    """Build the leases that stand on a day; parts of one lease are numbered."""
    known = {id_: fields for id_, fields in parts.known("leases").items() if _stands(parts, fields)}
    size = {lessor: _h100e(parts, stock, lessor) for lessor in {fields["lessor"].value for fields in known.values()}}
    left = dict(stock)
    found: Entries = {}
    fixed = [id_ for id_ in known if "site" in known[id_]]
    counted = sorted((id_ for id_ in known if "site" not in known[id_]), key=lambda id_: _turn(known[id_]))
    for id_ in fixed:
        found.update(_at_site(parts, id_, known[id_], left))
    begun = _begun(parts, found)
    for id_ in counted:
        found.update(_drawn(parts, id_, known[id_], left, _wanted(parts, known[id_], size, begun)))
    for lessor, h100e in size.items():
        found.update(_as_reported(parts, lessor, h100e, found))
    return {id_: entry for id_, entry in found.items() if _has_parent(entry, found)}


def _stands(parts: Parts, fields: dict[str, Row]) -> bool:
    if "lessor" not in fields or "until" in fields:
        return False
    return "end" not in fields or date.fromisoformat(fields["end"].value) > parts.day


def _turn(fields: dict[str, Row]) -> tuple[bool, int, str]:
    return "gpus" not in fields, ORDER.index(fields["kind"].value), fields["lessor"].id


def _has_parent(entry: dict[str, Row], found: Entries) -> bool:
    return "parent" not in entry or entry["parent"].value in found


def _h100e(parts: Parts, stock: Stock, lessor: str) -> float:
    return sum(gpus * parts.h100e(chip) for (owner, _, chip), gpus in sorted(stock.items()) if owner == lessor)


def _at_site(parts: Parts, id_: str, fields: dict[str, Row], left: Stock) -> Entries:
    """A contract for one site: what has begun is of no more GPUs than are installed there."""
    place = (fields["lessor"].value, fields["site"].value, fields["chip"].value)
    gpus = floor(fields["gpus"].number)
    if date.fromisoformat(fields["start"].value) <= parts.day and "parent" not in fields:
        gpus = min(gpus, left.get(place, 0))
        left[place] = left.get(place, 0) - gpus
    if gpus < 1:
        return {}
    return {id_: _terms(parts, id_, fields, place, gpus)}


def _begun(parts: Parts, found: Entries) -> dict[tuple[str, str], float]:
    """H100e under contracts for one site that have begun, by lessor and lessee: a share of a fleet holds them too."""
    totals: dict[tuple[str, str], float] = {}
    for entry in found.values():
        if "parent" not in entry and _runs(parts, entry):
            pair = (entry["lessor"].value, entry["lessee"].value)
            totals[pair] = totals.get(pair, 0.0) + entry["gpus"].number * parts.h100e(entry["chip"].value)
    return totals


def _runs(parts: Parts, entry: dict[str, Row]) -> bool:
    return date.fromisoformat(entry["start"].value) <= parts.day


def _wanted(parts: Parts, fields: dict[str, Row], size: dict[str, float], begun: dict[tuple[str, str], float]) -> float:
    """GPUs that a lease names, or H100e of its share of the lessor's compute less what contracts for a site hold."""
    if "gpus" in fields:
        return fields["gpus"].number
    lessor, lessee = fields["lessor"].value, fields["lessee"].value
    return fields["share"].number * size[lessor] - begun.get((lessor, lessee), 0.0)


def _as_reported(parts: Parts, lessor: str, size: float, found: Entries) -> Entries:
    """Assumed rents of the leases that run, so that an H100e of them brings what the fleet did by reported revenue.

    All of them bring no more than what is known to be under contract. The last quarter is carried from its middle to
    the day at its growth over the quarter before.
    """
    told = [(row.as_of, row.number) for row in parts.history("leases", lessor, REVENUE) if row.as_of]
    mine = {
        id_: entry
        for id_, entry in found.items()
        if entry["lessor"].value == lessor and _runs(parts, entry) and entry[PRICE].kind == "assumption"
    }
    if len(told) < 2 or not mine:
        return {}
    (before, least), (day, last) = told[-2:]
    pace = parts.carried(math.log(last / least) * YEAR_DAYS / (day - before).days)
    years = ((parts.day - day).days + YEAR_DAYS / 8) / YEAR_DAYS
    hourly = last * math.exp(pace * years) * 4 / (24 * YEAR_DAYS)
    let = math.fsum(entry["gpus"].number * parts.h100e(entry["chip"].value) for entry in mine.values())
    rents = math.fsum(entry["gpus"].number * entry[PRICE].number for entry in mine.values())
    factor = hourly * min(let / size, parts.rule("committed_share")) / rents
    return {id_: entry | {PRICE: _repriced(id_, entry[PRICE], factor)} for id_, entry in mine.items()}


def _repriced(id_: str, price: Row, factor: float) -> Row:
    note = "an assumed rent, times what the lessor reported over what such rents would bring it"
    return derived(price, id_, PRICE, round(price.number * factor, 3), price.unit, note)


def _drawn(parts: Parts, id_: str, fields: dict[str, Row], left: Stock, wanted: float) -> Entries:
    """A number of GPUs, or a share of the lessor's compute, taken from its sites: the largest stock first."""
    lessor = fields["lessor"].value
    chip = fields["chip"].value if "chip" in fields else None
    places = [place for place in left if place[0] == lessor and chip in (None, place[2])]
    places.sort(key=lambda place: _preference(parts, fields["kind"].value, place, left[place]))
    found: Entries = {}
    for place in places:
        each = 1.0 if "gpus" in fields else parts.h100e(place[2])
        gpus = min(left[place], floor(wanted / each))
        if gpus < parts.rule("lease_piece_min"):
            continue
        left[place] -= gpus
        wanted -= gpus * each
        name = f"{id_}-{len(found) + 1}"
        found[name] = _terms(parts, name, fields, place, gpus, len(found))
    return found


def _preference(parts: Parts, kind: str, place: tuple[str, str, str], gpus: int) -> tuple[object, ...]:
    """Internal users take the parent's own chips first, training the newest, serving the oldest."""
    _, site, chip = place
    day = date.fromisoformat(parts.newness(chip) or "2000-01-01").toordinal()
    return kind == "internal" and not parts.is_own(chip), day if kind == "serving" else -day, -gpus, site


def _terms(
    parts: Parts, id_: str, fields: dict[str, Row], place: tuple[str, str, str], gpus: int, number: int = 0
) -> dict[str, Row]:
    row, (lessor, site, chip) = fields["lessor"], place
    start = date.fromisoformat(fields["start"].value) if "start" in fields else row.as_of or parts.day
    end = date.fromisoformat(fields["end"].value) if "end" in fields else _renewed(parts, fields, start, number)
    price = round(fields["price_usd_per_h100e_hour"].number * parts.h100e(chip), 3)
    said: dict[str, tuple[object, str, Row]] = {
        "lessor": (lessor, "text", row),
        "lessee": (fields["lessee"].value, "text", row),
        "chip": (chip, "text", row),
        "site": (site, "text", row),
        "gpus": (gpus, "GPUs", fields.get("gpus", fields.get("share", row))),
        "start": (start, "date", row),
        "end": (end, "date", fields["years"]),
        PRICE: (price, "USD/GPU-hour", fields["price_usd_per_h100e_hour"]),
        "kind": (fields["kind"].value, "text", row),
    }
    if "parent" in fields:
        said["parent"] = (fields["parent"].value, "text", row)
    return {name: derived(source, id_, name, value, unit) for name, (value, unit, source) in said.items()}


def _renewed(parts: Parts, fields: dict[str, Row], start: date, number: int) -> date:
    """End of the term that runs on the day: earlier terms have been renewed; parts end a quarter apart."""
    term = timedelta(round(fields["years"].number * 365))
    end = start + term + number * parts.days("lease_stagger_days")
    while end <= parts.day + parts.days("lease_left_days"):
        end += term
    return end
