"""Scenarios: list, show, check, begin one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from market.commands import complete
from market.commands.agents import Agents
from market.commands.group import group
from market.commands.options import DEFAULT_SCENARIO, JSON, SET, outside, pair_of
from market.commands.shell import USAGE, Complaint, emit, names, put

if TYPE_CHECKING:
    from market.scenario.load import Resolved


@group()
def scenario() -> None:
    """Worlds to start from."""


@scenario.command("list")
@JSON
def scenario_list(as_json: bool) -> None:
    """List the scenarios that come with the program."""
    from market.scenario.load import library

    names(library(), "scenarios", as_json)


@scenario.command("show")
@click.argument("scenario", default=DEFAULT_SCENARIO, shell_complete=complete.scenarios)
@SET
@click.option("--yaml", "as_yaml", is_flag=True, help="Print the resolved scenario, a file that needs no catalogue.")
@JSON
def scenario_show(scenario: str, sets: tuple[str, ...], as_yaml: bool, as_json: bool) -> None:
    """List every number of a scenario with its date and source."""
    from market.report.asked import show_scenario, sourced
    from market.scenario.load import load_scenario

    found = load_scenario(scenario, dict(pair_of(text) for text in sets))
    if as_yaml:
        click.echo(found.dump(), nl=False)
    elif as_json:
        emit({"scenario": found.scenario.model_dump(mode="json"), "sources": sourced(found), "sha256": found.sha256,
              "vintage": found.vintage, "carried": found.carried})  # fmt: skip
    else:
        show_scenario(found)


@scenario.command("check")
@click.argument("scenario", shell_complete=complete.scenarios)
@SET
@click.option("--flows", is_flag=True, help="Run four weeks and compare their flows with the record.")
@JSON
@click.pass_obj
def scenario_check(agents: Agents, scenario: str, sets: tuple[str, ...], flows: bool, as_json: bool) -> None:
    """Say everything that is wrong with a scenario, each with file, line and column."""
    from market.scenario.errors import ScenarioError
    from market.scenario.load import load_scenario

    try:
        found = load_scenario(scenario, dict(pair_of(text) for text in sets))
    except ScenarioError as error:
        if as_json:
            emit({"scenario": scenario, "ok": False, "problems": [problem._asdict() for problem in error.problems]})
        for problem in () if as_json else error.problems:
            click.echo(f"market: {problem}", err=True)
        raise click.exceptions.Exit(USAGE) from None
    if flows:
        say_flows(agents, found, as_json)
        return
    if as_json:
        emit({"scenario": scenario, "ok": True, "problems": [], "sha256": found.sha256, "dropped": found.dropped,
              "exempt": found.exempt})  # fmt: skip
        return
    say_what_holds(scenario, found)


def say_what_holds(scenario: str, found: Resolved) -> None:
    """Print what a scenario rests on, and what in it may be of a later date."""
    from market.report.console import console, para

    out = console()
    para(out, f"{scenario}: holds; {len(found.sources):,} sourced values, sha256 {found.sha256[:16]}")
    para(out, "")
    para(
        out,
        f"Engineering constants, exempt from the rule that nothing may describe a later date ({len(found.exempt)}):",
    )
    for name in found.exempt:
        row = found.sources[name]
        unit = "" if row.unit == "1" else f" {row.unit}"
        para(out, f"  {name} = {row.value}{unit} ({row.source})", indent="    ")


def say_flows(agents: Agents, found: Resolved, as_json: bool) -> None:
    """Print the first weeks' flows beside the record."""
    from market.report.truth import show_flows
    from market.truth.flows import first_flows

    rows = first_flows(found, agents.model_around)
    emit({"scenario": found.scenario.name, "flows": rows}) if as_json else show_flows(rows)


@scenario.command("schema")
def scenario_schema() -> None:
    """Print the JSON Schema of a scenario file, for editors."""
    from market.report.file_schema import file_schema

    emit(file_schema())


@scenario.command("init")
@click.argument("file", type=click.Path(path_type=Path), callback=outside, default="scenario.yaml")
@click.option("--extends", "base", default=DEFAULT_SCENARIO, show_default=True, help="Scenario to start from.")
def scenario_init(file: Path, base: str) -> None:
    """Write a scenario file to begin from."""
    from market.report.asked import STARTER
    from market.scenario.load import load_scenario

    load_scenario(base)
    name = "".join(c if c.isalnum() else "-" for c in file.stem.lower()).strip("-") or "mine"
    if file.exists():
        raise Complaint(f"{file}: is there already; choose another name")
    put(STARTER.format(name=name, base=base), file)
    click.echo(f"{file}: edit it, then `market scenario check {file}` and `market run {file}`")
