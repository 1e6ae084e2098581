"""What policies say to an org: whether it may, what it would owe, today and on a day to come as far as is announced."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from events.commands import Command
from market.rules.permits import GIVEN, Permission
from market.view.base import NotVisible, View, shared_of, state_of


class PolicyView(View):
    """Readings of policies in force and announced; they are public, what was asked of whom is not."""

    __slots__ = ()

    def may(self, command: Command, day: int | None = None) -> Permission:
        """Whether policies would let a command pass on a day (today when none is given), and what they ask for it."""
        hooks, state = shared_of(self).hooks, state_of(self)
        if hooks is None:
            return GIVEN
        quote = state.leases.quotes.get(getattr(command, "quote_id", ""))
        request_id = quote.request_id if quote else getattr(command, "request_id", "")
        request = state.leases.requests.get(request_id)
        if request is not None and self.me not in (request.lessee, request.lessor):
            raise NotVisible(f"{request_id} is between {request.lessee} and {request.lessor}")
        return hooks.may(state, command, self.day if day is None else day, self.day)

    def levy(self, event: str, case: Mapping[str, Any], day: int | None = None) -> float:
        """USD that an event would cost the org in levies less subsidies: the event's type, and what it is about.

        `view.levy("LeaseSigned", {"lessor": "oci", "gpus": 8, "amount_usd": 1e6})`
        """
        hooks = shared_of(self).hooks
        if hooks is None:
            return 0.0
        found = {**case, "org": self.me}
        return hooks.owed_usd(state_of(self), event, found, self.day if day is None else day, self.day)
