"""`market experiment`: options in, answer out. Imports nothing heavy before it has something to do."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from market.experiments.drive import Progress, Tell
    from market.experiments.experiment import Finished
    from market.experiments.plan import Plan

PROBLEMS_SHOWN = 20


class ExperimentGroup(click.Group):
    """Runs an experiment unless the first word is a command of its own."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put `run` in front of a design or of options."""
        ctx.meta["market.experiment"] = shlex.join(args)
        first = args[0] if args else "--help"
        return super().parse_args(ctx, args if first in self.commands else ["run", *(args or ["--help"])])


@click.group(cls=ExperimentGroup)
def experiment() -> None:
    """Compare policies with the baseline on the same futures and seeds."""


def _flags(
    *, scenario: str | None, policies: tuple[str, ...], runs: int | None, futures: int | None, years: float | None,
    seed: int | None, sets: tuple[str, ...], metrics: tuple[str, ...],
) -> dict[str, Any]:  # fmt: skip
    """Collect what was said on the command line, as a design says it."""
    said = {
        "scenario": scenario,
        "policies": list(policies) or None,
        "seeds": runs,
        "futures": futures,
        "years": years,
        "first_seed": seed,
        "set": dict(_pair(text) for text in sets) or None,
        "metrics": list(metrics) or None,
    }
    return {key: value for key, value in said.items() if value is not None}


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise click.BadParameter(f"must read key=value, was {text!r}", param_hint="--set")
    return key, value


@experiment.command("run", epilog="Also: market experiment show RESULT; market experiment metrics.")
@click.argument("spec", required=False)
@click.option("--policy", "policies", multiple=True, metavar="P", help="A policy by name, file or name:key=value.")
@click.option("--runs", type=int, metavar="N", help="Seeds: paired runs of every policy in every future.")
@click.option("--futures", type=int, metavar="N", help="Futures to draw from a design's uncertainties.")
@click.option("--years", type=float, help="Length of every run.")
@click.option("--scenario", help="A scenario by name or file.")
@click.option("--seed", type=int, help="The first seed.")
@click.option("--set", "sets", multiple=True, metavar="KEY=VALUE", help="Change the scenario of all runs.")
@click.option("--metric", "metrics", multiple=True, metavar="M", help="What to measure; `*` stands for any.")
@click.option("--engine", default="local", show_default=True, help="serial, local[:N], dask[:N] or dask://host:port.")
@click.option("--out", help="A folder, or s3://bucket/prefix?endpoint_override=...")
@click.option("--resume", is_flag=True, help="Go on where an experiment was cut short.")
@click.option("--keep-logs", default="none", show_default=True, help="all, sample:N pairs, or none.")
@click.option("--dry-run", is_flag=True, help="Check the design, say how many runs and how long.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
@click.option("--quiet", is_flag=True, help="No progress.")
@click.pass_context
def run(
    ctx: click.Context, /, spec: str | None, engine: str, out: str | None, resume: bool, keep_logs: str, dry_run: bool,
    as_json: bool, quiet: bool, **said: Any,
) -> None:  # fmt: skip
    """Run SPEC (a YAML design), or the policies given, beside the baseline on the same futures and seeds.

    market experiment --policy power-moratorium --runs 20
    """
    if spec is None and not said["policies"]:
        raise click.UsageError("give a design file, or a --policy")

    def act() -> int:
        from market.experiments.experiment import plan_experiment, run_experiment

        plan = plan_experiment(Path(spec) if spec else None, _flags(**said))
        if dry_run:
            _say_estimate(plan, engine, as_json)
            return 0
        with _progress(quiet or as_json) as tell:
            done = run_experiment(plan, engine=engine, out=out, resume=resume, keep_logs=keep_logs, tell=tell)
        _say_result(done, as_json)
        return done.exit_code

    sys.exit(_guarded(act, f"market experiment {ctx.parent.meta['market.experiment'] if ctx.parent else ''}"))


def _guarded(act: Callable[[], int], command: str = "") -> int:
    """Turn what may go wrong before and during a run into one line on stderr and an exit code."""
    from market.experiments.experiment import Interrupted
    from market.scenario.errors import ScenarioError

    try:
        return act()
    except ScenarioError as error:
        for problem in error.problems[:PROBLEMS_SHOWN]:
            _complain(problem)
        return error.exit_code
    except Interrupted as stop:
        again = command if " --resume" in command else f"{command} --resume"
        if " --out" not in command:
            again += f" --out {shlex.quote(stop.out)}"
        _complain(f"{stop}; go on with\n  {again}")
        return stop.exit_code
    except Exception as error:
        code = getattr(error, "exit_code", None)
        if code is None:
            raise
        _complain(error)
        return int(code)


def _complain(what: object) -> None:
    click.echo(f"market: {what}", err=True)


def _say_estimate(plan: Plan, engine: str, as_json: bool) -> None:
    from market.experiments.engines import workers_of
    from market.experiments.experiment import default_out, estimate

    found = estimate(plan, workers_of(engine))
    if as_json:
        content = found._asdict() | {"minutes": round(found.minutes, 2), "out": default_out(plan)}
        click.echo(json.dumps(content))
        return
    click.echo(f"{found.runs:,} runs: {', '.join(found.levers)}; {found.futures:,} futures, {found.seeds:,} seeds")
    click.echo(
        f"about {found.minutes:.1f} minutes on {found.workers} workers ({found.run_cpu_s:.1f} CPU seconds a run, "
        "from a probe of its first weeks)"
    )
    click.echo(f"metrics: {', '.join(plan.metrics)}")
    click.echo(f"would write to {default_out(plan)}")


def _say_result(done: Finished, as_json: bool) -> None:
    from market.experiments.results import open_results

    results = open_results(done.out)
    if as_json:
        from market.experiments.plain import as_json as plain

        head = {"out": done.out, "runs": done.runs, "failed": len(done.failed), "reused": done.reused,
                "engine": done.engine, "elapsed_s": round(done.elapsed_s, 3)}  # fmt: skip
        click.echo(json.dumps(head | plain(results)))
        return
    from market.experiments.show import tell

    click.echo(tell(results), nl=False)
    for text in list(done.failed.values())[:PROBLEMS_SHOWN]:
        click.echo(f"failed: {text}", err=True)


@experiment.command()
@click.argument("result")
@click.option("--week", type=int, help="Outcomes after so many weeks instead of at the end.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def show(result: str, week: int | None, as_json: bool) -> None:
    """Tell what the experiment in the folder RESULT found."""

    def act() -> int:
        from market.experiments.results import open_results

        results = open_results(result, week)
        if as_json:
            from market.experiments.plain import as_json as plain

            click.echo(json.dumps({"out": result} | plain(results)))
        else:
            from market.experiments.show import tell

            click.echo(tell(results), nl=False)
        return 0

    sys.exit(_guarded(act))


@experiment.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def metrics(as_json: bool) -> None:
    """List what an experiment can measure."""
    from market.experiments.metrics import METRICS

    if as_json:
        click.echo(json.dumps({name: about._asdict() for name, about in METRICS.items()}))
        return
    from market.experiments.wording import table

    rows = [(name, "" if about.unit == "1" else about.unit, about.meaning) for name, about in METRICS.items()]
    click.echo("\n".join(table([("metric", "unit", "meaning"), *rows], left=3)))


class _progress:
    """A bar on a terminal, one line at the end elsewhere, nothing when quiet."""

    def __init__(self, is_quiet: bool) -> None:
        self.is_quiet, self.bar, self.last = is_quiet, None, None

    bar: Any
    last: Progress | None

    def __enter__(self) -> Tell:
        if not self.is_quiet and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn

            words = TextColumn("{task.fields[pace]}")
            self.bar = Progress(BarColumn(), words, console=Console(stderr=True), transient=True)
            self.bar.start()
            self.task = self.bar.add_task("runs", total=None, pace="starting workers")
        return self._tell

    def _tell(self, now: Progress) -> None:
        self.last = now
        if self.bar is not None:
            pace = f"{now.done + now.failed:,} of {now.total:,} runs · {now.per_minute:.0f} a minute"
            pace += f" · {now.left_s / 60:.1f} min left"
            if now.failed:
                pace += f" · {now.failed} failed"
            self.bar.update(self.task, completed=now.done + now.failed, total=now.total, pace=pace)

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.stop()
        if self.last is not None and not self.is_quiet:
            now = self.last
            failed = f", {now.failed} failed" if now.failed else ""
            click.echo(f"{now.done:,} runs{failed} in {now.elapsed_s:.0f} s, {now.per_minute:.0f} a minute", err=True)
