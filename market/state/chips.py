"""What is true of chips: offers, orders, shipments, warehouses, installed fleets."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from events.kinds import Buyers


class Place(NamedTuple):
    """Where GPUs are held: whose, of which chip, at which site."""

    org: str
    chip: str
    site: str


class Chip(msgspec.Struct, array_like=True):
    """A chip on its supplier's roadmap and on its line."""

    name: str
    supplier: str
    start_day: int  # promised volume start
    end_day: int
    price_usd_per_gpu: float
    list_price_start_usd_per_gpu: float
    power_kw_it_per_gpu: float
    h100e: float
    buyers: Buyers = "all"
    in_volume: bool = False
    slipped: bool = False
    retired: bool = False
    stock_gpus: int = 0  # made and not allocated
    made_gpus: int = 0  # in the latest week
    backlog_gpus: int = 0
    lead_time_weeks: float = 0.0


class Order(msgspec.Struct, array_like=True):
    """An order with what is still open of it."""

    order_id: str
    org: str
    supplier: str
    chip: str
    gpus: int  # open
    price_usd_per_gpu: float
    day: int


class Shipment(msgspec.Struct, array_like=True):
    """Allocated chips in integration and transport."""

    shipment_id: str
    order_id: str
    org: str
    oem: str
    chip: str
    gpus: int
    due_day: int


class Holding(msgspec.Struct, array_like=True):
    """GPUs of one chip at one site: owned by `org` or rented by it, and what of them it has let to others."""

    org: str
    chip: str
    site: str
    owned: int = 0
    leased_in: int = 0
    leased_out: int = 0

    @property
    def held(self) -> int:
        """GPUs that the org can use."""
        return self.owned + self.leased_in - self.leased_out


class Chips(msgspec.Struct, array_like=True):
    """Roadmap, backlog, transport, warehouse and fleet."""

    chips: dict[str, Chip] = {}
    orders: dict[str, Order] = {}
    shipments: dict[str, Shipment] = {}
    warehouse: dict[str, dict[str, int]] = {}  # org -> chip -> GPUs waiting for power
    brought: dict[str, dict[str, str]] = {}  # org -> chip -> latest shipment, or lot of an estate, that brought it
    waiting: dict[str, bool] = {}  # org -> whether its wait for power was said
    holdings: dict[Place, Holding] = {}
    integration_gpus_per_week: dict[str, int] = {}  # OEM -> capacity
    inputs: dict[str, float] = {}  # shared input -> what can be had in a week
    binding: dict[str, str] = {}  # maker -> input that was last said to hold it back
    bound_share: dict[str, float] = {}  # maker -> part of the need that it then met
    lead_times: list[float] = []  # market lead time, weekly, of the latest 53 weeks
