"""Commands about the estates of others."""

from __future__ import annotations

from events.commands.base import Command


class BidForLot(Command, frozen=True, kw_only=True):
    """Bid for what an estate offers; the bid is sealed and stands for this week."""

    lot_id: str
    amount_usd_cents: int
