"""Runs of the default world without and with policies: metrics by quarter, who was kept from what, what they did."""

from __future__ import annotations

import pickle
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, NamedTuple

from agents.simulation import Simulation, begin
from events.types import Entry, Event
from events.types.policy import CommandForbidden, LevyCharged, LicenceSought, PolicyAdopted, ReportFiled, SubsidyPaid
from events.types.run import OptionChosen, OptionRejected, ParameterSet
from events.types.sites import LoadCurtailed, PlantStopped
from market.experiments.design.metrics import metric_names, select
from market.experiments.engines.past import shared_weeks
from market.experiments.results.measure import measure
from market.experiments.results.tally import Tally
from market.kernel import Kernel, few_collections
from market.policies.load import library, load_policy
from market.policies.schema import Policy
from market.rules.permits import adopting
from market.rules.policy import policy_hooks
from market.scenario.load import load_scenario
from market.scenario.schema import Scenario
from market.state import State

WORLD = "frontier-2024"
QUARTER_WEEKS = 13
ADOPTING = "{adopting}"  # in a metric: the regions that adopt the policy, added up
OF_POLICIES = (
    LevyCharged, SubsidyPaid, ReportFiled, LicenceSought, PolicyAdopted, LoadCurtailed, PlantStopped,
)  # fmt: skip


class Listener(Tally):
    """Counts events, and keeps what policies took away, what was done instead, and what else they made happen."""

    def __init__(self) -> None:
        super().__init__()
        self.refused: Counter[str] = Counter()
        self.instead: Counter[str] = Counter()
        self.done: Counter[str] = Counter()
        self._left: list[OptionRejected] = []

    def append(self, entry: Entry) -> None:
        """Take one event."""
        super().append(entry)
        event = entry.event
        if isinstance(event, CommandForbidden):
            self.refused[f"{event.org} {event.kind} {event.region or event.chip or event.counterparty or ''}"] += 1
        elif isinstance(event, OptionRejected):
            if event.reason == "permission":
                self._left.append(event)
        elif isinstance(event, OptionChosen) and self._left:
            for left in self._left:
                self.refused[f"{left.org} {left.kind} {left.option}"] += 1
                self.instead[f"{left.kind}: {left.option} -> {event.option}"] += 1
            self._left = []
        elif isinstance(event, OF_POLICIES) or (isinstance(event, ParameterSet) and entry.cause_seq >= 0):
            self.done[f"{type(event).__name__} {_whose(event)}"] += 1


def _whose(event: Event) -> str:
    """Org, group or number that an event of a policy is about."""
    return next((str(getattr(event, field)) for field in ("org", "parameter", "kind") if hasattr(event, field)), "")


class Past(NamedTuple):
    """A run without a policy at the end of a week, as bytes, and its quarters so far."""

    content: bytes
    quarters: list[dict[str, float]]


def tried(name: str, weeks: int = 0) -> Policy:
    """A policy of the library as its trial wants it, or as it is asked for, and for so many weeks where some are."""
    policy = load_policy(name)
    if policy.tried.given and not policy.given:
        policy = load_policy(name, policy.tried.given)
    return policy.model_copy(update={"tried": policy.tried.model_copy(update={"weeks": weeks})}) if weeks else policy


@cache
def wanted() -> tuple[str, ...]:
    """Metrics of which some policy of the library states a sign; of every region those of the regions that adopt it."""
    said = {expected.metric for name in library() for expected in load_policy(name).expects}
    return select((metric.replace(ADOPTING, "*") for metric in sorted(said)), metric_names(world_of({})))


def _adopting(state: State, policy: Policy) -> list[str]:
    """Regions that adopt a policy by a draw."""
    found = (region for number in range(len(policy.permit)) for region in adopting(state, policy, number))
    return list(dict.fromkeys(found))


def world_of(parameters: Mapping[str, float]) -> Scenario:
    """The default world with some parameters of its own."""
    return load_scenario(WORLD, {f"parameters.{name}": str(value) for name, value in parameters.items()}).scenario


def baseline(scenario: Scenario, seed: int, parts: Iterable[int], weeks: int) -> tuple[dict[str, Any], dict[int, Past]]:
    """Run a world without a policy; its figures, and its past at the weeks at which policies part from it."""
    log, wished = Listener(), set(parts)
    simulation = begin(scenario, seed, log)
    pasts: dict[int, Past] = {}
    quarters: list[dict[str, float]] = []
    for week in range(weeks):
        if week in wished:
            pasts[week] = Past(pickle.dumps((simulation.state, log)), list(quarters))
        _step(simulation, log, quarters)
    return _figures(quarters, log), pasts


def with_policy(past: Past, policy: Policy) -> dict[str, Any]:
    """Go on from a past with a policy."""
    state, log = pickle.loads(past.content)
    simulation, quarters = Simulation(Kernel(log, policy_hooks([policy]), state)), list(past.quarters)
    while simulation.state.run.week + 1 < policy.tried.weeks:
        _step(simulation, log, quarters)
    return _figures(quarters, log) | {"adopting": _adopting(simulation.state, policy)}


def parting(scenario: Scenario, policy: Policy) -> int:
    """Week from which a run with a policy is another than the baseline."""
    return shared_weeks(scenario, [policy]) or 0


def _step(simulation: Simulation, log: Listener, quarters: list[dict[str, float]]) -> None:
    with few_collections():
        simulation.step()
    if (simulation.state.run.week + 1) % QUARTER_WEEKS == 0:
        quarters.append(dict(zip(wanted(), measure(simulation.state, log, wanted()), strict=True)))


def _figures(quarters: list[dict[str, float]], log: Listener) -> dict[str, Any]:
    return {"quarters": quarters, "refused": dict(log.refused), "instead": dict(log.instead), "done": dict(log.done)}
