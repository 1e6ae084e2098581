"""Figures of a run: each a function of the log's lazy frame alone, by the name that `market plot` takes."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from market.report.figures import capacity, deals, labs, limits, trade
from market.report.figures.base import Figure

FIGURES: dict[str, Callable[[pl.LazyFrame], Figure]] = {
    "compute": capacity.compute,
    "power": capacity.electricity,
    "regions": capacity.regions,
    "prices": trade.price,
    "supply": trade.supply,
    "lead-time": trade.lead_time,
    "index": deals.index,
    "backlog": deals.backlog,
    "builders": limits.builders,
    "inputs": limits.inputs,
    "demand": limits.demand,
    "failures": trade.failures,
    "choices": deals.choices,
    "recoveries": deals.recoveries,
    "training": labs.runs,
    "cash": labs.cash,
    "concentration": capacity.shares,
}

__all__ = ["FIGURES", "Figure"]
