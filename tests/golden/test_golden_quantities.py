"""The default world comes to what it came to: a rule that changes a quantity says so by refreshing them."""

from __future__ import annotations

import pytest

from tests.golden.quantities import kept, quantities


def test_a_year_of_the_default_world_comes_to_the_quantities_that_are_kept(year_run):
    found = quantities(year_run.frame.lazy())
    assert len(found) == 4
    for now, was in zip(found, kept(), strict=True):
        assert now == pytest.approx(was, rel=1e-6), "refresh with `python -m tests.golden` and say which rule changed"
