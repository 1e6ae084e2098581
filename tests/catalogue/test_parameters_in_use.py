"""Code reads no parameter that the catalogue lacks, but for those of the start, and every one that it has."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from market.catalogue.bounds import traits
from market.catalogue.tables import table
from market.kernel import Kernel
from market.policies.names import AT_THE_START, OF_CHIPS, OF_ORGS, OF_REGIONS

ROOT = Path(__file__).parents[2]
FOLDERS = ("market/rules", "market/view", "market/evolve", "agents", "market/scenario", "market")
BOOK = "book.py"  # names rows of a book, not parameters
CODE = [path for folder in FOLDERS for path in sorted((ROOT / folder).glob("*.py")) if path.name != BOOK]
DOTTED = re.compile(r"[a-z]+\.[a-z0-9_]+(\.[a-z0-9_]+)*")


def named_in(tree: ast.AST) -> Iterator[str]:
    """Names of parameters as a part of code writes them, as regular expressions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield re.escape(node.value)
        elif isinstance(node, ast.JoinedStr):
            parts = [re.escape(x.value) if isinstance(x, ast.Constant) else "[^.]+" for x in node.values]
            if any(isinstance(x, ast.Constant) and re.search(r"\.|_", x.value) for x in node.values):
                yield "".join(parts)


@cache
def names() -> list[tuple[str, str]]:
    """Names of parameters as code writes them: (where, regular expression)."""
    return [(path.name, pattern) for path in CODE for pattern in named_in(ast.parse(path.read_text()))]


def known(run) -> dict[str, float]:
    kernel: Kernel = run.kernel
    return kernel.state.run.parameters


def test_every_parameter_that_code_names_is_known(short_run, frontier):
    parameters = known(short_run)
    families = {name.split(".")[0] for name in parameters} | {"supply", "rest"}
    orgs = {f"orgs.{org}.{name}" for org in frontier.orgs for name in ("captive_share", "prepaid_share")}
    missing = []
    for where, pattern in names():
        head, _, rest = pattern.partition(r"\.")
        if (
            head not in families
            or not rest
            or not DOTTED.fullmatch(re.sub(r"\[\^\.\]\+", "x", pattern).replace("\\", ""))
        ):
            continue
        tried = pattern.replace("[^.]+", "[^.]*")  # an empty part is a name too: `contracts.{ramp}tranches`
        if not any(re.fullmatch(tried, name) for name in (*parameters, *orgs)):
            missing.append((where, pattern.replace("\\", "")))
    assert [each for each in missing if each[1] not in OPTIONAL and not each[1].startswith("orgs.")] == []


OPTIONAL = {  # what only policies set: read with a default
    "regions.[^.]+.levy_usd_per_mwh", "regions.[^.]+.plant_levy_usd_per_mwh",
    "regions.[^.]+.curtailment_hours_per_year",
    "regions.[^.]+.non_firm_hours_per_year", "regions.[^.]+.non_firm_mw", "regions.[^.]+.minimum_take_share",
    "regions.[^.]+.shell_time_saved",
}  # fmt: skip


def test_what_a_policy_may_not_set_is_read_at_the_start_alone():
    started = {"start.py", "start_books.py", "standing.py", "calibrate.py", "population.py"}
    later = {pattern.replace("\\", "") for where, pattern in names() if where not in started}
    assert sorted(AT_THE_START & later) == []


def unread(parameters: list[str], patterns: list[str]) -> list[str]:
    """Parameters that none of the patterns fits; a part that is filled in may be empty."""
    tried = [re.compile(pattern.replace("[^.]+", "[^.]*")) for pattern in patterns if re.search(r"\w{3}", pattern)]
    return [name for name in parameters if not any(each.fullmatch(name) for each in tried)]


def test_every_parameter_of_the_catalogue_is_read():
    assert unread(sorted(row.id for row in table("parameters")), [pattern for _, pattern in names()]) == []


def test_a_parameter_that_no_code_names_is_found():
    code = 'p["power.one"] + p[f"{kind}.growth_per_year"] + p[f"sites.{kind}days"] + p[f"{a}.{b}"]'
    asked = ["power.one", "tail.growth_per_year", "sites.days", "sites.leased_days", "power.two", "sites.leased_sd"]
    assert unread(asked, list(named_in(ast.parse(code)))) == ["power.two", "sites.leased_sd"]


def traits_read(tree: ast.AST) -> Iterator[str]:
    """Traits that a part of code reads: by `trait`, of an org's `traits`, or by the whole name of an org's number."""
    for node in ast.walk(tree):
        asked: list[ast.expr] = []
        if isinstance(node, ast.Call):
            if _name(node.func) == "trait" or (
                isinstance(node.func, ast.Attribute) and node.func.attr == "get" and _name(node.func.value) == "traits"
            ):
                asked = node.args
        elif isinstance(node, ast.Subscript) and _name(node.value) == "traits":
            asked = [node.slice]
        elif isinstance(node, ast.JoinedStr):
            head, *_, last = node.values if len(node.values) > 1 else (*node.values, *node.values)
            if isinstance(head, ast.Constant) and head.value == "orgs." and isinstance(last, ast.Constant):
                yield last.value.removeprefix(".")
        yield from (x.value for x in asked if isinstance(x, ast.Constant) and isinstance(x.value, str))


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def test_every_trait_that_an_org_may_have_is_read():
    read = {trait for path in CODE for trait in traits_read(ast.parse(path.read_text()))}
    assert sorted({*traits(), *OF_ORGS} - read) == []


def test_a_trait_counts_as_read_only_where_it_is_asked_for():
    code = (
        'view.trait("a"); trait(s, o, "b"); org.traits.get("c"); traits["d"]; p.get(f"orgs.{o}.e"); kind = "f"; g("h")'
    )
    assert sorted(traits_read(ast.parse(code))) == ["a", "b", "c", "d", "e"]


@pytest.mark.parametrize(("section", "field"), [
    *(("regions", field) for field in OF_REGIONS), *(("chips", field) for field in OF_CHIPS),
])  # fmt: skip
def test_every_number_of_a_region_or_a_chip_is_read_after_the_start(section: str, field: str):
    later = {pattern for where, pattern in names() if where != "start.py"}
    assert {re.escape(field), rf"{section}\.[^.]+\.{field}"} & later
