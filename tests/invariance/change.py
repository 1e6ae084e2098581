"""Changes of a world that must change nothing in it: another order, names, an inert newcomer, another unit of money."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from pydantic import BaseModel

from market.catalogue.tables import table
from market.scenario.schema import ChipPlan, Org, Region, Scenario, Site

NEW = ("aaa-new", "mmm-new", "zzz-new")  # before, among and after all others
MONEY = 16.0  # three years on, 64 times a valuation is more cents than a command may hold


class Changed(NamedTuple):
    """A changed world, and the id of what is new in it."""

    name: str
    scenario: Scenario
    newcomer: str = ""

    def __repr__(self) -> str:
        return self.name


def retitled(world: Scenario) -> Changed:
    """Give everything another display name."""
    parts: dict[str, Any] = {"title": "Other", "description": "Other"}
    for section in ("orgs", "regions", "sites"):
        entries = getattr(world, section)
        parts[section] = {
            id_: e.model_copy(update={"title": f"{9 - n % 9} {id_}"}) for n, (id_, e) in enumerate(entries.items())
        }
    return Changed("display names", world.model_copy(update=parts))


def turned(world: Scenario) -> Changed:
    """Turn the order of every section, as no loader would hand it on."""
    parts = {}
    for section in ("parameters", "chips", "orgs", "regions", "sites", "leases", "investments", "models", "runs"):
        parts[section] = dict(reversed(getattr(world, section).items()))
    parts |= {"fleets": world.fleets[::-1], "orders": world.orders[::-1]}
    return Changed("order", world.model_copy(update=parts))


def newcomers(world: Scenario) -> Iterator[Changed]:
    """Add one inert thing of each kind: an org of every role without money, a region, a site, a chip for nobody."""
    region = next(iter(world.regions))
    for name in NEW:
        for role in ("lab", "cloud", "supplier", "oem", "investor", "rest"):
            org = Org(title="New", roles=[role], country="US", behaviour=role)
            yield Changed(f"new {role} {name}", _with(world, "orgs", name, org), name)
        plan = Region(title="New", country="IS", queue_days=9000, grid_mw_per_year=0, energy_usd_per_mwh=1000)
        yield Changed(f"new region {name}", _with(world, "regions", name, plan), name)
        owner = next(id_ for id_, org in world.orgs.items() if "supplier" in org.roles)  # who builds nothing
        site = Site(title="New", owner=owner, region=region, kind="greenfield", planned_mw_it=1)
        yield Changed(f"new site {name}", _with(world, "sites", name, site), name)
        chip = next(iter(world.chips.values()))
        mine: ChipPlan = chip.model_copy(update={"buyers": "own", "gpus_per_week": 0.0, "slots_per_gpu": 0.0})
        yield Changed(f"new chip {name}", _with(world, "chips", name, mine), name)


def _with(world: Scenario, section: str, name: str, entry: BaseModel) -> Scenario:
    entries = {**getattr(world, section), name: entry}
    return world.model_copy(update={section: dict(sorted(entries.items()))})


def dearer(world: Scenario, factor: float = MONEY) -> Changed:
    """Count all money in a unit that is `factor` times smaller."""
    units = {row.id: row.unit for row in table("parameters")}
    traits = {row.field.removeprefix("traits."): row.unit for row in table("orgs") if row.field.startswith("traits.")}
    parts: dict[str, Any] = {
        "parameters": {name: x * factor if _is_money(units[name]) else x for name, x in world.parameters.items()}
    }
    for section in ("chips", "regions", "leases", "investments"):
        parts[section] = {id_: _scaled(entry, factor) for id_, entry in getattr(world, section).items()}
    parts["orgs"] = {
        id_: _scaled(org, factor).model_copy(update={
            "traits": {t: x * factor if _is_money(traits.get(t, "")) else x for t, x in org.traits.items()}
        })
        for id_, org in world.orgs.items()
    }  # fmt: skip
    return Changed(f"money x {factor:g}", world.model_copy(update=parts))


def _is_money(unit: str) -> bool:
    return unit.startswith("USD")


def _scaled[M: BaseModel](entry: M, factor: float) -> M:
    return entry.model_copy(update={f: getattr(entry, f) * factor for f in type(entry).model_fields if "_usd" in f})
