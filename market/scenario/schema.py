"""What a scenario says: the world at its start, and nothing that was not known then.

Ids are keys of mappings, dates are ISO dates, units stand last in names. Every number comes from a row of
`market/catalogue/` or is overridden in the scenario file. `market scenario schema` prints this as JSON Schema.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator

from events.kinds import BuildingKind

Id = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]*$", max_length=48)]
Name = Annotated[str, Field(pattern=r"^\S([^\r\n\t]*\S)?$", max_length=64)]  # on one line, without blanks at its ends
Role = Literal["lab", "cloud", "supplier", "oem", "investor", "rest"]
Money = Annotated[float, Field(ge=0, le=1e16, allow_inf_nan=False)]  # in cents it still fits 64 bits
Megawatts = Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]
HourPrice = Annotated[float, Field(ge=0.001, le=1000, allow_inf_nan=False)]
Rate = Annotated[float, Field(ge=-0.9, le=5, allow_inf_nan=False)]  # relative change a year
Trait = Annotated[float, Field(ge=-1e16, le=1e16, allow_inf_nan=False)]
Flop = Annotated[float, Field(ge=1e15, le=1e32, allow_inf_nan=False)]  # what the cluster core answers for
Kilowatts = Annotated[  # in whole watts, as the installed power of a site is counted
    float, Field(ge=0.001, le=1000, allow_inf_nan=False), AfterValidator(lambda kw: round(kw, 3))
]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, le=100_000_000)]
Some = Annotated[int, Field(ge=1, le=100_000_000)]


class Strict(BaseModel):
    """Unknown keys are refused; values keep their types."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)


class ChipPlan(Strict):
    """A chip on its supplier's public roadmap."""

    supplier: Id
    start: date  # volume shipments, as promised at the scenario's start
    end: date  # last unit
    buyers: Literal["all", "china", "own"] = "all"  # own: the supplier's parent org alone
    price_usd_per_gpu: Annotated[float, Field(ge=1, le=1e9, allow_inf_nan=False)]
    price_change_per_year: Rate = 0.0  # relative, -0.12 = 12 % cheaper a year
    power_kw_it_per_gpu: Kilowatts
    h100e: Annotated[float, Field(ge=1e-4, le=1e4, allow_inf_nan=False)]  # dense throughput against an H100
    slots_per_gpu: Annotated[float, Field(ge=0, le=1000)] = 1.0  # packaging slots; 0: a line of its own
    gpus_per_week: Annotated[float, Field(ge=0, le=1e8)] = 0.0  # of a line of its own, at the start or at volume
    growth_per_year: Rate = 0.0  # relative growth of that output


class Org(Strict):
    """A participant. Traits are the weights and limits that its behaviour reads."""

    title: str
    roles: Annotated[list[Role], Field(min_length=1)]
    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
    behaviour: str
    parent: Id | None = None
    cash_usd: Money = 0.0
    revenue_usd_per_year: Money = 0.0  # of AI products (labs)
    income_usd_per_year: Money = 0.0  # from other business, spent on compute when needed
    valuation_usd: Money = 0.0
    chip_budget_usd_per_year: Money = 0.0  # buyers of chips
    captive_share: Share = 0.0  # part of the fleet that never leaves the org
    enters: date | None = None  # first day in the market; from the start on where none is given
    traits: dict[str, Trait] = {}

    @field_validator("roles")
    @classmethod
    def _in_order(cls, roles: list[Role]) -> list[Role]:
        return sorted(roles)

    @field_validator("traits")
    @classmethod
    def _by_name(cls, traits: dict[str, float]) -> dict[str, float]:
        return dict(sorted(traits.items()))


class Region(Strict):
    """A power region: how long a load waits, how much it may get a year, what energy costs."""

    title: str
    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
    queue_days: Annotated[int, Field(ge=0, le=10_000)]  # median wait of a new large load
    grid_mw_per_year: Megawatts  # IT load that the region can connect in a year
    energy_usd_per_mwh: Annotated[float, Field(ge=0, le=1e5, allow_inf_nan=False)]
    gas_usd_per_mmbtu: Annotated[float, Field(ge=0, le=1e4, allow_inf_nan=False)] = 4.0  # burnt by own plant there
    pue: Annotated[float, Field(ge=1, le=3, allow_inf_nan=False)] = 1.3
    capacity_market: Annotated[int, Field(ge=0, le=1)] = 0  # 1: loads pay for capacity at the price of a yearly auction


class Building(Strict):
    """A building under way at the start: promised for `due`."""

    power_mw_it: Annotated[float, Field(ge=0.001, le=1e6, allow_inf_nan=False)]
    start: date
    due: date
    kind: BuildingKind = "greenfield"
    on_site_power: bool = False


class Site(Strict):
    """A data-centre site of one owner. `pool` stands for many leased shells in a region (assumption)."""

    title: str
    owner: Id
    region: Id
    kind: Literal["pool", "brownfield", "greenfield"]
    energised_mw_it: Megawatts = 0.0
    leased: bool = False  # what runs there at the start is a developer's, whom its owner pays rent
    planned_mw_it: Megawatts = 0.0
    buildings: list[Building] = []


class Fleet(Strict):
    """GPUs installed at the start."""

    owner: Id
    site: Id
    chip: str
    gpus: Count


class StandingLease(Strict):
    """A lease in force or signed at the start. `parent` names another key of `leases`."""

    lessor: Id
    lessee: Id
    chip: str
    site: Id
    gpus: Some
    start: date
    end: date
    price_usd_per_gpu_hour: HourPrice
    kind: Literal["frontier", "serving", "capacity", "internal"] = "frontier"
    parent: str | None = None


class StandingOrder(Strict):
    """An order known at the start beyond the general backlog."""

    buyer: Id
    chip: str
    gpus: Some
    due: date | None = None  # day promised, when the chips were sold and are on their way


class StandingInvestment(Strict):
    """Money that an investor had put into an org by the start; `for_compute`: it is spent at the investor's cloud."""

    investor: Id
    org: Id
    amount_usd: Money
    closed: date
    for_compute: bool = False


class Model(Strict):
    """A lab's best model at the start."""

    lab: Id
    flop: Flop
    released: date


class Run(Strict):
    """A training run under way at the start."""

    lab: Id
    flop: Flop
    start: date
    due: date


class Scenario(Strict):
    """A whole world at its start. Every number in `parameters` becomes a `ParameterSet` event.

    Sections are in the order of their ids, fleets and orders in that of what they are, whatever the order of the
    file: two files that say the same are one world, with one hash.
    """

    name: Id
    title: str
    description: str
    start: date
    years: Annotated[float, Field(gt=0, le=20)] = 3
    parameters: dict[str, float]
    chips: dict[Name, ChipPlan]
    orgs: dict[Id, Org]
    regions: dict[Id, Region]
    sites: dict[Id, Site]
    fleets: list[Fleet]
    leases: dict[Name, StandingLease] = {}
    orders: list[StandingOrder] = []
    investments: dict[Name, StandingInvestment] = {}
    models: dict[Name, Model] = {}
    runs: dict[Name, Run] = {}
    mechanisms: Annotated[dict[str, str], Field(exclude_if=lambda found: not found)] = {}  # market -> how it is cleared

    @field_validator(
        "mechanisms", "parameters", "chips", "orgs", "regions", "sites", "leases", "investments", "models", "runs"
    )
    @classmethod
    def _by_id[T](cls, section: dict[str, T]) -> dict[str, T]:
        return dict(sorted(section.items()))

    @field_validator("fleets")
    @classmethod
    def _by_place(cls, fleets: list[Fleet]) -> list[Fleet]:
        return sorted(fleets, key=lambda fleet: (fleet.owner, fleet.site, fleet.chip))

    @field_validator("orders")
    @classmethod
    def _by_buyer(cls, orders: list[StandingOrder]) -> list[StandingOrder]:
        return sorted(orders, key=lambda order: (order.buyer, order.chip))
