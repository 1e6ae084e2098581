"""What the default world comes to by quarter, seed 0, as kept in `quantities.json`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl

from market.analytics import TABLES
from market.analytics.base import chips, events

KEPT = Path(__file__).parent / "quantities.json"
QUARTER_WEEKS = 13
DIGITS = 6


def quantities(log: pl.LazyFrame) -> list[dict[str, Any]]:
    """Stocks at the end of every quarter of a run, and flows within it; six digits."""
    ends = events(log, "WeekClosed").select("day", "week").sort("day").collect()
    days = ends.filter((pl.col("week") + 1) % QUARTER_WEEKS == 0)["day"].to_list()
    held = TABLES["capacity"](log).collect()
    power = TABLES["power"](log).collect()
    prices = TABLES["prices"](log).collect()
    made = events(log, "OutputMade").join(chips(log), on="chip", suffix="_of").collect()
    signed = events(log, "LeaseSigned").collect()
    found, before = [], -1
    for day in days:
        made_now = made.filter(pl.col("day").is_between(before + 1, day))
        signed_now = signed.filter(pl.col("day").is_between(before + 1, day))
        nvidia = made_now.filter(pl.col("supplier") == "nvidia")
        row = {
            "day": day,
            "held_h100e": held.filter(day=day)["h100e"].sum(),
            "energised_kw": power.filter(day=day)["energised_kw"].sum(),
            "contracted_kw": power.filter(day=day)["contracted_kw"].sum(),
            "contract_usd_per_h100e_hour": prices.filter(day=day)["price_usd_per_h100e_hour"][0],
            "on_demand_usd_per_h100e_hour": prices.filter(day=day)["spot_usd_per_h100e_hour"][0],
            "made_h100e": (made_now["gpus"] * made_now["h100e_per_gpu"]).sum(),
            "nvidia_chips_usd": (nvidia["gpus"] * nvidia["price_usd_per_gpu"]).sum(),
            "leases_signed": signed_now.height,
            "leased_gpus": signed_now["gpus"].sum(),
        }
        found.append({name: _rounded(value) for name, value in row.items()})
        before = day
    return found


def _rounded(value: Any) -> Any:
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value


def kept() -> list[dict[str, Any]]:
    """The quantities that the default world had when they were last refreshed."""
    content: list[dict[str, Any]] = json.loads(KEPT.read_text())
    return content
