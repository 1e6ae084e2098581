"""What a builder can foresee of the compute that will be wanted of it: its own users, the tail, its contracts."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from market.rules.base import demand_factor, let_by, sold_by
from market.rules.prices import entry_price
from market.rules.uses import is_in_house
from market.state import State
from market.state.demand import TAIL
from market.units import HOURS_PER_YEAR


def foreseen(state: State, org: str, weeks: float) -> float:
    """Compute that an org's own users, its part of the tail and its contracts will want so many weeks ahead."""
    total = users(state, org, weeks) + contracted(state, org)
    if "lab" in state.run.orgs[org].roles and not is_in_house(state, org):
        total = max(total, state.training.labs[org].wanted_h100e)
    return total


def users(state: State, org: str, weeks: float) -> float:
    """Compute that an org's own users and its part of the tail will want so many weeks ahead.

    Budgets grow as they were seen to grow and are spent at the price of entry:
    E exp(g h) / (H p_ref) (e / p_ref)^-elasticity.
    """
    return h100e_of(users_of(state, org), weeks)


class Users(NamedTuple):
    """Those who spend on an org's compute.

    name : of the org, or the tail
    factor : on all demand
    usd_per_year, growth_per_year : what they spend today, and its growth as seen, log points
    usd_per_h100e_year : price at which they buy today
    answer : to the price of entry, over what they would want at today's
    """

    name: str
    factor: float
    usd_per_year: float
    growth_per_year: float
    usd_per_h100e_year: float
    answer: float


def users_of(state: State, org: str) -> tuple[Users, ...]:
    """An org's own users, and its part of the tail."""
    p, found = state.run.parameters, list[Users]()
    used, entry = state.demand.reference_usd_per_h100e_hour, entry_price(state)
    for user, part in ((org, 1.0), (TAIL, p.get(f"orgs.{org}.merchant_share", 0.0))):
        use = state.demand.uses.get(user)
        if use is not None and part > 0:
            elasticity = p["tail.elasticity" if user == TAIL else "own.elasticity"]
            usd, answer = part * use.usd_per_year, (entry / used) ** -elasticity
            found.append(Users(user, demand_factor(state), usd, use.growth_per_year, HOURS_PER_YEAR * used, answer))
    return tuple(found)


def h100e_of(spenders: Iterable[Users], weeks: float) -> float:
    """Compute that users will want so many weeks ahead."""
    total = 0.0
    for one in spenders:
        usd = one.usd_per_year * math.exp(one.growth_per_year * weeks / 52)
        total += one.factor * usd / one.usd_per_h100e_year * one.answer
    return total


def contracted(state: State, org: str) -> float:
    """Compute under contract, in full: what is let, owed and scheduled, within the org's group left out."""
    chips, total = state.chips.chips, 0.0
    for lease in let_by(state, org):
        if lease.kind != "internal":
            total += lease.gpus * chips[lease.chip].h100e
    for contract in sold_by(state, org):
        total += contract.undrawn * chips[contract.chip].h100e
    return total
