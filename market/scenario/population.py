"""A synthetic tail: labs, clouds and other buyers drawn from stated distributions by one seed: size is a number.

`population: {labs: N, clouds: N, others: N, leases: N, lease_years: N, seed: S}`. Every other figure is a row of
`population.csv`. A draw hangs on the seed and on who it is for: a larger tail begins with the smaller one, but for who
rents from whom.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from functools import cache
from typing import Any, NamedTuple

from market import rng
from market.catalogue.tables import HERE, Row, read
from market.scenario.draw import Key, Origin, Tree
from market.scenario.errors import Problem, ScenarioError, did_you_mean, refuse, shorten
from market.units import DAYS_PER_YEAR, HOURS_PER_YEAR

KINDS = ("labs", "clouds", "others")
MOST = 100_000
LIMITS = {"seed": 2**63 - 1, "lease_years": 100}  # no contract may last longer than a century (bounds.csv)
CHIP = "H100"
_NAMES = {"labs": "tail-lab", "clouds": "tail-cloud", "others": "tail-rest"}
_ROLES = {"labs": "lab", "clouds": "cloud", "others": "rest"}


class Population(NamedTuple):
    """How many of each, over how many standing leases a lab spreads what it rents, and the seed of their draws.

    lease_years : term of those leases, that of the catalogue where 0
    """

    labs: int = 0
    clouds: int = 0
    others: int = 0
    seed: int = 0
    leases: int = 1
    lease_years: int = 0


PARTS = "labs, clouds, others, leases, lease_years, seed"


def parse_population(said: Mapping[str, tuple[Any, str]]) -> Population:
    """Read the parts of a population, each with the place where it stands."""
    problems, found = [], {}
    for part, (value, where) in said.items():
        most = LIMITS.get(part, MOST)
        if part not in Population._fields:
            text = f"unknown key{did_you_mean(part, Population._fields) or '; there are ' + PARTS}"
            problems.append(Problem(where, f"population.{part}", text))
        elif not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
            text = f"must be a whole number from 0 to {most:,}, was {shorten(value)}"
            problems.append(Problem(where, f"population.{part}", text))
        else:
            found[part] = value
    if problems:
        raise ScenarioError(problems)
    return Population(**found)


@cache
def _rows() -> dict[str, dict[str, Row]]:
    found: dict[str, dict[str, Row]] = {}
    for row in read(HERE / "population.csv"):
        found.setdefault(row.id, {})[row.field] = row
    return found


def populate(tree: Tree, origin: Origin, start: date, population: Population) -> None:
    """Add the tail to a drawn tree, with the row behind every figure."""
    if any(population[:3]):
        tail = _Tail(tree, origin, start, population)
        clouds = [tail.builder("clouds", number) for number in range(1, population.clouds + 1)]
        for number in range(1, population.others + 1):
            tail.builder("others", number)
        for number in range(1, population.labs + 1):
            tail.lab(number, clouds)


class _Tail:
    """Draws orgs one by one and writes them into the tree."""

    def __init__(self, tree: Tree, origin: Origin, start: date, population: Population) -> None:
        self.tree, self.origin, self.start, self.seed = tree, origin, start, population.seed
        self.leases = population.leases
        self.lease_years = population.lease_years or _value("population.leases.duration_years")
        self.price = _number(tree, "chips", CHIP, "price_usd_per_gpu")
        self.kw = _number(tree, "chips", CHIP, "power_kw_it_per_gpu")
        self.rent = _number(tree, "parameters", "price.start_usd_per_h100e_hour")
        self.regions = sorted(id_ for id_, region in tree["regions"].items() if _is_open(region))
        if not self.regions:
            raise refuse("population", "needs a region outside China for its sites", "regions")
        self.free: dict[str, int] = {}  # GPUs of a cloud that may still be let

    def drawn(self, name: str, org: str) -> float:
        """Draw a lognormal figure of an org."""
        of = _rows()[name]
        return float(f"{rng.lognormal(of['median'].number, of['sd'].number, rng.normal(self.seed, name, org)):.6g}")

    def builder(self, kind: str, number: int) -> str:
        """Draw a cloud or another buyer with a site, a fleet and a budget for chips."""
        org = f"{_NAMES[kind]}-{number}"
        region = self.regions[int(rng.uniform(self.seed, "region", org) * len(self.regions))]
        budget = self.drawn(f"population.{kind}.chip_budget_usd_per_year", org)
        gpus = int(budget * _value(f"population.{kind}.fleet_years") / self.price)
        power = round(gpus * self.kw / 1000 * _value("population.clouds.power_margin"), 3)
        money = {
            "chip_budget_usd_per_year": budget,
            "cash_usd": float(round(budget * _value("population.clouds.cash_years"))),
        }
        if kind == "others":
            money["income_usd_per_year"] = float(round(budget * _value("population.others.income_years")))
        row = _rows()[f"population.{kind}.chip_budget_usd_per_year"]["median"]
        country = self.tree["regions"][region]["country"]
        self._org(org, kind, country, money, row)
        site = {"title": f"Halls of {org}", "owner": org, "region": region, "kind": "pool", "energised_mw_it": power}
        self._put("sites", org, site, row)
        if gpus:
            fleet = {"owner": org, "site": org, "chip": CHIP, "gpus": gpus}
            self._put("fleets", f"{org}/{org}/{CHIP}", fleet, row)
        self.free[org] = int(gpus * _value("population.clouds.let_share"))
        return org

    def lab(self, number: int, clouds: list[str]) -> None:
        """Draw a lab, and what it rents from a cloud of the tail that still has it."""
        org = f"{_NAMES['labs']}-{number}"
        cash, revenue = (
            self.drawn("population.labs.cash_usd", org),
            self.drawn("population.labs.revenue_usd_per_year", org),
        )
        row = _rows()["population.labs.cash_usd"]["median"]
        self._org(org, "labs", "US", {"cash_usd": cash, "revenue_usd_per_year": revenue}, row)
        rent = self.rent * _value("population.leases.price_share")
        wanted = int((cash + revenue) * _value("population.labs.rent_share") / (rent * HOURS_PER_YEAR))
        for lease in range(self.leases if clouds else 0):
            about = f"{org} {lease}" if lease else org
            lessor = clouds[int(rng.uniform(self.seed, "lessor", about) * len(clouds))]
            gpus = min(wanted // self.leases + (lease < wanted % self.leases), self.free[lessor])
            if gpus:
                self.free[lessor] -= gpus
                name = f"{org}-{lessor}-{lease + 1}" if lease else f"{org}-{lessor}"
                self._lease(
                    name, {"lessor": lessor, "lessee": org, "gpus": gpus, "price_usd_per_gpu_hour": round(rent, 4)}
                )

    def _lease(self, name: str, terms: dict[str, Any]) -> None:
        """Write a lease in force: a third of its term has passed."""
        days = round(self.lease_years * DAYS_PER_YEAR)
        begun = self.start - timedelta(days // 3)
        lease = {
            **terms, "chip": CHIP, "site": terms["lessor"], "start": begun.isoformat(),
            "end": (begun + timedelta(days)).isoformat(), "kind": "serving",
        }  # fmt: skip
        self._put("leases", name, lease, _rows()["population.labs.cash_usd"]["median"])

    def _org(self, org: str, kind: str, country: str, money: dict[str, float], row: Row) -> None:
        role = _ROLES[kind]
        self._put("orgs", org, {"title": org, "roles": [role], "country": country, "behaviour": role, **money}, row)

    def _put(self, section: str, id_: str, entry: dict[str, Any], row: Row) -> None:
        said = self.tree[section].get(id_, {})  # what a file says of it counts
        key: Key = (section, id_)
        for field in entry.keys() - said.keys():
            self.origin[*key, field] = row
        self.tree[section][id_] = entry | said


def _is_open(region: Any) -> bool:
    return isinstance(region, dict) and isinstance(region.get("country"), str) and region["country"] != "CN"


def _number(tree: Tree, *path: str) -> float:
    """Read a number that the tail is sized by."""
    node: Any = tree
    for name in path:
        node = node.get(name) if isinstance(node, dict) else None
    if isinstance(node, bool) or not isinstance(node, int | float) or node <= 0:
        raise refuse("population", f"is sized by it; give a positive number, was {shorten(node)}", ".".join(path))
    return float(node)


def _value(name: str) -> float:
    return _rows()[name]["value"].number
