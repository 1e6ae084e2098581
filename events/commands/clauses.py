"""Commands about what a lease allows its parties."""

from __future__ import annotations

from events.commands.base import Command
from events.kinds import ConsentTo, OptionKind


class ExerciseOption(Command, frozen=True, kw_only=True):
    """Renew a rented lease for its `renew_days`, or take up to `expand_gpus` more that its lessor has free."""

    lease_id: str
    kind: OptionKind
    gpus: int = 0  # of an expansion


class GiveConsent(Command, frozen=True, kw_only=True):
    """Let a lessee assign a lease once, or sublet under it."""

    lease_id: str
    kind: ConsentTo


class AssignLease(Command, frozen=True, kw_only=True):
    """Offer a rented lease to another org, who takes its place; the last offer counts."""

    lease_id: str
    assignee: str


class TakeAssignment(Command, frozen=True, kw_only=True):
    """Take a lease that was offered to the actor, with its GPUs, its deposit and its rent of the month."""

    lease_id: str
