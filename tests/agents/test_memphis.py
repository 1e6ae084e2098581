"""A small sample of the story of xAI and Oracle; `python -m tests.memphis` publishes the shares over many draws."""

from __future__ import annotations

import pytest

from tests import memphis

DRAWS = (0, 1)


@pytest.fixture(scope="module")
def base():
    return [memphis.tell("base", draw) for draw in DRAWS]


def test_a_follower_talks_about_billions_and_does_not_wait_for_what_comes_too_late(base):
    for story in base:
        assert story.asked
        assert story.value_usd > 2e9
        assert story.outcome not in ("open", "no answer")
    assert any(story.outcome == "too late" for story in base)


def test_the_lease_that_runs_outlives_the_talks(base):
    assert all(story.rented_gpus >= 16_000 or story.ended_week < story.energised_week for story in base)


def test_who_is_offered_power_at_the_place_in_view_is_not_told_of_another(base):
    ample = [memphis.tell("ample", draw) for draw in DRAWS]
    assert not any(story.site_refused for story in ample)
    assert sum(story.outcome == "signed" for story in ample) >= sum(story.outcome == "signed" for story in base)


def test_the_same_draw_tells_the_same_story():
    assert memphis.tell("patient", 3) == memphis.tell("patient", 3)


def test_a_draw_changes_no_neutral_parameter_and_stays_in_its_range():
    from market.catalogue.tables import table

    rows = {row.id: row for row in table("parameters")}
    for name, value in memphis.parameters(5).items():
        row = rows[name.removeprefix("parameters.")]
        assert row.low <= value <= row.high or value == pytest.approx(row.low) or value == pytest.approx(row.high)
        assert not row.note.startswith("neutral")
