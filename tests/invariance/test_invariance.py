"""What must change nothing: order, display names, whoever has nothing, the unit of money; no dollar in code."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market.scenario.load import load_scenario
from market.scenario.schema import Scenario
from tests.invariance.__main__ import parted
from tests.invariance.change import NEW, Changed, dearer, newcomers, retitled, turned
from tests.invariance.compare import History, history

ROOT = Path(__file__).parents[2]
WEEKS = 26


KINDS = [
    "order", "display names", "money x 16", "money x 0.0009",
    *(f"new {kind} {NEW[n % 3]}" for n, kind in enumerate(
        ("lab", "cloud", "supplier", "oem", "investor", "rest", "region", "site", "chip")
    )),
]  # fmt: skip
MAY_LACK = ("fund", "lab-a", "lab-b", "lab-c")


@cache
def small(*lacks: str) -> Scenario:
    return load_scenario(Path(__file__).parent / "small.yaml", {f"orgs.{org}": "null" for org in lacks}).scenario


@cache
def base(seed: int, *lacks: str) -> History:
    return history(small(*lacks), WEEKS, seed)


@pytest.fixture(scope="module")
def default(frontier: Scenario) -> History:
    return history(frontier, WEEKS)


def changes(world: Scenario) -> list[Changed]:
    return [turned(world), retitled(world), dearer(world), dearer(world, 1 / 1024), *newcomers(world)]


@pytest.mark.parametrize("kind", KINDS)
def test_the_default_world_does_not_heed_what_has_no_meaning(kind: str, frontier: Scenario, default: History) -> None:
    change = next(each for each in changes(frontier) if each.name.startswith(kind))
    assert parted(default, change, WEEKS, 0) == ""


@settings(max_examples=60)
@given(st.integers(0, 3), st.sets(st.sampled_from(MAY_LACK), max_size=3).map(sorted), st.data())
def test_a_small_world_does_not_heed_what_has_no_meaning(seed: int, lacks: list[str], data: st.DataObject) -> None:
    change = data.draw(st.sampled_from(changes(small(*lacks))))
    assert parted(base(seed, *lacks), change, WEEKS, seed) == ""


SCALES = {1000, 1_000_000, 3650}  # thousands of a unit, and ten years of days


def test_no_rule_and_no_agent_holds_an_amount_of_money() -> None:
    found = set()
    for folder in ("market/rules", "market/clearing", "agents"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            found |= {(path.name, what) for what in amounts(ast.parse(path.read_text()))}
    assert found == set()


def amounts(tree: ast.Module) -> set[float | str]:
    """Large numbers inside functions, and named ones whose name says money."""
    named = {id(x): node for node in tree.body if isinstance(node, ast.Assign | ast.AnnAssign) for x in ast.walk(node)}
    found: set[float | str] = set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or isinstance(node.value, bool | str) or node.value is None:
            continue
        if not isinstance(node.value, int | float) or abs(node.value) < 1000:
            continue
        if id(node) not in named:
            found |= set() if node.value in SCALES else {float(node.value)}
        else:
            words = {x.id for x in ast.walk(named[id(node)]) if isinstance(x, ast.Name)}
            found |= {word for word in words if "USD" in word or "CENTS" in word}
    return found
