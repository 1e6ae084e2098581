"""How events of policy change the state."""

from __future__ import annotations

from events.types import policy as events
from market.state import State


def policy_enacted(state: State, event: events.PolicyEnacted, day: int) -> None:
    state.run.policies[event.policy] = day


def policy_repealed(state: State, event: events.PolicyRepealed, day: int) -> None:
    state.run.policies.pop(event.policy, None)


def command_forbidden(state: State, event: events.CommandForbidden, day: int) -> None:
    if event.region is not None:
        state.run.refusals.setdefault(event.org, {})[event.region] = day


def quota_used(state: State, event: events.QuotaUsed, day: int) -> None:
    state.run.quotas.setdefault(event.policy, {})[event.kind] = event.value


APPLY = {
    events.PolicyEnacted: policy_enacted,
    events.PolicyRepealed: policy_repealed,
    events.CommandForbidden: command_forbidden,
    events.QuotaUsed: quota_used,
}
INERT = (events.LevyCharged,)
