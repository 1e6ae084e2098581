"""Forecasts, scores, back-tests and claims as text."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from market.layout import counted
from market.report.console import console, para

FORECAST_FIELDS = ("scenario", "start", "futures", "failed", "head", "drawn", "dates")
QUESTION_FIELDS = ("id", "median", "low", "high", "p_inside")
STATED_YEARS = 3  # what claims speak of
SERIES_FIELDS = ("series", "quarter", "q10", "q50", "q90")


def teller(quiet: bool) -> Callable[[int, int], None]:
    """Tell progress on stderr, a line for every tenth of the futures."""

    def tell(done: int, total: int) -> None:
        if not quiet and (done == total or done % max(1, total // 10) == 0):
            click.echo(f"market: {done} of {total} futures", err=True)

    return tell


def forecast_fields(found: dict[str, Any], out: Path) -> dict[str, Any]:
    """What scripts read of a forecast; the file holds more."""
    return {
        **_some(found, FORECAST_FIELDS),
        "file": str(out),
        "questions": [_some(entry, QUESTION_FIELDS) for entry in found["questions"]],
        "series": [_some(entry, SERIES_FIELDS) for entry in found["series"]],
    }


def show_forecast(found: dict[str, Any], out: Path) -> None:
    """Print the answers to the questions."""
    _line(
        f"{out}: {counted(found['futures'], 'future')} of {found['scenario']} from {found['start']}, "
        f"{found['failed']} failed, head {found['head'][:16]}"
    )
    for entry in found["questions"]:
        interval = f"{_say(entry['median'])} [{_say(entry['low'])}, {_say(entry['high'])}] {entry['unit']}"
        _line(f"  {entry['id']:<28} {interval}  p {entry['p_inside']:.2f}  {entry['text']}")


def show_score(found: dict[str, Any], file: Path) -> None:
    """Print coverage and each point."""
    shares = ", ".join(f"{band} %: {'none' if v is None else f'{v:.0%}'}" for band, v in found["coverage"].items())
    _line(f"{file}: {found['points']} points; coverage of bands {shares}; CRPS {_say(found['score']['crps'])}")
    if not found["same_definitions"]:
        _line("  the forecast was made with other definitions of series")
    for row in found["rows"]:
        mark = "inside " if row["inside"] else "outside"
        said = f"observed {row['observed']} median {row['median']} [{row['low']}, {row['high']}]"
        _line(f"  {row['series']:<28} {row['quarter']:<7} {mark} {said}")
    for name in found["not_forecast"]:
        _line(f"  not forecast: {name}")


def write_points(points: list[dict[str, Any]], out: Path) -> None:
    """Write every point of a back-test as Parquet, a column for each baseline."""
    import polars as pl

    from market.runs.files import write_whole

    plain = [{k: v for k, v in point.items() if k != "baselines"} for point in points]
    names = sorted({name for point in points for name in point["baselines"]})
    errors = [{f"error of {name}": point["baselines"].get(name) for name in names} for point in points]
    target = io.BytesIO()
    pl.DataFrame([a | b for a, b in zip(plain, errors, strict=True)], infer_schema_length=None).write_parquet(target)
    write_whole(out, target.getvalue())


def show_backtest(found: dict[str, Any]) -> None:
    """Print coverage, skill by horizon, the worst series and the dates."""
    _line(
        f"{counted(len(found['origins']), 'origin')}, {counted(found['futures'], 'future')} each "
        f"({', '.join(found['drawn'])}), {found['failed']} failed, {len(found['series'])} points; "
        f"look number {found['looks']}"
    )
    for band, share in found["coverage"].items():
        _line(f"  {band} % bands hold {_share(share)} of the points{_between(found['coverage_interval'][band])}")
    _line("skill against (columns: quarters ahead; above 0 is better than the baseline)")
    for name, horizons in found["skill"].items():
        cells = " ".join(_signed(horizons.get(str(h), {}).get("skill")) for h in range(1, 9))
        _line(f"  {name:<24}{cells}")
    for name, points in sorted(_by_series(found["series"]).items(), key=lambda item: item[1][0]):
        _line(f"  {name:<28} inside 80 %: {points[0]:.0%} of {points[1]}, CRPS {points[2]:.3f}")
    for entry in found["dates"]:
        _line(
            f"  {entry['origin']} {entry['date']:<28} within {entry['within_days']} days: {entry['share_within']:.0%}"
            f" (happens in {entry['share']:.0%}{_error(entry['median_error_days'])})"
        )


def show_claims(found: dict[str, Any]) -> None:
    """Print the counts and each claim with its share of seeds."""
    names = ("shown", "given", "contradicted", "absent", "texts")
    _line(f"{counted(found['seeds'], 'seed')}: " + ", ".join(f"{found[name]} {name}" for name in names))
    if found["years"] < STATED_YEARS:
        _line(f"claims speak of {STATED_YEARS} years: what comes after {found['years']:g} counts as absent")
    for entry in found["claims"]:
        share = "" if entry["share"] is None else f"in {entry['share']:.0%} of seeds, median {_say(entry['figure'])}"
        _line(f"  {entry['id']} {entry['status']:<12} {entry['claim']}  [{share or entry['reason']}]")


def show_calibration(found: dict[str, Any]) -> None:
    """Print for each origin what was fitted, what became narrower, what trades off, and what the fit is worth."""
    _line(f"{found['runs']} runs in each world, {found['waves']} waves")
    for entry in found["posteriors"]:
        if entry["targets"]:
            _show_posterior(entry)
        else:
            _line(f"origin {entry['origin']}: nothing that may be fitted was published before it")


def _show_posterior(found: dict[str, Any]) -> None:
    _line(
        f"origin {found['origin']}: {found['targets']} observed quarters to {found['last_target']}, "
        f"{found['failed']} runs failed; error {found['error']:.2f} log points, "
        f"of which the model cannot follow {found['discrepancy']:.2f}"
    )
    _line(
        f"  {found['identified']} of {len(found['parameters'])} parameters became narrower by more than chance, "
        f"{found['chance']:.0%}"
    )
    for entry in found["parameters"][:15]:
        mark = "*" if entry["identified"] else " "
        _line(f"  {mark} {entry['name']:<40} narrower by {entry['contraction']:+.0%}, median"
                   f" {_say(entry['prior_median'])} -> {_say(entry['posterior_median'])}")  # fmt: skip
    for pair in found["pairs"]:
        _line(f"    trade off: {pair['a']} and {pair['b']}, correlation {pair['correlation']:+.2f}")
    if found["check"] is not None:
        _show_check(found["check"])


def _show_check(check: dict[str, Any]) -> None:
    _line(
        f"  {check['truths']} synthetic truths: ranks uniform with p {check['uniform_p']:.2f}, "
        f"{check['uniform_p_of_most']:.2f} for the ten that narrow most; 80 % bands hold {check['inside_80']:.0%} and "
        f"{check['inside_80_of_most']:.0%}"
    )
    _line(
        f"  the ten that narrow most do so by {check['narrowed_by_truths']:.0%} by such truths, "
        f"{check['narrowed_by_record']:.0%} by the record, {check['narrowed_by_permuted']:.0%} (at most "
        f"{check['permuted_most']:.0%}) by its quarters shuffled; error taken {check['error_of_record']:.2f} and "
        f"{check['error_of_permuted']:.2f}"
    )


def show_flows(rows: list[dict[str, Any]]) -> None:
    """Print the flows of the first weeks beside what the record would carry on to."""
    width = max((len(row["flow"]) for row in rows), default=0)
    click.echo(f"{'flow':<{width}}{'first weeks':>13}{'record':>10}  unit (a quarter)")
    for row in rows:
        mark = "" if row["ratio"] is None else "within 10 %" if row["within"] else f"{row['ratio']:.2f} times"
        expected = "" if row["expected"] is None else f"{row['expected']:,.4g}"
        line = f"{row['flow']:<{width}}{row['first_weeks']:>13,.4g}{expected:>10}  {row['unit']}  {mark}"
        click.echo(line.rstrip())


def _by_series(points: list[dict[str, Any]]) -> dict[str, tuple[float, int, float]]:
    groups: dict[str, list[dict[str, Any]]] = {}
    for point in points:
        groups.setdefault(point["series"], []).append(point)
    return {
        name: (sum(p["inside"] for p in found) / len(found), len(found), sum(p["crps"] for p in found) / len(found))
        for name, found in groups.items()
    }


def _signed(value: float | None) -> str:
    return "       " if value is None else f"{value:+7.2f}"


def _between(edges: list[float] | None) -> str:
    return "" if edges is None else f", 95 % interval {edges[0]:.0%} to {edges[1]:.0%}"


def _error(days: float | None) -> str:
    return "" if days is None else f", median error {days:,.0f} days"


def _share(value: float | None) -> str:
    return "none" if value is None else f"{value:.0%}"


def _some(entry: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: entry[name] for name in names}


def _say(value: float | None) -> str:
    return "none" if value is None else f"{value:,.4g}"


def _line(text: str) -> None:
    """Print a line, broken between words where it is wider than the terminal."""
    para(console(), text, indent="      ")
