"""How facts of money change the state."""

from __future__ import annotations

from events.facts import finance as facts
from market.evolve.ids import count
from market.evolve.training import lab
from market.state import State
from market.state.finance import Loan


def payment_made(state: State, fact: facts.PaymentMade, day: int) -> None:
    state.finance.ledger.pay(fact.org, fact.counterparty, fact.amount_usd_cents)


def round_sought(state: State, fact: facts.RoundSought, day: int) -> None:
    books = state.finance.books[fact.org]
    books.sought_cents, books.sought_day = fact.amount_usd_cents, day


def _invest(state: State, fact: facts.StakeKnown | facts.RoundClosed) -> None:
    name = f"{fact.org}|{fact.counterparty}|{fact.kind}"
    state.finance.stakes[name] = state.finance.stakes.get(name, 0) + fact.amount_usd_cents


def stake_known(state: State, fact: facts.StakeKnown, day: int) -> None:
    _invest(state, fact)


def round_closed(state: State, fact: facts.RoundClosed, day: int) -> None:
    _invest(state, fact)
    count(state, fact.deal_id)
    books = state.finance.books[fact.org]
    books.valuation_cents, books.round_day, books.sought_cents = fact.valuation_usd_cents, day, 0
    year = str((day - state.run.start_day) // 365)
    state.finance.raised[year] = state.finance.raised.get(year, 0) + fact.amount_usd_cents


def round_failed(state: State, fact: facts.RoundFailed, day: int) -> None:
    state.finance.books[fact.org].sought_cents = 0


def loan_granted(state: State, fact: facts.LoanGranted, day: int) -> None:
    count(state, fact.deal_id)
    state.finance.loans[fact.deal_id] = Loan(
        fact.deal_id, fact.org, fact.counterparty, fact.amount_usd_cents, fact.value, day, fact.end_day
    )


def loan_repaid(state: State, fact: facts.LoanRepaid, day: int) -> None:
    del state.finance.loans[fact.deal_id]


def budget_set(state: State, fact: facts.BudgetSet, day: int) -> None:
    state.finance.books[fact.org].budget_usd_per_year = fact.value


def valuation_stated(state: State, fact: facts.ValuationStated, day: int) -> None:
    state.finance.books[fact.org].valuation_cents = fact.valuation_usd_cents


def plan_adopted(state: State, fact: facts.PlanAdopted, day: int) -> None:
    record = lab(state, fact.org)
    record.wanted_h100e, record.wanted_day = fact.h100e, fact.due_day


def org_defaulted(state: State, fact: facts.OrgDefaulted, day: int) -> None:
    state.finance.books[fact.org].defaulted_day = day


APPLY = {
    facts.PaymentMade: payment_made,
    facts.RoundSought: round_sought,
    facts.RoundClosed: round_closed,
    facts.StakeKnown: stake_known,
    facts.RoundFailed: round_failed,
    facts.LoanGranted: loan_granted,
    facts.LoanRepaid: loan_repaid,
    facts.BudgetSet: budget_set,
    facts.ValuationStated: valuation_stated,
    facts.PlanAdopted: plan_adopted,
    facts.OrgDefaulted: org_defaulted,
}
INERT = (facts.LoanRefused, facts.RoundRefused)
