"""What is true of demand: the segments of end users, who sells in them, and what others would spend on compute."""

from __future__ import annotations

import msgspec


class Segment(msgspec.Struct, array_like=True):
    """One kind of end user: spending now, and what the models of today would bring once adopted, USD a year."""

    name: str
    usd_per_year: float = 0.0
    market_usd_per_year: float = 0.0
    shares: dict[str, float] = {}  # org -> part of the customers that it has


class Use(msgspec.Struct, array_like=True):
    """Spending on compute of one user, at the price that budgets are used to, and how fast it has grown."""

    user: str
    usd_per_year: float
    growth_per_year: float  # as seen, smoothed: what plans believe in
    h100e: float = 0.0  # wanted at the latest price


class Demand(msgspec.Struct, array_like=True):
    """Segments by name, uses by org (`world/tail`: all who rent), and the price at which the market cleared."""

    segments: dict[str, Segment] = {}
    uses: dict[str, Use] = {}
    clearing_usd_per_h100e_hour: float = 0.0
    reference_usd_per_h100e_hour: float = 0.0
    cost_usd_per_h100e_hour: float = 0.0
    tightness: float = 1.0  # wanted at the price budgets are used to, over energised
    revenues: dict[str, list[float]] = {}  # lab -> revenue a year, of the latest 27 weeks


TAIL = "world/tail"
