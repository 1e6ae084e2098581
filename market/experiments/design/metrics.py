"""What an experiment can measure, by dotted name; `market.experiments.results.measure` reads it off a state.

`METRICS` holds every name with its unit and meaning; `{lab}`, `{cloud}`, `{region}` and `{country}` stand for those of
the scenario, and a design may ask with `*`: `labs.*.h100e`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from market.scenario.schema import Scenario


class Metric(NamedTuple):
    """Unit and meaning of a metric."""

    unit: str
    meaning: str
    may_be_negative: bool = False


TO_POWER_WEEKS = 104
"""Up to when the time to power of a building is counted: what takes longer counts with it, so that none is left out."""

_TO_POWER = f"mean time from ground-breaking to power, {TO_POWER_WEEKS} weeks at most, of {{}} begun that long ago"

METRICS: dict[str, Metric] = {
    "labs.{lab}.h100e": Metric("H100e", "compute that the lab can use, owned and rented"),
    "labs.{lab}.owned_h100e": Metric("H100e", "compute that the lab owns"),
    "labs.{lab}.rented_h100e": Metric("H100e", "compute that the lab rents"),
    "labs.{lab}.revenue_usd_per_year": Metric("USD/year", "annualised revenue of its AI products"),
    "labs.{lab}.cash_usd": Metric("USD", "cash", may_be_negative=True),
    "labs.{lab}.valuation_usd": Metric("USD", "valuation at the latest round"),
    "labs.{lab}.max_flop": Metric("FLOP", "training compute of its largest released model"),
    "labs.{lab}.capability": Metric("index", "capability of its latest release"),
    "labs.{lab}.inference_share": Metric("1", "part of its compute that serves customers"),
    "clouds.{cloud}.owned_h100e": Metric("H100e", "compute that the cloud owns"),
    "clouds.{cloud}.let_h100e": Metric("H100e", "compute that the cloud has leased out"),
    "clouds.{cloud}.cash_usd": Metric("USD", "cash", may_be_negative=True),
    "countries.{country}.owned_h100e": Metric("H100e", "compute owned by orgs seated in the country"),
    "countries.{country}.h100e": Metric("H100e", "compute that orgs seated in the country can use"),
    "countries.{country}.imported_h100e": Metric(
        "H100e", "compute that makers abroad allocated since the start to orgs seated in the country"
    ),
    "regions.{region}.energised_kw": Metric("kW IT", "energised power at sites in the region"),
    "regions.{region}.waiting_kw": Metric("kW IT", "power of buildings under way that the grid has not granted"),
    "regions.{region}.own_plant_kw": Metric("kW IT", "energised power fed by own plant that may run"),
    "regions.{region}.begun_kw": Metric("kW IT", "power of buildings begun in the region since the start"),
    "prices.h100_contract": Metric("USD/H100e-hour", "contract price of an H100 equivalent for a year"),
    "prices.h100_spot": Metric("USD/H100e-hour", "posted on-demand price"),
    "prices.capacity_usd_per_mw_day": Metric("USD/MW-day", "price at which the latest auction of capacity cleared"),
    "prices.cost_of_owning": Metric("USD/H100e-hour", "cost of owning an H100 equivalent of what is on sale, smoothed"),
    "prices.tightness": Metric("1", "compute wanted over compute free, smoothed"),
    "supply.lead_time_weeks": Metric("weeks", "backlog over a week's output, by value"),
    "supply.backlog_gpus": Metric("GPUs", "ordered and not allocated"),
    "supply.slots_per_week": Metric("slots/week", "packaging capacity of all suppliers"),
    "supply.made_gpus_per_week": Metric("GPUs/week", "chips made in the latest week"),
    "supply.installed_h100e": Metric("H100e", "compute installed, all owners"),
    "supply.warehouse_h100e": Metric("H100e", "delivered chips that wait for power"),
    "concentration.hhi": Metric("points", "Herfindahl index of compute among labs; 10,000 is a monopoly"),
    "concentration.hhi_owners": Metric("points", "Herfindahl index of compute among its owners"),
    "concentration.top_share": Metric("1", "share of the largest lab in the compute of all labs"),
    "models.max_flop": Metric("FLOP", "training compute of the largest released model"),
    "models.max_capability": Metric("index", "capability of the frontier"),
    "models.released": Metric("models", "models released since the start"),
    "power.energised_kw": Metric("kW IT", "energised power of all sites"),
    "power.used_kw": Metric("kW IT", "power of installed GPUs"),
    "power.building_kw": Metric("kW IT", "power of buildings under way"),
    "power.stopped_kw": Metric("kW IT", "energised power whose own plant stands still for want of a permit"),
    "power.waiting_kw": Metric("kW IT", "power of buildings under way that the grid has not granted"),
    "power.own_plant_kw": Metric("kW IT", "energised power fed by own plant that may run"),
    "power.own_plant_stopped_kw": Metric("kW IT", "own plant that stopped since the start for want of a permit"),
    "power.begun_kw": Metric("kW IT", "power of buildings begun since the start"),
    "power.weeks_to_power": Metric("weeks", _TO_POWER.format("buildings")),
    "power.weeks_to_power_greenfield": Metric("weeks", _TO_POWER.format("buildings on new land")),
    "leases.signed": Metric("leases", "leases signed since the start, those drawn under contracts too"),
    "leases.signed_gpus": Metric("GPUs", "GPUs of the leases signed since the start, those drawn under contracts too"),
    "leases.talks_failed": Metric("talks", "talks about leases that failed since the start"),
    "leases.in_force": Metric("leases", "leases in force"),
    "leases.subleases": Metric("leases", "leases in force of GPUs that the lessor rents itself"),
    "leases.in_force_h100e": Metric("H100e", "compute leased out by leases in force, subleases apart"),
    "finance.raised_usd": Metric("USD", "equity raised by labs since the start"),
    "finance.borrowed_usd": Metric("USD", "loans granted since the start"),
    "finance.labs_cash_usd": Metric("USD", "cash of all labs", may_be_negative=True),
    "finance.labs_revenue_usd_per_year": Metric("USD/year", "annualised revenue of all labs"),
    "finance.chip_budgets_usd_per_year": Metric("USD/year", "what buyers of chips mean to spend"),
    "finance.defaults": Metric("defaults", "defaults since the start"),
    "policy.refused": Metric("commands", "commands that policies refused since the start, asked for or foreseen"),
    "policy.levied_usd": Metric("USD", "what policies levied since the start"),
    "policy.subsidised_usd": Metric("USD", "subsidies and credits that policies paid since the start"),
    "policy.licences": Metric("licences", "licences sought since the start"),
    "policy.reports": Metric("reports", "reports filed since the start"),
    "policy.curtailments": Metric("site-months", "months in which the load of a site was switched off for a while"),
}

DEFAULT = (
    "labs.*.h100e",
    "prices.h100_contract",
    "prices.h100_spot",
    "concentration.hhi",
    "models.max_flop",
    "power.energised_kw",
    "regions.*.energised_kw",
    "supply.installed_h100e",
    "leases.signed",
)
"""What is measured when a design does not say."""


def metric_names(scenario: Scenario) -> tuple[str, ...]:
    """Write out all metrics of a scenario."""
    things = {
        "lab": [name for name, org in scenario.orgs.items() if "lab" in org.roles],
        "cloud": [name for name, org in scenario.orgs.items() if "cloud" in org.roles],
        "region": list(scenario.regions),
        "country": sorted({org.country for org in scenario.orgs.values()}),
    }
    return tuple(name for pattern in METRICS for name in _write_out(pattern, things))


def _write_out(pattern: str, things: dict[str, list[str]]) -> Iterator[str]:
    for kind, names in things.items():
        if f"{{{kind}}}" in pattern:
            yield from (pattern.replace(f"{{{kind}}}", name) for name in names)
            return
    yield pattern


def select(patterns: Iterable[str], names: Iterable[str]) -> tuple[str, ...]:
    """List the metrics that patterns ask for, each once, in the order of the patterns."""
    known = tuple(names)
    return tuple(dict.fromkeys(n for p in patterns for n in known if n == p or fnmatchcase(n, p)))


def describe(name: str) -> Metric:
    """Find unit and meaning of a metric that is written out; KeyError where none has its name."""
    if name in METRICS:
        return METRICS[name]
    head, _, rest = name.partition(".")
    field = rest.rpartition(".")[2]
    return METRICS[next((p for p in METRICS if p.startswith(f"{head}.{{") and p.endswith(f"}}.{field}")), name)]
