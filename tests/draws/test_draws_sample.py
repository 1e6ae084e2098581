"""A small sample of parameters drawn within 30 %; `python -m tests.draws --count 200 --weeks 156` runs them all."""

from __future__ import annotations

import pytest

from tests.draws.trial import outcome, values


@pytest.mark.parametrize("number", [0, 1])
def test_a_draw_within_30_percent_ends_whole_and_the_auditor_finds_nothing(number):
    found = outcome(number, 200, 26)
    assert found.kind == "held", found.text


def test_a_draw_moves_every_estimated_parameter_and_draws_differ():
    first, second = values(0, 200), values(1, 200)
    assert first.keys() == second.keys()
    assert sum(first[name] != second[name] for name in first) > 0.9 * len(first) > 100
