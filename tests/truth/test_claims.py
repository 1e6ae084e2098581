"""Claims: all 97 stand, each can fail or says why not, and a share of seeds becomes a status."""

from __future__ import annotations

from collections import Counter

import pytest

from cli import model_around
from market.report.truth import show_backtest, show_claims
from market.scenario.load import load_scenario
from market.truth.claims import Claim, check_claims, claims, row, status
from market.truth.futures import Future, Job, simulate


def silent(done: int, total: int) -> None:
    """Tell nobody."""


def test_all_97_claims_stand_once() -> None:
    ids = [claim.id for claim in claims()]
    assert ids == [f"A{i:02d}" for i in range(1, 43)] + [f"B{i:02d}" for i in range(1, 56)]


def test_half_of_the_claims_or_more_can_fail_over_logs() -> None:
    assert sum(bool(claim.query) for claim in claims()) >= 49


def test_a_claim_with_a_query_can_fail_on_either_side_or_below() -> None:
    assert all(claim.low is not None or claim.high is not None for claim in claims() if claim.query)


def test_a_single_event_of_history_needs_fewer_seeds_than_a_pattern_and_a_structure_more() -> None:
    needs = {kind: {claim.needs for claim in claims() if claim.query and claim.kind == kind} for kind in
             ("event", "pattern", "structure")}  # fmt: skip
    assert max(needs["event"]) < min(needs["pattern"]) <= max(needs["pattern"]) < min(needs["structure"])


@pytest.mark.parametrize(
    ("kind", "share", "seeds", "expected"),
    [
        ("pattern", 0.5, 20, "shown"),
        ("pattern", 0.45, 20, "absent"),
        ("pattern", 0.05, 20, "contradicted"),
        ("event", 0.25, 20, "shown"),
        ("event", 0.0, 20, "absent"),
        ("event", 0.0, 200, "contradicted"),
        ("structure", 0.9, 20, "absent"),
    ],
)
def test_a_share_of_seeds_becomes_a_status(kind: str, share: float, seeds: int, expected: str) -> None:
    needs = {"pattern": 0.5, "event": 0.25, "structure": 0.95}[kind]
    assert status(Claim("X", kind, "", "", "w", "q", 1, None, needs, "", ""), share, seeds) == expected


def test_no_number_does_not_hold() -> None:
    claim = Claim("X", "pattern", "", "", "w", "q", 1.0, 2.0, 0.5, "", "")
    assert [claim.holds(value) for value in (None, 0.5, 1.0, 2.0, 2.5)] == [False, False, True, True, False]
    assert row(claim, [None, 1.5])["share"] == 0.5


def test_every_query_runs_over_logs_and_the_counts_add_up() -> None:
    found = check_claims(model_around, seeds=1, years=0.3, engine="serial", tell=silent)
    counted = sum(found[name] for name in ("shown", "given", "contradicted", "absent", "texts"))
    assert counted == len(found["claims"]) == 97
    assert Counter(entry["status"] for entry in found["claims"])["given"] == found["given"] > 15


def test_without_a_worth_of_own_sites_no_contract_is_left_for_control() -> None:
    asked = tuple((claim.id, claim.query) for claim in claims() if claim.id == "B11")
    world = load_scenario("memphis-2024", {"years": "0.6"}).scenario
    orgs = {
        name: org.model_copy(update={"traits": org.traits | {"own_weight": 0.0}}) for name, org in world.orgs.items()
    }
    without = world.model_copy(update={"orgs": orgs, "parameters": world.parameters | {"choice.own_weight": 0.0}})
    found = [
        simulate(Job(each, model_around, asked, wants_series=False, wants_dates=False), Future(0, 0, {}))
        for each in (world, without)
    ]
    assert found[0].questions["B11"]
    assert found[1].questions["B11"] == 0


def test_claims_of_a_short_run_say_that_some_cannot_be_shown_yet(capsys: pytest.CaptureFixture[str]) -> None:
    found = {"seeds": 1, "years": 0.5, "shown": 0, "given": 0, "contradicted": 0, "absent": 0, "texts": 0, "claims": []}
    show_claims(found)
    text = " ".join(capsys.readouterr().out.split())
    assert text.startswith("1 seed: ")
    assert "claims speak of 3 years: what comes after 0.5 counts as" in text
    show_claims(found | {"years": 3.0})
    assert "claims speak of" not in capsys.readouterr().out


def test_what_a_back_test_cannot_tell_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    dates = {"origin": "2024-06-30", "date": "colossus", "within_days": 45, "share_within": 0.0, "share": 0.0}
    found = {"origins": ["2024-06-30"], "futures": 2, "drawn": ["ranges"], "failed": 0, "series": [], "looks": 0,
             "coverage": {"80": 0.33}, "coverage_interval": {"80": None}, "skill": {},
             "dates": [dates | {"median_error_days": None}]}  # fmt: skip
    show_backtest(found)
    text = capsys.readouterr().out
    assert "1 origin, 2 futures each" in text
    assert "None" not in text
    show_backtest(found | {"coverage_interval": {"80": [0.2, 0.5]}, "dates": [dates | {"median_error_days": 12.0}]})
    text = capsys.readouterr().out
    assert "80 % bands hold 33% of the points, 95 % interval 20% to 50%" in text
    assert "median error 12 days" in " ".join(text.split())
