"""What is true of money: balances, budgets, rounds, loans."""

from __future__ import annotations

import msgspec

from market.state.estates import Estate
from market.state.ledger import Ledger


class Loan(msgspec.Struct, array_like=True):
    """A loan in equal instalments to `end_day`."""

    deal_id: str
    org: str
    lender: str
    amount_cents: int
    rate: float
    start_day: int
    end_day: int


class Books(msgspec.Struct, array_like=True):
    """An org's finances beyond its cash."""

    org: str
    valuation_cents: int = 0
    budget_usd_per_year: float = 0.0
    round_day: int = -10_000  # last round closed
    sought_cents: int = 0  # open round
    sought_day: int = 0
    defaulted_day: int = -1
    breach_day: int = -1  # since when a covenant of its loans is broken, -1 if none is


class Stake(msgspec.Struct, array_like=True):
    """What an investor has put into an org, and how much of it in return for the org's custom."""

    invested_cents: int = 0
    for_compute_cents: int = 0
    duty_cents: int = 0  # of that, still to be spent on the investor's compute


class Warrant(msgspec.Struct, array_like=True):
    """Equity of a supplier promised to a buyer; it vests with `taken` of `gpus`."""

    deal_id: str
    org: str
    supplier: str
    gpus: int
    cents: int
    end_day: int
    taken: int = 0  # GPUs allotted since
    vested_cents: int = 0


class Finance(msgspec.Struct, array_like=True):
    """Ledger, books by org, loans by id, equity raised by labs and by builders in the year that passed."""

    ledger: Ledger = msgspec.field(default_factory=Ledger)
    books: dict[str, Books] = {}
    loans: dict[str, Loan] = {}
    raised: dict[str, list[tuple[int, int]]] = {}  # lab or cloud -> days and cents of the year before its last round
    stakes: dict[str, dict[str, Stake]] = {}  # org -> investor -> what it put in
    warrants: dict[str, Warrant] = {}
    filings: dict[str, int] = {}  # org to be wound up -> day on which that was asked for
    estates: dict[str, Estate] = {}  # org in default -> its estate
