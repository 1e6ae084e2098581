"""How events of money change the state."""

from __future__ import annotations

from events.kinds import PaymentKind
from events.types import finance as events
from market.evolve.ids import count
from market.evolve.training import lab
from market.state import State
from market.state.finance import Loan, Stake
from market.units import DAYS_PER_YEAR


def payment_made(state: State, row: tuple[str, str, int, PaymentKind, str], day: int) -> None:
    payer, payee, cents, kind, contract_id = row
    state.finance.ledger.pay(payer, payee, cents)
    if kind in ("rent", "prepayment"):
        stake = state.finance.stakes.get(payer, {}).get(payee)
        if stake is not None and stake.duty_cents:
            stake.duty_cents = max(0, stake.duty_cents - cents)
        if kind == "rent":
            rent_paid(state, contract_id, day)
    elif kind == "deposit":
        state.leases.leases[contract_id].deposit_cents += cents
    elif kind == "deposit back":
        state.leases.leases[contract_id].deposit_cents -= cents


def rent_paid(state: State, lease_id: str, day: int) -> None:
    """Begin to count anew behind the day up to which rent is paid."""
    state.leases.over.pop(lease_id, None)
    lease = state.leases.leases.get(lease_id)
    if lease is not None:
        lease.since_day, lease.gpu_days, lease.shed_days, lease.due_cents = day + 1, 0, 0, 0


def round_sought(state: State, event: events.RoundSought, day: int) -> None:
    books = state.finance.books[event.org]
    books.sought_cents, books.sought_day = event.amount_usd_cents, day


def _invest(state: State, event: events.StakeKnown | events.RoundClosed) -> None:
    stake = state.finance.stakes.setdefault(event.org, {}).setdefault(event.counterparty, Stake())
    stake.invested_cents += event.amount_usd_cents
    if event.kind == "equity for compute":
        stake.for_compute_cents += event.amount_usd_cents


def stake_known(state: State, event: events.StakeKnown, day: int) -> None:
    _invest(state, event)


def round_closed(state: State, event: events.RoundClosed, day: int) -> None:
    _invest(state, event)
    if event.kind == "equity for compute":
        state.finance.stakes[event.org][event.counterparty].duty_cents += event.amount_usd_cents
    count(state, event.deal_id)
    books = state.finance.books[event.org]
    books.valuation_cents, books.round_day, books.sought_cents = event.valuation_usd_cents, day, 0
    role = "lab" if "lab" in state.run.orgs[event.org].roles else "cloud"
    raised = [each for each in state.finance.raised.get(role, []) if each[0] > day - DAYS_PER_YEAR]
    state.finance.raised[role] = [*raised, (day, event.amount_usd_cents)]


def round_failed(state: State, event: events.RoundFailed, day: int) -> None:
    state.finance.books[event.org].sought_cents = 0


def loan_granted(state: State, event: events.LoanGranted | events.LoanKnown, day: int) -> None:
    count(state, event.deal_id)
    state.finance.loans[event.deal_id] = Loan(
        event.deal_id, event.org, event.counterparty, event.amount_usd_cents, event.value, day, event.end_day
    )


def covenant_breached(state: State, event: events.CovenantBreached, day: int) -> None:
    state.finance.books[event.org].breach_day = day


def covenant_cured(state: State, event: events.CovenantCured, day: int) -> None:
    state.finance.books[event.org].breach_day = -1


def loan_repaid(state: State, event: events.LoanRepaid, day: int) -> None:
    del state.finance.loans[event.deal_id]


def budget_set(state: State, event: events.BudgetSet, day: int) -> None:
    state.finance.books[event.org].budget_usd_per_year = event.value


def valuation_stated(state: State, event: events.ValuationStated, day: int) -> None:
    state.finance.books[event.org].valuation_cents = event.valuation_usd_cents


def plan_adopted(state: State, event: events.PlanAdopted, day: int) -> None:
    record = lab(state, event.org)
    record.wanted_h100e, record.wanted_day = event.h100e, event.due_day


def org_defaulted(state: State, event: events.OrgDefaulted, day: int) -> None:
    state.finance.books[event.org].defaulted_day = day


ROWS = {events.PaymentMade: payment_made}
APPLY = {
    events.RoundSought: round_sought,
    events.RoundClosed: round_closed,
    events.StakeKnown: stake_known,
    events.RoundFailed: round_failed,
    events.LoanGranted: loan_granted,
    events.LoanKnown: loan_granted,
    events.LoanRepaid: loan_repaid,
    events.CovenantBreached: covenant_breached,
    events.CovenantCured: covenant_cured,
    events.BudgetSet: budget_set,
    events.ValuationStated: valuation_stated,
    events.PlanAdopted: plan_adopted,
    events.OrgDefaulted: org_defaulted,
}
INERT = (events.LoanRefused, events.RoundRefused)
