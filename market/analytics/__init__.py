"""The log as tables: every one a function of the log's lazy frame alone.

All share the conventions of the log: `day` counts days since 1970-01-01 (`CAST(day AS DATE)` in SQL), units stand last.
A weekly table has one row for each week closed; its `day` is the week's last.
"""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from market.analytics import (
    capacity,
    clearings,
    concentration,
    contracts,
    demand,
    finance,
    leases,
    network,
    power,
    prices,
    training,
)

TABLES: dict[str, Callable[[pl.LazyFrame], pl.LazyFrame]] = {
    "prices": prices.prices,
    "signed": demand.signed,
    "clearings": clearings.clearings,
    "segments": demand.segments,
    "constraints": demand.constraints,
    "leases": leases.leases,
    "contracts": contracts.contracts,
    "obligations": contracts.obligations,
    "options": contracts.options,
    "capacity": capacity.capacity,
    "power": power.power,
    "training": training.training,
    "finance": finance.finance,
    "estates": finance.estates,
    "concentration": concentration.concentration,
    "network": network.network,
}


def table(name: str, log: pl.LazyFrame) -> pl.LazyFrame:
    """Derive a table of `TABLES` from a log."""
    return TABLES[name](log)
