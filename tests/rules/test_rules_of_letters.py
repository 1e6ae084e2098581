"""Letters of intent: announced, then definitive, cut or lapsed."""

from __future__ import annotations

import pytest
from given import CLOUD, FIELD, LAB, RESELLER, RIVAL, SITE, START, SUPPLIER, given

from events.commands.leases import SignLetter
from events.types import leases as events
from events.types.contracts import ContractSigned, TrancheScheduled
from events.types.finance import PaymentMade
from events.types.sites import BuildingPaused, BuildingStarted, PowerEnergised
from market.rules import letters
from market.rules.free import free_gpus

NEVER = 1e9


def sign(lessor=CLOUD, h100e=1000.0, due=START + 700, org=LAB):
    return SignLetter(actor=org, because=org, lessor=lessor, h100e=h100e, due_day=due)


def deciding(weeks=1, usd=10**12, **parameters):
    """A world in which letters are decided after so many weeks, and a lab with so much cash."""
    world = given(letters__decision_weeks=weeks, labs__frontier_term_years=2, **parameters)
    return world.happened(
        PaymentMade(
            org="world/savers", counterparty=LAB, amount_usd_cents=100 * usd, kind="opening", contract_id=LAB
        )
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


def begun(owner, site, due):
    return BuildingStarted(
        building_id=f"{site}/building/9", site=site, org=owner, region="texas", kind="greenfield", power_kw_it=50_000,
        start_day=START, due_day=due,
    )  # fmt: skip


def test_a_lessor_counts_what_it_builds_itself_until_the_day_and_no_other():
    def share(owner, site, due=START + 100):
        world = given(sites__greenfield_days=10_000)
        world.when(sign(h100e=100_000.0))
        world.happened(begun(owner, site, due))
        return letters.powered_share(world.state, world.state.leases.letters["lab/deal/1"], START)

    alone = share(LAB, FIELD)
    assert share(CLOUD, SITE) > alone + 0.1
    assert share(CLOUD, SITE, due=START + 900) == alone


def test_a_definitive_letter_begins_talks():
    world = deciding()
    world.when(sign())
    ended, request = world.after(letters.due(world.state, START, START + 6))
    assert ended.reason == "definitive"
    assert (request.lessee, request.lessor, request.h100e, request.duration_days) == (LAB, CLOUD, 1000.0, 730)
    assert world.state.leases.letters == {}


def test_letters_that_become_definitive_in_one_week_begin_talks_of_their_own():
    world = deciding(sites__greenfield_days=90)
    world.when(sign())
    world.when(sign(RESELLER))
    world.after(letters.due(world.state, START, START + 6))
    assert sorted(world.state.leases.requests) == ["lab/request/1", "lab/request/2"]


def test_a_definitive_letter_adds_nothing_to_talks_that_are_open():
    world = deciding()
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


@pytest.mark.parametrize(
    ("money", "power", "kind", "reason"),
    [
        (2.0, 1.0, events.LetterEnded, "definitive"),
        (0.5, 1.0, events.LetterCut, None),
        (1.0, 0.5, events.LetterCut, None),
        (0.1, 0.5, events.LetterEnded, "finance"),
        (0.5, 0.1, events.LetterEnded, "power"),
    ],
)
def test_a_letter_is_signed_cut_or_ended_by_money_and_power(monkeypatch, money, power, kind, reason):
    monkeypatch.setattr(letters, "financed_share", lambda *_: money)
    monkeypatch.setattr(letters, "powered_share", lambda *_: power)
    world = deciding()
    world.when(sign())
    told, *_ = world.after(letters.due(world.state, START, START + 6))
    assert (type(told), getattr(told, "reason", None)) == (kind, reason)
    if kind is events.LetterCut:
        assert (told.share, told.h100e) == (0.5, 500.0)
        assert world.state.leases.letters["lab/deal/1"].h100e == 500.0


def test_more_money_and_more_power_never_end_a_letter():
    world = deciding(usd=10**9)
    world.when(sign(h100e=1e6))
    letter = world.state.leases.letters["lab/deal/1"]
    before = letters.financed_share(world.state, letter, START), letters.powered_share(world.state, letter, START)
    world.happened(
        PaymentMade(org="world/savers", counterparty=LAB, amount_usd_cents=10**12, kind="opening", contract_id=LAB),
        PowerEnergised(
            building_id="hall/building/9",
            site="hall",
            org=CLOUD,
            region="texas",
            kind="standing",
            power_kw_it=10**5,
            power_kw_facility=10**5,
        ),
    )
    after = letters.financed_share(world.state, letter, START), letters.powered_share(world.state, letter, START)
    assert after[0] > before[0]
    assert after[1] >= before[1]


def test_a_letter_that_nobody_decided_lapses_on_its_day():
    world = deciding(weeks=NEVER)
    world.when(sign(due=START + 5))
    (ended,) = world.after(letters.due(world.state, START, START + 6))
    assert ended.reason == "lapsed"
    world = deciding(weeks=NEVER)
    world.when(sign())
    assert world.after(letters.due(world.state, START, START + 6)) == []


def test_a_building_whose_work_rests_is_counted_for_the_day_it_would_come_were_it_taken_up():
    def share(rests):
        world = given(sites__greenfield_days=10_000)
        world.when(sign(h100e=100_000.0))
        world.happened(begun(CLOUD, SITE, world.state.leases.letters["lab/deal/1"].due_day - 10))
        if rests:
            paused = BuildingPaused(building_id=f"{SITE}/building/9", site=SITE, org=CLOUD, power_kw_it=50_000)
            world.happened(paused)
        letter = world.state.leases.letters["lab/deal/1"]
        return [letters.powered_share(world.state, letter, START + days) for days in (5, 15)]

    assert share(False)[0] == share(False)[1] == share(True)[0] > share(True)[1]


def test_power_that_contracts_have_yet_to_draw_is_free_for_no_letter():
    def share(gpus):
        world = given(sites__greenfield_days=10_000)
        world.when(sign(h100e=100_000.0))
        terms = {"chip": "H100", "site": "", "gpus": gpus, "start_day": START + 60, "end_day": START + 500}
        sides = {"contract_id": "rival/contract/1", "lessor": CLOUD, "lessee": RIVAL}
        world.happened(
            ContractSigned(
                quote_id="q", kind="frontier", price_usd_per_gpu_hour=2.0, site_choice="listed", **sides, **terms
            ),
            TrancheScheduled(tranche=1, gpus=gpus, start_day=START + 60, end_day=START + 500, **sides),
        )
        return letters.powered_share(world.state, world.state.leases.letters["lab/deal/1"], START)

    free = free_gpus(given().state, CLOUD, "H100", SITE)
    assert share(free + 4_000) < share(free + 1_000) < share(free) == share(1)
