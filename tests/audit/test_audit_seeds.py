"""The auditor finds nothing wrong with runs of the default world, at any seed.

All 20 seeds over all three years (a few minutes):  python tests/audit/all_seeds.py
"""

from __future__ import annotations

import pytest
from worlds import simulate

from market.analytics.audit import audit


@pytest.mark.parametrize("seed", range(20))
def test_the_auditor_holds_every_week_of_every_seed(frontier, seed):
    run = simulate(frontier, seed, 30)
    assert audit(run.frame.lazy()) == []


@pytest.mark.parametrize("seed", [100, 101])
def test_the_auditor_holds_every_week_of_three_years(frontier, seed):
    run = simulate(frontier, seed, 999)
    assert run.kernel.state.run.ended
    assert audit(run.frame.lazy()) == []
