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


def told(**values):
    whole = {
        "asked": True, "value_usd": 8e9, "outcome": "too late", "ended_week": 6, "other": "", "built": "brownfield",
        "built_gpus": 100_000, "energised_week": 30, "rented_gpus": 24_000, "site_refused": True,
    }  # fmt: skip
    return memphis.Story(**{**whole, **values})


def test_the_whole_story_lacks_nothing_and_whatever_is_missing_is_named():
    assert memphis.lacking(told()) == []
    assert memphis.lacking(told(value_usd=4.9e9)) == ["5 to 15 B USD"]
    assert memphis.lacking(told(outcome="noise", energised_week=-1)) == ["broken for time", "runs by autumn"]
    found = memphis.summary([told(), told(outcome="price"), told(asked=False), told(outcome="signed", built="")])
    assert (found["broken"], found["broken_for_time"], found["whole"]) == (0.5, 0.25, 0.25)
    assert found["broken_of_talks"] == pytest.approx(2 / 3)
    assert found["lacks"] == {"broken for time": 0.5, "talks": 0.25, "old hall": 0.25}
    assert found["lacks_alone"] == {"broken for time": 0.25, "talks": 0.25}


def test_a_case_stands_beside_the_base_draw_by_draw():
    base, other = [told(), told(), told(outcome="price")], [told(outcome="signed"), told(), told(outcome="signed")]
    found = memphis.beside(base, other)
    assert found["broken"][0] == pytest.approx(-2 / 3, abs=1e-3)
    assert found["broken_for_time"][0] == pytest.approx(-1 / 3, abs=1e-3)
    low, high = found["broken"][1:]
    assert low < found["broken"][0] < high
    unasked = memphis.beside([told(), told()], [told(asked=False), told()])
    assert (unasked["broken"][0], unasked["broken_where_both_talk"]) == (-0.5, [])
