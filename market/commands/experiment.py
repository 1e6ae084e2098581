"""Experiments: policies beside the baseline on the same futures and seeds."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from market.commands import complete
from market.commands.errors import PROBLEMS_SHOWN
from market.commands.group import Group, group
from market.commands.options import JSON, POLICY, QUIET, SET, outside_or_url, pair_of
from market.commands.shell import INTERRUPTED, SOME_FAILED, Complaint, emit, put

if TYPE_CHECKING:
    from market.experiments.design.plan import Plan
    from market.experiments.experiment import Finished


class Experiment(Group):
    """Runs an experiment unless the first word is a command of its own."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put `run` in front of a design or of options."""
        ctx.meta["market.experiment"] = shlex.join(args)
        first = args[0] if args else "--help"
        return super().parse_args(ctx, args if first in self.commands else ["run", *(args or ["--help"])])


@group(cls=Experiment)
def experiment() -> None:
    """Compare policies with the baseline on the same futures and seeds."""


@experiment.command("run")
@click.argument("spec", required=False)
@POLICY
@click.option("--runs", "seeds", type=int, metavar="N", help="Seeds: paired runs of every policy in every future.")
@click.option("--futures", type=int, metavar="N", help="Futures to draw from a design's uncertainties.")
@click.option("--years", type=float, help="Length of every run.")
@click.option("--scenario", shell_complete=complete.scenarios, help="A scenario by name or file.")
@click.option("--seed", "first_seed", type=int, help="The first seed.")
@SET
@click.option("--metric", "metrics", multiple=True, metavar="M", help="What to measure; `*` stands for any.")
@click.option("--engine", default="local", show_default=True, help="serial, local[:N], dask[:N] or dask://host:port.")
@click.option("--out", "-o", callback=outside_or_url, help="A folder, or s3://bucket/prefix?endpoint_override=...")
@click.option("--resume", is_flag=True, help="Go on where an experiment was cut short.")
@click.option("--keep-logs", default="none", show_default=True, help="all, sample:N pairs, or none.")
@click.option("--dry-run", is_flag=True, help="Check the design, say how many runs and how long.")
@JSON
@QUIET
@click.pass_context
def experiment_run(
    ctx: click.Context, /, spec: str | None, engine: str, out: str | None, resume: bool, keep_logs: str, dry_run: bool,
    as_json: bool, quiet: bool, **asked: Any,
) -> None:  # fmt: skip
    """Run SPEC (a YAML design), or the policies given, beside the baseline on the same futures and seeds."""
    if spec is None and not asked["policies"]:
        raise click.UsageError("give a design file, or a --policy")
    from market.experiments.experiment import Interrupted, plan_experiment, run_experiment
    from market.experiments.tell.progress import Pace

    plan = plan_experiment(ctx.obj.simulate(), Path(spec) if spec else None, design_of(**asked))
    if dry_run:
        say_estimate(plan, engine, out, as_json)
        return
    try:
        with Pace(quiet or as_json) as tell:
            done = run_experiment(plan, engine=engine, out=out, resume=resume, keep_logs=keep_logs, tell=tell)
    except Interrupted as stop:
        raise Complaint(f"{stop}; go on with", INTERRUPTED, [f"  {again(ctx, stop.out)}"]) from None
    say_result(done, as_json)
    raise click.exceptions.Exit(SOME_FAILED if done.failed else 0)


def design_of(
    policies: tuple[str, ...], sets: tuple[str, ...], metrics: tuple[str, ...], **rest: Any
) -> dict[str, Any]:
    """Collect what was said on the command line, as a design says it."""
    said = {"policies": list(policies), "set": dict(pair_of(text) for text in sets), "metrics": list(metrics)}
    return {key: value for key, value in said.items() if value} | {k: v for k, v in rest.items() if v is not None}


def again(ctx: click.Context, out: str) -> str:
    """Say the command that goes on with an interrupted experiment."""
    words = f"market experiment {ctx.meta['market.experiment']}"
    words += "" if " --resume" in words else " --resume"
    return words if " --out" in words else f"{words} --out {shlex.quote(out)}"


def say_estimate(plan: Plan, engine: str, out: str | None, as_json: bool) -> None:
    """Print how many runs a design makes, and how long they take."""
    from market.experiments.engines import workers_of
    from market.experiments.experiment import default_out, estimate, left_of
    from market.experiments.tell.show import estimated, fitted
    from market.layout import columns

    place = out or default_out(plan)
    left = left_of(plan, place)
    found = estimate(plan, workers_of(engine))
    if as_json:
        emit(found._asdict() | {"minutes": round(found.minutes, 2), "out": place, "left": left})
        return
    lines = estimated(found, plan.metrics, place, left).splitlines()
    put("".join(f"{line}\n" for line in fitted(lines, columns())))


def say_result(done: Finished, as_json: bool) -> None:
    """Print what an experiment found."""
    from market.experiments.results.dataset import open_results
    from market.experiments.tell.plain import as_json as plain
    from market.experiments.tell.show import tell
    from market.layout import columns

    results = open_results(done.out)
    if as_json:
        emit(done.as_json() | plain(results))
        return
    click.echo(tell(results, columns()), nl=False)
    for text in list(done.failed.values())[:PROBLEMS_SHOWN]:
        click.echo(f"failed: {text}", err=True)


@experiment.command("show")
@click.argument("result")
@click.option("--week", type=int, help="Outcomes after so many weeks instead of at the end.")
@JSON
def experiment_show(result: str, week: int | None, as_json: bool) -> None:
    """Tell what the experiment in the folder RESULT found."""
    from market.experiments.results.dataset import open_results
    from market.experiments.tell.plain import as_json as plain
    from market.experiments.tell.show import tell
    from market.layout import columns

    results = open_results(result, week, unfinished=True)
    emit({"out": result} | plain(results)) if as_json else click.echo(tell(results, columns()), nl=False)


@experiment.command("metrics")
@JSON
def experiment_metrics(as_json: bool) -> None:
    """List what an experiment can measure."""
    from market.experiments.design.metrics import METRICS
    from market.layout import Column, columns, table

    if as_json:
        emit({name: about._asdict() for name, about in METRICS.items()})
        return
    rows = [(name, "" if about.unit == "1" else about.unit, about.meaning) for name, about in METRICS.items()]
    heads = [Column(name, is_text=True) for name in ("metric", "unit", "meaning")]
    click.echo("\n".join(table(heads, rows, columns(), apart=True)))
