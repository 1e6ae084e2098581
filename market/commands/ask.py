"""Ask one thing: a cluster, a decision, this machine."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import click

from market.commands import complete
from market.commands.agents import Agents
from market.commands.group import command
from market.commands.options import FILE, JSON, SCENARIO, SET, Words, outside, pair_of
from market.commands.shell import FAILED, Complaint, emit, put, write


@command()
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


@command()
@SCENARIO
@click.option("--gpus", type=click.IntRange(1, 100_000_000), required=True, help="Size of the machine.")
@click.option("--chip", required=True, help="Its chip.")
@click.option("--by", type=click.DateTime(["%Y-%m-%d"]), required=True, help="Day by which it is wanted.")
@click.option("--region", help="Where it is wanted, if that matters.")
@click.option("--org", default="xai", show_default=True, help="Who decides.")
@click.option("--years", "term", type=click.FloatRange(1, 15), default=3.0, show_default=True, help="For how long.")
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), default=0, show_default=True)
@click.option("--out", "-o", type=click.Path(path_type=Path, dir_okay=False), callback=outside,
              help="Write it as one HTML file to mail, too.")  # fmt: skip
@SET
@JSON
@click.pass_obj
def decide(agents: Agents, /, scenario: str, org: str, seed: int, sets: Words, as_json: bool, by: Any, term: float,
           out: Path | None, **asked: Any) -> None:  # fmt: skip
    """Compare all ways in which an org could get a machine on the first day of a scenario.

    The decision is the one that labs take while a run goes on, with the first offer of every lessor at its median
    price.
    """
    from market.report.decision import decision, in_terms
    from market.scenario.load import load_scenario

    loaded = load_scenario(scenario, dict(pair_of(text) for text in sets)).scenario
    if org not in loaded.orgs:
        raise Complaint(f"org: no {org!r} in the scenario; known: {', '.join(sorted(loaded.orgs))}")
    answered = agents.decide(loaded, seed, org, by=by.date(), years=term, **asked)
    found = in_terms({"scenario": loaded.name, **answered})
    if out is not None:
        from market.report.decision_page import decision_page
        from market.report.page import render

        given = {"--gpus": asked["gpus"], "--chip": asked["chip"], "--by": by.date(), "--region": asked["region"],
                 "--org": org, "--years": term, "--seed": seed}  # fmt: skip
        words = [f"{value}" for pair in given.items() if pair[1] is not None for value in pair]
        words += [word for text in sets for word in ("--set", text)]
        line = shlex.join(["market", "decide", scenario, *words])
        put(render(decision_page(found, line)), out)
    emit(found) if as_json else decision(found)


@command()
@JSON
def doctor(as_json: bool) -> None:
    """Check that this machine can run the simulation, and name what a run's bytes depend on."""
    from market.layout import columns, wrapped
    from market.report.doctor import checks

    found = checks()
    ok = all(check["ok"] for check in found)
    if as_json:
        emit({"ok": ok, "checks": found})
    for check in () if as_json else found:
        line = f"{'ok ' if check['ok'] else 'BAD'} {check['what']:<12} {check['found']}"
        click.echo("\n".join(wrapped(line, columns(), " " * 17)))
    if not ok:
        raise click.exceptions.Exit(FAILED)
