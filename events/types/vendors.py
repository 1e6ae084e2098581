"""Events of finance by those who sell: warrants that vest with orders, and duties to spend that are met."""

from __future__ import annotations

from typing import ClassVar

from events.kinds import WarrantEnd, WarrantRefusal
from events.types.base import Event, Visibility


class WarrantsGranted(Event, frozen=True, kw_only=True):
    """A supplier (`counterparty`) promises a buyer equity that vests in full with `gpus` of its chips by `end_day`."""

    subject: ClassVar[str] = "deal_id"
    deal_id: str
    org: str
    counterparty: str
    gpus: int
    amount_usd_cents: int
    end_day: int


class WarrantsRefused(Event, frozen=True, kw_only=True):
    """Warrants cannot be granted so."""

    sees: ClassVar[Visibility] = "own"
    org: str
    counterparty: str
    reason: WarrantRefusal


class WarrantsVested(Event, frozen=True, kw_only=True):
    """A part of a buyer's warrants is earned by the GPUs that were allotted to it."""

    subject: ClassVar[str] = "deal_id"
    deal_id: str
    org: str
    counterparty: str
    amount_usd_cents: int


class WarrantsEnded(Event, frozen=True, kw_only=True):
    """Warrants are vested in full, or lapse with `amount_usd_cents` that was never earned."""

    subject: ClassVar[str] = "deal_id"
    deal_id: str
    org: str
    counterparty: str
    amount_usd_cents: int
    reason: WarrantEnd
