"""Rules of clauses that take effect without a command: deposits, rebates for lateness, price steps, who may sublet."""

from __future__ import annotations

from collections.abc import Iterator

from events.kinds import LeaseEnd, PaymentKind, QuoteRefusal
from events.terms import DEFAULTS, WORDS, LeaseTerms
from events.types import clauses as events
from events.types.finance import PaymentMade
from market.rules import work
from market.rules.base import Happening
from market.rules.finance import rent_due
from market.state import State
from market.state.leases import Lease
from market.units import CENTS, HOURS_PER_DAY, WEEK_DAYS, digits

YEAR_DAYS = 365  # of a lease: days are counted from its first
KEPT: tuple[LeaseEnd, ...] = ("default", "rejected", "terminated", "cross default")  # ends that cost a deposit
SHARES, SPANS, COUNTS = (
    tuple(name for name in DEFAULTS if name.endswith(ending) and name != "ramp_days")
    for ending in ("_share", "_days", "_gpus")
)
"""Clauses that are a part of one, a time, a number of GPUs."""


def paid(payer: str, payee: str, cents: int, kind: PaymentKind, contract_id: str) -> PaymentMade:
    """Pay under a lease or contract."""
    return PaymentMade(org=payer, counterparty=payee, amount_usd_cents=cents, kind=kind, contract_id=contract_id)


def fault(state: State, terms: LeaseTerms) -> QuoteRefusal | None:
    """Say which clause makes no sense: a share beyond one, a term beyond what contracts may last, an unknown word."""
    if not all(0 <= getattr(terms, name) <= 1 for name in SHARES):
        return "a share is no share"
    most = state.run.parameters["contracts.days_max"]
    if not all(0 <= getattr(terms, name) <= most for name in SPANS) or any(getattr(terms, x) < 0 for x in COUNTS):
        return "term"
    return None if all(getattr(terms, name) in words for name, words in WORDS.items()) else "unknown choice"


def deposit_cents(terms: LeaseTerms, gpus: int) -> int:
    """Rent of some days, for GPUs that a lease takes on; the lessor holds it."""
    return round(terms.deposit_usd(gpus) * CENTS)


def deposit(terms: LeaseTerms, gpus: int, sides: tuple[str, str], lease_id: str) -> list[PaymentMade]:
    """Leave a deposit with the lessor; `sides` are lessee and lessor."""
    cents = deposit_cents(terms, gpus)
    return [paid(*sides, cents, "deposit", lease_id)] if cents else []


def prepaid_cents(lease: Lease, gpus: int, day: int) -> int:
    """What of the rent of so many GPUs from a day to the end of a lease is prepaid."""
    hours = HOURS_PER_DAY * max(0, lease.end_day - max(day, lease.start_day))
    return round(lease.prepaid_share * gpus * lease.price_usd_per_gpu_hour * hours * CENTS)


def deposit_back(state: State, lease: Lease, reason: LeaseEnd) -> list[PaymentMade]:
    """Return a deposit at the end of a lease, unless the lessee broke it off; an estate does for what it assumed."""
    is_claimed = reason in ("parent ended", "merged") and lease.lessor in state.finance.estates
    if not lease.deposit_cents or reason in KEPT or is_claimed:
        return []
    return [paid(lease.lessor, lease.lessee, lease.deposit_cents, "deposit back", lease.lease_id)]


def may_sublet(lease: Lease) -> bool:
    """Whether a lessee may let others have what it rents."""
    return lease.subleasing == "free" or (lease.subleasing == "consent" and lease.may_sublet)


def may_assign(lease: Lease) -> bool:
    """Whether a lessee may put another in its place."""
    return lease.assigning == "free" or (lease.assigning == "consent" and lease.may_assign)


def steps(state: State, day: int) -> Iterator[Happening]:
    """Raise the rent of leases of which a year ended within the week."""
    for lease in state.leases.leases.values():
        if not lease.step_share:
            continue
        years, before = ((at - lease.start_day) // YEAR_DAYS for at in (day, day - WEEK_DAYS))
        if years > max(0, before):
            stepped = events.RentStepped(
                lease_id=lease.lease_id, lessor=lease.lessor, lessee=lease.lessee,
                price_usd_per_gpu_hour=digits(lease.price_usd_per_gpu_hour * (1 + lease.step_share)),
                amount_usd_cents=rent_due(lease, day - 1),
            )  # fmt: skip
            yield Happening(day, stepped, lease.lessor, lease.lease_id)


def renewal(state: State, lease: Lease, day: int) -> Happening:
    """Go on with a lease whose term is over and whose lessee renewed it, at its price or at the index of that day."""
    price, each = lease.price_usd_per_gpu_hour, None
    if lease.renew_price == "index":
        each = digits(work.in_h100e(state, day)[lease.chip])
        price = digits(state.leases.price_usd_per_h100e_hour * each)
    renewed = events.LeaseRenewed(
        lease_id=lease.lease_id, lessor=lease.lessor, lessee=lease.lessee, end_day=lease.end_day + lease.renew_days,
        price_usd_per_gpu_hour=price, amount_usd_cents=rent_due(lease, day - 1), work_h100e=each,
    )  # fmt: skip
    return Happening(day, renewed, lease.lessee, lease.lease_id)


def rebates(state: State, day: int) -> Iterator[Happening]:
    """Pay lessees a part of the week's rent of GPUs that are a week late or more, under leases and contracts."""
    for lease in state.leases.leases.values():
        if lease.rebate_share and lease.owed and lease.start_day + WEEK_DAYS <= day:
            cents = _rebate_cents(lease, lease.owed)
            back = paid(lease.lessor, lease.lessee, cents, "late rebate", lease.lease_id)
            yield Happening(day, back, lease.lessor, lease.lease_id)
    for contract in state.contracts.open.values():
        late = sum(t.gpus for t in contract.schedule if t.start_day + WEEK_DAYS <= day)
        if contract.rebate_share and late:
            cents = _rebate_cents(contract, late)
            back = paid(contract.lessor, contract.lessee, cents, "tranche rebate", contract.contract_id)
            yield Happening(day, back, contract.lessor, contract.contract_id)


def prepaid_back(state: State, day: int) -> Iterator[Happening]:
    """Return what was prepaid of the week to come for GPUs that are missing, under leases and contracts.

    GPUs are handed over once a week: what is missing today is missing until then.
    """
    for lease in state.leases.leases.values():
        if lease.prepaid_share and lease.owed:
            days = _days_of_week(day, lease.start_day, lease.end_day)
            if cents := round(lease.prepaid_share * _rent_usd(lease, lease.owed, days) * CENTS):
                back = paid(lease.lessor, lease.lessee, cents, "prepaid back", lease.lease_id)
                yield Happening(day, back, lease.lessor, lease.lease_id)
    for contract in state.contracts.open.values():
        if contract.prepaid_share:
            parts = [(x.gpus, _days_of_week(day, x.start_day, x.end_day)) for x in contract.schedule]
            rent = sum(_rent_usd(contract, gpus, days) for gpus, days in parts)
            if cents := round(contract.prepaid_share * rent * CENTS):
                back = paid(contract.lessor, contract.lessee, cents, "tranche back", contract.contract_id)
                yield Happening(day, back, contract.lessor, contract.contract_id)


def _days_of_week(day: int, first: int, last: int) -> int:
    """Days of a term within the week from `day` on."""
    return max(0, min(day + WEEK_DAYS, last) - max(day, first))


def _rent_usd(terms: LeaseTerms, gpus: int, days: int) -> float:
    return gpus * terms.price_usd_per_gpu_hour * HOURS_PER_DAY * days


def _rebate_cents(terms: LeaseTerms, gpus: int) -> int:
    return round(terms.rebate_share * _rent_usd(terms, gpus, WEEK_DAYS) * CENTS)
