"""Load policies: `name`, `name:key=value,key=value`, or a path to a YAML file with the same overrides."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import date
from pathlib import Path

from events.plugins import points
from market.catalogue.bounds import bounds_of
from market.policies.check import examined, rules_of
from market.policies.names import of_catalogue, settable
from market.policies.schema import Condition, Policy, Words
from market.scenario.errors import Problem, ScenarioError, did_you_mean, refuse, shorten
from market.scenario.schema import Scenario
from market.scenario.yaml_tree import read_file

LIBRARY = Path(__file__).parent / "library"
CAN_DEFAULT = frozenset({"cloud", "lab", "rest"})  # roles that buy or sell compute


def library() -> dict[str, str]:
    """Titles of the policies that are installed, by name: ours, then those of packages outside."""
    found: dict[str, str] = {}
    for folder in _folders():
        for path in sorted(folder.glob("*.yaml")):
            found.setdefault(path.stem, str(read_file(path).value.get("title", "")))
    return found


def _folders() -> Iterator[Path]:
    """Folders of policy files: ours, then those that packages name by an entry point of the group `market.policies`.

    A package that cannot be imported is passed over here; `market doctor` names it.
    """
    yield LIBRARY
    for _, point in sorted(points("market.policies").items()):
        with suppress(Exception):
            yield Path(point.load())


def load_policies(specs: Iterable[str | Path]) -> tuple[Policy, ...]:
    """Load several policies in the order given; the same one twice is refused."""
    policies: list[Policy] = []
    for spec in specs:
        policy = load_policy(spec)
        if any(policy.label == other.label for other in policies):
            raise refuse("--policy", "is given twice", policy.label)
        policies.append(policy)
    return tuple(policies)


def load_policy(spec: str | Path, overrides: Mapping[str, object] | None = None) -> Policy:
    """Load one policy with its overrides, from the spec or given apart.

    Raises
    ------
    ScenarioError : with exit code 2 and one line that says where and what.
    """
    head, given = _split(str(spec))
    given |= {key: _as_text(value) for key, value in (overrides or {}).items()}
    document = read_file(_find(head))
    policy, problems = examined(document, given, head)
    if policy is None or problems:
        raise ScenarioError(problems)
    return policy


def check_policy(spec: str | Path) -> list[Problem]:
    """List all that is wrong with a policy, each with its place."""
    try:
        load_policy(spec)
    except ScenarioError as error:
        return list(error.problems)
    return []


def _as_text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "+".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def check_against(policy: Policy, scenario: Scenario) -> list[Problem]:
    """List the names in a policy's conditions that the scenario does not have."""
    known: dict[str, set[str]] = {
        "region": set(scenario.regions),
        "site": set(scenario.sites),
        "chip": set(scenario.chips),
        "org": set(scenario.orgs),
        "counterparty": set(scenario.orgs),
        "supplier": set(scenario.orgs),
    }
    problems = [
        Problem(f"--policy {policy.label}", f"set.{name}", f"the scenario {scenario.name} has no number of this name")
        for name in policy.set_
        if name not in of_catalogue() | settable(scenario)
    ]
    for name, change in policy.set_.items():
        if name in scenario.parameters and (fault := bounds_of(name).fault(change.of(scenario.parameters[name]))):
            problems.append(Problem(f"--policy {policy.label}", f"set.{name}", fault))
    for org in policy.default:
        known_org = scenario.orgs.get(org)
        if known_org is None or not CAN_DEFAULT & set(known_org.roles):
            text = f"must be a cloud, a lab or a rest of the scenario {scenario.name}, was {shorten(org)}"
            problems.append(Problem(f"--policy {policy.label}", "default", text))
    for i, condition in _conditions(policy):
        for field, names in known.items():
            test = getattr(condition, field)
            if isinstance(test, Words):
                for word in (*(test.any_of or ()), *test.none_of):
                    if word not in names:
                        text = f"the scenario {scenario.name} has no {field} {word!r}{did_you_mean(word, names)}"
                        problems.append(Problem(f"--policy {policy.label}", f"{i}.when.{field}", text))
    return problems


def _conditions(policy: Policy) -> Iterator[tuple[str, Condition]]:
    for (hook, i), rule in rules_of(policy):
        yield from ((f"{hook}.{i}", condition) for condition in rule.when)


def _split(spec: str) -> tuple[str, dict[str, str]]:
    """Cut `name:key=value,key=value` into the name and the overrides."""
    head, colon, tail = spec.partition(":")
    given: dict[str, str] = {}
    if not colon:
        return head, given
    for part in tail.split(","):
        key, equals, value = part.partition("=")
        if not key or not equals or not value:
            raise refuse("--policy", f"must read name:key=value,key=value, was {shorten(spec)}", head)
        if key in given:
            raise refuse("--policy", f"{key} is given twice", head)
        given[key] = value
    return head, given


def _find(head: str) -> Path:
    for folder in _folders() if head and "/" not in head else ():
        if (folder / f"{head}.yaml").is_file():
            return folder / f"{head}.yaml"
    path = Path(head)
    if path.suffix in (".yaml", ".yml") or "/" in head or path.is_file():
        return path
    hint = did_you_mean(head, library()) or "; `market policy list` names all, or name a YAML file"
    raise refuse("--policy", f"no policy of this name{hint}", head[:60])


def in_force(policy: Policy, day: date) -> bool:
    """True from the policy's first day to the day before `until`."""
    return policy.from_day <= day and (policy.until_day is None or day < policy.until_day)
