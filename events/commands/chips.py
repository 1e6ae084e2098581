"""Commands about chips."""

from __future__ import annotations

from events.commands.base import Command


class PlaceOrder(Command, frozen=True, kw_only=True):
    """Order GPUs of a chip at its list price."""

    chip: str
    gpus: int


class CancelOrder(Command, frozen=True, kw_only=True):
    """Take GPUs out of an own order's backlog."""

    order_id: str
    gpus: int


class ListPrice(Command, frozen=True, kw_only=True):
    """Set the list price of an own chip."""

    chip: str
    price_usd_per_gpu: float


class ExpandIntegration(Command, frozen=True, kw_only=True):
    """Add rack integration capacity of an OEM, in GPUs a week."""

    gpus: int
