"""A run as text: who has most compute and what held it back in a few lines; tables, events, what to ask next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import polars as pl

from market.analytics.consequence import most_consequential
from market.analytics.power import power
from market.analytics.prices import prices
from market.analytics.refusals import refusals
from market.layout import counted
from market.report.console import Column, Page, console, para, show
from market.report.explain import fields_of
from market.report.firstlines import first_lines
from market.report.listing import filled_columns, say
from market.report.sentences import money, sentence
from market.runs.outcome import Outcome
from market.runs.summary import iso
from market.units import QUARTER_WEEKS

if TYPE_CHECKING:
    from market.report.compared import Told
    from market.runs.profile import Row
    from market.state import State

HOLDERS, MODELS, REGIONS, SOURCES, EVENTS = 16, 10, 8, 3, 10


def report(outcome: Outcome, elapsed_s: float, told: Told | None = None) -> None:
    """Print what came of a run; of a fork, first how it compares with its parent."""
    out, manifest = console(), outcome.run.reader.manifest
    _head(out, outcome)
    if told is not None and manifest.parent is not None:
        from market.report.compared import show_compared

        _title(out, f"Parent and fork on {told.found.day} (fork of {manifest.parent.run} after week "
                    f"{manifest.parent.week})")  # fmt: skip
        show_compared(out, told)
    _body(out, outcome)
    out.print(f"\nsimulated or read in {elapsed_s:.1f} s")
    for line in (f"run    {outcome.folder}", f"head   {outcome.run.reader.head}", f"state  {outcome.state_hash}"):
        out.print(line, soft_wrap=True)
    _next_commands(out, outcome)


def replayed(outcome: Outcome, *, is_checked: bool) -> None:
    """Print a state and the way to it."""
    out = console()
    _head(out, outcome)
    _body(out, outcome)
    out.print(f"\nstate  {outcome.state_hash}", soft_wrap=True)
    if is_checked:
        out.print("replayed: the state's hash of every week is the one that the log recorded")


def _head(out: Page, outcome: Outcome) -> None:
    run = outcome.state.run
    out.print(
        f"{run.scenario}, seed {run.seed}: {iso(run.start_day)} to {iso(outcome.last_day)}, "
        f"{counted(outcome.weeks, 'week')}, {outcome.events:,} events",
        style="bold",
    )
    for label in outcome.run.reader.manifest.policies:
        para(out, f"policy {label}")
    out.print()
    for label, text in first_lines(outcome):
        para(out, f"{label:<11} {text}", indent=" " * 12)


def _body(out: Page, outcome: Outcome) -> None:
    log = outcome.run.log.filter(pl.col("seq") < outcome.events)
    summary = outcome.summary()
    _holders(out, summary)
    _prices(out, log)
    _power(out, outcome.state, log)
    _models(out, summary)
    _refusals(out, log)
    _events(out, log)


def _title(out: Page, text: str) -> None:
    out.print()
    out.print(text, style="bold")


def _holders(out: Page, summary: dict[str, Any]) -> None:
    _title(out, "Compute in use at the end, by org")
    rows = [(name, "lab", row) for name, row in summary["labs"].items()]
    rows += [(name, "cloud", row) for name, row in summary["clouds"].items() if name not in summary["labs"]]
    rows.sort(key=lambda item: (-item[2]["h100e"], item[0]))
    heads = (Column("org", True), Column("role", True, 4), Column("H100e"), Column("GPUs owned", False, 6),
             Column("leased in", False, 8), Column("leased out", False, 7), Column("IT power", False, 5),
             Column("cash", False, 2), Column("leased in from (a < b: a leases it from b)", True, 3))  # fmt: skip
    cells = []
    for name, role, row in rows[:HOLDERS]:
        counts = (row[field] for field in ("h100e", "gpus_owned", "gpus_leased_in", "gpus_leased_out"))
        cells.append((name, role, *(_thousands(count) for count in counts), f"{row['power_kw_it'] / 1000:,.0f} MW",
                      money(row["cash_usd"]), _sources(row)))  # fmt: skip
    show(out, heads, cells)
    if len(rows) > HOLDERS:
        rest = sum(row["h100e"] for _, _, row in rows[HOLDERS:])
        para(out, f"and {len(rows) - HOLDERS} more with {_thousands(rest)} H100e")


def _sources(row: dict[str, Any]) -> str:
    leased = list(row["leased_from"].items())
    parts = [f"{chain} {_thousands(gpus)}" for chain, gpus in leased[:SOURCES]]
    if rest := leased[SOURCES:]:
        parts.append(f"{len(rest)} more {_thousands(sum(gpus for _, gpus in rest))}")
    return ", ".join(parts)


def _thousands(gpus: float) -> str:
    if gpus == 0:
        return "-"
    return f"{gpus / 1000:,.0f}k" if gpus >= 10_000 else f"{gpus / 1000:,.1f}k"


def _models(out: Page, summary: dict[str, Any]) -> None:
    models = summary["models"]
    _title(out, f"Models trained: {len(models)} by {len({model['lab'] for model in models})} labs; the largest")
    heads = (Column("model", True), Column("lab", True, 3), Column("FLOP"), Column("days", False, 4),
             Column("trained", True, 5), Column("released", True, 6))  # fmt: skip
    largest = sorted(models, key=lambda m: (-m["flop"], m["model"]))[:MODELS]
    show(out, heads, [(m["model"], m["lab"], f"{m['flop']:.1e}", f"{m['days']}", m["trained"],
                       m["released"] or "not yet") for m in largest])  # fmt: skip


def _prices(out: Page, log: pl.LazyFrame) -> None:
    _title(out, "Prices, USD per H100e-hour")
    path = prices(log).collect()
    every = path.gather_every(QUARTER_WEEKS)
    if path.height and every["day"][-1] != path["day"][-1]:
        every = pl.concat([every, path.tail(1)])
    heads = (Column("date", True), Column("one-year contract"), Column("on demand"), Column("tightness", False, 5),
             Column("lead time of chips", False, 4))  # fmt: skip
    show(out, heads, [
        (say("day", row["day"]), f"{row['price_usd_per_h100e_hour']:.2f}", f"{row['spot_usd_per_h100e_hour']:.2f}",
         f"{row['tightness']:.2f}", f"{row['lead_time_weeks']:.0f} weeks")
        for row in every.iter_rows(named=True)
    ])  # fmt: skip


def _power(out: Page, state: State, log: pl.LazyFrame) -> None:
    """Power by region from the table `power`, so that report and query agree."""
    _title(out, "Power, GW of IT load")
    columns = ["announced_kw", "contracted_kw", "energised_kw", "installed_kw"]
    last = power(log).filter(pl.col("day") == pl.col("day").max())
    regions = (
        last.group_by("region").agg(pl.col(columns).sum()).sort(["energised_kw", "region"], descending=[True, False])
    )
    frame = regions.collect()
    heads = (Column("region", True), Column("announced", False, 7), Column("under contract", False, 5),
             Column("energised"), Column("used by GPUs", False, 8))  # fmt: skip
    rows = [("all", *(f"{sum(frame[name].to_list()) / 1e6:.2f}" for name in columns))]
    rows += [(row["region"], *(f"{row[name] / 1e6:.2f}" for name in columns))
             for row in frame.head(REGIONS).iter_rows(named=True)]  # fmt: skip
    show(out, heads, rows)
    waiting = sum(gpus for store in state.chips.warehouse.values() for gpus in store.values())
    queued = sum(building.power_kw for building in state.sites.buildings.values() if not building.granted) / 1e6
    under_way = len(state.sites.buildings)
    para(out, f"{waiting:,} GPUs delivered wait for power; {under_way} buildings under way; {queued:.1f} GW asked of "
              "the grid and not granted")  # fmt: skip


def _refusals(out: Page, log: pl.LazyFrame) -> None:
    rows = refusals(log).collect().rows()
    kinds: dict[str, Counter[str]] = {}
    for kind, reason in rows:
        kinds.setdefault(kind, Counter())[reason] += 1
    _title(out, "Refused or failed, by reason" if kinds else "Nothing was refused and no talks failed")
    for kind, reasons in sorted(kinds.items()):
        para(out, f"{kind}: " + ", ".join(f"{reason} {count:,}" for reason, count in reasons.most_common()), "  ")


def _events(out: Page, log: pl.LazyFrame) -> None:
    _title(out, "Largest events by type (share of all of that type)")
    chosen = most_consequential(log, EVENTS)
    columns = filled_columns(chosen["type"].unique().to_list())
    events = log.filter(pl.col("seq").is_in(chosen["seq"].implode())).select(columns).collect()
    weights = dict(chosen.select("seq", "weight").iter_rows())
    for row in events.iter_rows(named=True):
        text = sentence(row["type"], fields_of(row))
        para(out, f"{row['seq']:>7} {say('day', row['day'])} {weights[row['seq']]:>4.0%}  {text}", " " * 25)


def _next_commands(out: Page, outcome: Outcome) -> None:
    folder = outcome.folder
    middle = iso((outcome.state.run.start_day + outcome.last_day) // 2)
    chosen = most_consequential(outcome.run.log, EVENTS)
    _title(out, "Next")
    lines = []
    if chosen.height:
        decided = chosen.filter(pl.col("type") == "LeaseSigned")
        lines.append(f"market explain {folder} {(decided if decided.height else chosen)['seq'][0]}")
    lines += [
        f"market replay {folder} --until {middle}",
        f"market fork {folder} --at {middle} --policy power-moratorium:from={middle}",
        "market experiment --policy power-moratorium --runs 20",
        f'market query {folder} "SELECT lessor, lessee, gpus, worth_usd FROM leases ORDER BY worth_usd DESC LIMIT 10"',
        f"market verify {folder} --deep",
    ]
    for line in lines:
        out.print(f"  {line}", soft_wrap=True)


def runs_table(runs: list[dict[str, Any]]) -> None:
    """Print a list of runs."""
    out = console()
    heads = (Column("run", True), Column("scenario", True, 3), Column("seed", False, 5), Column("from", True, 4),
             Column("to", True, 6), Column("events", False, 5), Column("head", True, 2),
             Column("notes", True))  # fmt: skip
    rows = []
    for row in runs:
        state = row["problem"] or ("" if row["complete"] else "running" if row["running"] else "cut short")
        fork = f"fork of {row['parent']}" if row["parent"] else ""
        notes = ", ".join(filter(None, [state, fork, *row["policies"]]))
        cells = (row["run"], row["scenario"], row["seed"], row["start"], row["day"], f"{row['events']:,}")
        rows.append((*("-" if cell is None else str(cell) for cell in cells), (row["head"] or "-")[:12], notes))
    if rows:
        show(out, heads, rows)
    else:
        out.print("no runs here yet; `market run` makes one")


def profile_table(rows: Sequence[Row]) -> None:
    """Print where CPU time went, the largest first."""
    out = console()
    _title(out, f"CPU time of the run: {sum(row.cpu_s for row in rows):.2f} s")
    heads = [Column("phase", True), Column("step", True), Column("CPU-s"), Column("share")]
    show(out, heads, [[row.phase, row.step, f"{row.cpu_s:.2f}", f"{row.share:.1%}"] for row in rows])
