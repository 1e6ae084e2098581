"""All that is wrong with a policy file, at once: settings, types, names, dates, tests that can never hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from events.commands import COMMANDS
from events.types import EVENTS
from market.catalogue.bounds import bounds_of
from market.catalogue.tables import Row
from market.policies.cases import never, testable
from market.policies.names import AT_THE_START, is_pattern, is_read, matching, of_catalogue
from market.policies.schema import Condition, Levy, Permit, Policy, Report
from market.scenario.draw import Key
from market.scenario.errors import Problem, ScenarioError, did_you_mean, shorten
from market.scenario.validate import parse
from market.scenario.yaml_tree import Tree, read_scalar

_HARMLESS: dict[str, Any] = {
    "name": "x", "title": "x", "description": "x", "from": "2025-01-01",
    "permit": {"refuse": ["PlaceOrder"], "reason": "x"}, "report": {"on": ["PlaceOrder"], "reason": "x"},
    "levy": {"on": ["PaymentMade"], "enabled": False}, "subsidy": {"on": ["PaymentMade"], "enabled": False},
}  # fmt: skip
DATES = ("from", "until", "announced")
HOOKS = ("set", "permit", "report", "levy", "subsidy", "default")
type Rule = Permit | Report | Levy

"""What stands for a broken part while the rest is examined."""


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


def examined(document: Tree, given: dict[str, str], head: str) -> tuple[Policy | None, list[Problem]]:
    """Read a policy with its settings put in place; every problem of the file, in the order of its lines."""
    if "given" in document.value:  # given on the command line alone
        return None, [Problem(document.where(("given",), key=True), "given", "unknown key")]
    settings, problems = _settings(document, given)
    body, unknown = _filled(document, settings)
    problems += unknown
    replaced: dict[Key, str] = {}
    for key in DATES:
        if key in given:
            body[key], replaced[(key,)] = given[key], f"--policy {head}"
    if "from" in given and "announced" not in given:
        body.pop("announced", None)  # of another first day
    places = _Places(document, replaced)
    problems += _expand(body, document)
    policy, wrong = _parsed({**body, "given": given}, places)
    said = {problem.path for problem in problems}
    problems += [problem for problem in wrong if problem.path not in said]
    if policy is not None:
        found = [problem for check in _CHECKS for problem in check(policy, places)]
        problems += [problem for problem in found if problem.path != "until" or "from" not in {p.path for p in wrong}]
    problems += _idle(document)
    if not problems and not any(document.value.get(hook) for hook in HOOKS):
        problems.append(
            Problem(document.where(()), "", f"changes nothing; give {', '.join(HOOKS[:-1])} or {HOOKS[-1]}")
        )
    return policy, sorted(problems, key=_line)


def _line(problem: Problem) -> tuple[int, int]:
    parts = problem.where.split(":")
    return (int(parts[-2]), int(parts[-1])) if len(parts) >= 3 and parts[-1].isdigit() else (0, 0)


def _parsed(body: dict[str, Any], places: _Places) -> tuple[Policy | None, list[Problem]]:
    """Parse a policy; what is broken is reported and replaced, so that the rest is examined too."""
    try:
        return parse(Policy, body, places), []
    except ScenarioError as error:
        problems = list(error.problems)
    for problem in problems:
        _mend(body, problem.path.split("."))
    try:
        return parse(Policy, body, places), problems
    except ScenarioError:
        return None, problems


def _mend(body: dict[str, Any], path: list[str]) -> None:
    head, part = path[0], body.get(path[0])
    if isinstance(part, list) and len(path) > 1 and path[1].isdigit() and head in _HARMLESS:
        part[int(path[1])] = _HARMLESS[head]
    elif isinstance(part, dict) and len(path) > 1:
        name = max((key for key in part if ".".join(path[1:]).startswith(key)), key=len, default=path[1])
        part.pop(name, None)
    elif head in _HARMLESS and not isinstance(_HARMLESS[head], dict):
        body[head] = _HARMLESS[head]
    else:
        body.pop(head, None)


def _settings(document: Tree, given: dict[str, str]) -> tuple[dict[str, Any], list[Problem]]:
    """Values of the declared parameters after the overrides, each of the type that the file declares."""
    declared = document.value.get("parameters")
    entries = {k: e for k, e in declared.items() if isinstance(e, dict)} if isinstance(declared, dict) else {}
    settings = {key: entry.get("value") for key, entry in entries.items()}
    problems: list[Problem] = []
    for key, text in given.items():
        if key in DATES:
            continue
        if key not in settings:
            known = [*settings, *DATES]
            hint = did_you_mean(key, known) or f"; there are {', '.join(known)}"
            problems.append(Problem(f"--policy {document.name}", key, f"no such setting{hint}"))
            continue
        settings[key], wrong = _typed(text, settings[key], entries[key])
        if wrong:
            problems.append(Problem(f"--policy {document.name}", key, wrong))
    return settings, problems


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


def _filled(document: Tree, settings: dict[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
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
    return body, problems


def _expand(body: dict[str, Any], document: Tree) -> Iterator[Problem]:
    """Write out patterns of names to set; a name that is written out counts over a pattern."""
    changes = body.get("set")
    if not isinstance(changes, dict):
        return
    plain = {name: change for name, change in changes.items() if not is_pattern(name)}
    for pattern in [name for name in changes if is_pattern(name)]:
        names = matching(pattern, of_catalogue())
        if not names:
            where = document.where(("set", pattern), key=True)
            yield Problem(where, f"set.{pattern}", "matches no parameter of the catalogue")
        plain = dict.fromkeys(names, changes[pattern]) | plain
    body["set"] = plain


def _idle(document: Tree) -> Iterator[Problem]:
    """Settings that nothing in the file reads."""
    declared = document.value.get("parameters")
    if isinstance(declared, dict):
        read = set(_words({key: part for key, part in document.value.items() if key != "parameters"}))
        for name in declared:
            if f"${name}" not in read:
                where = document.where(("parameters", name), key=True)
                yield Problem(where, f"parameters.{name}", f"nothing reads it; put ${name} where it counts, or drop it")


def _words(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _words(part)


# --- what types cannot tell


def _sets(policy: Policy, places: _Places) -> Iterator[Problem]:
    """Names that may be set, to values within their bounds."""
    known = of_catalogue()
    for name, change in policy.set_.items():
        if not is_read(name):  # regions, chips and orgs may be a scenario's own
            where = places.place(("set", name), key=True)
            yield Problem(where, f"set.{name}", f"unknown parameter{did_you_mean(name, known)}")
        elif name in AT_THE_START:
            where = places.place(("set", name), key=True)
            yield Problem(where, f"set.{name}", "is read at the start of a run alone; set it in a scenario")
        elif change.to is not None and (fault := bounds_of(name).fault(change.to)):
            yield Problem(places.place(("set", name)), f"set.{name}", fault)


def _names(policy: Policy, places: _Places) -> Iterator[Problem]:
    """Commands and events that exist, and conditions that one of them can meet."""
    for at, rule in rules_of(policy):
        yield from _rule(at, rule, places)


def rules_of(policy: Policy) -> Iterator[tuple[tuple[str, int], Rule]]:
    """The rules of a policy at their hooks, with their places in the file."""
    for hook in HOOKS[1:-1]:
        yield from (((hook, i), rule) for i, rule in enumerate(getattr(policy, hook)))


def _rule(at: tuple[str, int], rule: Rule, places: _Places) -> Iterator[Problem]:
    field, names = ("refuse", rule.refuse) if isinstance(rule, Permit) else ("on", rule.on)
    word, known = ("event", EVENTS) if isinstance(rule, Levy) else ("command", COMMANDS)
    unknown = [name for name in names if name not in known]
    for name in unknown:
        text = f"unknown {word} {name!r}{did_you_mean(name, known)}"
        yield Problem(places.place((*at, field)), f"{at[0]}.{at[1]}.{field}", text)
    if not unknown:
        for path, test in _tests(rule):
            if never(names, test):
                dotted = ".".join(map(str, (*at, *path)))
                yield Problem(places.place((*at, *path)), dotted, _never(names, test))


def _never(names: tuple[str, ...], test: str) -> str:
    fields = sorted({*Condition.model_fields} & set().union(*(testable(name) for name in names)))
    has = "has" if len(names) == 1 else "have"
    return f"{' and '.join(names)} {has} no {test}, so it never holds; there are {', '.join(fields)}"


def _tests(rule: Rule) -> Iterator[tuple[Key, str]]:
    """What a rule asks of a case: its conditions, what its quota counts, groups, what its levy is a part of."""
    for i, condition in enumerate(rule.when):
        for name in condition.model_fields_set:
            yield ("when", i, name) if len(rule.when) > 1 else ("when", name), name
    if isinstance(rule, Permit):
        if rule.quota is not None:
            yield ("quota", "of"), rule.quota.of
            yield from ((("quota", "by"), name) for name in rule.quota.by)
            if rule.quota.share_of_output is not None:
                yield ("quota", "share_of_output"), "supplier"
        if rule.licence is not None:
            yield from ((("licence", "by"), name) for name in rule.licence.by)
        if rule.adopted is not None:
            yield ("adopted", "by"), rule.adopted.by
    if isinstance(rule, Levy):
        if rule.rate:
            yield ("rate",), "amount_usd"
        if rule.usd_per_unit:
            yield ("unit",), {"mw_it": "power_mw_it"}.get(rule.unit, rule.unit)


def _whole(policy: Policy, places: _Places) -> Iterator[Problem]:
    """The order of dates, levies and quotas of one kind."""
    if policy.until_day is not None and policy.until_day <= policy.from_day:
        text = f"must be after from {policy.from_day}, was {policy.until_day}"
        yield Problem(places.place(("until",)), "until", text)
    if policy.announced is not None and policy.announced > policy.from_day:
        text = f"must not be after from {policy.from_day}, was {policy.announced}"
        yield Problem(places.place(("announced",)), "announced", text)
    for (hook, i), rule in rules_of(policy):
        where, path = places.place((hook, i)), f"{hook}.{i}"
        if isinstance(rule, Levy) and rule.enabled and sum(map(bool, (rule.rate, rule.usd_per_unit, rule.usd))) != 1:
            yield Problem(where, path, "give one of rate, usd_per_unit and usd")
        quota = rule.quota if isinstance(rule, Permit) else None
        if quota is not None and (quota.limit is None) == (quota.share_of_output is None):
            text = "give either limit or share_of_output"
            yield Problem(places.place((hook, i, "quota")), f"{path}.quota", text)
        if isinstance(rule, Permit) and rule.open_orders and ("PlaceOrder" not in rule.refuse or quota):
            text = "is for rules without a quota that refuse PlaceOrder"
            yield Problem(places.place((hook, i, "open_orders")), f"{path}.open_orders", text)


_CHECKS: tuple[Callable[[Policy, _Places], Iterator[Problem]], ...] = (_sets, _names, _whole)
