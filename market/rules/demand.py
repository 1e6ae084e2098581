"""End users of models: how their segments grow and whom they buy from (docs/odd.md, end demand).

Segments of end users grow by adoption of what the models can do; providers win customers by capability and by what
they can serve. All quantities are a year's, in USD.
"""

from __future__ import annotations

import math

from events.kinds import SegmentName
from events.types import Batch
from events.types import demand as events
from market import rng
from market.rules.base import columns_of, demand_factor, frontier, trait, years
from market.state import State
from market.units import DAYS_PER_YEAR, MONTH_DAYS, QUARTER_WEEKS, clip, digits

SEGMENTS: tuple[SegmentName, ...] = ("consumer", "api", "enterprise")
WEEK_YEARS = 7 / DAYS_PER_YEAR
MEMORY_WEEKS = 26  # revenue remembered for its growth


def seen_frontier(state: State) -> float:
    """Capability as customers have come to know it: the mean over the latest half year of the frontier."""
    past = state.training.frontier
    return sum(past) / len(past) if past else frontier(state)


def logistic(x: float) -> float:
    """Map a number to (0, 1)."""
    return 1 / (1 + math.exp(-x)) if x > -700 else 0.0


def opened_market(state: State, segment: str) -> float:
    """Spending that the models of today would bring in a segment once adopted, USD a year."""
    p = state.run.parameters
    top, slope = p[f"demand.{segment}_market_max_usd"], p[f"demand.{segment}_capability_slope"]
    gain = seen_frontier(state) - p["demand.frontier_start"]
    return top * logistic(slope * (gain - p[f"demand.{segment}_threshold"]))


def growth_shock(state: State, segment: str) -> float:
    """Factor on the growth of a segment: an error of the whole law, a draw for its quarter, and what a policy says."""
    p, run = state.run.parameters, state.run
    quarter = (run.week + 1) // QUARTER_WEEKS
    passing = p["demand.growth_quarter_sd"] * rng.normal(run.seed, "demand growth", segment, quarter)
    return float(max(0.0, 1 + p["demand.growth_error"] + passing) * p["demand.growth_factor"])


def segments(state: State, day: int) -> Batch:
    """Grow each segment by adoption of the market that is open to it; who is not served for long gives up."""
    p, rows = state.run.parameters, []
    for name, segment in state.demand.segments.items():
        spent = max(p["demand.first_revenue_usd"], segment.usd_per_year)
        grown = spent * math.exp(growth_rate(state, name) * WEEK_YEARS)
        rows.append((name, digits(grown), digits(opened_market(state, name))))
    columns = columns_of(("segment", "usd_per_year", "market_usd_per_year"), rows)
    return Batch(events.SegmentMeasured, columns, ["world"] * len(rows), ["world"] * len(rows))


def growth_rate(state: State, name: str) -> float:
    """Growth of a segment, log points a year, held back by what is not served.

    d ln A / dt = (drift + pull A / M)(M / A - 1), the hazard of Bass's model with a market that grows.
    """
    p = state.run.parameters
    spent = max(p["demand.first_revenue_usd"], state.demand.segments[name].usd_per_year)
    room = opened_market(state, name) / spent
    rate = (p["demand.drift_per_year"] + p[f"demand.{name}_pull"] / room) * (room - 1) * growth_shock(state, name)
    if rate > 0:
        rate *= min(1.0, p["demand.patience"] * served_share(state))
    return float(clip(rate, -3, 3))


def served_share(state: State) -> float:
    """Revenue of all providers over what customers would pay them."""
    labs = state.training.labs.values()
    wanted = sum(lab.demand_usd_per_year for lab in labs)
    return sum(lab.revenue_usd_per_year for lab in labs) / wanted if wanted > 0 else 1.0


def availability(state: State, org: str) -> float:
    """Part of what is asked of a provider that it serves, within bounds."""
    lab = state.training.labs.get(org)
    if lab is None or lab.demand_usd_per_year <= 0:
        return 1.0
    return clip(
        lab.revenue_usd_per_year / lab.demand_usd_per_year, state.run.parameters["demand.availability_min"], 1.0
    )


def shares(state: State, day: int) -> Batch | None:
    """Move a month's part of the customers towards the providers they would choose today (logit, with inertia).

    Old customers reconsider a part a month; what a segment gained in the month is spent by those who choose anew.
    """
    p, rows, top = state.run.parameters, [], frontier(state)
    for name, segment in state.demand.segments.items():
        pulls = {org: math.exp(_pull(state, top, org, name, day)) * availability(state, org) for org in segment.shares}
        total = math.fsum(pulls.values())
        new = -math.expm1(-max(0.0, growth_rate(state, name)) * MONTH_DAYS / DAYS_PER_YEAR)
        moved = new + (1 - new) * p["demand.reconsider_per_month"]
        for org, pull in pulls.items():
            rows.append((org, name, digits(segment.shares[org] + moved * (pull / total - segment.shares[org]))))
    if not rows:
        return None
    columns = columns_of(("org", "segment", "share"), rows)
    return Batch(events.ShareMeasured, columns, columns["org"], columns["org"])


def _pull(state: State, top: float, org: str, segment: str, day: int) -> float:
    """Log pull of a provider on those who choose: appeal and its drift, capability as known, and what it gains yet."""
    p, y = state.run.parameters, years(state, day)
    lab = state.training.labs.get(org)
    known = max(lab.capability if lab else 0.0, top - p["demand.follower_lag"])
    fade = p["demand.momentum_years"]
    gain = trait(state, org, "momentum_per_year") * fade * -math.expm1(-y / fade)
    drift = trait(state, org, "appeal_per_year") * min(y, p["demand.appeal_years"])
    return float(p[f"orgs.{org}.appeal_{segment}"] + p["demand.quality_weight"] * (known - top) + gain + drift)


def asked_of(state: State, org: str) -> float:
    """What an org's customers would pay it, USD a year."""
    factor = demand_factor(state) * state.run.shocks.get("serving", 1.0)
    return factor * sum(s.usd_per_year * s.shares.get(org, 0.0) for s in state.demand.segments.values())


def lab_growth(state: State, org: str) -> float:
    """Growth of a lab's revenue over half a year, log points a year; before that with the trend before the start."""
    past, p = state.demand.revenues.get(org, []), state.run.parameters
    trend = p.get(f"orgs.{org}.revenue_growth_start", 0.0)
    if len(past) < 2 or past[0] <= 0 or past[-1] <= 0:
        return trend
    span = len(past) - 1
    seen = math.log(past[-1] / past[0]) / (span * WEEK_YEARS)
    weight = span / MEMORY_WEEKS
    return weight * seen + (1 - weight) * trend
