"""Letters of intent: announced, then definitive, cut or lapsed."""

from __future__ import annotations

import pytest
from given import CLOUD, LAB, RESELLER, START, SUPPLIER, given

from events.commands.leases import SignLetter
from events.types import leases as events
from market.rules import letters

NEVER = 1e9


def sign(lessor=CLOUD, h100e=1000.0, due=START + 700, org=LAB):
    return SignLetter(actor=org, because=org, lessor=lessor, h100e=h100e, due_day=due)


def hazards(definitive=NEVER, cut=NEVER, lapse=NEVER):
    return given(
        letters__definitive_weeks=definitive, letters__cut_weeks=cut, letters__lapse_weeks=lapse,
        labs__frontier_term_years=2,
    )  # fmt: skip


def test_a_letter_is_announced_and_stays_open():
    world = given()
    (signed,) = world.when(sign())
    assert signed == events.LetterSigned(
        deal_id="lab/deal/1", org=LAB, counterparty=CLOUD, h100e=1000.0, due_day=START + 700
    )
    assert list(world.state.leases.letters) == ["lab/deal/1"]


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (sign("nobody"), "unknown lessor"),
        (sign(SUPPLIER), "unknown lessor"),
        (sign(LAB), "unknown lessor"),
        (sign(h100e=0.0), "nothing announced"),
        (sign(h100e=float("nan")), "nothing announced"),
        (sign(h100e=float("inf")), "nothing announced"),
        (sign(due=START), "nothing announced"),
    ],
)
def test_a_letter_that_says_nothing_is_refused(command, reason):
    (refused,) = given().when(command)
    assert refused.reason == reason


def test_two_orgs_have_one_open_letter():
    world = given()
    world.when(sign())
    assert world.when(sign())[0].reason == "a letter is open"
    assert isinstance(world.when(sign(RESELLER))[0], events.LetterSigned)


def test_a_definitive_letter_begins_talks():
    world = hazards(definitive=1)
    world.when(sign())
    ended, request = world.after(letters.due(world.state, START, START + 6))
    assert ended.reason == "definitive"
    assert (request.lessee, request.lessor, request.h100e, request.duration_days) == (LAB, CLOUD, 1000.0, 730)
    assert world.state.leases.letters == {}


def test_letters_that_become_definitive_in_one_week_begin_talks_of_their_own():
    world = hazards(definitive=1)
    world.when(sign())
    world.when(sign(RESELLER))
    world.after(letters.due(world.state, START, START + 6))
    assert sorted(world.state.leases.requests) == ["lab/request/1", "lab/request/2"]


def test_a_definitive_letter_adds_nothing_to_talks_that_are_open():
    world = hazards(definitive=1)
    world.when(sign())
    world.happened(
        events.LeaseRequested(
            request_id="lab/request/1",
            lessee=LAB,
            lessor=CLOUD,
            h100e=7.0,
            due_day=START,
            duration_days=364,
            price_usd_per_h100e_hour=3.0,
            kind="serving",
        )
    )
    assert [type(f) for f in world.after(letters.due(world.state, START, START + 6))] == [events.LetterEnded]


def test_a_letter_is_cut_to_a_part():
    world = hazards(cut=1)
    world.when(sign())
    (cut,) = world.after(letters.due(world.state, START, START + 6))
    p = world.state.run.parameters
    assert p["letters.keep_min"] * 1000 <= cut.h100e <= p["letters.keep_max"] * 1000
    assert world.state.leases.letters["lab/deal/1"].h100e == cut.h100e


def test_a_letter_lapses_by_chance_or_on_its_day():
    for world, due in ((hazards(lapse=1), START + 700), (hazards(), START + 5)):
        world.when(sign(due=due))
        (ended,) = world.after(letters.due(world.state, START, START + 6))
        assert ended.reason == "lapsed"
    world = hazards()
    world.when(sign())
    assert world.after(letters.due(world.state, START, START + 6)) == []
