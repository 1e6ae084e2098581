"""Serving: what customers would pay for, what the GPUs at hand can serve, and the revenue between the two."""

from __future__ import annotations

import math

from events.types import Batch
from events.types import training as events
from market import rng
from market.rules.base import fleets_h100e
from market.state import State
from market.units import HOURS_PER_YEAR, QUARTER_WEEKS, digits


def taste(state: State, org: str, week: int) -> float:
    """Customers' taste for a lab: its value at the start plus a random walk with quarterly keyed steps."""
    p, seed = state.run.parameters, state.run.seed
    step = p["serving.taste_sd_per_year"] * math.sqrt(QUARTER_WEEKS / 52)
    whole, part = divmod(week, QUARTER_WEEKS)
    walk = sum(rng.normal(seed, "taste", org, quarter) for quarter in range(whole))
    walk += part / QUARTER_WEEKS * rng.normal(seed, "taste", org, whole)
    return p[f"orgs.{org}.taste_start"] + step * walk


def frontier(state: State) -> float:
    """Capability of the best released model."""
    return max((lab.capability for lab in state.training.labs.values()), default=0.0)


def pool(state: State) -> float:
    """Revenue a year that all labs' customers would bring: grows with the frontier, lagged, and saturates."""
    p, past = state.run.parameters, state.training.frontier
    lag = round(p["serving.capability_lag_weeks"])
    lagged = past[-lag] if len(past) >= lag else p["serving.frontier_start"]
    wish = p["serving.pool_factor"] * p["serving.revenue_start_usd"]
    wish *= math.exp(p["serving.capability_exponent"] * (lagged - p["serving.frontier_start"]))
    wish *= state.run.shocks.get("serving", 1.0)
    return wish / (1 + wish / p["serving.pool_scale_usd"])


def measure(state: State, week: int) -> Batch | None:
    """Move every lab's revenue toward the lesser of its demand and its serving cap, once a week."""
    p = state.run.parameters
    labs = [lab for lab in state.training.labs.values() if lab.best_model and f"orgs.{lab.org}.taste_start" in p]
    if not labs:
        return None
    appeal = [p["serving.share_exponent"] * lab.capability + taste(state, lab.org, week) for lab in labs]
    top = max(appeal)
    weights = [math.exp(a - top) for a in appeal]
    total, money = sum(weights), pool(state)
    rows, fleets = [], fleets_h100e(state)
    for lab, weight in zip(labs, weights, strict=True):
        demand = money * weight / total
        usable = fleets[lab.org] * (1 - p.get(f"orgs.{lab.org}.captive_share", 0.0))
        serving = usable * lab.inference_share
        spend = serving * HOURS_PER_YEAR * p["labs.compute_usd_per_h100e_hour"]
        cap = p["serving.cap_slack"] * p["serving.revenue_per_inference_usd"] * spend
        revenue = lab.revenue_usd_per_year
        revenue += p["serving.adjust_per_week"] * (min(demand, cap) - revenue)
        rows.append((lab.org, digits(max(0.0, revenue)), digits(demand), digits(serving)))
    orgs, revenues, demands, servings = (list(column) for column in zip(*rows, strict=True))
    columns = {"org": orgs, "revenue_usd_per_year": revenues, "value": demands, "h100e": servings}
    return Batch(events.ServingMeasured, columns, orgs, orgs)
