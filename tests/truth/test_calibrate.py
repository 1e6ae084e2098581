"""Calibration: ranks of synthetic truths are uniform, a record that cannot be followed teaches nothing, and only rows
that may be fitted are."""

from __future__ import annotations

from datetime import date
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from experiments.extras import needs
from scipy import stats

from market.catalogue.tables import vintages
from market.truth import calibrate as calibration
from market.truth import ensemble as runs
from market.truth import posterior as kept
from market.truth.aims import Target, fitted_ranges, predicted, start_of, starts_of, targets, world_of
from market.truth.answers import Quarterly
from market.truth.backtest import ORIGINS
from market.truth.calibrate import CalibrationError, calibrate, origins_of, write_posteriors
from market.truth.futures import Answer, Floats, Future, Range
from market.truth.observations import observations
from market.truth.quarters import distance, origin_quarter, shifted
from market.truth.smoother import Fitted, Forward, assimilate, contraction, misfits, standard_normals
from market.truth.synthetic import Runs, ranks_of

MATRIX = np.array(
    [[1.0, 0.0, 0.0], [0.9, 0.3, 0.0], [0.7, 0.6, 0.1], [0.5, 0.9, 0.0], [0.3, 1.1, 0.1], [0.0, 1.2, 0.2]]
)
ERROR = 0.2


@pytest.fixture
def smoother() -> None:
    """Skip where the library that fits is missing."""
    needs("iterative_ensemble_smoother")


def linear(x: Floats) -> Floats:
    """A small world: two growth-like patterns that two parameters move, and a third that hardly moves anything."""
    return np.asarray(MATRIX @ x)


def fit(forward: Forward, names: int, observed: Floats, error: float, *, waves: int, runs: int, seed: int) -> Fitted:
    """Assimilate observations from an ensemble of standard normals."""
    return assimilate(standard_normals(names, runs, seed), forward, observed, error, waves=waves, seed=seed)


@pytest.mark.usefixtures("smoother")
def test_ranks_of_fifty_synthetic_truths_are_uniform() -> None:
    rng = np.random.default_rng(0)
    ranks = []
    for i in range(50):
        truth = rng.standard_normal(3)
        observed = linear(truth[:, None])[:, 0] + rng.normal(0, ERROR, len(MATRIX))
        fitted = fit(linear, 3, observed, ERROR, waves=3, runs=100, seed=i)
        ranks += [float(np.mean(fitted.posterior[j] < truth[j])) for j in range(3)]
    assert stats.kstest(ranks, "uniform").pvalue > 0.01


@pytest.mark.usefixtures("smoother")
def test_what_the_record_moves_is_identified_and_what_it_does_not_move_stays_as_it_was() -> None:
    observed = linear(np.array([[1.0], [-0.5], [0.0]]))[:, 0]
    narrower = contraction(fit(linear, 3, observed, ERROR, waves=4, runs=100, seed=1))
    assert narrower[0] > 0.5
    assert narrower[1] > 0.5
    assert narrower[2] < 0.3


@pytest.mark.usefixtures("smoother")
def test_permuted_quarters_teach_nothing() -> None:
    """A record whose quarters are shuffled is no pattern that the ensemble has, so its error is taken as large."""
    observed = linear(np.array([[2.5], [-2.0], [0.0]]))[:, 0]
    straight = fit(linear, 3, observed, ERROR, waves=3, runs=100, seed=2)
    shuffled = fit(linear, 3, observed[[3, 0, 5, 1, 4, 2]], ERROR, waves=3, runs=100, seed=2)
    assert straight.discrepancy < 0.1
    assert shuffled.error > 4 * straight.error
    assert contraction(shuffled)[:2].mean() < 0.5 * contraction(straight)[:2].mean()


def test_a_record_within_the_span_has_no_discrepancy() -> None:
    ensemble = linear(standard_normals(3, 60, 3))
    assert misfits(ensemble, ensemble.mean(axis=1)) == pytest.approx(np.zeros(len(MATRIX)))


@pytest.mark.usefixtures("smoother")
def test_failed_runs_are_counted_and_teach_nothing() -> None:
    def sometimes(x: Floats) -> Floats:
        y = linear(x)
        y[:, ::10] = np.nan
        return y

    observed = linear(np.array([[1.0], [0.0], [0.0]]))[:, 0]
    fitted = fit(sometimes, 3, observed, ERROR, waves=2, runs=50, seed=4)
    assert fitted.failed == 10
    assert np.all(np.isfinite(fitted.posterior))
    with pytest.raises(ValueError, match="no run of the ensemble"):
        fit(lambda x: np.full((6, x.shape[1]), np.nan), 3, observed, ERROR, waves=1, runs=10, seed=5)


@pytest.mark.parametrize("origin", [date(2023, 12, 31), date(2024, 6, 30), date(2025, 9, 30)])
def test_only_rows_that_may_be_fitted_and_were_published_are(origin: date) -> None:
    allowed = {(o.series, o.quarter) for o in observations() if o.split == "calibration" and o.known_on <= origin}
    assert {(aim.series, aim.quarter) for aim in targets(origin)} <= allowed


def test_the_first_origins_have_nothing_to_fit() -> None:
    assert targets(date(2023, 6, 30)) == targets(date(2023, 9, 30)) == []
    with pytest.raises(CalibrationError, match="nothing that may be fitted"):
        calibrate([date(2023, 6, 30)], 10, 1, lambda start, futures, word: [])


def test_what_describes_the_start_is_not_fitted() -> None:
    found = fitted_ranges([date(2023, 6, 30), date(2023, 12, 31)])
    assert not set(found) & {row.id for row in vintages("parameters")}
    assert not [name for name in found if name.startswith("orgs.")]
    assert len(found) > 50


def test_growth_is_fitted_as_a_ratio() -> None:
    begun = date(2023, 6, 30)
    aims = [Target(begun, "a", "2024Q1", None, 0.0), Target(begun, "b", "2024Q1", "2023Q4", 0.0)]
    said = {("a", "2024Q1"): np.array([np.e]), ("b", "2023Q4"): np.array([2.0]), ("b", "2024Q1"): np.array([4.0])}
    assert predicted(said, aims, 1).ravel() == pytest.approx([1.0, np.log(2)])
    assert np.isnan(predicted({}, aims, 1)).all()


def test_a_run_that_has_nothing_of_an_amount_says_so_and_has_not_failed() -> None:
    begun, quarter, name = date(2023, 6, 30), "2024Q1", "openai_h100e"
    answers = [
        Answer(0, "", {name: {quarter: 2.0}}, {}, {}), Answer(1, "", {}, {}, {}), Answer(2, "", {}, {}, {}, "it broke")
    ]  # fmt: skip
    one = runs.Ensemble({"x": Range(0.0, 0.5, 1.0)}, np.zeros((1, 3)), lambda start, futures, word: answers)
    (said,) = runs.told_by(one, one.normals, [Target(begun, name, quarter, None, 0.0)], "prior")
    assert said[0] == pytest.approx(np.log(2.0))
    assert said[1] < -1
    assert np.isnan(said[2])


def test_draws_are_kept_with_what_they_rest_on(tmp_path: Path) -> None:
    found = dict.fromkeys(("waves", "runs", "targets", "last_target", "error", "inputs", "code", "seed"), "x")
    entries = [found | {"origin": "2024-06-30", "draws": {"b.x": [1.0, 2.0], "a": [0.5, 0.25]}}, {"draws": {}}]
    (path,) = write_posteriors({"posteriors": entries}, tmp_path)
    assert path.name == "2024-06-30.csv"
    assert path.read_text().count("# ") == 9
    assert kept.read_posterior(str(path)) == [{"a": 0.5, "b.x": 1.0}, {"a": 0.25, "b.x": 2.0}]
    futures = kept.drawn_from(str(path), [Future(i, i, {"a": 9.0, "c": 1.0}) for i in range(3)])
    assert [future.values for future in futures][2] == {"a": 0.5, "b.x": 1.0, "c": 1.0}
    with pytest.raises(kept.PosteriorError, match="no posterior 'nobody'"):
        kept.read_posterior("nobody")


def test_a_row_is_fitted_once_in_a_world_that_begins_at_most_a_year_before_it() -> None:
    aims = targets(date(2025, 12, 31))
    assert len({(aim.series, aim.quarter) for aim in aims}) == len(aims) > 35
    for aim in aims:
        assert 1 <= distance(origin_quarter(aim.start), aim.quarter) <= 4
        assert aim.base is None or origin_quarter(aim.start) < aim.base < aim.quarter
    assert starts_of(aims) == [date(2023, 6, 30), date(2023, 12, 31)]
    assert start_of("2025Q1") == date(2024, 6, 30)
    assert (world_of(aims[0].start).vintage, world_of(aims[0].start).scenario.start) == ("strict", aims[0].start)


def test_an_origin_fits_all_that_an_earlier_one_does() -> None:
    rows = [{(aim.series, aim.quarter) for aim in targets(origin)} for origin in ORIGINS]
    assert all(before <= after for before, after in pairwise(rows))
    assert len(rows[0]) < len(rows[5]) < len(rows[-1])


@cache
def few() -> dict[str, Range]:
    """Some of the parameters that are fitted."""
    prior = fitted_ranges([date(2023, 6, 30)])
    return {name: prior[name] for name in ("demand.reconsider_per_month", "supply.backlog_pull", *sorted(prior)[:14])}


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> Toy:
    """A toy in place of the market, where the library that fits is at hand."""
    needs("iterative_ensemble_smoother")
    monkeypatch.setattr(calibration, "fitted_ranges", lambda starts: few())
    return Toy()


class Toy:
    """A small world: growth of NVIDIA and of OpenAI follows two parameters, and which runs were asked for is noted."""

    def __init__(self) -> None:
        self.asked: list[tuple[date, str]] = []
        self.prior = {name: few()[name] for name in ("demand.reconsider_per_month", "supply.backlog_pull")}

    def simulate(self, start: date, futures: list[Future], word: str) -> list[Answer]:
        self.asked.append((start, word))
        return [Answer(future.number, "", self.series(start, future), {}, {}) for future in futures]

    def series(self, start: date, future: Future) -> dict[str, Quarterly]:
        scaled = [(future.values[name] - each.median) / (each.high - each.low) for name, each in self.prior.items()]
        quarters = [shifted(origin_quarter(start), i) for i in range(1, 5)]
        names = sorted({aim.series for aim in targets(date(2025, 12, 31))})
        size = {one.series: one.value for one in observations() if one.split == "calibration"}
        noise = np.random.default_rng([future.seed, start.toordinal()]).normal(0, 0.05, (len(names), len(quarters)))
        slopes = {"nvda_dc_revenue": scaled[0], "openai_annualised_revenue": scaled[1]}
        return {
            name: {
                q: size[name] * float(np.exp(3 * slopes.get(name, 0) * (k + 1) + noise[n, k]))
                for k, q in enumerate(quarters)
            }
            for n, name in enumerate(names)
        }


def test_all_origins_are_fitted_to_one_ensemble_of_runs(toy: Toy) -> None:
    found = calibrate(list(ORIGINS), 60, 1, runs.once_each(toy.simulate))
    assert toy.asked == [(date(2023, 6, 30), "prior"), (date(2023, 12, 31), "prior")]
    assert [entry["targets"] > 0 for entry in found["posteriors"]] == [False] * 2 + [True] * 8
    alone = calibrate([ORIGINS[5]], 60, 1, toy.simulate)
    assert alone["posteriors"] == [found["posteriors"][5]], "an origin says the same whichever others are asked for"


def test_what_moves_the_record_is_identified_and_kept_and_the_rest_is_drawn_as_before(toy: Toy) -> None:
    (entry,) = calibrate([date(2025, 12, 31)], 100, 1, toy.simulate, truths=30)["posteriors"]
    known = {each["name"] for each in entry["parameters"] if each["identified"]}
    assert {"demand.reconsider_per_month", "supply.backlog_pull"} <= known == set(entry["draws"])
    assert len(known) < 5 < len(entry["parameters"])
    assert entry["check"]["truths"] == 30
    assert entry["check"]["uniform_p"] > 0.01
    assert entry["check"]["narrowed_by_permuted"] < entry["check"]["narrowed_by_truths"]


def test_waves_after_the_first_are_an_origins_own(toy: Toy) -> None:
    calibrate(list(ORIGINS[6:8]), 30, 2, runs.once_each(toy.simulate))
    words = [word for _, word in toy.asked]
    assert words == ["prior"] * 2 + ["2024-12-31 wave 2"] * 2 + ["2025-03-31 wave 2"] * 2


def test_nothing_is_identified_where_runs_have_nothing_to_do_with_their_parameters(toy: Toy) -> None:

    def noise(start: date, futures: list[Future], word: str) -> list[Answer]:
        rng = np.random.default_rng(3)
        dealt = rng.permutation(len(futures))
        answers = toy.simulate(start, futures, word)
        return [answers[k]._replace(number=i) for i, k in enumerate(dealt)]

    (entry,) = calibrate([date(2025, 12, 31)], 60, 1, noise)["posteriors"]
    assert entry["identified"] <= 1


def test_ranks_of_truths_that_nothing_is_learned_of_are_uniform_however_few_runs_there_are(toy: Toy) -> None:
    rng = np.random.default_rng(8)
    few_runs = Runs(rng.standard_normal((300, 12)), rng.normal(0, 1, (6, 12)))
    ranks, narrower = ranks_of(few_runs, ["a"] * 6, 50.0, 1, truths=12)
    assert abs(narrower).max() < 0.01
    assert stats.kstest(ranks.ravel(), "uniform").pvalue > 0.01


def test_origins_are_dates_or_all() -> None:
    assert origins_of(["all"]) == list(ORIGINS)
    assert origins_of(["2025-06-30", "2024-06-30", "2024-06-30"]) == [date(2024, 6, 30), date(2025, 6, 30)]
    with pytest.raises(CalibrationError, match="must be all or a date such as"):
        origins_of(["soon"])


def test_a_series_that_the_model_cannot_follow_does_not_drown_one_that_it_follows() -> None:
    truth = np.array([[1.0], [-0.5], [0.0]])
    observed = np.concatenate([linear(truth)[:, 0], [3.0, -3.0, 3.0, -3.0]])

    def forward(x: Floats) -> Floats:
        return np.vstack([linear(x), 0.01 * x, 0.01 * x[:1]])

    first = standard_normals(3, 100, 6)
    names = ["good"] * 6 + ["odd"] * 4
    apart = assimilate(first, forward, observed, ERROR, waves=3, seed=6, groups=names)
    together = assimilate(first, forward, observed, ERROR, waves=3, seed=6)
    assert contraction(apart)[0] > contraction(together)[0] + 0.1


@pytest.mark.parametrize("name", kept.names())
def test_a_posterior_that_comes_with_the_project_is_of_an_origin_and_lies_within_the_ranges(name: str) -> None:
    assert date.fromisoformat(name) in ORIGINS
    prior = fitted_ranges([date(2023, 6, 30)])
    draws = kept.read_posterior(name)
    assert len(draws) == 240
    for parameter in draws[0]:
        values = [draw[parameter] for draw in draws]
        assert prior[parameter].low <= min(values) < max(values) <= prior[parameter].high
