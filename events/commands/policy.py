"""Commands of policy: given by the kernel's calendar of dated policies, never by an org."""

from __future__ import annotations

from events.commands.base import Command


class EnactPolicy(Command, frozen=True, kw_only=True):
    """Put a policy in force."""

    policy: str
    kind: str


class RepealPolicy(Command, frozen=True, kw_only=True):
    """End a policy."""

    policy: str
    kind: str
