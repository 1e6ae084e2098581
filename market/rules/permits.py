"""Whether policies let a command pass: refusals, quotas, licences, reports. One judgement for kernel and agents alike.

What a quota has left and which licences are held is in the state. Several jurisdictions may have to consent: each
policy judges by itself, and one barrier is enough.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from events.commands import Command
from events.commands.chips import PlaceOrder
from events.types import Event
from events.types import policy as events
from events.types.chips import OrderCancelled
from market import rng
from market.rules.base import Happening
from market.rules.cases import any_holds, command_case, completed, could_hold
from market.state import State
from market.units import digits, to_date

if TYPE_CHECKING:
    from market.policies.schema import Licence, Permit, Policy, Quota, Report

MEASURES = ("flop", "gpus", "power_kw_it", "h100e")  # what a report tells, the first that the command has
PERIOD_WEEKS = {"week": 1.0, "quarter": 13.0, "year": 52.0, "policy": 52.0}


class Barrier(NamedTuple):
    """What stands between an org and a command under one policy.

    wait_days : until a licence could be had; infinite for a refusal
    is_pending : whether the licence is being decided
    usd : fee of the licence
    """

    policy: str
    jurisdiction: str
    reason: str
    wait_days: float = math.inf
    is_pending: bool = False
    usd: float = 0.0


class Permission(NamedTuple):
    """What all policies together say of a command; `usd` is what reports and licences cost."""

    barriers: tuple[Barrier, ...] = ()
    usd: float = 0.0

    @property
    def is_given(self) -> bool:
        """Whether the command passes today."""
        return not self.barriers

    @property
    def wait_days(self) -> float:
        """Days until it could pass; 0 today, infinite where it is refused."""
        return max(barrier.wait_days for barrier in self.barriers) if self.barriers else 0.0

    @property
    def is_refused(self) -> bool:
        """Whether no waiting helps."""
        return math.isinf(self.wait_days)

    @property
    def policy(self) -> str | None:
        """The first policy that blocks it, None where none does."""
        return self.barriers[0].policy if self.barriers else None

    @property
    def is_worth_asking(self) -> bool:
        """Whether asking today brings the command, or starts to bring it."""
        return not self.barriers or not (self.is_refused or any(barrier.is_pending for barrier in self.barriers))


GIVEN = Permission()


class Verdict(NamedTuple):
    """What one rule says of a command, and what is noted of it."""

    barrier: Barrier | None = None
    noted: tuple[Event, ...] = ()


def verdicts(
    state: State, policies: Sequence[Policy], command: Command, case: Mapping[str, Any], day: int
) -> Iterator[Verdict]:
    """Judge a command under every rule of some policies that names it."""
    name = type(command).__name__
    for policy in policies:
        for number, rule in enumerate(policy.permit):
            if rule.enabled and name in rule.refuse and any_holds(rule.when, case):
                yield _judge(state, policy, number, name, case, day)


def _judge(state: State, policy: Policy, number: int, name: str, case: Mapping[str, Any], day: int) -> Verdict:
    rule = policy.permit[number]
    if not _is_adopted(state, policy, number, case):
        return Verdict()
    if rule.quota is not None and (used := _take(state, policy, rule.quota, number, case, day)) is not None:
        return Verdict(None, (used,))
    if rule.licence is not None:
        return _under_licence(state, policy, number, name, case, day)
    return Verdict(Barrier(policy.label, policy.jurisdiction, rule.reason))


def _is_adopted(state: State, policy: Policy, number: int, case: Mapping[str, Any]) -> bool:
    """Whether the rule holds in the case's region, country or other group at all: one draw for each."""
    adopted = policy.permit[number].adopted
    return adopted is None or _is_drawn(state, policy, number, str(case.get(adopted.by)))


def _is_drawn(state: State, policy: Policy, number: int, group: str) -> bool:
    adopted = policy.permit[number].adopted
    assert adopted is not None
    return rng.uniform(state.run.seed, "adoption", f"{policy.name} {number} {group}") < adopted.share


def adopting(state: State, policy: Policy, number: int) -> list[str]:
    """The regions, countries, orgs or chips that adopt a rule, of those that its words touch; none of other rules."""
    rule, run = policy.permit[number], state.run
    if rule.adopted is None or not rule.enabled:
        return []
    by = rule.adopted.by
    groups = {
        "region": list(run.regions),
        "region_country": sorted({region.country for region in run.regions.values()}),
        "country": sorted({org.country for org in run.orgs.values()}),
        "chip": list(state.chips.chips),
    }.get(by, list(run.orgs))
    named = {group: completed(state, {by: group}) for group in groups}
    touched = (group for group, case in named.items() if any(could_hold(when, case) for when in rule.when))
    return [group for group in touched if _is_drawn(state, policy, number, group)]


# --- what stands on the first day


def begun(state: State, policy: Policy, cancelled: set[str], day: int) -> Iterator[Happening]:
    """Say who adopts the rules of a policy that begins, and cancel the open orders that it forbids.

    cancelled : orders that rules before have cancelled this week; those of this policy are added
    """
    for number, rule in enumerate(policy.permit):
        for group in adopting(state, policy, number):
            event = events.PolicyAdopted(policy=policy.label, kind=group, reason=rule.reason)
            yield Happening(day, event, "world", policy.label)
        if rule.enabled and rule.open_orders:
            yield from _cancelled(state, policy, number, cancelled, day)


def _cancelled(state: State, policy: Policy, number: int, cancelled: set[str], day: int) -> Iterator[Happening]:
    for order in state.chips.orders.values():
        if order.order_id in cancelled:
            continue
        command = PlaceOrder(actor=order.org, because=order.org, chip=order.chip, gpus=order.gpus)
        case = command_case(state, command)
        if any_holds(policy.permit[number].when, case) and _is_adopted(state, policy, number, case):
            cancelled.add(order.order_id)
            event = OrderCancelled(
                order_id=order.order_id, org=order.org, chip=order.chip, gpus=order.gpus, reason="policy"
            )
            yield Happening(day, event, "world", policy.label)


def _group(by: Sequence[str], case: Mapping[str, Any]) -> str:
    return " ".join(str(case.get(name)) for name in by)


# --- quotas


def _take(
    state: State, policy: Policy, quota: Quota, number: int, case: Mapping[str, Any], day: int
) -> events.QuotaUsed | None:
    """Take a command's amount from its quota; None when there is too little left."""
    name = f"permit {number} {_group(quota.by, case)} {_period(quota, state, day)}".strip()
    amount = 1.0 if quota.of == "commands" else float(case.get(quota.of) or 0.0)
    used = state.run.quotas.get(policy.label, {}).get(name, 0.0) + amount
    if used > limit_of(state, quota, case):
        return None
    return events.QuotaUsed(policy=policy.label, org=case["org"], kind=name, value=digits(used))


def limit_of(state: State, quota: Quota, case: Mapping[str, Any]) -> float:
    """Allowance of a period: a number, or a part of what the supplier makes in such a period at its latest pace."""
    if quota.share_of_output is None:
        return quota.limit or 0.0
    made = [chip for chip in state.chips.chips.values() if chip.supplier == case.get("supplier")]
    weekly = math.fsum(chip.made_gpus * (chip.h100e if quota.of == "h100e" else 1.0) for chip in made)
    return quota.share_of_output * PERIOD_WEEKS[quota.per] * weekly


def _period(quota: Quota, state: State, day: int) -> str:
    when = to_date(day)
    if quota.per == "week":
        return f"week {(day - state.run.start_day) // 7}"
    if quota.per == "quarter":
        return f"{when.year} quarter {(when.month + 2) // 3}"
    return str(when.year) if quota.per == "year" else "all"


# --- licences


def _under_licence(state: State, policy: Policy, number: int, name: str, case: Mapping[str, Any], day: int) -> Verdict:
    """Pass under a licence that is held; seek one that is not."""
    rule, licence = policy.permit[number], _licence(policy.permit[number])
    group = f"permit {number} {_group(licence.by, case)}".strip()
    held = state.run.licences.get(policy.label, {}).get(group)
    barrier = Barrier(policy.label, policy.jurisdiction, rule.reason)
    if held is None or day >= held.end_day:
        due = day + round(licence.days)
        sought = events.LicenceSought(
            org=case["org"], policy=policy.label, kind=name, reason=group, due_day=due,
            end_day=due + round(licence.holds_days),
        )  # fmt: skip
        return Verdict(barrier._replace(wait_days=licence.days, usd=licence.fee_usd), (sought,))
    if held.is_granted is None:
        return Verdict(barrier._replace(wait_days=max(0.0, held.due_day - day), is_pending=True))
    return Verdict() if held.is_granted else Verdict(barrier)


def _licence(rule: Permit) -> Licence:
    assert rule.licence is not None
    return rule.licence


def decided(state: State, policies: Sequence[Policy], first: int, last: int) -> Iterator[Happening]:
    """Decide the licences that are due by `last`: a part of them is granted, by a draw for each application."""
    for policy in policies:
        for group, held in state.run.licences.get(policy.label, {}).items():
            if held.is_granted is not None or held.due_day > last:
                continue
            licence = _licence(policy.permit[int(group.split()[1])])
            u = rng.uniform(state.run.seed, "licence", f"{policy.name} {group}", held.due_day)
            event = events.LicenceDecided(
                org=held.org, policy=policy.label, kind=held.command, reason=group,
                share=1.0 if u < licence.granted_share else 0.0, end_day=held.end_day,
            )  # fmt: skip
            yield Happening(max(first, held.due_day), event, "world", policy.label)


# --- reports


def reports(policies: Sequence[Policy], command: Command, case: Mapping[str, Any]) -> Iterator[tuple[Policy, Report]]:
    """Find the reports that policies ask of a command."""
    name = type(command).__name__
    for policy in policies:
        for rule in policy.report:
            if rule.enabled and name in rule.on and any_holds(rule.when, case):
                yield policy, rule


def filed(policy: Policy, rule: Report, command: Command, case: Mapping[str, Any]) -> events.ReportFiled:
    """Say what is reported."""
    told = next((float(case[name]) for name in MEASURES if case.get(name) is not None), 0.0)
    return events.ReportFiled(
        org=command.actor, policy=policy.label, kind=type(command).__name__, reason=rule.reason, value=digits(told)
    )
