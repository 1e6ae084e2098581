"""Policies: list, show, check."""

from __future__ import annotations

import click

from market.commands import complete
from market.commands.group import group
from market.commands.options import JSON, SET, pair_of
from market.commands.shell import USAGE, emit, names


@group()
def policy() -> None:
    """What-ifs that act on a run."""


@policy.command("list")
@JSON
def policy_list(as_json: bool) -> None:
    """List the policies that come with the program."""
    from market.policies.load import library

    names(library(), "policies", as_json)


@policy.command("check")
@click.argument("policy", metavar="POLICY")
@click.option("--scenario", metavar="SCENARIO", help="Say also which names and values do not fit this scenario.")
@SET
@JSON
def policy_check(policy: str, scenario: str | None, sets: tuple[str, ...], as_json: bool) -> None:
    """Say everything that is wrong with a policy, each with file, line and column."""
    from market.policies.load import check_against, check_policy, load_policy
    from market.scenario.load import load_scenario

    problems = check_policy(policy)
    if not problems and scenario is not None:
        world = load_scenario(scenario, dict(pair_of(text) for text in sets)).scenario
        problems = check_against(load_policy(policy), world)
    if as_json:
        emit({"policy": policy, "ok": not problems, "problems": [problem._asdict() for problem in problems]})
    for problem in () if as_json else problems:
        click.echo(f"market: {problem}", err=True)
    if problems:
        raise click.exceptions.Exit(USAGE)
    if not as_json:
        click.echo(f"{policy}: holds")


@policy.command("show")
@click.argument("policy", metavar="POLICY", shell_complete=complete.policies)
@JSON
def policy_show(policy: str, as_json: bool) -> None:
    """Show what a policy does, from when to when, its settings and sources. POLICY as for `market run --policy`."""
    from market.policies.load import load_policy

    found = load_policy(policy)
    if as_json:
        emit(found.model_dump(mode="json", by_alias=True, exclude_defaults=True))
        return
    from market.report.asked import show_policy

    show_policy(found)
