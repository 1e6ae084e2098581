"""Double entry: every payment debits one account and credits another, in integer US cents.

Accounts of orgs bear the org's name; what lies outside the model bears `world/`: customers, staff, utilities,
contractors, developers, savers, treasury. The sum over all accounts is zero at all times.
"""

from __future__ import annotations

import msgspec


class Ledger(msgspec.Struct, array_like=True):
    """Balances by account."""

    accounts: dict[str, int] = {}

    def pay(self, payer: str, payee: str, cents: int) -> None:
        """Move money; the only way that a balance changes."""
        accounts = self.accounts
        accounts[payer] = accounts.get(payer, 0) - cents
        accounts[payee] = accounts.get(payee, 0) + cents
