"""Functions and files stay small."""

from __future__ import annotations

import ast
from pathlib import Path
from statistics import median
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
FUNCTION_MEDIAN, FUNCTION_MAX, FUNCTION_USUAL = 10, 70, 40  # lines, docstring and signature among them
FILE_MAX, POSITIONAL_MAX = 300, 5
SHARE_OVER_USUAL = 0.01  # of functions
SHARE_OF_MANY = 0.02  # of functions with more than five positional arguments


class Function(NamedTuple):
    """A function and its size; `positional` counts what can be given by position, the object it is called on aside."""

    place: str
    lines: int
    positional: int
    is_command: bool


def files():
    """Every file of the program with its text."""
    for top in ("agents", "events", "market"):
        for path in sorted((ROOT / top).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")
    yield "cli.py", (ROOT / "cli.py").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def functions():
    """Every function of the program."""
    found = []
    for name, text in files():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                given = [
                    each.arg for each in (*node.args.posonlyargs, *node.args.args) if each.arg not in ("self", "cls")
                ]
                is_command = bool(node.decorator_list) and name.startswith("market/commands/")  # click calls by keyword
                lines = (node.end_lineno or 0) - node.lineno + 1
                found.append(Function(f"{name}:{node.name}", lines, len(given), is_command))
    return found


def test_half_of_all_functions_are_shorter_than_ten_lines_and_none_is_longer_than_seventy(functions):
    assert median(each.lines for each in functions) < FUNCTION_MEDIAN
    assert [each.place for each in functions if each.lines > FUNCTION_MAX] == []


def test_functions_over_forty_lines_are_rare(functions):
    long = [each.place for each in functions if each.lines > FUNCTION_USUAL]
    assert len(long) <= SHARE_OVER_USUAL * len(functions), long


def test_functions_with_more_than_five_positional_arguments_are_rare_and_none_has_more_than_seven(functions):
    many = [each for each in functions if each.positional > POSITIONAL_MAX and not each.is_command]
    assert max(each.positional for each in many) <= POSITIONAL_MAX + 2, many
    assert len(many) <= SHARE_OF_MANY * len(functions), many


def test_a_file_has_at_most_three_hundred_lines():
    sizes = {name: text.count("\n") for name, text in files()}
    assert {name: size for name, size in sizes.items() if size > FILE_MAX} == {}


def test_the_entry_point_composes_and_holds_no_command():
    text = (ROOT / "cli.py").read_text(encoding="utf-8")
    assert text.count("\n") < 120
    assert text.count("click.option(") <= 1  # --version
