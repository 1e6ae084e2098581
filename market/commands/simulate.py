"""Simulate: run a scenario, fork a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from market.commands.agents import Agents
from market.commands.group import command
from market.commands.options import JSON, OUT, POLICY, QUIET, RUN, SCENARIO, SET, Words, number_of, pair_of

if TYPE_CHECKING:
    from market.runs.question import Question


RESUME = click.option("--resume", is_flag=True, help="Continue a run that was cut short.")
FORCE = click.option("--force", is_flag=True, help="Repeat a run that is there already.")


@command("run")
@SCENARIO
@click.option("--years", envvar="MARKET_YEARS", metavar="YEARS", help="Length of the run.  [default: the scenario's]")
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), default=0, show_default=True, envvar="MARKET_SEED",
              help="Another seed is another history.")  # fmt: skip
@POLICY
@SET
@OUT
@RESUME
@FORCE
@click.option("--profile", is_flag=True, help="Say where the run's CPU time went, by step of the week.")
@JSON
@QUIET
@click.pass_context
def run_command(ctx: click.Context, /, out: Path | None, resume: bool, force: bool, profile: bool, as_json: bool,
                quiet: bool, **asked: Any) -> None:  # fmt: skip
    """Simulate a scenario week by week and report what came of it.

    SCENARIO is a name from `market scenario list` or a YAML file. The same question has the same folder: a finished run
    is reported, not repeated.
    """
    from market.commands.answer import How, answer
    from market.runs.folders import holds_run
    from market.runs.reading import open_run

    if resume and out is not None and holds_run(out) and not asked_for_anything(ctx):
        question = open_run(out).question
    else:
        question = question_of(**asked)
    ctx.obj.check_behaviours(question)
    answer(question, How(out, resume, force, as_json, quiet, profile), ctx.obj.model_around)


def asked_for_anything(ctx: click.Context) -> bool:
    """Whether the command line says more than where the run is."""
    from click.core import ParameterSource

    names = ("scenario", "years", "seed", "policies", "sets")
    return any(ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE for name in names)


def question_of(scenario: str, years: str | None, seed: int, policies: Words, sets: Words) -> Question:
    """Resolve what a run asks, with everything that is wrong in it said at once."""
    from market.policies.load import load_policies
    from market.runs.question import Question, Stage, checked
    from market.scenario.load import load_scenario

    wishes = dict(pair_of(text) for text in sets)
    if years is not None:
        wishes["years"] = number_of(years)
    stages = tuple(Stage(policy, 0) for policy in load_policies(policies))
    return checked(Question(load_scenario(scenario, wishes).scenario, seed, stages))


@command()
@RUN
@click.option("--at", "day", required=True, metavar="DATE", help="Part at the last week that closed not after this.")
@POLICY
@click.option("--years", metavar="YEARS", help="Another length, counted from the run's start.  [default: the parent's]")
@OUT
@RESUME
@FORCE
@JSON
@QUIET
@click.pass_obj
def fork(agents: Agents, run: Path, *, day: str, policies: Words, years: str | None, out: Path | None, resume: bool,
         force: bool, as_json: bool, quiet: bool) -> None:  # fmt: skip
    """Ask what would have come of RUN had a policy come after a date; compare the two, quantity by quantity.

    The fork takes the events of RUN over to the end of that week. With no change it is the same history again.
    """
    from functools import partial

    from market.commands.answer import How, answer
    from market.policies.load import load_policies
    from market.report.compared import with_parent
    from market.runs.reading import open_run

    parent = open_run(run)
    parent.reader.manifest.check_same_code("fork")
    length = None if years is None else float(number_of(years))
    question = parent.forked(day, load_policies(policies), length)
    agents.check_behaviours(question)
    how = How(out, resume, force, as_json, quiet)
    answer(question, how, agents.model_around, parent, partial(with_parent, parent))
