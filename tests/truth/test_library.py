"""The campaign over the library's worlds, on a few weeks of one of them."""

from __future__ import annotations

from tests.library import run


def test_a_world_of_the_library_runs_and_nothing_is_found_wrong() -> None:
    found = run("memphis-2024", 5, years=0.1)
    assert found["ok"]
    assert found["events"] > 5000
    assert found["problems"] == []
