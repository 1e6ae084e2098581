"""Back-tests: what an origin may know, baselines, scores, intervals, and tests that the machine is honest."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.scenario.load import load_scenario
from market.truth import kept
from market.truth.backtest import (
    ORIGINS,
    Origin,
    OriginError,
    Scoring,
    as_estimated,
    origins_of,
    score_origin,
    vintage_of,
    without_org_constants,
)
from market.truth.baselines import NAMES, baselines, guidance, plans_on_time
from market.truth.definitions import definition_of, definitions
from market.truth.futures import Answer, Future, Job
from market.truth.looks import note_look, read_looks
from market.truth.observations import MAPPING, Seen, known, observations
from market.truth.quarters import shifted
from market.truth.score import Point, compared, score_point
from market.truth.summary import Cells, coverage, interval, mean_score, skill, summary

ORIGIN = date(2024, 6, 30)
SERIES = ("nvda_dc_revenue", "openai_annualised_revenue", "server_lead_time", "coreweave_revenue")


def answers(values: dict[tuple[str, str], np.ndarray]) -> list[Answer]:
    count = len(next(iter(values.values())))
    found = []
    for i in range(count):
        said: dict[str, dict[str, float]] = {}
        for (name, quarter), sample in values.items():
            said.setdefault(name, {})[quarter] = float(sample[i])
        found.append(Answer(i, "head", said, {}, {}))
    return found


def world(seed: int, origins: tuple[date, ...] = ORIGINS, spread: float = 0.2, bias: float = 0.0) -> list[Scoring]:
    """Score futures that are the truth times lognormal noise, with truths of their own."""
    rng = np.random.default_rng(seed)
    quarters = [shifted("2022Q1", i) for i in range(20)]
    walk = {name: np.exp(np.cumsum(rng.normal(0.1, 0.1, len(quarters)))) for name in SERIES}
    seen = [
        Seen(name, q, float(v), date(int(q[:4]), 1, 1), "backtest")
        for name in SERIES
        for q, v in zip(quarters, walk[name], strict=True)
    ]
    found = []
    for origin in origins:
        values = {
            (one.series, one.quarter): one.value * np.exp(rng.normal(0, spread) + bias + rng.normal(0, spread, 60))
            for one in seen
        }
        found += score_origin(Origin(origin, answers(values), "ranges"), seen)
    return found


def test_there_are_ten_origins_and_each_is_a_quarters_end() -> None:
    assert (ORIGINS[0], ORIGINS[-1], len(ORIGINS)) == (date(2023, 6, 30), date(2025, 9, 30), 10)
    assert origins_of(["all"]) == list(ORIGINS)
    with pytest.raises(OriginError, match="must be all or one of 2023-06-30"):
        origins_of(["2024-07-01"])


def test_an_origin_draws_the_strict_vintage_and_ends_with_the_record() -> None:
    resolved = vintage_of(date(2025, 6, 30))
    assert resolved.vintage == "strict"
    assert 0.5 < resolved.scenario.years < 0.7
    assert vintage_of(date(2023, 6, 30)).scenario.years == pytest.approx(2.12, abs=0.02)


def test_what_was_published_after_an_origin_is_not_known_there() -> None:
    panel = known(observations(), ORIGIN)
    assert max(panel["nvda_dc_revenue"]) == "2024Q1", "the quarter to July was told in August"
    assert "nvda_h100e_sold_cumulative" not in panel, "estimated in 2026"


def test_poison_published_after_an_origin_changes_no_baseline() -> None:
    seen = observations()
    poisoned = [one if one.known_on <= ORIGIN else one._replace(value=one.value * 7 + 1) for one in seen]
    for name in definitions():
        clean = baselines(known(seen, ORIGIN), name, ORIGIN, "2025Q1")
        assert baselines(known(poisoned, ORIGIN), name, ORIGIN, "2025Q1") == clean


def test_splits_agree_with_the_shared_record_by_the_stated_mapping() -> None:
    assert set(MAPPING.values()) == {one.split for one in observations()} == {"calibration", "backtest"}


def test_baselines_are_defined_only_where_enough_is_known() -> None:
    short = {"a": {"2024Q1": 1.0, "2024Q2": 2.0}}
    assert set(baselines(short, "a", ORIGIN, "2024Q4")) == {"no change", "straight line", "damped trend", "combination"}
    assert baselines({}, "a", ORIGIN, "2024Q4") == {}
    long = {"a": {shifted("2022Q3", i): 1.1**i for i in range(8)}}
    assert set(baselines(long, "a", ORIGIN, "2024Q4")) == set(NAMES) - {"plans on time", "guidance"}


@given(growth=st.floats(0.8, 1.5), steps=st.integers(1, 8))
def test_on_steady_growth_the_growth_of_four_quarters_is_exact(growth: float, steps: int) -> None:
    panel = {"a": {shifted("2022Q1", i): growth**i for i in range(9)}}
    found = baselines(panel, "a", ORIGIN, shifted("2024Q1", steps))
    assert found["growth of four quarters"] == pytest.approx(growth ** (8 + steps))


@given(slope=st.floats(0.1, 10), steps=st.integers(1, 8))
def test_on_a_straight_line_the_straight_line_is_exact(slope: float, steps: int) -> None:
    panel = {"a": {shifted("2022Q1", i): 5 + slope * i for i in range(9)}}
    assert baselines(panel, "a", ORIGIN, shifted("2024Q1", steps))["straight line"] == pytest.approx(
        5 + slope * (8 + steps)
    )


def test_plans_on_time_know_the_plans_of_the_day() -> None:
    assert plans_on_time("abilene_it", date(2024, 7, 31), "2025Q1") == 0
    assert plans_on_time("abilene_it", date(2024, 7, 31), "2025Q2") == 209
    assert plans_on_time("abilene_it", date(2024, 6, 30), "2025Q2") is None, "not yet told"
    assert plans_on_time("nvda_dc_revenue", date(2024, 7, 31), "2025Q2") is None


def test_a_calibrated_forecast_is_covered_and_a_narrow_one_is_not() -> None:
    honest, biased = coverage(world(1)), coverage(world(1, bias=0.5))
    assert honest["80"] == pytest.approx(0.8, abs=0.25)
    assert biased["80"] < honest["80"] - 0.3


def test_knowing_the_truth_has_skill_and_permuted_quarters_have_none() -> None:
    good = world(2, spread=0.05)
    assert skill(good, "no change") > 0.5
    rng = np.random.default_rng(5)
    observed = [one.point.observed for one in good]
    shuffled = []
    for one, value in zip(good, rng.permutation(observed), strict=True):
        factor = np.log(value / one.point.observed)
        shuffled.append(one._replace(scored=one.scored._replace(crps=abs(factor) * 0.9 + 0.05)))
    assert skill(shuffled, "no change") < 0.1


def test_an_interval_of_a_share_holds_it_and_needs_eight_origins() -> None:
    scorings = world(3)
    found = summary([], scorings)
    low, high = found["coverage_interval"]["80"]
    assert low <= found["coverage"]["80"] <= high
    few = [one for one in scorings if one.origin < ORIGINS[7]]
    assert summary([], few)["coverage_interval"]["80"] is None


def test_blocks_give_the_same_interval_again_and_their_length_matters() -> None:
    cells = Cells(np.arange(10.0), np.ones(10))
    assert interval(cells, 4) == interval(cells, 4)
    assert interval(cells, 4) != interval(cells, 1)
    assert summary([], world(4))["skill"] == summary([], list(reversed(world(4))))["skill"]


def test_families_weigh_the_same_however_many_series_they_hold() -> None:
    one = world(6, origins=(ORIGIN,))
    supply = [s for s in one if s.point.definition.family == "supply"]
    assert mean_score([*one, *supply]) == pytest.approx(mean_score(one))


def test_org_constants_can_be_taken_away() -> None:
    scenario = load_scenario("frontier-2024").scenario
    plain = without_org_constants(scenario)
    weights = {org.traits["wait_weight"] for org in plain.orgs.values() if org.roles[0] == "lab"}
    assert len(weights) == 1
    assert len({org.traits["wait_weight"] for org in scenario.orgs.values() if org.roles[0] == "lab"}) > 1


def test_every_look_is_noted_with_the_score_before_and_after(tmp_path: Path) -> None:
    assert note_look(tmp_path / "nowhere", "backtest", "no folder", {}) == 0
    assert note_look(tmp_path, "backtest", "first", {"crps": 0.4}) == 1
    assert note_look(tmp_path, "backtest", "second", {"crps": 0.3}) == 2
    looks = read_looks(tmp_path)
    assert [look["what"] for look in looks] == ["first", "second"]
    assert (looks[0]["before"], looks[1]["before"]) == (None, {"crps": 0.4})
    assert json.loads((tmp_path / "looks.jsonl").read_text().splitlines()[1])["after"] == {"crps": 0.3}


@pytest.mark.parametrize("label", ["everybody-exempt", "power-moratorium:region=iberia,power_mw=10000"])
def test_a_placebo_policy_has_no_effect(label: str) -> None:
    """No dose, or a region and size in which nobody builds."""
    from cli import model_around
    from market.policies.load import load_policies
    from market.truth.futures import simulate

    scenario = load_scenario("frontier-2024", {"years": "0.4"}).scenario
    countries = "+".join(sorted({org.country for org in scenario.orgs.values()}))
    label = label.replace("everybody-exempt", f"chip-tariff:exempt={countries},from=2024-07-15")
    policies = tuple(load_policies((label,)))
    plain = simulate(Job(scenario, model_around), Future(0, 0, {}))
    treated = simulate(Job(scenario, model_around, policies=policies), Future(0, 0, {}))
    assert not plain.error
    assert not treated.error
    assert treated.series == plain.series


def test_a_future_says_in_memory_what_its_log_on_disk_says() -> None:
    from cli import model_around
    from market.truth.futures import simulate

    scenario = load_scenario("frontier-2024", {"years": "0.4"}).scenario
    asked = (("orders", "SELECT COUNT(*) AS n FROM log WHERE type = 'OrderPlaced'"),)
    future = Future(0, 3, {"demand.reconsider_per_month": 0.2})
    kept, chained = (simulate(Job(scenario, model_around, asked, is_chained=c), future) for c in (False, True))
    assert not kept.error
    assert kept._replace(head=chained.head) == chained
    assert kept.head == ""


def test_a_campaign_that_was_cut_short_goes_on_at_the_future_where_it_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run: list[int] = []

    def simulated(job: Job, futures: list[Future], engine: str, tell: object) -> Iterator[Answer]:
        for future in futures:
            run.append(future.number)
            yield Answer(future.number, "", {"a": {"2024Q1": 0.1}}, {"first": date(2024, 9, 2)}, {"q": None})

    monkeypatch.setattr(kept, "simulated", simulated)
    from cli import model_around

    job, futures = Job(load_scenario("frontier-2024").scenario, model_around), [Future(i, i, {}) for i in range(4)]
    path, key = tmp_path / "kept" / "2024-06-30.jsonl", {"code": "x"}

    def again(key: dict[str, str], futures: list[Future]) -> list[Answer]:
        run.clear()
        return kept.simulate_kept(job, futures, "serial", lambda done, total: None, path=path, key=key)

    whole = again(key, futures)
    assert (run, [answer.number for answer in whole]) == ([0, 1, 2, 3], [0, 1, 2, 3])
    text = path.read_text()
    path.write_text(text[: text.rindex("2024-09-02")])
    assert again(key, futures) == whole
    assert run == [3]
    assert path.read_text() == text
    again(key, [*futures[:3], Future(3, 3, {"drawn": 1.0})])
    assert run == [0, 1, 2, 3], "others were drawn"
    again({"code": "y"}, futures)
    assert run == [0, 1, 2, 3], "of other code"


def test_posteriors_are_drawn_from_when_they_are_asked_for_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from market.truth import backtest, posterior

    drawn: list[list[Future]] = []

    def simulated(job: Job, futures: list[Future], *rest: object, **kept: object) -> list[Answer]:
        drawn.append(futures)
        return []

    monkeypatch.setattr(backtest, "simulate_kept", simulated)
    monkeypatch.setattr(posterior, "FOLDER", tmp_path)
    name = "demand.reconsider_per_month"
    (tmp_path / f"{ORIGIN}.csv").write_text(f"# of a test\n{name}\n0.123\n0.234\n")

    def ask(start: date, *, fitted: bool) -> Origin:
        return backtest.simulate_origin(start, lambda kernel: None, 3, "serial", lambda a, b: None, fitted=fitted)  # type: ignore

    assert [ask(ORIGIN, fitted=f).drawn for f in (True, False)] == [f"posterior {ORIGIN}", "ranges"]
    assert ask(date(2024, 9, 30), fitted=True).drawn == "ranges", "none is kept"
    assert [future.values[name] for future in drawn[0]] == [0.123, 0.234, 0.123]
    assert len({future.values[name] for future in drawn[1]}) == 3
    assert [future.values | {name: 0} for future in drawn[0]] == [future.values | {name: 0} for future in drawn[1]]


def test_change_is_what_the_log_adds_to_what_the_record_was() -> None:
    """A record of 10 that rises by 3, of which the log holds 2 and then 5."""
    definition = definitions()["capex_meta"]
    assert definition.compare == "change"
    samples = {("capex_meta", "2024Q3"): np.array([2.0, 4.0]), ("capex_meta", "2024Q4"): np.array([5.0, 6.0])}
    observed = {("capex_meta", "2024Q3"): 10.0, ("capex_meta", "2024Q4"): 13.0}
    point = compared(definition, "2024Q4", "2024Q2", samples, observed)
    assert point is not None
    assert list(point.sample) == [13.0, 12.0]
    assert point.observed == 13.0
    assert compared(definition, "2024Q3", "2024Q2", samples, observed) is None


def test_every_series_has_a_picture_with_all_its_observed_points(tmp_path: Path) -> None:
    from market.report.fan import write_charts

    points = summary([], world(7))["series"]
    files = write_charts(points, tmp_path)
    assert [file.stem for file in files] == sorted({point["series"] for point in points})
    text = files[0].read_text()
    assert text.count("<circle") == sum(point["series"] == files[0].stem for point in points)
    assert text.startswith("<svg")
    assert "nan" not in text


def test_what_a_company_said_is_a_baseline_from_the_day_it_was_said() -> None:
    """NVIDIA guided to 11 B USD for the quarter to July 2023 on the 24th of May, 2.9 B of it no data centre."""
    assert guidance("nvda_dc_revenue", date(2023, 5, 23), "2023Q2") is None
    assert guidance("nvda_dc_revenue", date(2023, 6, 30), "2023Q2") == pytest.approx(8.09)
    assert guidance("nvda_dc_revenue", date(2023, 6, 30), "2023Q3") is None
    assert guidance("openai_h100e", date(2024, 6, 30), "2024Q4") is None


@pytest.mark.parametrize("count", [9, 16, 40])
def test_of_a_perfect_forecast_the_80_percent_band_holds_80_percent_however_few_futures(count: int) -> None:
    rng = np.random.default_rng(count)
    futures = np.exp(rng.normal(0, 0.3, (4000, count)))
    truths = np.exp(rng.normal(0, 0.3, 4000))
    definition = definition_of("openai_annualised_revenue")
    found = [score_point(Point(definition, "2025Q1", 1, f, float(t))) for f, t in zip(futures, truths, strict=True)]
    assert np.mean([one.inside[80] for one in found]) == pytest.approx(0.8, abs=0.025)


def test_the_range_of_an_estimate_widens_the_forecast_of_it_and_moves_its_median_little() -> None:
    seen = next(one for one in observations() if one.series == "google_deepmind_h100e")
    assert min(seen.above, seen.below) > 0.3, "420,000 H100e, of 214,000 to 775,000"
    point = Point(definition_of(seen.series), seen.quarter, 2, np.full(40, 300_000.0), seen.value)
    widened = as_estimated(point, seen)
    assert np.std(np.log(widened)) == pytest.approx((seen.above + seen.below) / 2, rel=0.15)
    assert np.median(widened) == pytest.approx(300_000, rel=0.05)
    assert np.array_equal(as_estimated(point, seen), widened), "the same draws each time"


def test_a_record_that_states_no_range_is_a_point() -> None:
    seen = next(one for one in observations() if one.series == "nvda_dc_revenue")
    point = Point(definition_of(seen.series), seen.quarter, 2, np.full(5, 30.0), seen.value)
    assert np.array_equal(as_estimated(point, seen), point.sample)
