"""Forecasts: the same command gives the same bytes, and a third person scores the file from file and record alone."""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cli import model_around
from market.catalogue.tables import table
from market.scenario.load import Resolved, load_scenario
from market.truth.answers import number, quarterly
from market.truth.campaign import run_forecast
from market.truth.definitions import definition_of
from market.truth.forecast import ForecastError, forecast_of, to_text
from market.truth.futures import Answer, Range, draw, ranges
from market.truth.quarters import distance, first_day, last_day, origin_quarter, quarter_of, shifted
from market.truth.questions import QuestionError, read_questions
from market.truth.score import Point, ScoreError, read_forecast, read_observed, score, score_point

HEAD = "id,text,sql,unit,low,high\n"
GPUS = "SELECT SUM(gpus_owned) AS v FROM capacity WHERE day = (SELECT MAX(day) FROM capacity)"


def silent(done: int, total: int) -> None:
    """Tell nobody."""


@pytest.fixture(scope="module")
def resolved() -> Resolved:
    return load_scenario("frontier-2024", {"years": "0.3"})


@pytest.fixture(scope="module")
def questions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("asked") / "questions.csv"
    path.write_text(f'{HEAD}gpus,GPUs of all owners,"{GPUS}",GPUs,1e6,2e7\n')
    return path


@pytest.fixture(scope="module")
def told(resolved: Resolved, questions: Path) -> dict[str, Any]:
    return run_forecast(resolved, model_around, read_questions(questions), futures=3, engine="serial", tell=silent)


def test_the_same_command_gives_the_same_bytes_whatever_the_engine(
    resolved: Resolved, questions: Path, told: dict[str, Any]
) -> None:
    again = run_forecast(resolved, model_around, read_questions(questions), futures=3, engine="local:2", tell=silent)
    assert to_text(again) == to_text(told)


def test_a_forecast_says_what_it_rests_on(told: dict[str, Any], resolved: Resolved) -> None:
    assert told["scenario_sha256"] == resolved.sha256
    assert (told["futures"], told["failed"]) == (3, 0)
    assert len(told["head"]) == len(told["code"]) == len(told["definitions_sha256"]) == 64
    assert told["drawn"] == "the catalogue's ranges"
    (asked,) = told["questions"]
    assert asked["p_inside"] == 1.0
    assert asked["low"] <= asked["median"] <= asked["high"]


def test_a_third_person_scores_the_file_from_file_and_record_alone(told: dict[str, Any], tmp_path: Path) -> None:
    file, record = tmp_path / "f.json", tmp_path / "o.csv"
    file.write_text(to_text(told))
    record.write_text(
        "series,quarter,value\nserver_lead_time,2024Q3,10\nh100_one_year_contract,2024Q3,2.4\ngpus,,7e6\n"
    )
    found = score(read_forecast(file), read_observed(record))
    assert found["same_definitions"]
    assert found["points"] == 2
    assert {row["series"] for row in found["rows"]} == {"server_lead_time", "h100_one_year_contract", "gpus"}
    assert found["not_forecast"] == []
    assert json.loads(json.dumps(found)) == found


def test_every_future_has_its_own_seed_and_draw(resolved: Resolved) -> None:
    futures = draw(ranges(resolved), 8)
    assert [f.seed for f in futures] == list(range(8))
    names = sorted(ranges(resolved))
    assert len(names) > 50
    assert all(len({f.values[name] for f in futures}) == 8 for name in names)


def test_one_parameter_more_draws_no_other_anew(resolved: Resolved) -> None:
    """Back-tests of two economies can then be compared: 33 and 64 % of one series came of the draws."""
    prior = ranges(resolved)
    fewer = dict(list(prior.items())[1:])
    assert [f.values for f in draw(fewer, 8)] == [{n: f.values[n] for n in fewer} for f in draw(prior, 8)]


def test_draws_that_are_to_be_apart_share_neither_values_nor_seeds(resolved: Resolved) -> None:
    """Errors of ten origins tell ten times as much as those of one where each has futures of its own."""
    one, other = (draw(ranges(resolved), 8, origin) for origin in ("2024-06-30", "2024-09-30"))
    assert not {f.seed for f in one} & {f.seed for f in other}
    assert all(a.values[name] != b.values[name] for a, b in zip(one, other, strict=True) for name in a.values)


def test_half_of_a_latin_hypercube_lies_below_the_catalogue_value(resolved: Resolved) -> None:
    prior = ranges(resolved)
    futures = draw(prior, 10)
    for name, found in prior.items():
        if found.low < found.median < found.high:
            assert sum(f.values[name] < found.median for f in futures) == 5


def test_levers_and_laws_are_not_drawn(resolved: Resolved) -> None:
    """A lever that is neutral at the start has a range for policies and shocks: it says nothing of what is unknown."""
    drawn = set(ranges(resolved))
    assert not {"supply.factor", "rest.factor", "trade.export_controls"} & drawn
    assert [row.id for row in table("parameters") if row.note.startswith("neutral") and row.id in drawn] == []


def test_what_is_drawn_may_turn_out_larger_or_smaller(resolved: Resolved) -> None:
    """A value at an end of its range would move the median of all futures away from the world as it is known."""
    prior = ranges(resolved)
    parts = {name: (found.median - found.low) / (found.high - found.low) for name, found in prior.items()}
    assert {name: part for name, part in parts.items() if not 0.05 < part < 0.95} == {}


def test_a_range_keeps_its_bounds() -> None:
    u = np.linspace(0.001, 0.999, 99)
    values = Range(1.0, 2.0, 10.0).quantile(u)
    assert np.all((values > 1) & (values < 10))
    assert np.all(np.diff(values) > 0)
    assert np.median(values) == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id,text\n", "questions.csv:1 columns must be id, text, sql, unit, low, high"),
        (HEAD + "a,b,,GPUs,1,2\n", "questions.csv:2 sql: must not be empty"),
        (HEAD + "a,b,SELECT 1,GPUs,3,2\n", "questions.csv:2 low: 3 lies above high 2"),
        (HEAD + "a,b,SELECT 1,GPUs,x,2\n", "questions.csv:2 low: must be a number or empty, was 'x'"),
        (HEAD + "a,b,SELECT 1,,,\na,b,SELECT 1,,,\n", "question 'a' stands twice"),
        (HEAD + "a,b,SELECT 1,,,,,,\n", "questions.csv:2 has more cells than columns"),
    ],
)
def test_a_wrong_file_of_questions_names_line_and_rule(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "questions.csv"
    path.write_text(text)
    with pytest.raises(QuestionError) as caught:
        read_questions(path)
    assert said in str(caught.value)


def test_a_question_that_no_run_can_answer_is_refused_before_the_campaign(resolved: Resolved, tmp_path: Path) -> None:
    path = tmp_path / "questions.csv"
    path.write_text(HEAD + "a,b,SELECT nothing FROM nowhere,,,\n")
    with pytest.raises(QuestionError, match="a question cannot be answered"):
        run_forecast(resolved, model_around, read_questions(path), futures=3, engine="serial", tell=silent)


def test_a_forecast_of_which_every_future_failed_is_none(resolved: Resolved) -> None:
    broken = Answer(0, "", {}, {}, {}, "ValueError: no")
    with pytest.raises(ForecastError, match="no future ran to its end: ValueError: no"):
        forecast_of(resolved, [broken], [], "ranges")


def test_a_sharp_right_forecast_scores_better_than_a_wide_or_a_wrong_one() -> None:
    found = definition_of("nvda_dc_revenue")
    rng = np.random.default_rng(1)
    base = rng.standard_normal(200)

    def crps(sample: Any) -> float:
        return score_point(Point(found, "2025Q1", 2, sample, 40.0)).crps

    sharp, wide, wrong = crps(40 * np.exp(0.05 * base)), crps(40 * np.exp(0.5 * base)), crps(80 * np.exp(0.05 * base))
    assert sharp < wide < wrong


def test_a_sample_of_the_truth_is_covered_at_the_nominal_rate() -> None:
    found = definition_of("nvda_dc_revenue")
    rng = np.random.default_rng(2)
    inside = [
        score_point(Point(found, "2025Q1", 2, values[1:], float(values[0]))).inside
        for values in np.exp(rng.standard_normal((800, 100)))
    ]
    for band in (50, 80, 90):
        assert sum(i[band] for i in inside) / len(inside) == pytest.approx(band / 100, abs=0.05)


def test_scores_do_not_depend_on_the_order_of_a_sample() -> None:
    found = definition_of("nvda_dc_revenue")
    sample = np.exp(np.random.default_rng(3).standard_normal(50))
    points = [Point(found, "2025Q1", 2, values, 1.0) for values in (sample, sample[::-1])]
    assert score_point(points[0]) == score_point(points[1])


def test_a_flow_counts_whole_quarters_and_leaves_out_the_first_day(tmp_path: Path) -> None:
    class Told:
        def query(self, sql: str) -> Any:
            import polars as pl

            days = [(date(2023, 7, 1) - date(1970, 1, 1)).days + i for i in range(100)]
            return pl.DataFrame({"day": days, "value": [1e9] * 100})

    found = definition_of("ai_chip_cost_all_designers")
    said = quarterly(Told(), found, date(2023, 7, 1), date(2023, 10, 8))  # type: ignore[arg-type]
    assert said == {"2023Q3": pytest.approx(91.0)}


def test_a_question_gives_one_number_or_is_refused() -> None:
    from market.runs.reading import Usage

    class Told:
        def query(self, sql: str) -> Any:
            import polars as pl

            return pl.DataFrame({"v": [1.0, 2.0]})

    with pytest.raises(Usage, match="must give one number, gave 2 rows of 1 columns"):
        number(Told(), "SELECT 1")  # type: ignore[arg-type]


def test_quarters_reckon() -> None:
    assert quarter_of(date(2024, 9, 30)) == "2024Q3"
    assert shifted("2024Q3", 2) == "2025Q1"
    assert distance("2023Q2", "2025Q1") == 7
    assert (first_day("2024Q4"), last_day("2024Q4")) == (date(2024, 10, 1), date(2024, 12, 31))
    assert origin_quarter(date(2023, 6, 30)) == origin_quarter(date(2023, 7, 1)) == "2023Q2"
    assert origin_quarter(date(2024, 7, 15)) == "2024Q2"


def test_questions_about_nvidias_revenue_are_asked_as_the_series_is_defined() -> None:
    asked = {
        each.id: each.sql
        for each in read_questions(Path(__file__).resolve().parents[2] / "forecasts" / "questions.csv")
    }
    worth = definition_of("nvda_dc_revenue").query.partition("SELECT day, ")[2].partition(" AS value")[0]
    assert "CASE WHEN chip IN" in worth
    assert f"SUM({worth})" in asked["nvda-2026"]
    assert f"SUM({worth})" in asked["nvda-2027"]


@pytest.mark.parametrize(
    ("said", "rule"),
    [
        ("foo", "value: must be a number or a date, was ''"),
        ("foo,2024Q3,nan", "value: must be a number or a date, was 'nan'"),
        ("foo,2024-3,1", "quarter: must read as 2024Q4 or be empty, was '2024-3'"),
        ("foo,,1\nfoo,,2", "foo is observed twice"),
    ],
)
def test_observations_that_cannot_be_read_are_named_with_their_line(tmp_path, said, rule):
    file = tmp_path / "o.csv"
    file.write_text(f"series,quarter,value\n{said}\n")
    with pytest.raises(ScoreError, match=re.escape(rule)):
        read_observed(file)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("start", 1),
        ("series", [{"series": "a", "quarter": "2024Q9", "sample": [1]}]),
        ("dates", [{}]),
        ("questions", 1),
    ],
)
def test_a_forecast_file_of_another_form_is_refused_with_its_place(tmp_path, field, value):
    file = tmp_path / "f.json"
    file.write_text(json.dumps({"start": "2024-07-15", "series": [], "dates": [], "questions": [], field: value}))
    with pytest.raises(ScoreError, match=rf"is no forecast file.*{field}"):
        read_forecast(file)
