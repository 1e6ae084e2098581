"""How facts of policy change the state."""

from __future__ import annotations

from events.facts import policy as facts
from market.state import State


def policy_enacted(state: State, fact: facts.PolicyEnacted, day: int) -> None:
    state.run.policies[fact.policy] = day


def policy_repealed(state: State, fact: facts.PolicyRepealed, day: int) -> None:
    state.run.policies.pop(fact.policy, None)


def command_forbidden(state: State, fact: facts.CommandForbidden, day: int) -> None:
    if fact.region is not None:
        state.run.refusals[f"{fact.org}|{fact.region}"] = day


def quota_used(state: State, fact: facts.QuotaUsed, day: int) -> None:
    state.run.quotas[f"{fact.policy} {fact.kind}"] = fact.value


APPLY = {
    facts.PolicyEnacted: policy_enacted,
    facts.PolicyRepealed: policy_repealed,
    facts.CommandForbidden: command_forbidden,
    facts.QuotaUsed: quota_used,
}
INERT = (facts.LevyCharged,)
