"""Commands by which orgs enter the market and leave it."""

from __future__ import annotations

from events.commands.base import Command


class FoundOrg(Command, frozen=True, kw_only=True):
    """Found an org with cash for equity, or as a subsidiary; `role` joins roles by +, `behaviour` is one in use."""

    org: str
    role: str
    country: str
    behaviour: str
    amount_usd_cents: int
    valuation_usd_cents: int = 0
    budget_usd_per_year: float = 0.0
    subsidiary: bool = False


class WindUp(Command, frozen=True, kw_only=True):
    """Wind the own org, or a subsidiary, up: all that it has is sold and its creditors are paid."""

    org: str
