"""What no single field can tell: references, dates against the start, conduct, markets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import islice
from typing import get_args

from events.kinds import MarketName
from events.plugins import points
from market.catalogue.bounds import bounds_of, traits
from market.catalogue.tables import table
from market.clearing import names as mechanism_names
from market.scenario import standing
from market.scenario.blame import Places, at, clash, is_told, written
from market.scenario.draw import Key, references
from market.scenario.errors import Problem, did_you_mean
from market.scenario.schema import Fleet, Org, Scenario, StandingOrder

PROBLEMS_MAX = 100
YARDSTICK = "H100"
SHEET_SLACK = 0.02  # what rounding of rates may leave, as in the audit
Check = Callable[[Scenario, Places], Iterator[Problem]]


def problems_of(scenario: Scenario, places: Places) -> list[Problem]:
    """List all that does not fit together, references first: the rest assumes that they hold."""
    broken = _first([_parameters, _references, _yardstick], scenario, places)
    checks = (
        _chips, _orgs, _entries_late, _mechanisms, _grounds, _sites, standing.grounds, standing.fleets, standing.leases,
        _orders, _investments, _models, standing.chains, standing.stock,
    )  # fmt: skip
    return broken or _first(checks, scenario, places)


def _first(checks: Iterable[Check], scenario: Scenario, places: Places) -> list[Problem]:
    """What checks find, up to as many lines as anybody reads."""
    return list(islice((problem for check in checks for problem in check(scenario, places)), PROBLEMS_MAX))


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
        yield at(places, next((p for p in paths if is_told(places, p)), paths[0]), text)


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
    sheets = {row.id: row.number for row in table("roadmap") if row.field == "h100e"}
    for id_, chip in scenario.chips.items():
        if abs(chip.h100e / (does := sheets.get(id_, chip.h100e)) - 1) > SHEET_SLACK:
            text = f"{id_} does {does:g} by its data sheet, at which it trains and serves, was {chip.h100e:g}; "
            yield at(places, ("chips", id_, "h100e"), f"{text}give a chip of other rates a name of its own")
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
            path = written(places, [("orgs", name, "parent") for name in line])
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
            if any(is_told(places, path) for path in paths):  # a catalogue cut down by `draw` may have bare orgs
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


def _orders(scenario: Scenario, places: Places) -> Iterator[Problem]:
    for order in scenario.orders:
        if order.buyer == scenario.chips[order.chip].supplier:
            id_ = f"{order.buyer}/{order.chip}"
            text = f"{order.buyer!r} makes {order.chip} and cannot order it of itself; name another buyer"
            yield clash(places, [("orders", id_, "buyer"), ("chips", order.chip, "supplier")], text)


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
