"""Commands of suppliers that finance their buyers."""

from __future__ import annotations

from events.commands.base import Command


class GrantWarrants(Command, frozen=True, kw_only=True):
    """Promise a buyer (`org`) equity worth an amount, which vests with the GPUs that it takes until `end_day`."""

    org: str
    gpus: int
    amount_usd_cents: int
    end_day: int
