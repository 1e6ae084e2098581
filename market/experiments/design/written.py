"""Read a design from YAML or from flags, and check all of it before anything runs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from market.catalogue.tables import Row
from market.experiments.design.distributions import Distribution, problem_with
from market.experiments.design.schema import BASELINE, Design, Lever
from market.policies.load import load_policy
from market.policies.schema import Policy
from market.scenario.errors import Problem, ScenarioError
from market.scenario.validate import parse
from market.scenario.yaml_tree import Tree, read_file

Key = tuple[str | int, ...]

FLAGS = {
    "scenario": "--scenario",
    "set": "--set",
    "years": "--years",
    "policies": "--policy",
    "seeds": "--runs",
    "futures": "--futures",
    "metrics": "--metric",
    "first_seed": "--seed",
}
"""The flag that says each part of a design."""


class Written:
    """A design as it was written, with the place of everything: a line of a file, or a flag."""

    def __init__(self, tree: Tree | None, flags: Mapping[str, Any]) -> None:
        self.tree = tree
        self.flags = dict(flags)
        self.values: dict[str, Any] = {**(tree.value if tree else {}), **self.flags}
        self.folder: Path | None = None
        self.top = tree.where(()) if tree else "design"
        self.design = parse(Design, self.values, self)

    def place(self, path: Key, *, key: bool = False) -> str:
        """Say where a value stands: the line and column, or the flag."""
        head = str(path[0]) if path else ""
        if self.tree is None or head in self.flags:
            return FLAGS.get(head, "design")
        return self.tree.where(path, key=key)

    def later(self, path: Key) -> Row | None:
        """A design draws nothing from the catalogue."""
        return None

    def beside(self, name: str) -> str:
        """A file is looked for beside the design first."""
        is_file = self.folder is not None and name.endswith((".yaml", ".yml")) and (self.folder / name).is_file()
        return str(self.folder / name) if is_file and self.folder else name

    def problem(self, path: Key, message: str, *, key: bool = False) -> Problem:
        """Name what is wrong at a path."""
        place = self.place(path, key=key)
        return Problem(place, "" if place.startswith("--") else ".".join(map(str, path)), message)


def read_design(spec: Path | str | None = None, flags: Mapping[str, Any] | None = None) -> Written:
    """Read a design file, flags, or both: a flag replaces what the file says.

    Raises
    ------
    ScenarioError : with exit code 2, file:line:col or the flag, and what to write instead.
    """
    if spec is None:
        return Written(None, flags or {})
    written = Written(read_file(Path(spec)), flags or {})
    written.folder = Path(spec).resolve().parent
    return written


def distributions(written: Written) -> dict[str, Distribution]:
    """Read the distribution of every uncertain parameter; raise for empty ranges and wrong forms."""
    found: dict[str, Distribution] = {}
    problems: list[Problem] = []
    for key, entry in written.design.uncertainties.items():
        given = {kind: numbers for kind, numbers in entry if numbers is not None}
        path: Key = ("uncertainties", key)
        if len(given) != 1:
            problems.append(written.problem(path, f"give one distribution, was {', '.join(given) or 'none'}"))
            continue
        kind, numbers = next(iter(given.items()))
        if text := problem_with(kind, numbers):
            problems.append(written.problem((*path, kind), text))
            continue
        found[key] = Distribution(kind, tuple(numbers))
    if problems:
        raise ScenarioError(problems)
    return found


class Loaded(NamedTuple):
    """A lever ready to pull: its policies in the order in which they compose, and the value of a setting swept."""

    name: str
    policies: tuple[Policy, ...]
    setting: str = ""  # policy and setting of a sweep, such as `export-controls:quota_h100e`
    value: float = 0.0
    at: int = -1  # where the design lists it


def levers(written: Written) -> tuple[Loaded, ...]:
    """Load all policies, the baseline first."""
    found: dict[str, Loaded] = {BASELINE: Loaded(BASELINE, ())}
    problems: list[Problem] = []
    for i, lever in enumerate(written.design.policies):
        path: Key = ("policies", i)
        if lever.use == BASELINE:
            continue
        try:
            for loaded in _loaded(lever, written, path):
                if loaded.name in found:
                    problems.append(written.problem(path, f"{loaded.name!r} is given twice; give one of them a name"))
                found[loaded.name] = loaded._replace(at=i)
        except ScenarioError as error:
            problems.extend(_placed(p, written, path) for p in error.problems)
    if problems:
        raise ScenarioError(problems)
    return tuple(found.values())


def _placed(problem: Problem, written: Written, path: Key) -> Problem:
    """Put a finding about a policy where the design names it; one within a policy file stays there."""
    if not problem.where.startswith("--"):
        return problem
    return Problem(written.place(path), problem.path, problem.message)


def _loaded(lever: Lever, written: Written, path: Key) -> Iterator[Loaded]:
    if (lever.use is None) == (not lever.together):
        raise ScenarioError([written.problem(path, "give either `use: policy` or `together: [policy, policy]`")])
    if lever.together:
        if lever.set_ or lever.sweep:
            text = "several policies take their settings as name:key=value"
            raise ScenarioError([written.problem(path, text)])
        policies = tuple(load_policy(_found(spec, written)) for spec in lever.together)
        yield Loaded(lever.name or " + ".join(policy.label for policy in policies), policies)
        return
    assert lever.use is not None
    spec = _found(lever.use, written)
    if not lever.sweep:
        policy = load_policy(spec, lever.set_)
        yield Loaded(lever.name or policy.label, (policy,))
        return
    yield from _swept(lever, spec, written, path)


def _swept(lever: Lever, spec: str, written: Written, path: Key) -> Iterator[Loaded]:
    if len(lever.sweep) != 1 or len(next(iter(lever.sweep.values()))) < 2:
        raise ScenarioError([written.problem((*path, "sweep"), "takes one setting with two or more values")])
    setting, values = next(iter(lever.sweep.items()))
    for value in values:
        policy = load_policy(spec, {**lever.set_, setting: int(value) if value.is_integer() else value})
        name = f"{lever.name}:{setting}={value:g}" if lever.name else policy.label
        yield Loaded(name, (policy,), f"{lever.name or policy.name}:{setting}", value)


def _found(spec: str, written: Written) -> str:
    head, colon, tail = spec.partition(":")
    return f"{written.beside(head)}{colon}{tail}"


def texts(settings: Mapping[str, Any]) -> dict[str, str]:
    """Write settings as on a command line."""
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in settings.items()}
