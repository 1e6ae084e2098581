"""Trust a run: verify it, compare it with another, explain an event."""

from __future__ import annotations

import re
from pathlib import Path

import click

from market.commands.agents import Agents
from market.commands.group import command
from market.commands.options import JSON, RUN, run_argument
from market.commands.shell import DAMAGED, emit


def head_of(_: click.Context, option: click.Parameter, text: str | None) -> str:
    """Take a head: 64 hexadecimal digits."""
    if text is not None and re.fullmatch(r"[0-9a-f]{64}", text) is None:
        raise click.BadParameter("a head is 64 hexadecimal digits, as `market run` and `market verify` print it")
    return text or ""


@command()
@RUN
@click.option("--bytes", "only_bytes", is_flag=True, help="Chain, schema and sequence alone: no replay, no audit.")
@click.option("--deep", is_flag=True, help="Simulate the run again as well and demand the same bytes.")
@click.option("--head", metavar="HASH", callback=head_of, help="The published head that the log must have.")
@JSON
@click.pass_obj
def verify(agents: Agents, run: Path, *, only_bytes: bool, deep: bool, head: str, as_json: bool) -> None:
    """Check the bytes, the chain and the sequence of RUN, replay its state hashes, and audit what its events say.

    It says what it checked and what it did not. Whoever rewrites a log and runs our own evolve over it is found only
    by a head that was published before (--head) or by simulating again (--deep).
    """
    from market.runs.check import check

    if only_bytes and deep:
        raise click.UsageError("--bytes checks no events and --deep all of them: give one")
    found = check(run, agents.model_around if deep else None, only_bytes=only_bytes, head=head)
    if as_json:
        emit(found)
    else:
        from market.report.trust import verified

        verified(found)
    if not found["ok"]:
        raise click.exceptions.Exit(DAMAGED)


@command()
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


@command()
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


@command()
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
