"""What no single field can tell: references, dates against the start, power, leases within leases."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from itertools import islice
from pathlib import Path
from typing import get_args

from events.kinds import MarketName
from events.plugins import points
from market.catalogue.bounds import bounds_of, traits
from market.catalogue.tables import table
from market.clearing import names as mechanism_names
from market.scenario.draw import Key, references
from market.scenario.errors import Problem, did_you_mean
from market.scenario.schema import Fleet, Org, Scenario, StandingLease, StandingOrder
from market.scenario.validate import Places

PROBLEMS_MAX = 100
YARDSTICK = "H100"
Check = Callable[[Scenario, Places], Iterator[Problem]]


def problems_of(scenario: Scenario, places: Places) -> list[Problem]:
    """List all that does not fit together, references first: the rest assumes that they hold."""
    broken = _first([_parameters, _references, _yardstick], scenario, places)
    checks = (
        _chips, _orgs, _entries_late, _mechanisms, _grounds, _sites, _power, _leases, _investments, _models, _chains,
        _stock,
    )  # fmt: skip
    return broken or _first(checks, scenario, places)


def _first(checks: Iterable[Check], scenario: Scenario, places: Places) -> list[Problem]:
    """What checks find, up to as many lines as anybody reads."""
    return list(islice((problem for check in checks for problem in check(scenario, places)), PROBLEMS_MAX))


def at(places: Places, path: Key, message: str, *, key: bool = False) -> Problem:
    """Say what is wrong with what stands at a path."""
    return Problem(places.place(path, key=key), ".".join(map(str, path)), message)


def _written(places: Places, paths: Sequence[Key]) -> Key:
    """Of several values that clash, the one that a file states; else the first."""
    return next((p for p in paths if _is_told(places, p)), paths[0])


def _is_told(places: Places, path: Key) -> bool:
    """Whether a file or the command line says something at a place, and not the catalogue."""
    where = places.place(path)
    return where != places.top and not where.startswith(("catalogue/", *_ours()))


@cache
def _ours() -> tuple[str, ...]:
    """Beginnings of the places of our own scenarios."""
    return tuple(f"{path.name}:" for path in sorted((Path(__file__).parent / "library").glob("*.yaml")))


def clash(places: Places, paths: Sequence[Key], message: str) -> Problem:
    """Of values that do not fit together, blame the one that the user wrote, and name the first beside it."""
    path = _written(places, paths)
    text = message if path == paths[0] else f"{'.'.join(map(str, paths[0]))} {message}"
    where = places.place(path) if _is_told(places, path) or places.top.startswith(_ours()) else places.top
    return Problem(where, ".".join(map(str, path)), text)


def _parameters(scenario: Scenario, places: Places) -> Iterator[Problem]:
    known = {row.id: row for row in table("parameters")}
    for name in sorted(known.keys() - scenario.parameters.keys()):
        row = known[name]
        if row.known_on(scenario.start):
            yield at(places, ("parameters", name), "is missing; draw it or give it a value", key=True)
        else:
            text = f"as_of {row.as_of} is after the start {scenario.start}; give it a value that was known then"
            yield Problem(f"catalogue/{row.where}", f"parameters.{name}", text)
    for name, value in scenario.parameters.items():
        path, found = ("parameters", name), known.get(name)
        if found is None:
            yield at(places, path, f"unknown key{did_you_mean(name, known)}", key=True)
        elif fault := bounds_of(name).fault(value):
            yield at(places, path, fault)


def _references(scenario: Scenario, places: Places) -> Iterator[Problem]:
    for section in ("chips", "sites", "fleets", "leases", "orders", "investments", "models", "runs"):
        for id_, entry in _entries(scenario, section):
            for field, into in references(section):
                name, known = getattr(entry, field), getattr(scenario, into)
                if name is not None and name not in known:
                    hint = did_you_mean(name, known) or f"; `{into}` must name it"
                    paths: list[Key] = [(section, id_, field), (into, name), (section, id_)]
                    yield clash(places, paths, f"unknown {into.removesuffix('s')} {name!r}{hint}")
    for id_, org in scenario.orgs.items():
        if org.parent is not None and org.parent not in scenario.orgs:
            hint = did_you_mean(org.parent, scenario.orgs)
            yield clash(places, [("orgs", id_, "parent"), ("orgs", id_)], f"unknown org {org.parent!r}{hint}")


def _yardstick(scenario: Scenario, places: Places) -> Iterator[Problem]:
    """The chip in which costs and prices are counted is one of the world's."""
    if YARDSTICK not in scenario.chips:
        makers = [row.value for row in table("roadmap") if (row.id, row.field) == (YARDSTICK, "supplier")]
        paths: list[Key] = [("chips", YARDSTICK), *(("orgs", maker) for maker in makers), ("draw",), ("chips",)]
        text = f"{YARDSTICK} is missing, in which costs are counted; keep it, with gpus_per_week 0 or an early end"
        yield at(places, next((p for p in paths if _is_told(places, p)), paths[0]), text)


def _entries(scenario: Scenario, section: str) -> Iterator[tuple[str, object]]:
    for key, entry in _keyed(getattr(scenario, section)):
        if isinstance(entry, Fleet):
            yield f"{entry.owner}/{entry.site}/{entry.chip}", entry
        elif isinstance(entry, StandingOrder):
            yield f"{entry.buyer}/{entry.chip}", entry
        else:
            yield key, entry


def _keyed(part: dict[str, object] | list[object]) -> Iterator[tuple[str, object]]:
    yield from part.items() if isinstance(part, dict) else (("", entry) for entry in part)


def _entries_late(scenario: Scenario, places: Places) -> Iterator[Problem]:
    """Who enters after the start has nothing before: it supplies, owns, rents, trains and owes nothing."""
    late = {id_ for id_, org in scenario.orgs.items() if org.enters is not None and org.enters > scenario.start}
    for id_ in sorted(late):
        org, path = scenario.orgs[id_], ("orgs", id_, "enters")
        if {"supplier", "oem"} & set(org.roles):
            yield at(places, path, "a supplier or OEM is there from the start: it comes with lines")
        if org.parent in late:
            yield at(places, path, f"its parent {org.parent!r} enters after the start too; leave one of them out")
        if org.revenue_usd_per_year:
            yield at(places, path, "has revenue before it enters; set revenue_usd_per_year to 0")
    for section in ("chips", "sites", "fleets", "leases", "orders", "investments", "models", "runs"):
        for key, entry in _entries(scenario, section):
            for field, into in references(section):
                if into == "orgs" and (name := getattr(entry, field)) in late:
                    paths: list[Key] = [(section, key, field), ("orgs", name, "enters"), (section, key)]
                    yield clash(places, paths, f"{name!r} enters after the start and can have nothing before")


def _chips(scenario: Scenario, places: Places) -> Iterator[Problem]:
    for id_, chip in scenario.chips.items():
        if "supplier" not in scenario.orgs[chip.supplier].roles:
            text = f"{chip.supplier!r} has no role supplier"
            yield clash(places, [("chips", id_, "supplier"), ("orgs", chip.supplier, "roles")], text)
        if chip.end <= chip.start:
            text = f"must be after start {chip.start}, was {chip.end}"
            yield clash(places, [("chips", id_, "end"), ("chips", id_, "start")], text)


def _orgs(scenario: Scenario, places: Places) -> Iterator[Problem]:
    seen: set[str] = set()
    for id_, org in scenario.orgs.items():
        if len(set(org.roles)) < len(org.roles):
            yield at(places, ("orgs", id_, "roles"), "names a role twice")
        yield from _conduct(id_, org, places)
        line: dict[str, None] = {}
        member: str | None = id_
        while member is not None and member not in line and member not in seen:
            line[member] = None
            member = scenario.orgs[member].parent
        if member in line:
            path = _written(places, [("orgs", name, "parent") for name in line])
            yield at(places, path, f"{' < '.join([*line, str(member)])}: a parent in a circle")
        seen.update(line)


@cache
def _installed() -> dict[str, str]:
    """Behaviours by name, with the module and class that each is."""
    return {name: point.value for name, point in points("market.behaviours").items()}


def _conduct(id_: str, org: Org, places: Places) -> Iterator[Problem]:
    """A behaviour is installed, and its traits lie within their bounds; ours read no traits but those of the table."""
    installed = _installed()
    if org.behaviour not in installed:
        text = f"no behaviour {org.behaviour!r} is installed{did_you_mean(org.behaviour, installed)}"
        yield at(places, ("orgs", id_, "behaviour"), text)
        return
    is_ours = installed[org.behaviour].startswith("agents.")
    if is_ours and org.behaviour not in org.roles:
        text = f"{org.behaviour!r} is the conduct of a role that {id_} has not; add it to roles"
        yield clash(places, [("orgs", id_, "behaviour"), ("orgs", id_, "roles")], text)
    known = traits()
    for trait, value in org.traits.items():
        if fault := bounds_of(f"traits.{trait}").fault(value):
            yield at(places, ("orgs", id_, "traits", trait), fault)
        elif trait not in known and is_ours:
            text = f"no behaviour of ours reads it{did_you_mean(trait, known)}"
            yield at(places, ("orgs", id_, "traits", trait), text, key=True)


def _known(market: str) -> list[str]:
    """Mechanisms that can clear a market; clouds post prices on demand where none does."""
    return [*(["posted"] if market == "on_demand" else []), *mechanism_names()]


def _mechanisms(scenario: Scenario, places: Places) -> Iterator[Problem]:
    """A market that can be cleared by choice names a mechanism that is installed."""
    markets = get_args(MarketName)
    for market, name in scenario.mechanisms.items():
        path: Key = ("mechanisms", market)
        if market not in markets:
            hint = did_you_mean(market, markets) or f"; there are {', '.join(markets)}"
            yield at(places, path, f"no market of this name is cleared by choice{hint}", key=True)
        elif name not in (known := _known(market)):
            hint = did_you_mean(name, known) or f"; there are {', '.join(known)}"
            yield at(places, path, f"no mechanism {name!r} is installed{hint}")


def _grounds(scenario: Scenario, places: Places) -> Iterator[Problem]:
    """Who buys chips has a site, or a region in which it may build one."""
    owners = {site.owner for site in scenario.sites.values()}
    countries = {region.country for region in scenario.regions.values()}
    for id_, org in scenario.orgs.items():
        may_build = org.country in countries or org.traits.get("builds_abroad")
        if org.chip_budget_usd_per_year and id_ not in owners and not may_build:
            text = f"{id_} has no site for chips and no region of {org.country} to build in; "
            text += "give it a site, or the trait builds_abroad"
            paths: list[Key] = [("orgs", id_, "chip_budget_usd_per_year"), ("orgs", id_, "country"), ("orgs", id_)]
            if any(_is_told(places, path) for path in paths):  # a catalogue cut down by `draw` may have bare orgs
                yield clash(places, paths, text)


def _sites(scenario: Scenario, places: Places) -> Iterator[Problem]:
    for id_, site in scenario.sites.items():
        for i, building in enumerate(site.buildings):
            path: Key = ("sites", id_, "buildings", i)
            if building.due <= building.start:
                text = f"must be after start {building.start}, was {building.due}"
                yield clash(places, [(*path, "due"), (*path, "start")], text)
            if building.start > scenario.start:
                text = f"under way at the start, so not after {scenario.start}; was {building.start}"
                yield clash(places, [(*path, "start"), ("start",)], text)


def _power(scenario: Scenario, places: Places) -> Iterator[Problem]:
    """Installed IT power stays within energised IT power at every site."""
    installed: dict[str, float] = defaultdict(float)
    for fleet in scenario.fleets:
        installed[fleet.site] += fleet.gpus * scenario.chips[fleet.chip].power_kw_it_per_gpu / 1000
    for id_, mw in installed.items():
        energised = scenario.sites[id_].energised_mw_it
        if mw > energised + 1e-6:
            text = f"{energised:g} MW carry no fleet of {mw:.1f} MW; raise it or move GPUs elsewhere"
            fleets = [f for f in scenario.fleets if f.site == id_]
            paths: list[Key] = [("sites", id_, "energised_mw_it")]
            paths += [("fleets", f"{f.owner}/{f.site}/{f.chip}", "gpus") for f in fleets]
            paths += [("chips", f.chip, "power_kw_it_per_gpu") for f in fleets]
            yield at(places, _written(places, paths), text)


def _leases(scenario: Scenario, places: Places) -> Iterator[Problem]:
    for id_, lease in scenario.leases.items():
        if lease.end <= lease.start:
            text = f"must be after start {lease.start}, was {lease.end}"
            yield clash(places, [("leases", id_, "end"), ("leases", id_, "start")], text)
        elif lease.end <= scenario.start:
            text = f"{lease.end} is not after the scenario's start {scenario.start}; leave the lease out"
            yield clash(places, [("leases", id_, "end"), ("start",)], text)
        if lease.lessor == lease.lessee:
            text = f"{lease.lessee!r} cannot rent from itself"
            yield clash(places, [("leases", id_, "lessee"), ("leases", id_, "lessor")], text)


def _investments(scenario: Scenario, places: Places) -> Iterator[Problem]:
    for id_, stake in scenario.investments.items():
        if stake.closed > scenario.start:
            text = f"{stake.closed} is after the scenario's start {scenario.start}"
            yield clash(places, [("investments", id_, "closed"), ("start",)], text)


def _models(scenario: Scenario, places: Places) -> Iterator[Problem]:
    for id_, model in scenario.models.items():
        if model.released > scenario.start:
            text = f"{model.released} is after the scenario's start {scenario.start}"
            yield clash(places, [("models", id_, "released"), ("start",)], text)


def _chains(scenario: Scenario, places: Places) -> Iterator[Problem]:
    """A sublease stays within its parent: same chip and site, no circle, not more GPUs, not longer."""
    sublet: dict[str, int] = defaultdict(int)
    circles = _circles(scenario)
    for id_, lease in scenario.leases.items():
        if lease.parent is None:
            continue
        path: Key = ("leases", id_, "parent")
        if id_ in circles:
            yield at(places, path, f"{lease.parent!r} leads back to this lease in a circle")
            continue
        parent = scenario.leases[lease.parent]
        mismatch = _mismatch(lease, parent)
        if mismatch:
            yield clash(places, [path, *_fields(id_), *_fields(lease.parent)], f"{lease.parent!r} {mismatch}")
        sublet[lease.parent] += lease.gpus
        if sublet[lease.parent] > parent.gpus:
            text = f"{lease.parent!r} holds {parent.gpus:,} GPUs, {sublet[lease.parent]:,} are passed on"
            yield clash(places, [("leases", id_, "gpus"), ("leases", lease.parent, "gpus")], text)


def _fields(id_: str) -> list[Key]:
    return [("leases", id_, field) for field in ("lessor", "lessee", "chip", "site", "start", "end")]


def _circles(scenario: Scenario) -> set[str]:
    """Leases whose parents lead back to a lease that was passed already."""
    ends: dict[str, bool] = {}  # whether the line of parents from a lease ends
    for id_ in scenario.leases:
        line: dict[str, None] = {}
        at: str | None = id_
        while at is not None and at not in line and at not in ends:
            line[at] = None
            at = scenario.leases[at].parent
        ends.update(dict.fromkeys(line, at is None or ends.get(at, False)))
    return {id_ for id_, does_end in ends.items() if not does_end}


def _mismatch(lease: StandingLease, parent: StandingLease) -> str:
    if parent.lessee != lease.lessor:
        return f"is held by {parent.lessee!r}, not by the lessor {lease.lessor!r}"
    if (parent.chip, parent.site) != (lease.chip, lease.site):
        return f"is for {parent.chip} at {parent.site}, not {lease.chip} at {lease.site}"
    if lease.start < parent.start or lease.end > parent.end:
        return f"runs from {parent.start} to {parent.end}; a sublease stays within"
    return ""


def _stock(scenario: Scenario, places: Places) -> Iterator[Problem]:
    """Leases in force at the start let no more GPUs than their owner has at the site."""
    stock = {(f.owner, f.site, f.chip): f.gpus for f in scenario.fleets}
    let: dict[tuple[str, str, str], int] = defaultdict(int)
    for id_, lease in scenario.leases.items():
        if lease.parent is not None or lease.start > scenario.start:
            continue
        key = (lease.lessor, lease.site, lease.chip)
        let[key] += lease.gpus
        if let[key] > stock.get(key, 0):
            text = f"{lease.lessor} has {stock.get(key, 0):,} {lease.chip} at {lease.site}, its leases let {let[key]:,}"
            paths = [
                ("leases", id_, "gpus"),
                ("fleets", "/".join((key[0], key[1], key[2])), "gpus"),
                *_fields(id_),
            ]
            yield at(places, _written(places, paths), text)
