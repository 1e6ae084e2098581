"""The mutants are programs that say something else."""

from __future__ import annotations

import ast

import pytest

from tests.mutation.mutate import mutants

CHANGES = {
    "x = a < b": ["x = a <= b"],
    "x = a + 1": ["x = a - 1", "x = a + 2"],
    "x = not a": ["x = a"],
    "if a:\n    f()": ["if not a:\n    f()", "if a:\n    None"],
    "x = min(a, True)": ["x = max(a, True)", "x = min(a, False)"],
    "raise Error(f'{1}')": [],
    '"""Says 1 < 2."""': [],
    "x = zip(a, b, strict=True)": [],
    "@lru_cache(1 << 16)\ndef f():\n    gc.freeze()": [],
    "if TYPE_CHECKING:\n    x = 1": [],
    "def f(a: Literal[1]) -> None:\n    return a and b": ["def f(a: Literal[1]) -> None:\n    return a or b"],
}


@pytest.mark.parametrize("source", CHANGES)
def test_a_module_has_these_mutants(source: str) -> None:
    assert sorted(one.source for one in mutants(source)) == sorted(CHANGES[source])


def test_a_mutant_names_its_line_and_is_a_program() -> None:
    (one,) = mutants("a = b\n\nc = d == e\n")
    assert (one.line, one.last, one.is_global, one.text) == (3, 3, True, "c = d != e")
    ast.parse(one.source)
