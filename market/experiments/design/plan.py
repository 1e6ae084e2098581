"""An experiment that can run: everything resolved and checked, every run named by what it depends on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from events.manifest import canonical, code_hash, packages
from market.experiments.design import written as written_design
from market.experiments.design.distributions import Distribution, Floats
from market.experiments.design.metrics import DEFAULT, METRICS, metric_names, select
from market.experiments.design.paths import find, settable, whole
from market.experiments.design.sampling import unit_points, values_at
from market.experiments.design.schema import Design
from market.experiments.design.written import Loaded, Written
from market.policies.load import check_against
from market.runs.question import never_in_force, plugins
from market.scenario.errors import Problem, ScenarioError, did_you_mean
from market.scenario.load import digest, load_scenario
from market.scenario.schema import Scenario
from market.units import weeks_in

if TYPE_CHECKING:
    from market.kernel import Kernel

Simulate = Callable[..., "Kernel"]
"""Runs a scenario, as `agents.simulation.simulate` does; a function of a module, which pickles by reference."""

RUNS_MAX = 10_000_000
FUTURES_DEFAULT = 100


class Spec(msgspec.Struct, frozen=True):
    """One run: a pure function of these, the scenario, the policies and the code."""

    id: str
    lever: str
    future: int
    seed: int
    values: dict[str, float]
    keep_log: bool = False


@dataclass(frozen=True)
class Plan:
    """A checked experiment.

    Attributes
    ----------
    scenario : resolved, with the years and settings of the design.
    levers : the baseline first.
    points, values : futures in the unit cube and as parameter values, both [F, k].
    weeks : weeks closed at which metrics are read; the last is the end.
    simulate : function that runs a scenario; it pickles by reference, so that workers import it themselves.
    """

    design: Design
    scenario: Scenario
    levers: tuple[Loaded, ...]
    uncertain: dict[str, Distribution]
    points: Floats
    values: Floats
    seeds: range
    metrics: tuple[str, ...]
    weeks: tuple[int, ...]
    simulate: Simulate
    code: str

    def __post_init__(self) -> None:
        name_of(self.simulate)

    @property
    def pairs(self) -> int:
        """Pairs of future and seed."""
        return len(self.values) * len(self.seeds)

    @property
    def size(self) -> int:
        """Runs in all."""
        return self.pairs * len(self.levers)

    def future(self, number: int) -> dict[str, float]:
        """Values of the uncertain parameters in a future."""
        return dict(zip(self.uncertain, map(float, self.values[number]), strict=True))

    def specs(self, logs: int = 0) -> Iterator[Spec]:
        """Name the runs: all policies of a pair side by side, so that what is done early is already paired.

        `logs` pairs keep their logs.
        """
        base = _sha(digest(self.scenario), name_of(self.simulate), self.code)
        keys = {lever.name: _sha(*map(_policy_values, lever.policies)) for lever in self.levers}
        for number in range(len(self.values)):
            values = self.future(number)
            for k, seed in enumerate(self.seeds):
                kept = number * len(self.seeds) + k < logs
                for lever in self.levers:
                    name = _sha(base, keys[lever.name], values, seed)[:24]
                    yield Spec(name, lever.name, number, seed, values, kept)

    @property
    def digest(self) -> str:
        """Name the experiment by all that decides its results."""
        levers = [[lever.name, *map(_policy_values, lever.policies)] for lever in self.levers]
        futures = [list(self.uncertain), self.values.tolist()]
        return _sha(
            digest(self.scenario), levers, futures, [self.seeds.start, self.seeds.stop], self.metrics, self.weeks,
            name_of(self.simulate), self.code,
        )  # fmt: skip


def name_of(simulate: Simulate) -> str:
    """Name the function that runs a scenario; ValueError for one that a worker could not import."""
    name = f"{simulate.__module__}.{simulate.__qualname__}"
    if "<" in name:
        raise ValueError(f"{name}: simulate must be a function of a module, so that workers can import it")
    return name


def _sha(*parts: Any) -> str:
    return hashlib.sha256(canonical(parts)).hexdigest()


def _policy_values(policy: Any) -> Any:
    return policy.model_dump(mode="json", by_alias=True)


def code_name(scenario: Scenario) -> str:
    """Name the code that runs: ours, the libraries it rests on, and the plug-ins that the scenario names."""
    return _sha(code_hash(), packages(), plugins(scenario))


def make_plan(written: Written, simulate: Simulate) -> Plan:
    """Resolve a design and check all of it.

    Raises
    ------
    ScenarioError : with exit code 2 and the place of each thing that is wrong.
    """
    design = written.design
    scenario = _scenario(written)
    uncertain = written_design.distributions(written)
    _check_parameters(written, scenario)
    levers = written_design.levers(written)
    _check_levers(written, levers, scenario)
    metrics = _metrics(written, scenario, levers)
    _check_size(written, levers)
    points = unit_points(design.sampling, list(uncertain), design.futures or FUTURES_DEFAULT)
    paths = {key: find(scenario, key) or () for key in uncertain}
    values = values_at(points, uncertain, {key: whole(scenario, path) for key, path in paths.items()})
    _check_extremes(written, uncertain, values)
    return Plan(
        design, scenario, levers, uncertain, points, values, range(design.first_seed, design.first_seed + design.seeds),
        metrics, snapshot_weeks(scenario.years, design.every_weeks), simulate, code_name(scenario),
    )  # fmt: skip


def snapshot_weeks(years: float, every: int) -> tuple[int, ...]:
    """Weeks closed at which metrics are read: every so many, and the last."""
    last = weeks_in(years)
    return (*range(every, last, every), last)


def _scenario(written: Written) -> Scenario:
    design = written.design
    sets = written_design.texts(design.set_)
    if design.years is not None:
        sets["years"] = repr(design.years)
    try:
        resolved = load_scenario(written.beside(design.scenario), sets)
    except ScenarioError as error:
        raise ScenarioError([_placed(problem, written) for problem in error.problems]) from None
    return resolved.scenario


def _placed(problem: Problem, written: Written) -> Problem:
    """Put a finding about the scenario's name or `set` where the design says it."""
    if problem.where == "scenario":
        return Problem(written.place(("scenario",)), "scenario", f"{problem.message}, was {problem.path}")
    if problem.where.startswith("--set"):
        key = problem.where.removeprefix("--set").strip() or problem.path
        path = ("years",) if key == "years" else ("set", key)
        return Problem(written.place(path, key=True), ".".join(path), problem.message)
    return problem


def _check_parameters(written: Written, scenario: Scenario) -> None:
    problems = []
    for key in written.design.uncertainties:
        if find(scenario, key) is None:
            hint = did_you_mean(key, settable(scenario)) or "; `market scenario show` lists them"
            text = f"the scenario {scenario.name} has no number of this name{hint}"
            problems.append(written.problem(("uncertainties", key), text, key=True))
    if problems:
        raise ScenarioError(problems)


def _check_levers(written: Written, levers: tuple[Loaded, ...], scenario: Scenario) -> None:
    problems = []
    last = scenario.start + timedelta(weeks=weeks_in(scenario.years))
    for lever in levers:
        path = ("policies", lever.at)
        for policy in lever.policies:
            problems += [written.problem(path, f"{p.path}: {p.message}") for p in check_against(policy, scenario)]
            if text := never_in_force(policy, scenario.start, last):
                problems.append(written.problem(path, f"{policy.label} {text}"))
    if problems:
        raise ScenarioError(problems)


def _metrics(written: Written, scenario: Scenario, levers: tuple[Loaded, ...]) -> tuple[str, ...]:
    """Choose what is measured: what the design asks, else the usual and what the policies' files expect to move."""
    names = metric_names(scenario)
    asked = written.design.metrics
    problems = []
    for i, pattern in enumerate(asked or ()):
        if not select([pattern], names):
            hint = did_you_mean(pattern, {*names, *METRICS}) or "; `market experiment metrics` lists them"
            problems.append(written.problem(("metrics", i), f"no metric matches {pattern!r}{hint}"))
    expected = [e.metric for lever in levers for policy in lever.policies for e in policy.expects]
    chosen = select(asked or (*DEFAULT, *expected), names)
    for name in written.design.goals:
        if name not in names:
            problems.append(written.problem(("goals", name), f"no such metric{did_you_mean(name, names)}", key=True))
    if problems:
        raise ScenarioError(problems)
    return tuple(dict.fromkeys((*chosen, *written.design.goals)))


def _check_size(written: Written, levers: tuple[Loaded, ...]) -> None:
    design, k = written.design, len(written.design.uncertainties)
    problems = []
    if design.futures is not None and not k:
        problems.append(written.problem(("futures",), "needs uncertainties: without them all futures are the same"))
    if design.sampling in ("morris", "saltelli") and not k:
        problems.append(written.problem(("sampling",), "needs uncertainties to be sensitive to"))
    futures = (design.futures or FUTURES_DEFAULT) if k else 1
    futures *= {"morris": k + 1, "saltelli": k + 2}.get(design.sampling, 1)
    if (size := futures * design.seeds * len(levers)) > RUNS_MAX:
        problems.append(written.problem(("futures",), f"makes {size:,} runs; at most {RUNS_MAX:,}"))
    if problems:
        raise ScenarioError(problems)


def _check_extremes(written: Written, uncertain: Mapping[str, Distribution], values: Floats) -> None:
    """Load the scenario at the least and greatest value drawn of each parameter: what it refuses is out of range."""
    problems = []
    name = written.beside(written.design.scenario)
    base = written_design.texts(written.design.set_)
    for column, key in enumerate(uncertain):
        for value in sorted({float(values[:, column].min()), float(values[:, column].max())}):
            text = repr(int(value)) if value.is_integer() else repr(value)
            try:
                load_scenario(name, {**base, key: text})
            except ScenarioError as error:
                message = f"reaches {value:g}: {error.problems[0].message}"
                problems.append(written.problem(("uncertainties", key), message))
                break
    if problems:
        raise ScenarioError(problems)
