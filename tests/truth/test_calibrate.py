"""Calibration: ranks of synthetic truths are uniform, a record that cannot be followed teaches nothing, and only rows
that may be fitted are."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest
from experiments.extras import needs
from scipy import stats

from market.catalogue.tables import vintages
from market.scenario.load import load_scenario
from market.truth import posterior as kept
from market.truth.calibrate import (
    CalibrationError,
    Target,
    calibrate,
    fitted_ranges,
    predicted,
    start_of,
    targets,
    world_of,
    write_posterior,
)
from market.truth.futures import Floats, Future
from market.truth.observations import observations
from market.truth.smoother import Fitted, Forward, assimilate, contraction, misfits, standard_normals

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


def test_the_first_origin_has_nothing_to_fit() -> None:
    assert targets(date(2023, 6, 30)) == []
    with pytest.raises(CalibrationError, match="nothing that may be fitted"):
        calibrate(lambda kernel: kernel, date(2023, 6, 30), waves=1, runs=2, engine="serial", tell=lambda a, b: None)  # type: ignore[arg-type, return-value]


def test_what_describes_the_start_is_not_fitted() -> None:
    resolved = load_scenario("frontier-2024", {"start": "2023-06-30", "vintage": "strict"})
    assert not set(fitted_ranges(resolved)) & {row.id for row in vintages("parameters")}
    assert not [name for name in fitted_ranges(resolved) if name.startswith("orgs.")]
    assert len(fitted_ranges(resolved)) > 50


def test_growth_is_fitted_as_a_ratio() -> None:
    aims = [Target("a", "2024Q1", None, 0.0), Target("b", "2024Q1", "2023Q4", 0.0)]
    found = predicted({"a": {"2024Q1": np.e}, "b": {"2023Q4": 2.0, "2024Q1": 4.0}}, aims)
    assert found == pytest.approx([1.0, np.log(2)])
    assert np.isnan(predicted({}, aims)).all()


def test_draws_are_kept_with_what_they_rest_on(tmp_path: Path) -> None:
    found = dict.fromkeys(("origin", "waves", "runs", "targets", "last_target", "error", "inputs", "code", "seed"), "x")
    path = tmp_path / "p.csv"
    write_posterior(found | {"draws": {"b.x": [1.0, 2.0], "a": [0.5, 0.25]}}, path)
    assert path.read_text().count("\n# ") == 8
    assert kept.read_posterior(str(path)) == [{"a": 0.5, "b.x": 1.0}, {"a": 0.25, "b.x": 2.0}]
    futures = kept.drawn_from(str(path), [Future(i, i, {"a": 9.0, "c": 1.0}) for i in range(3)])
    assert [future.values for future in futures][2] == {"a": 0.5, "b.x": 1.0, "c": 1.0}
    with pytest.raises(kept.PosteriorError, match="no posterior 'nobody'"):
        kept.read_posterior("nobody")


@pytest.mark.parametrize(
    ("origin", "start"),
    [
        (date(2024, 6, 30), date(2023, 6, 30)),
        (date(2024, 12, 31), date(2023, 9, 30)),
        (date(2025, 12, 31), date(2023, 12, 31)),
    ],
)
def test_the_world_of_a_fit_begins_a_year_before_the_last_row_that_may_be_fitted(origin: date, start: date) -> None:
    assert start_of(origin) == start
    world = world_of(origin, targets(origin))
    assert (world.scenario.start, world.vintage) == (start, "strict")
    assert world.scenario.years < 1.4


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
