"""How facts of policy change the state."""

from __future__ import annotations

from events.facts import policy as facts
from market.state import State


def policy_enacted(state: State, fact: facts.PolicyEnacted, day: int) -> None:
    state.run.policies[fact.policy] = day


def policy_repealed(state: State, fact: facts.PolicyRepealed, day: int) -> None:
    state.run.policies.pop(fact.policy, None)


APPLY = {facts.PolicyEnacted: policy_enacted, facts.PolicyRepealed: policy_repealed}
INERT = (facts.CommandForbidden, facts.LevyCharged)
