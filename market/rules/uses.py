"""Who spends on compute: parents for their own users, the many who rent, labs; and what they want at a price.

Budgets grow with habit, so that demand is a budget in the long run and inelastic in the short (docs/odd.md, uses).
Money is USD a year, prices USD per H100e-hour, compute H100e.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from events.types import Batch
from events.types import demand as events
from market.rules.base import (
    bought_by,
    columns_of,
    demand_factor,
    h100e_by_chip,
    holdings_of,
    let_by,
    rented_by,
    years,
)  # fmt: skip
from market.state import State
from market.state.demand import TAIL
from market.units import DAYS_PER_YEAR, HOURS_PER_YEAR, MONTH_YEARS, clip, digits


def is_in_house(state: State, org: str) -> bool:
    """Whether a lab's compute is part of its parent's or its own company's spending."""
    return state.run.orgs[org].parent is not None or state.run.parameters.get(f"orgs.{org}.in_house", 0.0) > 0


def own_share(state: State, org: str) -> float:
    """Part of the fleet of a builder that serves its own users at the start, in-house labs included."""
    p, item = state.run.parameters, state.run.orgs[org]
    if "cloud" not in item.roles:
        return 1.0 if "rest" in item.roles or is_in_house(state, org) else 0.0
    labs = [name for name, one in state.run.orgs.items() if one.parent == org and "lab" in one.roles]
    inside = sum(p.get(f"orgs.{name}.parent_share", 0.0) for name in labs)
    return min(1.0, p.get(f"orgs.{org}.captive_share", 0.0) + inside)


def captive_shares(state: State, clouds: Iterable[str]) -> dict[str, float]:
    """Part of what a cloud owns and rents that it keeps for its own users today, beside what its own labs lease."""
    weights, uses, shares = h100e_by_chip(state), state.demand.uses, dict.fromkeys(clouds, 0.0)
    for cloud in shares:
        if cloud in uses:
            fleet = math.fsum([(h.owned + h.leased_in) * weights[h.chip] for h in holdings_of(state, cloud)])
            inside = [x.delivered * weights[x.chip] for x in let_by(state, cloud) if x.kind == "internal"]
            if fleet > 0:
                shares[cloud] = clip((uses[cloud].h100e - math.fsum(inside)) / fleet, 0.0, 1.0)
    return shares


def grow(state: State, day: int) -> Batch:
    """Grow what parents and the tail would spend on compute by a month, and what they want at today's price."""
    p, y = state.run.parameters, years(state, day)
    lead, rows = leader_h100e(state), []
    fade = 0.5 ** (4 / p["targets.belief_half_life_weeks"])
    past = state.training.frontier
    gain = (past[-1] - past[0]) / max(1, len(past) - 1) * DAYS_PER_YEAR / 7 if len(past) > 1 else 0.0
    for user, use in state.demand.uses.items():
        kind = "tail" if user == TAIL else "own"
        rate = p[f"{kind}.growth_per_year"] * math.exp(-y / p[f"{kind}.growth_decay_years"])
        rate += p["tail.capability_weight"] * gain if user == TAIL else race(state, user, lead)
        rate *= p["demand.growth_factor"]
        usd = use.usd_per_year * math.exp(rate * MONTH_YEARS)
        believed = fade * use.growth_per_year + (1 - fade) * rate
        rows.append((user, digits(usd), digits(believed), digits(_wanted(state, user, usd))))
    columns = columns_of(("org", "usd_per_year", "growth_per_year", "h100e"), rows)
    actors = ["world" if user == TAIL else user for user in columns["org"]]
    return Batch(events.UseMeasured, columns, actors, actors)


def leader_h100e(state: State) -> float:
    """Compute that the leading outside lab has and has announced: held, leased ahead and in letters of intent."""
    return max((announced_h100e(state, org) for org in state.training.labs if not is_in_house(state, org)), default=0.0)


def announced_h100e(state: State, org: str) -> float:
    """H100e of a lab that anybody can know of: what it holds, has leased and has announced."""
    chips = state.chips.chips
    held = sum(h.owned * chips[h.chip].h100e for h in holdings_of(state, org))
    held += sum(x.gpus * chips[x.chip].h100e for x in rented_by(state, org))
    for contract in bought_by(state, org):
        held += contract.undrawn * chips[contract.chip].h100e
    return held + sum(x.h100e for x in state.leases.letters.values() if x.org == org)


def own_lab_h100e(state: State, org: str) -> float:
    """Part of what a parent owns and has on order that serves its own users and labs, H100e."""
    chips = state.chips.chips
    total = sum(h.owned * chips[h.chip].h100e for h in holdings_of(state, org))
    total += sum(n * chips[c].h100e for c, n in state.chips.warehouse.get(org, {}).items())
    total += sum(s.gpus * chips[s.chip].h100e for s in state.chips.shipments.values() if s.org == org)
    total += sum(o.gpus * chips[o.chip].h100e for o in state.chips.orders.values() if o.org == org)
    return own_share(state, org) * total


def race(state: State, org: str, lead_h100e: float) -> float:
    """Growth a year that a parent adds because the leader announced more compute than its own labs have."""
    p = state.run.parameters
    start = p.get(f"orgs.{org}.race_start")  # of those who had a lead to answer at the start
    if not p.get(f"orgs.{org}.races", 0.0) or lead_h100e <= 0 or start is None:
        return 0.0
    behind = math.log(lead_h100e / max(1.0, own_lab_h100e(state, org))) - start
    return p["race.weight"] * clip(behind, p["race.log_min"], p["race.log_max"])


def _wanted(state: State, user: str, usd: float) -> float:
    p, price = state.run.parameters, state.demand.clearing_usd_per_h100e_hour
    elasticity = p["tail.elasticity" if user == TAIL else "own.elasticity"]
    return demand_factor(state) * usd * use_per_usd(state, price, elasticity)


def use_per_usd(state: State, price: float, elasticity: float) -> float:
    """H100e that a budget of one USD a year wants at a price: by habit in the long run, inelastic in the short.

    n = 1 / (H p_ref) (p / p_ref)^-e / (1 + (p / p_choke)^k)
    """
    p, used = state.run.parameters, state.demand.reference_usd_per_h100e_hour
    choke = 1 + (price / p["price.choke_usd"]) ** p["price.choke_power"]
    wanted: float = (price / used) ** -elasticity / (HOURS_PER_YEAR * used * choke)
    return wanted


class Streams(NamedTuple):
    """All who want compute: budgets of the tail and of own users, with what each holds, and what labs can use."""

    tail_usd: float
    own: tuple[tuple[float, float], ...]  # USD a year, H100e
    labs_h100e: float


def streams(state: State, fleets: Mapping[str, float]) -> Streams:
    """Sum up who wants compute this week; labs of a group use what it holds."""
    p, factor, held = state.run.parameters, demand_factor(state), dict(fleets)
    for org, item in state.run.orgs.items():
        if item.parent and "lab" in item.roles:
            held[item.parent] = held.get(item.parent, 0.0) + fleets.get(org, 0.0)
    own = tuple(
        (factor * use.usd_per_year, held.get(user, 0.0)) for user, use in state.demand.uses.items() if user != TAIL
    )
    tail = state.demand.uses[TAIL].usd_per_year if TAIL in state.demand.uses else 0.0
    labs = 0.0
    for org, lab in state.training.labs.items():
        if not is_in_house(state, org):
            labs += min(max(lab.wanted_h100e, 0.0), p["labs.hold_slack"] * fleets[org])
    return Streams(factor * tail, own, labs)


def wanted_h100e(state: State, found: Streams, price: float) -> float:
    """H100e that all users together want at a price.

    Own users want no more than their org holds: the rest waits for chips and power, and bids for no rent.
    """
    p, used = state.run.parameters, state.demand.reference_usd_per_h100e_hour
    total = found.tail_usd * use_per_usd(state, price, p["tail.elasticity"])
    each = use_per_usd(state, price, p["own.elasticity"])
    total += math.fsum([min(usd * each, held) for usd, held in found.own])
    choke = 1 + (price / p["price.choke_usd"]) ** p["price.choke_power"]
    floor = 1 + (used / p["price.choke_usd"]) ** p["price.choke_power"]
    serving: float = (price / used) ** -p["serving.elasticity"] * floor / choke
    return total + found.labs_h100e * min(1.2, serving)
