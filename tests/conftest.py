"""Runs that many tests read: made once a session and a worker, in memory, and left as they are."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from worlds import WORLD, MemoryRun, simulate

if TYPE_CHECKING:
    from market.scenario.schema import Scenario

# The same examples in every test run; others with HYPOTHESIS_PROFILE=random.
settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("random", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


@pytest.fixture(scope="session")
def frontier() -> Scenario:
    """The default world, resolved."""
    from market.scenario.load import load_scenario

    return load_scenario(WORLD, {}).scenario


@pytest.fixture(scope="session")
def short_run(frontier: Scenario) -> MemoryRun:
    """26 weeks of the default world."""
    return simulate(frontier, 0, 26)


@pytest.fixture(scope="session")
def year_run(frontier: Scenario) -> MemoryRun:
    """A year of the default world, of a seed in which contracts are drawn within it (most sign for later years)."""
    return simulate(frontier, 6, 52)
