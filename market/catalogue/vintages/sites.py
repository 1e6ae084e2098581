"""Place every owner's chips: named campuses first, up to their power, then pools of leased shells by weight."""

from __future__ import annotations

from datetime import date
from math import ceil, floor

from market.catalogue.known import Entries
from market.catalogue.tables import Row
from market.catalogue.vintages.parts import Parts, derived

Stock = dict[tuple[str, str, str], int]
"""GPUs by owner, site and chip."""
NAMED = ("title", "owner", "region", "kind")


def fleets_and_sites(parts: Parts) -> tuple[Entries, Entries, Stock]:
    """Build the fleets and sites of a day, and the stock by place."""
    known = {id_: fields for id_, fields in parts.known("sites").items() if all(name in fields for name in NAMED)}
    rows: dict[str, dict[str, Row]] = {}
    for id_, fields in parts.known("fleets").items():
        owner, _, chip = id_.partition("/")
        if fields["gpus"].number >= 1 and chip in parts.chips:
            rows.setdefault(owner, {})[chip] = fields["gpus"]
    fleets: Entries = {}
    stock: Stock = {}
    for owner, chips in rows.items():
        mine = {id_: fields for id_, fields in known.items() if fields["owner"].value == owner}
        for (site, chip), gpus in _placed(parts, chips, mine).items():
            stock[owner, site, chip] = gpus
            id_ = f"{owner}/{site}/{chip}"
            fleets[id_] = {"gpus": derived(chips[chip], id_, "gpus", gpus, "GPUs")}
    sites = {id_: _site(parts, id_, fields, stock) for id_, fields in known.items()}
    return fleets, sites, stock


def _placed(parts: Parts, chips: dict[str, Row], sites: Entries) -> dict[tuple[str, str], int]:
    left = {chip: floor(row.number) for chip, row in chips.items()}
    placed: dict[tuple[str, str], int] = {}
    for id_, fields in sites.items():
        if "energised_mw_it" not in fields:
            continue
        room = fields["energised_mw_it"].number * 1000 * parts.rule("campus_fill")
        for chip in _wanted(parts, fields, left):
            gpus = min(left[chip], floor(room / parts.kw(chip)))
            if gpus > 0:
                placed[id_, chip] = gpus
                left[chip] -= gpus
                room -= gpus * parts.kw(chip)
    pools = {id_: fields["weight"].number for id_, fields in sites.items() if "weight" in fields}
    for chip, gpus in left.items():
        for id_, part in _shares(gpus, pools or _fallback(sites)).items():
            if part:
                placed[id_, chip] = placed.get((id_, chip), 0) + part
    return placed


def _wanted(parts: Parts, fields: dict[str, Row], left: dict[str, int]) -> list[str]:
    """Chips for a campus: what it is built for, else the newest."""
    if "chips" in fields:
        return [chip for chip in fields["chips"].value.split("+") if chip in left]
    return sorted(left, key=lambda chip: (parts.newness(chip), chip), reverse=True)


def _fallback(sites: Entries) -> dict[str, float]:
    """An owner without pools puts what is left at its first campus in operation."""
    running = [id_ for id_, fields in sites.items() if "energised_mw_it" in fields]
    return dict.fromkeys(running[:1], 1.0)


def _shares(gpus: int, weights: dict[str, float]) -> dict[str, int]:
    """Split GPUs by weight, the rest to the first; nothing where there is no place."""
    parts = {id_: floor(gpus * weight) for id_, weight in weights.items()}
    for id_ in list(parts)[:1]:
        parts[id_] += gpus - sum(parts.values())
    return parts


def _site(parts: Parts, id_: str, fields: dict[str, Row], stock: Stock) -> dict[str, Row]:
    need = sum(gpus * parts.kw(chip) for (_, site, chip), gpus in stock.items() if site == id_) / 1000
    entry = {name: fields[name] for name in NAMED}
    return entry | (_pool(parts, id_, fields, need) if "weight" in fields else _campus(parts, id_, fields, need))


def _pool(parts: Parts, id_: str, fields: dict[str, Row], need: float) -> dict[str, Row]:
    """Leased shells: power for the chips installed with headroom, and room to grow."""
    power = ceil(need * parts.rule("pool_headroom") * 10) / 10
    planned = round(power * parts.rule("pool_plan"), 1)
    said = {
        "energised_mw_it": (power, "power of the chips installed, with headroom"),
        "planned_mw_it": (planned, "pools grow by contract"),
    }
    return {name: derived(fields["weight"], id_, name, value, "MW", note) for name, (value, note) in said.items()}


def _campus(parts: Parts, id_: str, fields: dict[str, Row], need: float) -> dict[str, Row]:
    """A named campus: what runs, what is under way, what is planned."""
    entry: dict[str, Row] = {}
    running = fields.get("energised_mw_it")
    power = max(running.number if running else 0.0, ceil(need * 10) / 10)
    if power:
        entry["energised_mw_it"] = derived(running or fields["title"], id_, "energised_mw_it", power, "MW")
        if "developer" in fields:
            entry["leased"] = derived(fields["developer"], id_, "leased", "true", "bool")
    halls = _halls(parts, id_, fields, power)
    under_way = sum(float(str(hall["power_mw_it"][0])) for hall in halls)
    promised = fields["promised_mw_it"].number if "promised_mw_it" in fields else 0.0
    planned = max(promised, round((power + under_way) * parts.rule("campus_plan"), 1))
    note = "told, or room for twice as much again"
    entry["planned_mw_it"] = derived(fields["title"], id_, "planned_mw_it", planned, "MW", note)
    source = fields.get("promised_mw_it", fields["works_began"])
    for number, hall in enumerate(halls, 1):
        for name, (value, unit) in hall.items():
            field = f"buildings.{number}.{name}"
            entry[field] = derived(source, id_, field, value, unit)
    return entry


Hall = dict[str, tuple[object, str]]


def _halls(parts: Parts, id_: str, fields: dict[str, Row], power: float) -> list[Hall]:
    """Buildings under way: what was promised and does not run yet, else the usual halls."""
    first = date.fromisoformat(fields["works_began"].value)
    steps = [row.as_of for row in parts.history("sites", id_, "energised_mw_it") if row.as_of]
    first = steps[-1] if steps else first
    planned = _promised(parts, id_, power)
    if not planned and not ("promised_mw_it" in fields and power):
        planned = _usual(parts, fields, first, bool(steps))
    halls: list[Hall] = []
    for number, (size, day) in enumerate(planned):
        due = parts.still_due(day)
        kind = "leased" if "developer" in fields else "next" if steps or number else fields["kind"].value
        hall: Hall = {
            "power_mw_it": (size, "MW"),
            "start": (first, "date"),
            "due": (due, "date"),
            "kind": (kind, "text"),
        }
        if "on_site_power" in fields:
            hall["on_site_power"] = (fields["on_site_power"].value, "bool")
        elif kind == "brownfield" and due - first < parts.grid_study(fields["region"].value):
            hall["on_site_power"] = ("true", "bool")  # nobody promises what its grid cannot do: it has plant of its own
        halls.append(hall)
    return halls


def _promised(parts: Parts, id_: str, power: float) -> list[tuple[float, date]]:
    """What a campus that told of its plans still owes, as (MW, due day) of equal halls, the nearest promise first.

    A later and larger promise adds to a nearer one that is still open; it does not replace it.
    """
    sizes = {row.as_of: row.number for row in parts.history("sites", id_, "promised_mw_it")}
    days = {row.as_of: date.fromisoformat(row.value) for row in parts.history("sites", id_, "promised_for")}
    halls: list[tuple[float, date]] = []
    covered = power
    for due, size in sorted((days[told], size) for told, size in sizes.items()):
        missing = size - covered
        if missing > 1:
            count = ceil(missing / parts.rule("hall_mw_max"))
            halls += [(round(missing / count, 2), due)] * count
            covered = size
    return halls


def _usual(parts: Parts, fields: dict[str, Row], first: date, is_running: bool) -> list[tuple[float, date]]:
    """Halls of the usual size and pace."""
    is_brownfield = fields["kind"].value == "brownfield"
    lead = "next_hall_days" if is_running else "brownfield_days" if is_brownfield else "first_hall_days"
    count = 1 if is_running or is_brownfield else round(parts.rule("halls_under_way"))
    days = [first + parts.days(lead) + i * parts.days("hall_step_days") for i in range(count)]
    return [(parts.rule("hall_mw"), day) for day in days]
