"""Commands about money."""

from __future__ import annotations

from events.commands.base import Command
from events.kinds import BudgetReason, RoundFailure, StakeKind


class SetBudget(Command, frozen=True, kw_only=True):
    """Set what an org means to spend on chips, USD a year."""

    value: float
    reason: BudgetReason


class SeekRound(Command, frozen=True, kw_only=True):
    """Ask investors for equity."""

    amount_usd_cents: int


class FundRound(Command, frozen=True, kw_only=True):
    """Buy equity of an org at a post-money valuation."""

    org: str
    amount_usd_cents: int
    valuation_usd_cents: int
    kind: StakeKind = "equity"  # or `equity for compute`, from those who sell it


class DeclineRound(Command, frozen=True, kw_only=True):
    """Turn an org's round down."""

    org: str
    reason: RoundFailure


class SeekLoan(Command, frozen=True, kw_only=True):
    """Ask a lender for a loan against GPUs and their contracts."""

    lender: str
    amount_usd_cents: int
