"""Events of demand: segments of end users, providers' shares, spending on compute, the price that clears."""

from __future__ import annotations

from typing import ClassVar

from events.kinds import SegmentName
from events.types.base import Event


class SegmentMeasured(Event, frozen=True, kw_only=True):
    """End users of a segment spend `usd_per_year`; the models of today would bring `market_usd_per_year`."""

    periodic: ClassVar[bool] = True
    segment: SegmentName
    usd_per_year: float
    market_usd_per_year: float


class ShareMeasured(Event, frozen=True, kw_only=True):
    """A provider has `share` of the customers of a segment, once a month."""

    periodic: ClassVar[bool] = True
    org: str
    segment: SegmentName
    share: float


class UseMeasured(Event, frozen=True, kw_only=True):
    """What an org would spend on compute for itself, or the tail that rents, at the price budgets are used to.

    `growth_per_year` is its growth as seen, smoothed; `h100e` what it wants at the latest price.
    """

    periodic: ClassVar[bool] = True
    org: str
    usd_per_year: float
    growth_per_year: float
    h100e: float


class MarketCleared(Event, frozen=True, kw_only=True):
    """Spot moved towards the price at which all users together want what is energised (`supply_h100e`).

    `h100e` is what they want at the price to which budgets are used; `cost_usd_per_h100e_hour` the replacement cost
    of what is on sale at full supply.
    """

    periodic: ClassVar[bool] = True
    clearing_usd_per_h100e_hour: float
    reference_usd_per_h100e_hour: float
    cost_usd_per_h100e_hour: float
    h100e: float
    supply_h100e: float


class TailSigned(Event, frozen=True, kw_only=True):
    """The many who rent signed one-year contracts with a cloud this month."""

    periodic: ClassVar[bool] = True
    lessor: str
    h100e: float
    duration_days: int
    price_usd_per_h100e_hour: float
