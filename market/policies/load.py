"""Load policies: `name`, `name:key=value,key=value`, or a path to a YAML file with the same overrides."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

from events.commands import COMMANDS
from events.plugins import points
from events.types import EVENTS
from market.catalogue.tables import Row
from market.policies.names import is_pattern, matching, of_catalogue, settable
from market.policies.schema import Condition, Policy, Words
from market.scenario.draw import Key
from market.scenario.errors import Problem, ScenarioError, did_you_mean, refuse, shorten
from market.scenario.schema import Scenario
from market.scenario.validate import parse
from market.scenario.yaml_tree import Tree, read_file, read_scalar

LIBRARY = Path(__file__).parent / "library"


class _Places:
    """Where each value of the file stands; a setting from the command line stands where it was given."""

    def __init__(self, document: Tree, replaced: dict[Key, str]) -> None:
        self.document, self.replaced, self.top = document, replaced, document.where(())

    def place(self, path: Key, *, key: bool = False) -> str:
        for end in range(len(path), 0, -1):
            if path[:end] in self.replaced:
                return self.replaced[path[:end]]
            if path[:end] in self.document.values:
                return self.document.where(path[:end], key=key)
        return self.document.where(())

    def later(self, path: Key) -> Row | None:
        return None


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
    if "given" in document.value:  # told by the command line alone
        raise refuse(document.where(("given",), key=True), "unknown key", "given")
    settings = _settings(document, given)
    body = _expanded(_filled(document, settings), document)
    replaced: dict[Key, str] = {}
    for key in ("from", "until"):
        if key in given:
            body[key], replaced[(key,)] = given[key], f"--policy {head}"
    places = _Places(document, replaced)
    policy = parse(Policy, {**body, "given": given}, places)
    found = list(_problems(policy, places))
    if found:
        raise ScenarioError(found)
    return policy


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
    for i, permit in enumerate(policy.permit):
        yield from ((f"permit.{i}", condition) for condition in permit.when)
    for i, levy in enumerate(policy.levy):
        yield from ((f"levy.{i}", condition) for condition in levy.when)


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
    known = list(library())
    hint = did_you_mean(head, known) or f"; there are {', '.join(known)}, or name a YAML file"
    raise refuse("--policy", f"no policy of this name{hint}", head[:60])


def _settings(document: Tree, given: dict[str, str]) -> dict[str, Any]:
    """Values of the declared parameters after the overrides, each of the type that the file declares."""
    declared = document.value.get("parameters")
    entries = {k: e for k, e in declared.items() if isinstance(e, dict)} if isinstance(declared, dict) else {}
    settings = {key: entry.get("value") for key, entry in entries.items()}
    problems: list[Problem] = []
    for key, text in given.items():
        if key in ("from", "until"):
            continue
        if key not in settings:
            known = [*settings, "from", "until"]
            hint = did_you_mean(key, known) or f"; there are {', '.join(known)}"
            problems.append(Problem(f"--policy {document.name}", key, f"no such setting{hint}"))
            continue
        settings[key], wrong = _typed(text, settings[key], entries[key])
        if wrong:
            problems.append(Problem(f"--policy {document.name}", key, wrong))
    if problems:
        raise ScenarioError(problems)
    return settings


def _typed(text: str, default: Any, entry: dict[str, Any]) -> tuple[Any, str]:
    """Read an override as the type of its default: `+` joins the items of a list."""
    if isinstance(default, list):
        return text.split("+"), ""
    if isinstance(default, str):
        return text, ""
    value = read_scalar(text, "--policy")
    if isinstance(default, bool):
        return value, "" if isinstance(value, bool) else f"must be true or false, was {shorten(text)}"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return default, f"must be a number, was {shorten(text)}"
    low, high = entry.get("low"), entry.get("high")
    if isinstance(low, int | float) and value < low:
        return default, f"must be >= {low:g}, was {value:g}"
    if isinstance(high, int | float) and value > high:
        return default, f"must be <= {high:g}, was {value:g}"
    return value, ""


def _filled(document: Tree, settings: dict[str, Any]) -> dict[str, Any]:
    """Put settings where the file says `$key`."""
    problems: list[Problem] = []

    def fill(value: Any, path: Key) -> Any:
        if isinstance(value, dict):
            return {key: fill(child, (*path, key)) for key, child in value.items()}
        if isinstance(value, list):
            return [fill(child, (*path, i)) for i, child in enumerate(value)]
        if not isinstance(value, str) or not value.startswith("$"):
            return value
        name = value[1:]
        if name not in settings:
            text = f"unknown setting {value}{did_you_mean(name, settings)}"
            problems.append(Problem(document.where(path), ".".join(map(str, path)), text))
            return None
        return settings[name]

    body = {key: value if key == "parameters" else fill(value, (key,)) for key, value in document.value.items()}
    if problems:
        raise ScenarioError(problems)
    return body


def _expanded(body: dict[str, Any], document: Tree) -> dict[str, Any]:
    """Write out patterns of names to set; a name that is written out counts over a pattern."""
    changes = body.get("set")
    if not isinstance(changes, dict):
        return body
    plain = {name: change for name, change in changes.items() if not is_pattern(name)}
    for pattern in [name for name in changes if is_pattern(name)]:
        names = matching(pattern, of_catalogue())
        if not names:
            where = document.where(("set", pattern), key=True)
            raise refuse(where, "matches no parameter of the catalogue", f"set.{pattern}")
        plain = dict.fromkeys(names, changes[pattern]) | plain
    return {**body, "set": plain}


def _problems(policy: Policy, places: _Places) -> Iterator[Problem]:
    """What types cannot tell: names of parameters, commands and events, and the order of dates."""
    known = of_catalogue()
    for name in policy.set_:
        if name not in known and not name.startswith(("regions.", "chips.", "orgs.")):  # a scenario may have its own
            where = places.place(("set", name), key=True)
            yield Problem(where, f"set.{name}", f"unknown parameter{did_you_mean(name, known)}")
    named: list[tuple[str, int, str, tuple[str, ...], set[str]]] = [
        *(("permit", i, "refuse", item.refuse, set(COMMANDS)) for i, item in enumerate(policy.permit)),
        *(("levy", i, "on", item.on, set(EVENTS)) for i, item in enumerate(policy.levy)),
    ]
    for hook, i, field, names, known in named:
        for name in names:
            if name not in known:
                word = "command" if hook == "permit" else "event"
                where = places.place((hook, i, field))
                yield Problem(where, f"{hook}.{i}.{field}", f"unknown {word} {name!r}{did_you_mean(name, known)}")
    if policy.until_day is not None and policy.until_day <= policy.from_day:
        yield Problem(
            places.place(("until",)), "until", f"must be after from {policy.from_day}, was {policy.until_day}"
        )
    for i, levy in enumerate(policy.levy):
        if bool(levy.rate) == bool(levy.usd_per_unit) and levy.enabled:
            yield Problem(places.place(("levy", i)), f"levy.{i}", "give either rate or usd_per_unit")
    if not (policy.set_ or policy.permit or policy.levy):
        yield Problem(places.place(()), "", "changes nothing; give set, permit or levy")


def in_force(policy: Policy, day: date) -> bool:
    """True from the policy's first day to the day before `until`."""
    return policy.from_day <= day and (policy.until_day is None or day < policy.until_day)
