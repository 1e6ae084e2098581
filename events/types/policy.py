"""Events of policy: what was enacted, repealed, refused and levied."""

from __future__ import annotations

from typing import ClassVar

from events.types.base import Event, Visibility


class PolicyEnacted(Event, frozen=True, kw_only=True):
    """A policy is in force from this day."""

    subject: ClassVar[str] = "policy"
    policy: str
    kind: str


class PolicyRepealed(Event, frozen=True, kw_only=True):
    """A policy is no longer in force."""

    subject: ClassVar[str] = "policy"
    policy: str
    kind: str


class CommandForbidden(Event, frozen=True, kw_only=True):
    """A policy stood in the way of what an org asked for; `kind` is the command."""

    sees: ClassVar[Visibility] = "parties"
    org: str
    policy: str
    kind: str
    reason: str
    region: str | None = None
    counterparty: str | None = None
    chip: str | None = None
    gpus: int | None = None


class QuotaUsed(Event, frozen=True, kw_only=True):
    """What has been taken from a policy's allowance (`kind` names rule, group and period), in its own unit."""

    policy: str
    org: str
    kind: str
    value: float


class LevyCharged(Event, frozen=True, kw_only=True):
    """A policy takes its part of a transaction; the payment follows."""

    policy: str
    org: str
    amount_usd_cents: int
    contract_id: str
