"""Rules of debt: loans against contracts and GPUs, bonds of orgs with a rating, what they cost in a year."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache

from events.commands import finance as commands
from events.kinds import LoanRefusal
from events.types import Event
from events.types import finance as events
from market.rules.base import (
    Deciders,
    Happening,
    cash,
    holdings_of,
    income_usd_per_year,
    let_by,
    overhead_share,
    rented_by,
    sold_by,
    trait,
    week_start,
)
from market.rules.prices import energy_at, energy_of, running_cost_at
from market.rules.vendors import loan_room_cents
from market.state import State, next_id
from market.state.demand import TAIL
from market.state.finance import Loan
from market.units import CENTS, DAYS_PER_YEAR, HOURS_PER_YEAR, MONTH_DAYS, annuity, digits

LASTS_DAYS = 182  # a lease that ends sooner is no ground for a loan


def loans_of(state: State, org: str) -> list[Loan]:
    """Loans that an org has still to repay."""
    return [loan for loan in state.finance.loans.values() if loan.org == org]


@lru_cache(1 << 14)
def instalment_cents(cents: int, rate: float, days: int) -> float:
    """What a loan in equal instalments costs in a year."""
    return cents * annuity(rate, max(days, 1) / DAYS_PER_YEAR)


def service_cents(state: State, org: str) -> float:
    """Instalments that an org owes in a year."""
    return sum(instalment_cents(x.amount_cents, x.rate, x.end_day - x.start_day) for x in loans_of(state, org))


def instalments(state: State) -> Iterator[tuple[str, str, int, str, str]]:
    """Instalments of four weeks; the loans of an org in default are due as claims."""
    for loan in state.finance.loans.values():
        if loan.org not in state.finance.estates:
            yearly = instalment_cents(loan.amount_cents, loan.rate, loan.end_day - loan.start_day)
            yield loan.org, loan.lender, round(yearly * MONTH_DAYS / 365), "instalment", loan.deal_id


# --- what an org may borrow


def coverage(state: State, org: str, extra_cents: int, served: tuple[float, float] | None = None) -> float:
    """Debt-service coverage: a year's income less rents, overheads and running costs, over instalments.

    `extra_cents` : a new loan, whose instalments count too. `served` : `service_and_income` where the caller knows it.
    Infinite where no instalment is owed, 0 where one is and nothing is left to pay it from.
    """
    p = state.run.parameters
    service, income = served or service_and_income(state, org)
    service += instalment_cents(extra_cents, p["finance.loan_rate"], round(365 * p["finance.loan_years"]))
    return max(0.0, income) / service if service else math.inf


def service_and_income(state: State, org: str, ahead_days: int = LASTS_DAYS) -> tuple[float, float]:
    """Instalments that an org owes in a year, and its income of it less rents, overheads and running costs; cents.

    `ahead_days` : leases that end within so many days count for nothing.
    """
    p = state.run.parameters
    rents = _rents_usd(state, org, ahead_days) + p["tail.contract_share"] * tail_rent_usd_per_year(state, org)
    income = (1 - overhead_share(state, org)) * rents + income_usd_per_year(state, org, week_start(state))
    hourly = sum(x.delivered * x.due_usd_per_gpu_hour for x in rented_by(state, org))
    hourly += _running_usd_per_hour(state, org)
    return service_cents(state, org), (income - hourly * HOURS_PER_YEAR) * CENTS


def _running_usd_per_hour(state: State, org: str) -> float:
    """Energy, staff and spares of what an org owns and has promised under contracts, and rent of its leased shells."""
    chips, sites = state.chips.chips, state.sites.sites
    holdings = list(holdings_of(state, org))
    used = dict.fromkeys([h.site for h in holdings])  # the index has no sites by owner
    sold = list(sold_by(state, org))
    here = {name: energy_at(state, sites[name]) for name in used}
    there = {region: energy_of(state, region) for region in dict.fromkeys([x.region for x in sold])}
    all_of = [(h.owned, h.chip, here[h.site]) for h in holdings]
    all_of += [(x.undrawn, x.chip, there[x.region]) for x in sold]
    shells = sum(sites[name].leased_kw for name in used if sites[name].owner == org)
    rent = shells * state.run.parameters["build.leased_usd_per_kw_year"] / HOURS_PER_YEAR
    return rent + sum([gpus * running_cost_at(state, chips[chip], *energy) for gpus, chip, energy in all_of])


def _rents_usd(state: State, org: str, ahead_days: int) -> float:
    """Rent of a year under leases that last so long, and under contracts for capacity that is still to be drawn."""
    soon = state.run.start_day + 7 * state.run.week + ahead_days
    leases = (x for x in let_by(state, org) if x.end_day > soon)
    hourly = sum(x.gpus * x.due_usd_per_gpu_hour for x in leases)
    hourly += sum(x.undrawn * x.due_usd_per_gpu_hour for x in sold_by(state, org))
    return hourly * HOURS_PER_YEAR


def tail_rent_usd_per_year(state: State, org: str) -> float:
    """What the tail pays a cloud in a year at the index, by the cloud's part of what is free."""
    use = state.demand.uses.get(TAIL)
    part = trait(state, org, "merchant_share")
    if use is None or not part:
        return 0.0
    rented = min(use.h100e * part, free_h100e(state, org))
    return rented * HOURS_PER_YEAR * state.leases.price_usd_per_h100e_hour


def free_h100e(state: State, org: str) -> float:
    """H100e that an org owns and has not let under leases."""
    chips = state.chips.chips
    return sum([max(0, h.owned - h.leased_out) * chips[h.chip].h100e for h in holdings_of(state, org)])


def bond_room_cents(state: State, org: str, day: int) -> int:
    """What an org with a rating may still borrow: a multiple of its yearly cash flow, less what it owes; else 0.

    One whose cash lies below zero goes further, as Oracle did to over four times its cash flow, at a wider spread.
    """
    p = state.run.parameters
    if not trait(state, org, "rating") or org in state.finance.estates:
        return 0
    times = p["finance.bonds_stretched" if cash(state, org) < 0 else "finance.bonds_per_cash_flow"]
    most = times * income_usd_per_year(state, org, day) * CENTS
    return max(0, round(most) - sum(outstanding(loan, day) for loan in loans_of(state, org)))


def bond_rate(state: State, org: str) -> float:
    """Yearly rate of bonds: that of the state, and a spread for each step of the rating, wider when stretched.

    The spread grows by as much as debt may be stretched.
    """
    p = state.run.parameters
    wider = p["finance.bonds_stretched"] / p["finance.bonds_per_cash_flow"] if cash(state, org) < 0 else 1.0
    return p["finance.state_rate"] + wider * p["finance.spread_per_step"] * trait(state, org, "rating")


def seek_loan(state: State, command: commands.SeekLoan, day: int) -> list[Event]:
    """Lend on a rating within its room, else against contracts that cover the debt service."""
    p, org, amount = state.run.parameters, command.actor, command.amount_usd_cents
    lender = state.run.orgs.get(command.lender)
    is_vendor = lender is not None and amount <= loan_room_cents(state, command.lender)
    if lender is None or not ("investor" in lender.roles or is_vendor) or command.lender == org or amount < 1:
        return [_refused(command, 0.0, "unknown lender")]
    is_bond = amount <= bond_room_cents(state, org, day)
    ratio = round(coverage(state, org, amount), 6)
    if not (is_bond or is_vendor) and ratio < p["finance.coverage_min"]:
        return [_refused(command, ratio, "coverage")]
    if cash(state, command.lender) < amount:
        return [_refused(command, ratio, "lender without cash")]
    deal = next_id(state, org, "deal")
    life_years = p["finance.bond_years"] if is_bond else p["finance.loan_years"]
    granted = events.LoanGranted(
        deal_id=deal, org=org, counterparty=command.lender, amount_usd_cents=amount,
        value=bond_rate(state, org) if is_bond else p["finance.loan_rate"], end_day=day + round(365 * life_years),
    )  # fmt: skip
    paid = events.PaymentMade(
        org=command.lender, counterparty=org, amount_usd_cents=amount, kind="loan", contract_id=deal
    )
    return [granted, paid]


def _refused(command: commands.SeekLoan, ratio: float, reason: LoanRefusal) -> Event:
    return events.LoanRefused(
        org=command.actor, counterparty=command.lender, amount_usd_cents=command.amount_usd_cents, value=ratio,
        reason=reason,
    )  # fmt: skip


def covenants(state: State, day: int) -> Iterator[Happening]:
    """Say whose income no longer covers its loans, bonds left out, and whose covers them again.

    A lease that ends soon, on which nobody would lend, still pays: it counts until it ends.
    """
    least = state.run.parameters["finance.covenant_min"]
    for org in dict.fromkeys(loan.org for loan in state.finance.loans.values()):
        books = state.finance.books[org]
        if trait(state, org, "rating") or org in state.finance.estates:
            continue
        ratio = digits(coverage(state, org, 0, service_and_income(state, org, ahead_days=0)))
        if ratio < least and books.breach_day < 0:
            yield Happening(day, events.CovenantBreached(org=org, value=ratio), org, org)
        elif ratio >= least and books.breach_day >= 0:
            yield Happening(day, events.CovenantCured(org=org, value=ratio), org, org)


def is_called(state: State, org: str, day: int) -> bool:
    """Whether lenders call loans whose covenants stayed broken, and the org cannot repay them from its cash."""
    since = state.finance.books[org].breach_day
    if since < 0 or day - since < 7 * state.run.parameters["finance.cure_weeks"]:
        return False
    return cash(state, org) < sum(outstanding(loan, day) for loan in loans_of(state, org))


def outstanding(loan: Loan, day: int) -> int:
    """Principal of an annuity that is still to be repaid, cents."""
    n, t = loan.end_day - loan.start_day, min(day, loan.end_day) - loan.start_day
    if n <= 0:
        return 0
    if loan.rate <= 0:
        return round(loan.amount_cents * (1 - t / n))
    grown, whole = (1 + loan.rate) ** (t / 365.25), (1 + loan.rate) ** (n / 365.25)
    left: int = round(loan.amount_cents * (whole - grown) / (whole - 1))
    return max(0, left)


def loans_repaid(state: State, day: int) -> Iterator[Happening]:
    """Loans whose last instalment was paid."""
    for loan in state.finance.loans.values():
        if loan.end_day <= day and loan.org not in state.finance.estates:
            yield Happening(
                day,
                events.LoanRepaid(deal_id=loan.deal_id, org=loan.org, counterparty=loan.lender),
                loan.org,
                loan.deal_id,
            )


DECIDE: Deciders = {commands.SeekLoan: seek_loan}
