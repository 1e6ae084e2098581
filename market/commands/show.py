"""Show a run or an experiment: a page, a figure, an archive, a server."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from market.commands.agents import Agents
from market.commands.errors import problem_of
from market.commands.group import command
from market.commands.options import DEFAULT_SCENARIO, JSON, RUN, outside
from market.commands.shell import emit, put


@command()
@click.argument("of", metavar="RUN|EXPERIMENT")
@click.option(
    "--out",
    "-o",
    type=click.Path(path_type=Path, dir_okay=False),
    default="report.html",
    show_default=True,
    help="File to write.",
)
@click.option("--title", help="Headline instead of the finding.")
@JSON
def report(of: str, out: Path, title: str | None, as_json: bool) -> None:
    """Write a run or an experiment as one HTML file to mail: the finding, charts, tables, how to do it again."""
    from market.report.page import render
    from market.report.pages import page_of
    from market.runs.folders import outside_runs

    outside_runs(out)
    text = render(page_of(of, title))
    put(text, out)
    size = len(text.encode())
    if as_json:
        emit({"file": str(out), "bytes": size})
    else:
        print(f"{out} ({size / 1e6:.2f} MB)")


@command()
@RUN
@click.option(
    "--out",
    "-o",
    type=click.Path(path_type=Path),
    required=True,
    callback=outside,
    help="New folder, or archive ending in .zip.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["parquet", "csv"]),
    default="parquet",
    show_default=True,
    help="How tables are written.",
)
@JSON
def export(run: Path, out: Path, form: Any, as_json: bool) -> None:
    """Write RUN's tables, data dictionary, scenario and log into one folder or archive (RO-Crate)."""
    from market.report.crate import export as write_crate
    from market.runs.reading import open_run

    written = write_crate(open_run(run), out, form)
    if as_json:
        emit({"out": str(out), "files": [path.as_posix() for path in written]})
    else:
        print(f"{out}: {len(written)} files")


@command()
@click.argument("of", metavar="RUN|SCENARIO", default=DEFAULT_SCENARIO)
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 takes a free one.")
@click.pass_obj
def serve(agents: Agents, of: str, port: int) -> None:
    """Serve a page on this machine alone to ask what-if questions of a run or a scenario, until Ctrl-C."""
    from market.report.serve.app import Served
    from market.report.serve.app import serve as serve_pages
    from market.report.serve.jobs import Jobs

    run, scenario, plan, policies = served_question(agents, of)
    served = Served(scenario, run, policies, plan, Jobs([sys.executable, "-c", "import cli; cli.main()"]))

    serve_pages(served, port, problem_of, lambda address: print(address, flush=True))


def served_question(agents: Agents, of: str) -> tuple[str | None, str, Any, dict[str, str]]:
    """Find what a server answers about: a run's folder or None, a scenario, how to plan a what-if, the policies."""
    from market.experiments.experiment import default_out, plan_experiment
    from market.policies.load import library
    from market.runs.reading import open_run
    from market.scenario.load import load_scenario

    is_run = (Path(of) / "run.json").is_file()
    scenario = open_run(Path(of)).question.scenario.name if is_run else of
    load_scenario(scenario, {})

    def plan(design: dict[str, Any]) -> str:
        return default_out(plan_experiment(agents.simulate(), None, design))

    return (of if is_run else None), scenario, plan, library()


@command()
@click.argument("name")
@RUN
@click.option(
    "--out",
    "-o",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="File to write: .svg, .png, .pdf, .html or .json.",
)
@JSON
def plot(name: str, run: Path, out: Path, as_json: bool) -> None:
    """Draw one figure of RUN for a slide: NAME is compute, prices, power, ... (see `market report`)."""
    from market.report.plots import draw
    from market.runs.reading import open_run

    draw(name, open_run(run).log, out)
    if as_json:
        emit({"file": str(out), "bytes": out.stat().st_size})
    else:
        print(out)
