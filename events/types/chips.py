"""Events of chips: roadmap, output, orders, allocation, shipping, installation."""

from __future__ import annotations

from typing import ClassVar

from events.kinds import Buyers, Cancelling, Input, OrderRefusal, SlipReason, WaitReason
from events.types.base import Event, Visibility


class ChipAnnounced(Event, frozen=True, kw_only=True):
    """A supplier will sell a chip in volume from `start_day` to `end_day`."""

    subject: ClassVar[str] = "chip"
    chip: str
    supplier: str
    start_day: int
    end_day: int
    price_usd_per_gpu: float
    power_kw_it_per_gpu: float
    h100e: float
    kind: Buyers  # who may buy: all, china, own


class VolumeReached(Event, frozen=True, kw_only=True):
    """The first volume of a chip left the packaging line."""

    subject: ClassVar[str] = "chip"
    chip: str
    supplier: str


class VolumeSlipped(Event, frozen=True, kw_only=True):
    """A chip's volume start moved to `due_day`."""

    subject: ClassVar[str] = "chip"
    chip: str
    supplier: str
    due_day: int
    duration_days: int
    reason: SlipReason


class ChipRetired(Event, frozen=True, kw_only=True):
    """A chip's last unit was made; open orders are cancelled."""

    subject: ClassVar[str] = "chip"
    chip: str
    supplier: str


class OutputMade(Event, frozen=True, kw_only=True):
    """A week's output of a chip (`gpus`), its price, and its backlog in weeks of that output."""

    periodic: ClassVar[bool] = True
    version: ClassVar[int] = 2  # version 1 gave the backlog in whole days
    chip: str
    supplier: str
    gpus: int
    price_usd_per_gpu: float
    lead_time_weeks: float


class SlotsExpanded(Event, frozen=True, kw_only=True):
    """A supplier's packaging reaches `value` slots a week."""

    subject: ClassVar[str] = "supplier"
    periodic: ClassVar[bool] = True
    supplier: str
    value: float


class InputExpanded(Event, frozen=True, kw_only=True):
    """Makers of a shared input (`kind`: memory in GB, racks, shells and own plant in kW) can supply `value` a week."""

    periodic: ClassVar[bool] = True
    kind: Input
    value: float


class InputBound(Event, frozen=True, kw_only=True):
    """An input (`kind`) holds a maker's lines or a builder's shells back from now on; it meets `share` of the need."""

    subject: ClassVar[str] = "supplier"
    supplier: str
    kind: Input
    share: float


class PriceListed(Event, frozen=True, kw_only=True):
    """A supplier sets the list price of a chip."""

    subject: ClassVar[str] = "chip"
    chip: str
    supplier: str
    price_usd_per_gpu: float


class IntegrationExpanded(Event, frozen=True, kw_only=True):
    """An OEM can rack `gpus` more a week."""

    subject: ClassVar[str] = "org"
    org: str
    gpus: int


class OrderPlaced(Event, frozen=True, kw_only=True):
    """A buyer orders chips for a site (null: wherever power is)."""

    sees: ClassVar[Visibility] = "parties"
    subject: ClassVar[str] = "order_id"
    order_id: str
    org: str
    supplier: str
    chip: str
    gpus: int
    price_usd_per_gpu: float


class OrderRefused(Event, frozen=True, kw_only=True):
    """A supplier may not or will not take an order."""

    sees: ClassVar[Visibility] = "parties"
    org: str
    supplier: str
    chip: str
    gpus: int
    reason: OrderRefusal


class OrderCancelled(Event, frozen=True, kw_only=True):
    """A buyer or the end of a chip takes GPUs out of the backlog."""

    version: ClassVar[int] = 2  # version 1 named in `reason` the chip that was taken instead
    sees: ClassVar[Visibility] = "parties"
    subject: ClassVar[str] = "order_id"
    order_id: str
    org: str
    chip: str
    gpus: int
    reason: Cancelling


class ChipsAllocated(Event, frozen=True, kw_only=True):
    """Scarce output goes to an order; `share` is the part of the org's open backlog that it meets."""

    sees: ClassVar[Visibility] = "parties"
    subject: ClassVar[str] = "order_id"
    aspect: ClassVar[str] = "/sold"
    order_id: str
    org: str
    supplier: str
    chip: str
    gpus: int
    price_usd_per_gpu: float
    share: float


class ShipmentSent(Event, frozen=True, kw_only=True):
    """An OEM (`counterparty`) racks allocated chips and ships them, to arrive on `due_day`."""

    sees: ClassVar[Visibility] = "parties"
    subject: ClassVar[str] = "shipment_id"
    shipment_id: str
    order_id: str
    org: str
    counterparty: str
    chip: str
    gpus: int
    due_day: int


class ShipmentDelivered(Event, frozen=True, kw_only=True):
    """A shipment reaches its buyer and waits in the warehouse for power."""

    sees: ClassVar[Visibility] = "parties"
    subject: ClassVar[str] = "shipment_id"
    shipment_id: str
    order_id: str
    org: str
    chip: str
    gpus: int


class FleetRegistered(Event, frozen=True, kw_only=True):
    """GPUs that run at a site when the run starts."""

    org: str
    site: str
    chip: str
    gpus: int
    power_kw_it: int


class GpusInstalled(Event, frozen=True, kw_only=True):
    """GPUs leave the warehouse and run on energised power of a site."""

    org: str
    site: str
    chip: str
    gpus: int
    power_kw_it: int


class GpusWaitForPower(Event, frozen=True, kw_only=True):
    """An org's warehouse holds GPUs that no energised power can take; said when the wait begins."""

    subject: ClassVar[str] = "org"
    aspect: ClassVar[str] = "/warehouse"
    org: str
    chip: str
    gpus: int
    reason: WaitReason


class GpusRetired(Event, frozen=True, kw_only=True):
    """Worn-out GPUs leave a site."""

    org: str
    site: str
    chip: str
    gpus: int
    power_kw_it: int
