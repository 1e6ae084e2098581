"""Options and arguments that several commands take, and how their texts are read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from market.commands import complete
from market.commands.shell import Complaint

DEFAULT_SCENARIO = "frontier-2024"

type Words = tuple[str, ...]


def run_argument(name: str = "run") -> Callable[[Any], Any]:
    """Take the folder of a run."""
    return click.argument(name, metavar=name.upper(), type=click.Path(path_type=Path), shell_complete=complete.runs)


def outside(_: click.Context, option: click.Parameter, path: Path | None) -> Path | None:
    """Take a file or folder to write; one in the folder of a run is refused."""
    if path is None:
        return None
    from market.runs.folders import outside_runs

    return outside_runs(path)


def outside_or_url(context: click.Context, option: click.Parameter, place: str | None) -> str | None:
    """Take a folder or an address to write to, as `outside` does."""
    if place is not None and "://" not in place:
        outside(context, option, Path(place))
    return place


RUN = run_argument()
JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
QUIET = click.option("--quiet", "-q", is_flag=True, help="Show no progress.")
POLICY = click.option("--policy", "-p", "policies", multiple=True, envvar="MARKET_POLICY", metavar="POLICY",
                      shell_complete=complete.policies,
                      help="A what-if: NAME, NAME:key=value,... or a file; may be repeated.")  # fmt: skip
SET = click.option("--set", "-s", "sets", multiple=True, envvar="MARKET_SET", metavar="KEY=VALUE",
                   help="Another value for a dotted key of the scenario; may be repeated.")  # fmt: skip
OUT = click.option("--out", "-o", type=click.Path(path_type=Path), envvar="MARKET_OUT", callback=outside,
                   help="Folder of the run.")  # fmt: skip
FILE = click.option("--out", "-o", type=click.Path(path_type=Path, dir_okay=False), callback=outside,
                    help="File to write instead of stdout.")  # fmt: skip
SCENARIO = click.argument("scenario", default=DEFAULT_SCENARIO, envvar="MARKET_SCENARIO",
                          shell_complete=complete.scenarios)  # fmt: skip
FORMAT = click.option("--format", "form", type=click.Choice(["table", "json", "csv", "parquet"]), default="table",
                      show_default=True, help="How to print it.")  # fmt: skip


def pair_of(text: str) -> tuple[str, str]:
    """Cut KEY=VALUE."""
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise Complaint(f"--set {text}: must read KEY=VALUE, such as parameters.price.margin=0.2")
    return key, value


def number_of(years: str) -> str:
    """Check a number of years before the scenario's schema does."""
    try:
        value = float(years)
    except ValueError:
        value = float("nan")
    if not 0 < value <= 20:
        raise Complaint(f"--years: must be a number above 0 and at most 20, was {years}")
    return repr(value)


def form_of(form: str, as_json: bool, ctx: click.Context) -> str:
    """Settle --format with --json, which is short for one of them; two that differ are refused."""
    from click.core import ParameterSource

    if as_json and form != "json" and ctx.get_parameter_source("form") is ParameterSource.COMMANDLINE:
        raise Complaint(f"--json is --format json; it cannot go with --format {form}")
    return "json" if as_json else form
