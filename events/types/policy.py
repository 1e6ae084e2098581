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


class PolicyAdopted(Event, frozen=True, kw_only=True):
    """A region, country or other group (`kind`) adopts a rule that a part of them does; the others never do."""

    policy: str
    kind: str
    reason: str


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


class LicenceSought(Event, frozen=True, kw_only=True):
    """An org asked for a licence that a policy demands of `kind`, a command; it is decided on `due_day`.

    `end_day` is when the licence would expire; `reason` names the group for which it holds.
    """

    sees: ClassVar[Visibility] = "parties"
    org: str
    policy: str
    kind: str
    reason: str
    due_day: int
    end_day: int


class LicenceDecided(Event, frozen=True, kw_only=True):
    """A licence was granted, `share` 1, or denied, `share` 0, until `end_day`."""

    sees: ClassVar[Visibility] = "parties"
    org: str
    policy: str
    kind: str
    reason: str
    share: float
    end_day: int


class ReportFiled(Event, frozen=True, kw_only=True):
    """An org reported what a policy asks to be told: `kind` is the command, `value` its FLOP, GPUs or kW."""

    org: str
    policy: str
    kind: str
    reason: str
    value: float


class SubsidyPaid(Event, frozen=True, kw_only=True):
    """A policy pays its part of a transaction; the payment follows."""

    policy: str
    org: str
    amount_usd_cents: int
    contract_id: str
