"""How events of policy change the state."""

from __future__ import annotations

from events.types import policy as events
from market.state import State
from market.state.run import Licence


def policy_enacted(state: State, event: events.PolicyEnacted, day: int) -> None:
    state.run.policies[event.policy] = day


def policy_repealed(state: State, event: events.PolicyRepealed, day: int) -> None:
    state.run.policies.pop(event.policy, None)


def quota_used(state: State, event: events.QuotaUsed, day: int) -> None:
    state.run.quotas.setdefault(event.policy, {})[event.kind] = event.value


def licence_sought(state: State, event: events.LicenceSought, day: int) -> None:
    licence = Licence(event.org, event.kind, event.due_day, event.end_day)
    state.run.licences.setdefault(event.policy, {})[event.reason] = licence


def licence_decided(state: State, event: events.LicenceDecided, day: int) -> None:
    state.run.licences[event.policy][event.reason].is_granted = event.share > 0


APPLY = {
    events.PolicyEnacted: policy_enacted,
    events.PolicyRepealed: policy_repealed,
    events.QuotaUsed: quota_used,
    events.LicenceSought: licence_sought,
    events.LicenceDecided: licence_decided,
}
INERT = (events.CommandForbidden, events.LevyCharged, events.PolicyAdopted, events.ReportFiled, events.SubsidyPaid)
