"""Futures that lack a quarter: an amount is nothing then, a price is not known, and no future is dropped in silence."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl

from market.report.truth import write_points
from market.truth.backtest import Origin, score_origin
from market.truth.definitions import definition_of, series
from market.truth.futures import Answer
from market.truth.observations import Seen
from market.truth.samples import samples, whole
from market.truth.score import compared
from market.truth.summary import row

START = date(2024, 6, 30)


def futures(*told: dict[str, dict[str, float]]) -> list[Answer]:
    return [Answer(i, "", found, {}, {}) for i, found in enumerate(told)]


def test_a_future_in_which_an_org_has_defaulted_holds_none_of_what_the_others_hold() -> None:
    found = samples(futures({"xai_h100e": {"2024Q3": 9.0, "2024Q4": 12.0}}, {"xai_h100e": {"2024Q3": 8.0}}))
    assert list(found["xai_h100e", "2024Q4"]) == [12.0, 0.0]


def test_a_price_that_a_future_lacks_is_no_price_of_nothing() -> None:
    found = samples(
        futures({"server_lead_time": {"2024Q3": 9.0, "2024Q4": 12.0}}, {"server_lead_time": {"2024Q3": 8.0}})
    )
    assert np.isnan(found["server_lead_time", "2024Q4"]).tolist() == [False, True]
    assert ("server_lead_time", "2024Q4") not in whole(found)
    assert ("server_lead_time", "2024Q3") in whole(found)


def test_of_what_no_future_has_nothing_is_said_nor_of_quarters_before_the_first() -> None:
    found = samples(futures({"xai_h100e": {"2024Q4": 9.0}, "openai_h100e": {"2024Q3": 1.0}, "abilene_it": {}}))
    assert set(found) == {("xai_h100e", "2024Q4"), ("openai_h100e", "2024Q3"), ("openai_h100e", "2024Q4")}


def test_a_flow_has_a_number_in_every_whole_quarter_so_that_none_is_filled() -> None:
    found = samples(futures({"capex_meta": {"2024Q3": 9.0}, "xai_h100e": {"2024Q2": 5.0, "2024Q3": 6.0}}))
    assert ("capex_meta", "2024Q2") not in found
    assert all(np.isnan(each.of_nothing) for each in series() if each.how == "flow")


def test_a_default_in_one_future_takes_no_point_from_the_score_of_any_method() -> None:
    seen = [Seen("xai_h100e", q, v, date(2024, 1, 1), "backtest") for q, v in (("2024Q3", 9.0), ("2024Q4", 11.0))]
    whole_ones = futures(*({"xai_h100e": {"2024Q3": 8.0 + i, "2024Q4": 9.0 + i}} for i in range(12)))
    broken = [*whole_ones[:-1], whole_ones[-1]._replace(series={"xai_h100e": {"2024Q3": 8.0}})]
    before, after = (score_origin(Origin(START, each, "ranges"), seen) for each in (whole_ones, broken))
    assert [one.point.quarter for one in after] == [one.point.quarter for one in before] == ["2024Q3", "2024Q4"]
    assert [one.errors for one in after] == [one.errors for one in before]
    assert after[1].point.sample.min() == 0


def test_what_had_nothing_to_begin_with_grows_by_nothing() -> None:
    definition = definition_of("coreweave_active_power")
    assert definition.compare == "growth"
    told = {(definition.id, "2024Q3"): np.array([2.0, 0.0]), (definition.id, "2024Q4"): np.array([5.0, 0.0])}
    observed = {(definition.id, "2024Q3"): 10.0, (definition.id, "2024Q4"): 20.0}
    point = compared(definition, "2024Q4", "2024Q2", told, observed)
    assert point is not None
    assert (list(point.sample), point.observed) == ([2.5, 0.0], 2.0)


def test_points_of_growth_are_written_as_numbers(tmp_path: Path) -> None:
    told = ({"2024Q3": 2.0 + i, "2024Q4": 5.0 + i} for i in range(8))
    name, known_on = "coreweave_active_power", date(2024, 1, 1)
    answers = futures(*({name: each} for each in told))
    seen = [Seen(name, q, v, known_on, "backtest") for q, v in (("2024Q3", 9.0), ("2024Q4", 18.0))]
    (point,) = map(row, score_origin(Origin(START, answers, "ranges"), seen))
    assert json.loads(json.dumps(point)) == point
    write_points([point], tmp_path / "points.parquet")
    assert pl.read_parquet(tmp_path / "points.parquet")["observed"].to_list() == [2.0]
