"""What an org owns, takes in and pays for energy, and what the other side of a broken lease loses."""

from __future__ import annotations

from collections import Counter

from market.rules import clauses, credit, finance, worth
from market.rules.base import income_usd_per_year, overhead_share, trait, week_start
from market.state import State
from market.state.leases import Lease
from market.units import CENTS, HOURS_PER_DAY, MONTH_DAYS


def lease_damages(state: State, org: str, lease: Lease, day: int) -> int:
    """What the other side loses: rent until GPUs are let anew and the gap to the market, or what others ask beyond it.

    Cents; a year of the lease at most, as bankruptcy law caps the claims of lessors. What the lessee has paid ahead,
    its deposit and rent of days to come, is set off against its lessor's loss, and is part of its own.
    """
    ahead = paid_ahead_cents(lease, day)
    hours = min(worth.hours_left(lease, day), HOURS_PER_DAY * 365)
    market, price = worth.market_rent(state, lease, day), lease.price_usd_per_gpu_hour
    if lease.lessor == org:
        return round(max(0.0, market - price) * lease.gpus * hours * CENTS) + ahead
    idle = min(hours, round(HOURS_PER_DAY * 7 * state.run.parameters["estates.relet_weeks"]))
    lost = price * idle + max(0.0, price - market) * (hours - idle)
    return max(0, round(lost * lease.delivered * CENTS) + finance.rent_due(lease, day - 1) - ahead)


def paid_ahead_cents(lease: Lease, day: int) -> int:
    """What its lessor holds of a lessee for what is still to come: the deposit, and prepaid rent."""
    return lease.deposit_cents + clauses.prepaid_cents(lease, lease.gpus, day)


def assets_cents(state: State, org: str, day: int) -> int:
    """Worth of an org's sites, with what runs there, and of chips that wait or are on their way."""
    total = sum(worth.site_cents(state, site, day) for site in state.sites.sites.values() if site.owner == org)
    stock: Counter[str] = Counter(state.chips.warehouse.get(org, {}))
    for shipment in state.chips.shipments.values():
        if shipment.org == org:
            stock[shipment.chip] += shipment.gpus
    return total + sum(worth.stock_cents(state, org, chip, gpus, day) for chip, gpus in sorted(stock.items()))


def monthly_income(state: State, org: str) -> int:
    """What an org takes in in four weeks, cents: all rents after overheads, customers' margin, other business."""
    p, lab = state.run.parameters, state.training.labs.get(org)
    kept = 1 - overhead_share(state, org)
    yearly = income_usd_per_year(state, org, week_start(state))
    yearly += kept * credit.tail_rent_usd_per_year(state, org) if trait(state, org, "merchant_share") else 0.0
    yearly += p["finance.revenue_margin"] * lab.revenue_usd_per_year if lab else 0.0
    return round(kept * finance.rent_earned(state, org) + yearly * MONTH_DAYS / 365 * CENTS)


def running_cents(state: State, org: str) -> int:
    """Energy and leased shells of an org's sites in four weeks, staff and spares of its GPUs, cents."""
    bills = (*finance.site_costs(state), *finance.upkeep(state))
    return sum(cents for payer, _, cents, _, _ in bills if payer == org)
