"""What things fetch when an estate sells them: GPUs by what they will earn or by their age, shells, leases."""

from __future__ import annotations

import math

from market.rules import work
from market.rules.prices import forward, quote, running_cost, running_cost_there
from market.state import State
from market.state.leases import Lease
from market.state.sites import Site
from market.units import CENTS, DAYS_PER_YEAR, HOURS_PER_DAY, HOURS_PER_YEAR

HALF_YEARS = 8  # for which a buyer reckons that GPUs earn: four years


def gpu_usd(state: State, chip: str, cost: float, day: int) -> float:
    """Worth of a GPU that runs: its rent over running cost for four years, discounted, at most its price by age.

    cost : of running it for an hour, USD
    """
    p, each = state.run.parameters, work.in_h100e(state, day)[chip]
    earned = 0.0
    for half in range(HALF_YEARS):
        rent = forward(state, 26.0 * half) * each * p["estates.used_share"]
        fade = math.exp(-p["estates.discount_per_year"] * (half + 0.5) / 2)
        earned += fade * max(0.0, rent - cost) * HOURS_PER_YEAR / 2
    return min(earned, used_price_usd(state, chip, day))


def used_price_usd(state: State, chip: str, day: int) -> float:
    """Price of a used GPU with its part of a server: list price less what a year of its generation takes off."""
    p, item = state.run.parameters, state.chips.chips[chip]
    age = max(0.0, (day - item.start_day) / DAYS_PER_YEAR)
    new = item.price_usd_per_gpu * (1 + p["shipping.server_cost_share"])
    price: float = new * math.exp(-p["estates.residual_decay_per_year"] * age)
    return price


def stock_cents(state: State, org: str, chip: str, gpus: int, day: int) -> int:
    """Worth of chips that wait in an org's warehouse, where at home they would run at the least cost."""
    home, item, regions = state.run.orgs[org].country, state.chips.chips[chip], state.run.regions
    at_home = [name for name, region in regions.items() if region.country == home] or list(regions)
    cost = min(running_cost(state, item, name) for name in at_home)
    return round(gpus * gpu_usd(state, chip, cost, day) * CENTS)


def market_rent(state: State, lease: Lease, day: int) -> float:
    """Rent of today for what is left of a lease, USD/GPU-hour."""
    days = max(7, lease.end_day - day)
    return quote(state, days, max(0.0, (lease.start_day - day) / 7)) * work.in_h100e(state, day)[lease.chip]


def hours_left(lease: Lease, day: int) -> int:
    """Hours of a lease still to come."""
    return HOURS_PER_DAY * max(0, lease.end_day - max(day, lease.start_day))


def site_cents(state: State, site: Site, day: int) -> int:
    """Worth of a site with its owner's GPUs, its shells, and what its leases are still to pay beyond the market."""
    p, chips = state.run.parameters, state.chips.chips
    usd = sum(
        h.owned * gpu_usd(state, h.chip, running_cost_there(state, chips[h.chip], site), day)
        for h in state.chips.holdings.values()
        if h.org == site.owner and h.site == site.name and h.owned
    )
    own = (b for b in state.sites.buildings.values() if b.site == site.name and b.kind != "leased")
    begun = sum(b.power_kw for b in own if b.building_id not in state.sites.permits)  # those are in use
    standing = site.energised_kw - site.leased_kw
    kw = standing + p["build.cash_share"] * begun
    usd += kw * p["build.shell_usd_per_kw"] * p["estates.shell_share"]
    beyond = sum(
        (lease.due_usd_per_gpu_hour - market_rent(state, lease, day)) * lease.delivered * hours_left(lease, day)
        for lease in state.leases.leases.values()
        if lease.lessor == site.owner and lease.site == site.name and lease.kind != "internal"
    )
    return max(0, round((usd + p["estates.lease_share"] * max(0.0, beyond)) * CENTS))
