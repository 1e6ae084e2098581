"""Serving: what customers would pay a lab for, the tokens that its GPUs can serve, and the revenue between the two.

A token costs what it costs the providers together: the price to which budgets are used for their compute, times revenue
per inference spend, over the tokens that the cluster core says their chips can serve. Better chips make tokens cheaper,
and who has more of them than others can serve more for the same compute (docs/odd.md, serving).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from events.types import Batch
from events.types import training as events
from market.rules import demand
from market.rules.base import columns_of, fleets_h100e, holdings_of
from market.rules.duties import usable
from market.rules.machines import token_rates
from market.state import State
from market.units import HOURS_PER_YEAR, clip, digits


class Capacity(NamedTuple):
    """What the whole fleets of labs could serve, by lab."""

    tokens_per_s: dict[str, float]
    usd_per_year: dict[str, float]


def capacity(state: State, fleets: Mapping[str, float], day: int) -> Capacity:
    """Tokens a second that each lab's fleet could serve, and the revenue a year that they would bring."""
    rates = token_rates(state, day) if state.chips.holdings else {}
    tokens = dict.fromkeys(state.training.labs, 0.0)
    for org in tokens:
        for h in holdings_of(state, org):
            tokens[org] += (h.owned + h.leased_in - h.leased_out) * rates[h.chip]
    p = state.run.parameters
    spend = HOURS_PER_YEAR * state.demand.reference_usd_per_h100e_hour * math.fsum(fleets[org] for org in tokens)
    every = math.fsum(tokens.values())
    price = p["serving.revenue_per_inference_usd"] * spend / every if every > 0 else 0.0
    return Capacity(tokens, {org: price * each for org, each in tokens.items()})


def usable_usd(state: State, org: str, capacity_usd: float) -> float:
    """Part of a lab's capacity that can serve at most, USD a year: the rest is captive, trains and stands by."""
    p = state.run.parameters
    usable: float = capacity_usd * (1 - p.get(f"orgs.{org}.captive_share", 0.0)) * p["demand.capacity_slack"]
    return usable


def measure(state: State, day: int) -> Batch | None:
    """Serve what is asked, once a week: within the fleet, and growing no faster than a provider can."""
    p, fleets, rows = state.run.parameters, fleets_h100e(state, state.training.labs), []
    whole = capacity(state, fleets, day)
    running = usable(state, fleets)
    for lab in state.training.labs.values():
        org = lab.org
        asked, before = demand.asked_of(state, org), lab.revenue_usd_per_year
        if asked <= 0 and before <= 0:
            continue
        most = before * math.exp(p["demand.growth_max_per_week"]) + p["demand.first_revenue_usd"]
        least = before * math.exp(-p["demand.fall_max_per_week"])
        full = whole.usd_per_year[org]
        switched_on = running[org] / fleets[org] if fleets[org] > 0 else 0.0
        revenue = max(0.0, min(clip(asked, least, most), switched_on * usable_usd(state, org, full)))
        tokens = revenue / full * whole.tokens_per_s[org] if full > 0 else 0.0
        serving = running[org] * lab.inference_share
        rows.append((org, digits(revenue), digits(asked), digits(serving), digits(tokens)))
    if not rows:
        return None
    columns = columns_of(("org", "revenue_usd_per_year", "value", "h100e", "tokens_per_s"), rows)
    return Batch(events.ServingMeasured, columns, columns["org"], columns["org"])
