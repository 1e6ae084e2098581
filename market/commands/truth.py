"""Forecasts and what they are worth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from market.commands.agents import Agents
from market.commands.group import command
from market.commands.options import DEFAULT_SCENARIO, JSON, QUIET, SET, number_of, outside, pair_of
from market.commands.shell import emit, put

ENGINE = click.option("--engine", default="local", show_default=True, help="serial, or local[:N] processes.")


FUTURES = click.option("--futures", "-n", type=click.IntRange(1), default=100, show_default=True, metavar="N",
                       help="How many futures.")  # fmt: skip


INPUT = click.Path(path_type=Path, exists=True, dir_okay=False)
OUTPUT = click.Path(path_type=Path, dir_okay=False)
KEEP = click.option(
    "--keep",
    type=click.Path(path_type=Path, file_okay=False),
    callback=outside,
    metavar="FOLDER",
    help="Keep what each future says there as it ends, and go on from what is there.",
)


@command()
@click.argument("scenario", default=DEFAULT_SCENARIO)
@FUTURES
@click.option("--questions", type=INPUT, metavar="FILE.csv", help="Questions: id,text,sql,unit,low,high.")
@click.option("--years", metavar="YEARS", help="Length of the futures.  [default: the scenario's]")
@click.option("--posterior", metavar="NAME", help="Draw from a posterior of `market calibrate`.")
@SET
@ENGINE
@click.option("--out", "-o", type=OUTPUT, callback=outside, required=True, metavar="F", help="File of the forecast.")
@JSON
@QUIET
@click.pass_obj
def forecast(agents: Agents, /, scenario: str, questions: Path | None, years: str | None, sets: tuple[str, ...],
             out: Path, as_json: bool, quiet: bool, **asked: Any) -> None:  # fmt: skip
    """Simulate many futures of a scenario and write what they say: series, dates, answers to questions.

    Each future draws its parameters from the catalogue's ranges and has a seed of its own. The same command with the
    same code writes the same bytes; `market score` scores the file when the observations have come.
    """
    from market.report.truth import forecast_fields, show_forecast, teller
    from market.scenario.load import load_scenario
    from market.truth.campaign import run_forecast
    from market.truth.forecast import to_text
    from market.truth.questions import read_questions

    wishes = dict(pair_of(text) for text in sets) | ({} if years is None else {"years": number_of(years)})
    told = read_questions(questions) if questions else []
    found = run_forecast(load_scenario(scenario, wishes), agents.model_around, told, tell=teller(quiet), **asked)
    put(to_text(found), out)
    emit(forecast_fields(found, out)) if as_json else show_forecast(found, out)


@command()
@click.argument("file", type=INPUT, metavar="F")
@click.option("--observed", type=INPUT, required=True, metavar="FILE.csv", help="Observations: series,quarter,value.")
@JSON
def score(file: Path, observed: Path, as_json: bool) -> None:
    """Score a forecast file against what was observed: coverage of its bands, CRPS, weighted interval score."""
    from market.report.truth import show_score
    from market.truth import score as scoring

    found = scoring.score(scoring.read_forecast(file), scoring.read_observed(observed))
    emit(found) if as_json else show_score(found, file)


@command()
@click.option("--origins", "origins", multiple=True, default=("all",), metavar="all|DATE", show_default=True,
              help="A quarter's end; may be repeated.")  # fmt: skip
@FUTURES
@ENGINE
@click.option("--posteriors", "fitted", is_flag=True, help="Draw what the posterior of an origin knows from it.")
@click.option("--without-org-constants", "plain", is_flag=True, help="Give every org the median traits of its role.")
@KEEP
@click.option("--why", default="back-test", show_default=True, help="Why the record is looked at; the look is noted.")
@click.option("--out", "-o", type=OUTPUT, callback=outside, metavar="FILE.parquet", help="Write every point.")
@click.option(
    "--charts",
    type=click.Path(path_type=Path, file_okay=False),
    callback=outside,
    help="Folder for a picture of each series.",
)
@click.option(
    "--scores",
    type=OUTPUT,
    callback=outside,
    metavar="FILE.csv",
    help="Write the scores of each series, which reports show.",
)
@JSON
@QUIET
@click.pass_obj
def backtest(agents: Agents, /, origins: tuple[str, ...], why: str, out: Path | None, charts: Path | None,
             scores: Path | None, as_json: bool, quiet: bool, **asked: Any) -> None:  # fmt: skip
    """Forecast from past quarters' ends, each knowing only what was published by then, and score what came of it."""
    from market.report.fan import write_charts
    from market.report.truth import show_backtest, teller, write_points
    from market.truth.backtest import origins_of, run_backtest
    from market.truth.looks import note_look
    from market.truth.scores import write_scores
    from market.truth.summary import summary

    found = summary(*run_backtest(agents.model_around, origins_of(origins), tell=teller(quiet), **asked))
    said = {name: found[name] for name in ("origins", "futures", "coverage", "crps", "crps_by_split")}
    found["looks"] = note_look(Path("forecasts"), "backtest", why, said)
    if out is not None:
        write_points(found["series"], out)
    if charts is not None:
        write_charts(found["series"], charts)
    if scores is not None:
        write_scores(found, scores)
    emit(found) if as_json else show_backtest(found)


@command()
@click.option("--origin", "origins", multiple=True, default=("2024-12-31",), metavar="all|DATE", show_default=True,
              help="Fit what was known then; may be repeated.")  # fmt: skip
@click.option("--runs", type=click.IntRange(10), default=200, show_default=True, metavar="N",
              help="Runs of the ensemble that all origins share, in each world.")  # fmt: skip
@click.option("--waves", type=click.IntRange(1, 20), default=1, show_default=True,
              help="Waves of the smoother; from the second on each origin has runs of its own.")  # fmt: skip
@click.option("--truths", type=click.IntRange(0), default=0, show_default=True, metavar="N",
              help="Test the fit on so many synthetic truths and on shuffled quarters.")  # fmt: skip
@ENGINE
@KEEP
@click.option(
    "--out",
    "-o",
    type=click.Path(path_type=Path, file_okay=False),
    callback=outside,
    metavar="FOLDER",
    help="Write the draws of each origin there, DATE.csv.",
)
@JSON
@QUIET
@click.pass_obj
def calibrate(agents: Agents, /, origins: tuple[str, ...], engine: str, keep: Path | None, out: Path | None,
              as_json: bool, quiet: bool, **asked: Any) -> None:  # fmt: skip
    """Fit the parameters to what was known at each origin, and say what the record can identify."""
    from market.report.truth import show_calibration, teller
    from market.truth import calibrate as calibration
    from market.truth.ensemble import simulated_by

    simulate = simulated_by(agents.model_around, engine, teller(quiet), keep)
    found = calibration.calibrate(calibration.origins_of(origins), simulate=simulate, **asked)
    if out is not None:
        calibration.write_posteriors(found, out)
    for entry in found["posteriors"]:
        entry.pop("draws")
    emit(found) if as_json else show_calibration(found)


@command()
@click.option("--seeds", type=click.IntRange(1), default=20, show_default=True, help="Seeds of each world.")
@click.option("--years", type=click.FloatRange(0, 20, min_open=True), default=3.0, show_default=True, help="Length.")
@ENGINE
@JSON
@QUIET
@click.pass_obj
def claims(agents: Agents, /, as_json: bool, quiet: bool, **asked: Any) -> None:
    """Check the claims of the two source articles over the logs of many seeds."""
    from market.report.truth import show_claims, teller
    from market.truth.claims import check_claims

    found = check_claims(agents.model_around, tell=teller(quiet), **asked)
    emit(found) if as_json else show_claims(found)
