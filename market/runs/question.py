"""What a run asks: a resolved scenario, a seed, and policies with the week from which each may act.

The text of a question is the `scenario.yaml` of its run folder: a YAML document with the scenario and, where there are
policies or a fork has a length of its own, a second one with those. Nothing else is needed to continue, fork or repeat
the run.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import BaseModel, ValidationError

from events import Manifest, Parent
from events.manifest import canonical
from events.plugins import used
from market.clearing.registry import OURS
from market.policies.load import check_against
from market.policies.schema import Policy
from market.scenario.dump import dump_yaml
from market.scenario.errors import Problem, ScenarioError, refuse
from market.scenario.schema import Scenario
from market.scenario.yaml_tree import read_text
from market.state import state_form
from market.units import weeks_in

if TYPE_CHECKING:
    from market.kernel import Hooks

DOCUMENT = "\n---\n"
HASH_DIGITS = 8


class Stage(NamedTuple):
    """A policy and the first week in which it may act: 0 in a run, the week after the fork in a fork."""

    policy: Policy
    week: int


@dataclass(frozen=True)
class Question:
    """All that a run's events depend on, but for the code."""

    scenario: Scenario
    seed: int
    stages: tuple[Stage, ...] = ()
    parent: Parent | None = None
    fork_years: float | None = None  # length of a fork, where it is not its parent's; the events of the start stay

    @property
    def weeks(self) -> int:
        """Whole weeks that the run covers."""
        return weeks_in(self.fork_years or self.scenario.years)

    @property
    def end(self) -> date:
        """Last day of the last week."""
        return self.scenario.start + timedelta(7 * self.weeks - 1)

    @property
    def labels(self) -> list[str]:
        """Names of the policies, as the manifest lists them."""
        return [policy.label + (f" from week {week}" if week else "") for policy, week in self.stages]

    def hooks(self, week: int) -> Hooks | None:
        """Policies that may act in a week."""
        active = [stage.policy for stage in self.stages if stage.week <= week]
        if not active:
            return None
        from market.rules.policy import policy_hooks

        return policy_hooks(active)

    def text(self) -> str:
        """Write the question as YAML."""
        lines = []
        if self.fork_years is not None:
            lines.append(f"fork_years: {self.fork_years!r}")
        if self.stages:
            lines.append("policies:")
        for policy, week in self.stages:
            entry = {"week": week, "policy": policy.model_dump(mode="json", by_alias=True)}
            lines.append(f"  - {json.dumps(entry, ensure_ascii=False)}")
        first = dump_yaml(self.scenario)
        return first.rstrip("\n") + DOCUMENT + "\n".join(lines) + "\n" if lines else first

    def manifest(self) -> Manifest:
        """Describe the run as this code would write it on this machine."""
        return Manifest.describe(self.text(), self.seed, self.labels, self.parent, state_form(), plugins(self.scenario))

    def folder_name(self) -> str:
        """Name the run's default folder: the same question to the same code has the same name."""
        manifest = self.manifest()
        digest = hashlib.sha256(canonical([manifest.genesis(), manifest.code])).hexdigest()
        return f"{self.scenario.name}-s{self.seed}-{digest[:HASH_DIGITS]}"

    def forked(self, policies: Sequence[Policy], week: int, parent: Parent, years: float | None = None) -> Question:
        """Ask what would have been, had these policies come after a week, and for another length if one is given."""
        stages = (*self.stages, *(Stage(policy, week + 1) for policy in policies))
        return checked(replace(self, stages=stages, parent=parent, fork_years=years or self.fork_years))


def checked(question: Question) -> Question:
    """Refuse what no run can answer: less than a week, policies that name what the scenario does not have."""
    if question.weeks < 1:
        raise refuse("--years", f"must cover a week or more, was {question.scenario.years:g}")
    found: list[Problem] = []
    last = question.end + timedelta(1)
    for index, stage in enumerate(question.stages):
        found += check_against(stage.policy, question.scenario)
        if text := never_in_force(stage.policy, question.scenario.start + timedelta(7 * stage.week), last):
            found.append(Problem("--policy", stage.policy.label, text))
        if any(stage.policy.label == other.policy.label for other in question.stages[:index]):
            found.append(Problem("--policy", stage.policy.label, "acts on this run already"))
    if found:
        raise ScenarioError(found)
    return question


def never_in_force(policy: Policy, first: date, last: date) -> str:
    """Say why a policy would act in no week from `first` up to `last`; empty when it would."""
    remedy = f"write {policy.name}:from={first}, or more years"
    if policy.from_day >= last:
        return f"would begin on {policy.from_day}, after the run has ended on {last - timedelta(1)}; {remedy}"
    if policy.until_day is not None and policy.until_day <= first:
        return f"ends on {policy.until_day}, before it could act on {first}; give another until="
    return ""


def plugins(scenario: Scenario) -> dict[str, str]:
    """Where the code of the plug-ins that a scenario names comes from."""
    behaviours = used("market.behaviours", {org.behaviour for org in scenario.orgs.values()})
    return behaviours | used("market.mechanisms", set(scenario.mechanisms.values()) - set(OURS))


def read_question(text: str, manifest: Manifest) -> Question:
    """Read back what a run folder asks."""
    first, _, second = text.partition(DOCUMENT)
    values = read_text(first, "scenario.yaml").value
    values.pop("draw", None)
    scenario = _valid(values, Scenario)
    more = read_text(second, "scenario.yaml").value if second else {}
    stages = tuple(Stage(_valid(entry["policy"], Policy), entry["week"]) for entry in more.get("policies", ()))
    return Question(scenario, manifest.seed, stages, manifest.parent, more.get("fork_years"))


def _valid[Kind: BaseModel](values: Any, kind: type[Kind]) -> Kind:
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        raise refuse("scenario.yaml", first["msg"].lower(), ".".join(map(str, first["loc"]))) from None
