"""The command line: parse, compose, print. Everything heavy is imported by the command that needs it.

stdout holds the answer, stderr the progress and the complaints. Exit codes: 0 done; 1 the run failed; 2 wrong use or an
invalid scenario; 3 a log is damaged or a replay disagrees; 4 some runs of an experiment failed; 130 interrupted.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from market.report import complete
from market.report.shell import (
    DAMAGED,
    FAILED,
    FILE,
    FORMAT,
    INTERRUPTED,
    JSON,
    OUT,
    POLICY,
    PROBLEMS_SHOWN,
    QUIET,
    RUN,
    SET,
    USAGE,
    Commands,
    Complaint,
    Group,
    Words,
    emit,
    form_of,
    number_of,
    pair_of,
    problem_of,
    put,
    run_argument,
    version,
    write,
)  # fmt: skip

if TYPE_CHECKING:
    from market.experiments.design.plan import Plan
    from market.experiments.experiment import Finished
    from market.kernel import Kernel
    from market.runs.drive import Model
    from market.runs.question import Question
    from market.scenario.load import Resolved

DEFAULT_SCENARIO = "frontier-2024"


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=version, help="Print the version.")
def main() -> None:
    """A simulation of the market for AI compute that keeps every event.

    Begin with `market run`.
    """


# --- simulate


RESUME = click.option("--resume", is_flag=True, help="Continue a run that was cut short.")
FORCE = click.option("--force", is_flag=True, help="Repeat a run that is there already.")
SCENARIO = click.argument("scenario", default=DEFAULT_SCENARIO, envvar="MARKET_SCENARIO",
                          shell_complete=complete.scenarios)  # fmt: skip


@main.command("run")
@SCENARIO
@click.option("--years", envvar="MARKET_YEARS", metavar="YEARS", help="Length of the run.  [default: the scenario's]")
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), default=0, show_default=True, envvar="MARKET_SEED",
              help="Another seed is another history.")  # fmt: skip
@POLICY
@SET
@OUT
@RESUME
@FORCE
@JSON
@QUIET
@click.pass_context
def run_command(ctx: click.Context, /, out: Path | None, resume: bool, force: bool, as_json: bool, quiet: bool,
                **asked: Any) -> None:  # fmt: skip
    """Simulate a scenario week by week and report what came of it.

    SCENARIO is a name from `market scenario list` or a YAML file. The same question has the same folder: a finished run
    is reported, not repeated.
    """
    from market.report.answer import How, answer
    from market.runs.folders import holds_run
    from market.runs.reading import open_run

    if resume and out is not None and holds_run(out) and not asked_for_anything(ctx):
        question = open_run(out).question
    else:
        question = question_of(**asked)
    check_behaviours(question)
    answer(question, How(out, resume, force, as_json, quiet), model_around)


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


def check_behaviours(question: Question) -> None:
    """Import the behaviours that a scenario names, before there is a folder."""
    from agents.simulation import behaviours

    behaviours({org.behaviour for org in question.scenario.orgs.values()})


def model_around(kernel: Kernel) -> Model:
    """Make the Mesa model around a kernel."""
    from agents.simulation import Simulation

    return Simulation(kernel)


@main.command()
@RUN
@click.option("--at", "day", required=True, metavar="DATE", help="Part at the last week that closed not after this.")
@POLICY
@click.option("--years", metavar="YEARS", help="Another length, counted from the run's start.  [default: the parent's]")
@OUT
@RESUME
@FORCE
@JSON
@QUIET
def fork(run: Path, *, day: str, policies: Words, years: str | None, out: Path | None, resume: bool, force: bool,
         as_json: bool, quiet: bool) -> None:  # fmt: skip
    """Ask what would have come of RUN had a policy come after a date; compare the two, quantity by quantity.

    The fork takes the events of RUN over to the end of that week. With no change it is the same history again.
    """
    from functools import partial

    from market.policies.load import load_policies
    from market.report.answer import How, answer
    from market.report.compared import with_parent
    from market.runs.reading import open_run

    parent = open_run(run)
    parent.reader.manifest.check_same_code("fork")
    length = None if years is None else float(number_of(years))
    question = parent.forked(day, load_policies(policies), length)
    check_behaviours(question)
    answer(question, How(out, resume, force, as_json, quiet), model_around, parent, partial(with_parent, parent))


# --- read


@main.command()
@RUN
@click.option("--until", metavar="DATE", help="Stop at the last week that closed not after this date.")
@JSON
def replay(run: Path, until: str | None, as_json: bool) -> None:
    """Rebuild the state of RUN from its events alone and check every week's hash."""
    from market.runs.outcome import outcome_at
    from market.runs.reading import open_run

    opened = open_run(run)
    found = opened.replay(until)
    outcome = outcome_at(opened, found)
    if as_json:
        emit({
            "run": str(run), "day": found.day.isoformat(), "events": found.events, "state_hash": found.state_hash,
            "matches": None if found.unchecked else not found.mismatch, "unchecked": found.unchecked or None,
            "problem": found.mismatch or None, "summary": outcome.summary(),
        })  # fmt: skip
    elif not found.mismatch:
        from market.report.text import replayed

        replayed(outcome)
    if found.unchecked:
        click.echo(f"{run}: {found.unchecked}", err=True)
    if found.mismatch:
        raise Complaint(f"{run}: {found.mismatch}", DAMAGED)


@main.command()
@click.argument("run", metavar="RUN", required=False, type=click.Path(path_type=Path))
@click.option("--type", "-t", "kinds", multiple=True, metavar="TYPE", help="Events of this type; may be repeated.")
@click.option("--org", metavar="ORG", help="Events that name this org.")
@click.option("--since", metavar="DATE", help="From this day on.")
@click.option("--until", metavar="DATE", help="To this day.")
@click.option("--limit", "-n", type=click.IntRange(1), metavar="N", help="The first N of them.")
@click.option("--schema", is_flag=True, help="Print the data dictionary instead.")
@FORMAT
@FILE
@JSON
@click.pass_context
def events(ctx: click.Context, /, run: Path | None, schema: bool, form: str, out: Path | None, as_json: bool,
           **wanted: Any) -> None:  # fmt: skip
    """List the events of RUN."""
    from market.report import listing

    form = form_of(form, as_json, ctx)
    if schema:
        if run is not None or any(wanted.values()) or form in ("csv", "parquet"):
            raise Complaint("events: --schema prints the data dictionary, as text or json, and takes no RUN or filter")
        emit(listing.dictionary(), out) if form == "json" else put("\n".join(listing.dictionary_lines()) + "\n", out)
        return
    if run is None:
        raise Complaint("events: name a RUN, or ask for the data dictionary with --schema")
    from market.runs.reading import open_run

    found = open_run(run).chosen(**wanted).collect()
    if form == "table":
        put("".join(f"{listing.event_line(event)}\n" for event in listing.filled(found)), out)
    elif form == "json":
        rows = [listing.event_object(event) for event in listing.filled(found)]
        emit({"run": str(run), "count": found.height, "events": rows}, out)
    else:
        write(found, form, out)


@main.command()
@RUN
@click.argument("sql", metavar="SQL")
@FORMAT
@FILE
@JSON
@click.pass_context
def query(ctx: click.Context, /, run: Path, sql: str, form: str, out: Path | None, as_json: bool) -> None:
    """Ask RUN in SQL: tables `log`, prices, leases, capacity, power, training, finance, concentration, network."""
    from market.runs.reading import open_run

    form = form_of(form, as_json, ctx)
    frame = open_run(run).query(sql)
    if form == "json":
        emit({"run": str(run), "columns": frame.columns, "rows": frame.to_dicts()}, out)
    elif form == "table":
        from market.report.console import columns
        from market.report.listing import frame_text

        put(frame_text(frame, columns()) + "\n", out)
    else:
        write(frame, form, out)


@main.command()
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
    """Write OF, a run or an experiment, as one HTML file to mail: the finding, charts, tables, how to do it again."""
    from market.report.page import render
    from market.report.pages import page_of
    from market.runs.folders import outside_runs

    outside_runs(out)
    text = render(page_of(of, title))
    out.write_text(text, encoding="utf-8")
    size = len(text.encode())
    if as_json:
        emit({"file": str(out), "bytes": size})
    else:
        print(f"{out} ({size / 1e6:.2f} MB)")


@main.command()
@RUN
@click.option(
    "--out", "-o", type=click.Path(path_type=Path), required=True, help="New folder, or archive ending in .zip."
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


@main.command()
@click.argument("of", metavar="RUN|SCENARIO", default="frontier-2024")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 takes a free one.")
def serve(of: str, port: int) -> None:
    """Serve a page on this machine alone to ask what-if questions of a run or a scenario, until Ctrl-C."""
    import sys

    from market.report.serve.app import Served
    from market.report.serve.app import serve as serve_pages
    from market.report.serve.jobs import Jobs

    run, scenario, plan, policies = served_question(of)
    served = Served(scenario, run, policies, plan, Jobs([sys.executable, "-c", "import cli; cli.main()"]))

    serve_pages(served, port, problem_of, lambda address: print(address, flush=True))


def served_question(of: str) -> tuple[str | None, str, Any, dict[str, str]]:
    """Find what a server answers about: a run's folder or None, a scenario, how to plan a what-if, the policies."""
    from agents.simulation import simulate
    from market.experiments.experiment import default_out, plan_experiment
    from market.policies.load import library
    from market.runs.reading import open_run
    from market.scenario.load import load_scenario

    is_run = (Path(of) / "run.json").is_file()
    scenario = open_run(Path(of)).question.scenario.name if is_run else of
    load_scenario(scenario, {})

    def plan(design: dict[str, Any]) -> str:
        return default_out(plan_experiment(simulate, None, design))

    return (of if is_run else None), scenario, plan, library()


@main.command()
@RUN
@click.option("--tree", "org", metavar="ORG", help="Chains of leases of one org, down to the owners of the GPUs.")
@JSON
def leases(run: Path, org: str | None, as_json: bool) -> None:
    """List the leases in force at the end of RUN, or the chains under one org."""
    from market.report.tree import lease_table, tree, tree_lines
    from market.runs.reading import open_run

    opened = open_run(run)
    if org is None:
        frame = lease_table(opened)
        if as_json:
            emit({"leases": frame.to_dicts()})
        else:
            write(frame, "table", None)
        return
    nodes = tree(opened, org)
    if as_json:
        emit({"org": org, "leases": nodes})
    else:
        print("\n".join(tree_lines(org, nodes)))


@main.command()
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


@main.command("runs")
@click.argument("folder", type=click.Path(path_type=Path), default="runs")
@JSON
def runs_command(folder: Path, as_json: bool) -> None:
    """List the runs in FOLDER."""
    from market.runs.folders import runs_in

    found = list(runs_in(folder))
    if as_json:
        emit({"folder": str(folder), "runs": found})
        return
    from market.report.text import runs_table

    runs_table(found)


# --- trust


def head_of(_: click.Context, option: click.Parameter, text: str | None) -> str:
    """Take a head: 64 hexadecimal digits."""
    if text is not None and re.fullmatch(r"[0-9a-f]{64}", text) is None:
        raise click.BadParameter("a head is 64 hexadecimal digits, as `market run` and `market verify` print it")
    return text or ""


@main.command()
@RUN
@click.option("--bytes", "only_bytes", is_flag=True, help="Chain, schema and sequence alone: no replay, no audit.")
@click.option("--deep", is_flag=True, help="Simulate the run again as well and demand the same bytes.")
@click.option("--head", metavar="HASH", callback=head_of, help="The published head that the log must have.")
@JSON
def verify(run: Path, only_bytes: bool, deep: bool, head: str, as_json: bool) -> None:
    """Check the bytes, the chain and the sequence of RUN, replay its state hashes, and audit what its events say.

    It says what it checked and what it did not. Whoever rewrites a log and runs our own evolve over it is found only
    by a head that was published before (--head) or by simulating again (--deep).
    """
    from market.runs.check import check

    if only_bytes and deep:
        raise click.UsageError("--bytes checks no events and --deep all of them: give one")
    found = check(run, model_around if deep else None, only_bytes=only_bytes, head=head)
    if as_json:
        emit(found)
    else:
        from market.report.trust import verified

        verified(found)
    if not found["ok"]:
        raise click.exceptions.Exit(DAMAGED)


@main.command()
@run_argument("a")
@run_argument("b")
@JSON
def diff(a: Path, b: Path, as_json: bool) -> None:
    """Name the first event at which runs A and B part, compare quantities, and count events by type."""
    from market.report.compared import compare_if_replayed
    from market.runs.compare import compare as parted
    from market.runs.reading import open_run

    one, two = open_run(a), open_run(b)
    found = parted(one, two)
    told = None if found.same else compare_if_replayed(one, two)
    if as_json:
        from market.report.listing import event_object

        first = None if found.same else found.first
        events = {side: event and event_object(event) for side, event in zip("ab", found.events, strict=True)}
        emit({"a": str(a), "b": str(b), "same": found.same, "first_difference": first, "events": events,
              "counts": found.counts, "compare": told.rows_json() if told else []})  # fmt: skip
        return
    from market.report.trust import differs

    differs(a, b, found, told)


@main.command()
@run_argument("a")
@run_argument("b")
@JSON
def compare(a: Path, b: Path, as_json: bool) -> None:
    """Compare runs A and B, quantity by quantity, at the end of the last week that both closed."""
    from market.report.compared import compare as compared
    from market.report.compared import show_compared
    from market.report.console import console, para
    from market.runs.reading import open_run

    told = compared(open_run(a), open_run(b))
    if as_json:
        emit({"a": str(a), "b": str(b), "day": told.found.day.isoformat(), "rows": told.rows_json(),
              "same_seed": told.found.same_seed})  # fmt: skip
        return
    para(console(), f"a {a}, b {b}, on {told.found.day}")
    show_compared(console(), told)


@main.command()
@RUN
@click.argument("seq", type=int)
@JSON
def explain(run: Path, seq: int, as_json: bool) -> None:
    """Say why event SEQ of RUN came about: who decided what on which terms, back to the root."""
    from market.report.explain import explain as explained
    from market.runs.reading import open_run

    found = explained(open_run(run), seq)
    if as_json:
        emit({"run": str(run)} | found.as_json())
        return
    from market.report.trust import because

    because(found)


# --- experiment


class Experiment(Group):
    """Runs an experiment unless the first word is a command of its own."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put `run` in front of a design or of options."""
        ctx.meta["market.experiment"] = shlex.join(args)
        first = args[0] if args else "--help"
        return super().parse_args(ctx, args if first in self.commands else ["run", *(args or ["--help"])])


@main.group(cls=Experiment)
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
@click.option("--out", "-o", help="A folder, or s3://bucket/prefix?endpoint_override=...")
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
    from agents.simulation import simulate
    from market.experiments.experiment import Interrupted, plan_experiment, run_experiment
    from market.experiments.tell.progress import Pace

    plan = plan_experiment(simulate, Path(spec) if spec else None, design_of(**asked))
    if dry_run:
        say_estimate(plan, engine, out, as_json)
        return
    try:
        with Pace(quiet or as_json) as tell:
            done = run_experiment(plan, engine=engine, out=out, resume=resume, keep_logs=keep_logs, tell=tell)
    except Interrupted as stop:
        raise Complaint(f"{stop}; go on with", INTERRUPTED, [f"  {again(ctx, stop.out)}"]) from None
    say_result(done, as_json)
    raise click.exceptions.Exit(done.exit_code)


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
    from market.experiments.tell.show import estimated

    place = out or default_out(plan)
    left = left_of(plan, place)
    found = estimate(plan, workers_of(engine))
    if as_json:
        emit(found._asdict() | {"minutes": round(found.minutes, 2), "out": place, "left": left})
        return
    put(f"{estimated(found, plan.metrics, place, left)}\n")


def say_result(done: Finished, as_json: bool) -> None:
    """Print what an experiment found."""
    from market.experiments.results.dataset import open_results
    from market.experiments.tell.plain import as_json as plain
    from market.experiments.tell.show import tell

    results = open_results(done.out)
    if as_json:
        emit(done.as_json() | plain(results))
        return
    click.echo(tell(results), nl=False)
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

    results = open_results(result, week, unfinished=True)
    emit({"out": result} | plain(results)) if as_json else click.echo(tell(results), nl=False)


@experiment.command("metrics")
@JSON
def experiment_metrics(as_json: bool) -> None:
    """List what an experiment can measure."""
    from market.experiments.design.metrics import METRICS
    from market.experiments.tell.wording import table

    if as_json:
        emit({name: about._asdict() for name, about in METRICS.items()})
        return
    rows = [(name, "" if about.unit == "1" else about.unit, about.meaning) for name, about in METRICS.items()]
    click.echo("\n".join(table([("metric", "unit", "meaning"), *rows], left=3)))


# --- forecasts and what they are worth


ENGINE = click.option("--engine", default="local", show_default=True, help="serial, or local[:N] processes.")
FUTURES = click.option("--futures", "-n", type=click.IntRange(1), default=100, show_default=True, metavar="N",
                       help="How many futures.")  # fmt: skip
INPUT = click.Path(path_type=Path, dir_okay=False)


@main.command()
@click.argument("scenario", default=DEFAULT_SCENARIO)
@FUTURES
@click.option("--questions", type=INPUT, metavar="FILE.csv", help="Questions: id,text,sql,unit,low,high.")
@click.option("--years", metavar="YEARS", help="Length of the futures.  [default: the scenario's]")
@click.option("--posterior", metavar="NAME", help="Draw from a posterior of `market calibrate`.")
@SET
@ENGINE
@click.option("--out", "-o", type=INPUT, required=True, metavar="F", help="File of the forecast.")
@JSON
@QUIET
def forecast(scenario: str, questions: Path | None, years: str | None, sets: tuple[str, ...], out: Path, as_json: bool,
             quiet: bool, **asked: Any) -> None:  # fmt: skip
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
    found = run_forecast(load_scenario(scenario, wishes), model_around, told, tell=teller(quiet), **asked)
    out.write_text(to_text(found), encoding="utf-8")
    emit(forecast_fields(found, out)) if as_json else show_forecast(found, out)


@main.command()
@click.argument("file", type=INPUT, metavar="F")
@click.option("--observed", type=INPUT, required=True, metavar="FILE.csv", help="Observations: series,quarter,value.")
@JSON
def score(file: Path, observed: Path, as_json: bool) -> None:
    """Score a forecast file against what was observed: coverage of its bands, CRPS, weighted interval score."""
    from market.report.truth import show_score
    from market.truth import score as scoring

    found = scoring.score(scoring.read_forecast(file), scoring.read_observed(observed))
    emit(found) if as_json else show_score(found, file)


@main.command()
@click.option("--origins", "origins", multiple=True, default=("all",), metavar="all|DATE", show_default=True,
              help="A quarter's end; may be repeated.")  # fmt: skip
@FUTURES
@ENGINE
@click.option("--without-org-constants", "plain", is_flag=True, help="Give every org the median traits of its role.")
@click.option("--why", default="back-test", show_default=True, help="Why the record is looked at; the look is noted.")
@click.option("--out", "-o", type=INPUT, metavar="FILE.parquet", help="Write every point.")
@click.option("--charts", type=click.Path(path_type=Path, file_okay=False), help="Folder for a picture of each series.")
@JSON
@QUIET
def backtest(origins: tuple[str, ...], why: str, out: Path | None, charts: Path | None, as_json: bool, quiet: bool,
             **asked: Any) -> None:  # fmt: skip
    """Forecast from past quarters' ends, each knowing only what was published by then, and score what came of it."""
    from market.report.fan import write_charts
    from market.report.truth import show_backtest, teller, write_points
    from market.truth.backtest import origins_of, run_backtest
    from market.truth.looks import note_look
    from market.truth.summary import summary

    found = summary(*run_backtest(model_around, origins_of(origins), tell=teller(quiet), **asked))
    said = {name: found[name] for name in ("origins", "futures", "coverage", "crps", "crps_by_split")}
    found["looks"] = note_look(Path("forecasts"), "backtest", why, said)
    if out is not None:
        write_points(found["series"], out)
    if charts is not None:
        write_charts(found["series"], charts)
    emit(found) if as_json else show_backtest(found)


@main.command()
@click.option("--origin", default="2024-12-31", show_default=True, metavar="DATE", help="Fit what was known then.")
@click.option("--waves", type=click.IntRange(1, 20), default=4, show_default=True, help="Waves of the smoother.")
@click.option("--runs", type=click.IntRange(10), default=60, show_default=True, metavar="N", help="Runs of each wave.")
@ENGINE
@click.option("--out", "-o", type=INPUT, metavar="FILE.csv", help="Write the draws.")
@JSON
@QUIET
def calibrate(origin: str, out: Path | None, as_json: bool, quiet: bool, **asked: Any) -> None:
    """Fit the parameters to what was known at an origin, and say what the record can identify."""
    from market.report.truth import show_calibration, teller
    from market.truth import calibrate as calibration

    found = calibration.calibrate(model_around, calibration.origin_of(origin), tell=teller(quiet), **asked)
    if out is not None:
        calibration.write_posterior(found, out)
    found.pop("draws")
    emit(found) if as_json else show_calibration(found)


@main.command()
@click.option("--seeds", type=click.IntRange(1), default=20, show_default=True, help="Seeds of each world.")
@click.option("--years", type=click.FloatRange(0, 20, min_open=True), default=3.0, show_default=True, help="Length.")
@ENGINE
@JSON
@QUIET
def claims(as_json: bool, quiet: bool, **asked: Any) -> None:
    """Check the claims of the two source articles over the logs of many seeds."""
    from market.report.truth import show_claims, teller
    from market.truth.claims import check_claims

    found = check_claims(model_around, tell=teller(quiet), **asked)
    emit(found) if as_json else show_claims(found)


# --- what can be asked


@main.group()
def scenario() -> None:
    """Worlds to start from."""


@scenario.command("list")
@JSON
def scenario_list(as_json: bool) -> None:
    """List the scenarios that come with the program."""
    from market.scenario.load import library

    names(library(), "scenarios", as_json)


@main.group()
def policy() -> None:
    """What-ifs that act on a run."""


@policy.command("list")
@JSON
def policy_list(as_json: bool) -> None:
    """List the policies that come with the program."""
    from market.policies.load import library

    names(library(), "policies", as_json)


def names(titles: dict[str, str], what: str, as_json: bool) -> None:
    """Print names with titles."""
    if as_json:
        emit({what: [{"name": name, "title": title} for name, title in titles.items()]})
        return
    from market.report.console import console, para

    for name, title in titles.items():
        para(console(), f"{name:<28} {title}", " " * 29)


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
def scenario_check(scenario: str, sets: tuple[str, ...], flows: bool, as_json: bool) -> None:
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
        say_flows(found, as_json)
        return
    if as_json:
        emit({"scenario": scenario, "ok": True, "problems": [], "sha256": found.sha256, "dropped": found.dropped,
              "exempt": found.exempt})  # fmt: skip
        return
    click.echo(f"{scenario}: holds; {len(found.sources):,} sourced values, sha256 {found.sha256[:16]}")
    click.echo(
        f"\nEngineering constants, exempt from the rule that nothing may describe a later date ({len(found.exempt)}):"
    )
    for name in found.exempt:
        row = found.sources[name]
        click.echo(f"  {name} = {row.value} {row.unit}  ({row.source})")


def say_flows(found: Resolved, as_json: bool) -> None:
    """Print the first weeks' flows beside the record."""
    from market.report.truth import show_flows
    from market.truth.flows import first_flows

    rows = first_flows(found, model_around)
    emit({"scenario": found.scenario.name, "flows": rows}) if as_json else show_flows(rows)


@scenario.command("schema")
def scenario_schema() -> None:
    """Print the JSON Schema of a scenario file, for editors."""
    from market.report.file_schema import file_schema

    emit(file_schema())


@scenario.command("init")
@click.argument("file", type=click.Path(path_type=Path), default="scenario.yaml")
@click.option("--extends", "base", default=DEFAULT_SCENARIO, show_default=True, help="Scenario to start from.")
def scenario_init(file: Path, base: str) -> None:
    """Write a scenario file to begin from."""
    from market.report.asked import STARTER
    from market.scenario.load import load_scenario

    load_scenario(base)
    name = "".join(c if c.isalnum() else "-" for c in file.stem.lower()).strip("-") or "mine"
    try:
        with file.open("x", encoding="utf-8") as out:
            out.write(STARTER.format(name=name, base=base))
    except FileExistsError:
        raise Complaint(f"{file}: is there already; choose another name") from None
    click.echo(f"{file}: edit it, then `market scenario check {file}` and `market run {file}`")


@main.command()
@click.option(
    "--chip",
    metavar="CHIP",
    shell_complete=complete.chips,
    help="Such as H100, GB200, TPU v5e, or a data sheet chip.json.",
)
@click.option("--gpus", type=float, metavar="N")
@click.option(
    "--model",
    metavar="MODEL",
    shell_complete=complete.models,
    help="Such as gpt-3, llama-3.1-405b, deepseek-v3, dense-1t, or a config.json.",
)
@click.option("--tokens", type=float, help="Training tokens.  [default: the model's]")
@click.option("--precision", type=click.Choice(["bf16", "fp8", "fp4"]),
              help="Of the products.  [default: bf16; with --serve the fewest bits up to 8 of the chip]")  # fmt: skip
@click.option("--batch-seqs", type=float, help="Sequences in a batch.  [default: the model's]")
@click.option("--year", type=float, help="Date of the software, such as 2024.5.")
@click.option("--price-usd-per-gpu-hour", type=float, help="Rent.  [default: what owning costs]")
@click.option("--pue", type=float, default=1.2, show_default=True)
@click.option("--power-cap-mw", type=float, help="Power that the site can give.")
@click.option("--slow-clocks", is_flag=True, help="Under the cap, slower clocks on all GPUs instead of fewer GPUs.")
@click.option("--spare-share", type=float, help="Share of the GPUs kept to replace failed ones.")
@click.option("--sites", type=int, help="Train over so many sites.")
@click.option("--site-gbps", type=float, help="Gb/s between a site and the others.  [default: 10000]")
@click.option("--site-km", type=float, help="Kilometres between sites.  [default: 100]")
@click.option("--tp", type=int, help="Tensor ranks; --pp, --vp, --dp, --ep and --cp fix the rest of a plan.")
@click.option("--pp", type=int, help="Pipeline stages.")
@click.option("--vp", type=int, help="Chunks of the model a stage.")
@click.option("--dp", type=int, help="Data ranks.")
@click.option("--ep", type=int, help="Expert ranks.")
@click.option("--cp", type=int, help="Context ranks.")
@click.option("--plans", type=click.IntRange(1, 100), help="List so many plans, the best first.")
@click.option("--serve", is_flag=True, help="Say how the chip serves the model instead.")
@click.option("--input-tokens", type=float, help="Of a request served.  [default: 1024]")
@click.option("--output-tokens", type=float, help="Of a request served.  [default: 1024]")
@click.option("--concurrency", type=float, help="Requests in flight.  [default: as many as memory and limit allow]")
@click.option("--tpot-limit-ms", type=float, help="Mean time a token that must be kept.")
@click.option("--speculative", is_flag=True, help="Serve with speculative decoding.")
@click.option("--grid", type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="FILE",
              help="Answer every row of a CSV or Parquet file.")  # fmt: skip
@FILE
@JSON
def cluster(grid: Path | None, out: Path | None, as_json: bool, **asked: Any) -> None:
    """Say how fast a cluster trains or serves a model: plan, speed, memory, power, cost, losses."""
    from market.report import cluster as said

    if grid is not None:
        refuse_beside_grid(click.get_current_context())
        frame = said.answered(grid, asked["serve"])
        if out is not None or not as_json:
            write(frame, "parquet" if is_parquet(out) else "csv", out)
        if as_json:
            emit({"rows": frame.to_dicts()})
        return
    found = said.asked_of_core(asked)
    if out is not None:
        said.save(found, out)
    if as_json:
        emit(found)
    elif out is None:
        said.show_any(found)


def refuse_beside_grid(ctx: click.Context) -> None:
    """Refuse options that a table answers in columns of its own."""
    from click.core import ParameterSource

    for param in ctx.command.params:
        is_given = ctx.get_parameter_source(param.name or "") is ParameterSource.COMMANDLINE
        if is_given and param.name not in ("grid", "out", "as_json", "serve"):
            raise Complaint(f"cluster: {param.opts[0]} does not go with --grid; give it as a column of the table")


def is_parquet(path: Path | None) -> bool:
    """Whether a file's name says Parquet."""
    return path is not None and path.suffix in (".parquet", ".pq")


@main.command()
@SCENARIO
@click.option("--gpus", type=click.IntRange(1, 100_000_000), required=True, help="Size of the machine.")
@click.option("--chip", required=True, help="Its chip.")
@click.option("--by", type=click.DateTime(["%Y-%m-%d"]), required=True, help="Day by which it is wanted.")
@click.option("--region", help="Where it is wanted, if that matters.")
@click.option("--org", default="xai", show_default=True, help="Who decides.")
@click.option("--years", "term", type=click.FloatRange(1, 15), default=3.0, show_default=True, help="For how long.")
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), default=0, show_default=True)
@SET
@JSON
def decide(scenario: str, org: str, seed: int, sets: Words, as_json: bool, by: Any, term: float, **asked: Any) -> None:
    """Compare all ways in which an org could get a machine on the first day of a scenario.

    The decision is the one that labs take while a run goes on, with the first offer of every lessor.
    """
    from agents.question import NoSuchThing, answer
    from agents.simulation import begin
    from market.report.decision import decision
    from market.scenario.load import load_scenario
    from market.view import MarketView, Shared

    loaded = load_scenario(scenario, dict(pair_of(text) for text in sets)).scenario
    if org not in loaded.orgs:
        raise Complaint(f"org: no {org!r} in the scenario; known: {', '.join(sorted(loaded.orgs))}")
    shared = Shared(begin(loaded, seed).state)
    try:
        found = answer(lambda name: MarketView(shared, name), org, by=by.date(), years=term, **asked)
    except NoSuchThing as error:
        raise Complaint(str(error)) from None
    found = {"scenario": loaded.name, **found}
    emit(found) if as_json else put(decision(found))


@main.command()
@JSON
def doctor(as_json: bool) -> None:
    """Check that this machine can run the simulation, and name what a run's bytes depend on."""
    from market.report.doctor import checks

    found = checks()
    ok = all(check["ok"] for check in found)
    if as_json:
        emit({"ok": ok, "checks": found})
    for check in () if as_json else found:
        click.echo(f"{'ok ' if check['ok'] else 'BAD'} {check['what']:<12} {check['found']}")
    if not ok:
        raise click.exceptions.Exit(FAILED)


if __name__ == "__main__":
    main(prog_name="market")
