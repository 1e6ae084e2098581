"""Names of the numbers that a policy may set, and patterns such as `regions.*.queue_days`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase

from market.catalogue.bounds import traits
from market.catalogue.tables import table
from market.policies.duties import DUTIES
from market.scenario.schema import Scenario

OF_REGIONS = ("queue_days", "grid_mw_per_year", "energy_usd_per_mwh", "gas_usd_per_mmbtu", "pue", "capacity_market")
OF_CHIPS = ("slots_per_gpu", "gpus_per_week", "growth_per_year", "price_change_per_year")
OF_ORGS = ("captive_share", "income_usd_per_year")
_SECTIONS = {"regions": (*OF_REGIONS, *DUTIES), "chips": OF_CHIPS, "orgs": OF_ORGS}


AT_THE_START = frozenset({
    "shipping.oem_gpus_per_week_first", "sites.pool_growth_per_year", "sites.pool_margin",
    "price.start_usd_per_h100e_hour", "price.posted_sd", "targets.factor_min", "targets.factor_max",
    "finance.start_slack",
    *(f"demand.{segment}_{what}" for segment in ("consumer", "api", "enterprise")
      for what in ("market_usd", "growth_per_year")),
})  # fmt: skip
"""Parameters that are read at the start of a run alone: a scenario may set them, a policy would change nothing."""


def _of(section: str, ids: Iterable[str]) -> Iterator[str]:
    return (f"{section}.{id_}.{field}" for id_ in ids for field in _SECTIONS[section])


def settable(scenario: Scenario) -> set[str]:
    """Every number of a scenario that may be set while it runs."""
    traits = (f"orgs.{name}.{trait}" for name, org in scenario.orgs.items() for trait in org.traits)
    parts = (_of("regions", scenario.regions), _of("chips", scenario.chips), _of("orgs", scenario.orgs))
    return {*scenario.parameters, *traits, *(name for part in parts for name in part)}


def of_catalogue() -> set[str]:
    """The same for all that the catalogue knows, without a scenario."""
    ids = {section: {row.id for row in table(name)} for section, name in
           (("regions", "regions"), ("chips", "roadmap"), ("orgs", "orgs"))}  # fmt: skip
    traits = {
        f"orgs.{row.id}.{row.field.removeprefix('traits.')}" for row in table("orgs") if row.field.startswith("traits.")
    }
    numbers = {name for section, names in ids.items() for name in _of(section, names)}
    return {row.id for row in table("parameters")} | numbers | traits


def is_read(name: str) -> bool:
    """Whether anything reads a number of this name, in this world or in one with other regions, chips and orgs."""
    section, _, rest = name.partition(".")
    field = rest.rpartition(".")[2]
    if section not in _SECTIONS or "." not in rest:
        return name in of_catalogue()
    return field in _SECTIONS[section] or (section == "orgs" and field in traits())


def is_pattern(name: str) -> bool:
    return "*" in name


def matching(pattern: str, names: Iterable[str]) -> list[str]:
    """Names that a pattern means, sorted."""
    return sorted(name for name in names if fnmatchcase(name, pattern))
