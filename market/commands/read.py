"""Read a run: its state, events and tables."""

from __future__ import annotations

import sys
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import click

from market.commands.group import command
from market.commands.options import FILE, FORMAT, JSON, RUN, form_of
from market.commands.shell import DAMAGED, Complaint, emit, put, write


@command()
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

        replayed(outcome, is_checked=not found.unchecked)
    if found.unchecked:
        click.echo(f"{run}: {found.unchecked}", err=True)
    if until is not None and date.fromisoformat(until) - found.day >= timedelta(7) and not found.mismatch:
        click.echo(f"market: {run} ends on {found.day}, before {until}; this is its end", err=True)
    if found.mismatch:
        raise Complaint(f"{run}: {found.mismatch}", DAMAGED)


@command()
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

    chosen = open_run(run).chosen(**wanted)
    if form in ("csv", "parquet"):
        write(chosen.select(listing.filled_columns(wanted["kinds"])), form, out)
        return
    found = chosen.collect()
    if form == "table" and not found.height:
        click.echo(f"market: no event of {run} fits", err=True)
    if form == "table":
        lines = map(listing.event_line, listing.filled(found))
        if out is None and sys.stdout.isatty():
            listing.show_lines(lines)
        else:
            put("".join(f"{line}\n" for line in lines), out)
    else:
        rows = [listing.event_object(event) for event in listing.filled(found)]
        emit({"run": str(run), "count": found.height, "events": rows}, out)


@command()
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


@command()
@RUN
@click.option("--tree", "org", metavar="ORG", help="Chains of leases of one org, down to the owners of the GPUs.")
@JSON
def leases(run: Path, org: str | None, as_json: bool) -> None:
    """List the leases in force at the end of RUN, or the chains under one org."""
    from market.report.console import columns, console, para
    from market.report.listing import frame_text
    from market.report.tree import last_day, lease_table, tree, tree_lines
    from market.runs.reading import open_run

    opened = open_run(run)
    if org is None:
        frame = lease_table(opened)
        if as_json:
            emit({"leases": frame.to_dicts()})
        else:
            para(console(), f"in force on {last_day(opened)}, the largest by worth first")
            put(frame_text(frame, columns()) + "\n")
        return
    nodes = tree(opened, org)
    if as_json:
        emit({"org": org, "leases": nodes})
    else:
        for line in tree_lines(org, nodes):
            para(console(), line, indent=" " * (len(line) - len(line.lstrip()) + 4))


@command("runs")
@click.argument("folder", type=click.Path(path_type=Path), default="runs")
@JSON
def runs_command(folder: Path, as_json: bool) -> None:
    """List the runs in FOLDER."""
    from market.runs.folders import holds_run, runs_in

    if holds_run(folder):
        raise Complaint(f"{folder}: is a run itself; name the folder that holds it")
    found = list(runs_in(folder))
    if as_json:
        emit({"folder": str(folder), "runs": found})
        return
    from market.report.text import runs_table

    runs_table(found)
