"""Serving: what customers would pay a lab for, what its GPUs at hand can serve, and the revenue between the two."""

from __future__ import annotations

import math

from events.types import Batch
from events.types import training as events
from market.rules import demand
from market.rules.base import fleets_h100e
from market.rules.duties import usable
from market.state import State
from market.units import HOURS_PER_YEAR, clip, digits


def capacity_usd(state: State, org: str, fleet_h100e: float) -> float:
    """Revenue a year that a lab's fleet could serve at the price to which budgets are used."""
    p = state.run.parameters
    usable = fleet_h100e * (1 - p.get(f"orgs.{org}.captive_share", 0.0)) * p["demand.capacity_slack"]
    per_h100e = HOURS_PER_YEAR * state.demand.reference_usd_per_h100e_hour * p["serving.revenue_per_inference_usd"]
    served: float = usable * per_h100e
    return served


def measure(state: State, week: int) -> Batch | None:
    """Serve what is asked, once a week: within the fleet, and growing no faster than a provider can."""
    p, fleets, rows = state.run.parameters, usable(state, fleets_h100e(state)), []
    for lab in state.training.labs.values():
        asked, before = demand.asked_of(state, lab.org), lab.revenue_usd_per_year
        if asked <= 0 and before <= 0:
            continue
        most = before * math.exp(p["demand.growth_max_per_week"]) + p["demand.first_revenue_usd"]
        least = before * math.exp(-p["demand.fall_max_per_week"])
        revenue = min(clip(asked, least, most), capacity_usd(state, lab.org, fleets[lab.org]))
        serving = fleets[lab.org] * lab.inference_share
        rows.append((lab.org, digits(max(0.0, revenue)), digits(asked), digits(serving)))
    if not rows:
        return None
    orgs, revenues, asked_usd, servings = (list(column) for column in zip(*rows, strict=True))
    columns = {"org": orgs, "revenue_usd_per_year": revenues, "value": asked_usd, "h100e": servings}
    return Batch(events.ServingMeasured, columns, orgs, orgs)
