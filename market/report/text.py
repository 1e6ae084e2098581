"""A run as a person reads it: who holds compute and from where, models, prices, power, what weighed most, what next."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import polars as pl
from rich.console import Console
from rich.table import Table

from market.analytics.consequence import most_consequential
from market.report.console import console
from market.report.explain import fields_of
from market.report.listing import say
from market.report.sentences import money, sentence
from market.runs.outcome import Outcome
from market.runs.summary import iso

if TYPE_CHECKING:
    from market.state import State

HOLDERS, MODELS, REGIONS, SOURCES, EVENTS = 16, 10, 8, 3, 10
QUARTER_WEEKS = 13
REFUSALS = ("LeaseTalksFailed", "OrderRefused", "SiteRefused", "LoanRefused", "RoundFailed", "TrainingRefused",
            "CommandForbidden")  # fmt: skip


def report(outcome: Outcome, elapsed_s: float) -> None:
    """Print what came of a run."""
    replayed(outcome)
    out, manifest = console(), outcome.run.reader.manifest
    out.print(f"\nsimulated or read in {elapsed_s:.1f} s")
    out.print(f"run   {outcome.folder}", markup=False, soft_wrap=True)
    if manifest.parent is not None:
        out.print(f"fork of {manifest.parent.run} after week {manifest.parent.week}")
    out.print(f"head  {outcome.run.reader.head}\nstate {outcome.state_hash}")
    _next_commands(out, outcome)


def replayed(outcome: Outcome) -> None:
    """Print a state and the way to it."""
    out, run = console(), outcome.state.run
    log = outcome.run.log.filter(pl.col("seq") < outcome.events)
    out.print(
        f"{run.scenario}, seed {run.seed}: {iso(run.start_day)} to {iso(outcome.last_day)}, {outcome.weeks} weeks, "
        f"{outcome.events:,} events",
        style="bold",
    )
    for label in outcome.run.reader.manifest.policies:
        out.print(f"policy {label}", markup=False)
    summary = outcome.summary()
    _holders(out, summary)
    _models(out, summary)
    _prices(out, log)
    _power(out, outcome.state)
    _refusals(out, log)
    _events(out, log)


def _title(out: Console, text: str) -> None:
    out.print(f"\n{text}", style="bold")


def _table(*columns: str, text: int = 1) -> Table:
    """A table without lines whose first `text` columns and last are words, the others numbers."""
    table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 2, 0, 0))
    for index, name in enumerate(columns):
        is_word = index < text or index == len(columns) - 1
        table.add_column(name, justify="left" if is_word else "right", no_wrap=index < len(columns) - 1)
    return table


def _holders(out: Console, summary: dict[str, Any]) -> None:
    _title(out, "Who holds compute (GPUs installed; H100e: H100 equivalents held), and where it came from")
    rows = [(name, "lab", row) for name, row in summary["labs"].items()]
    rows += [(name, "cloud", row) for name, row in summary["clouds"].items() if name not in summary["labs"]]
    rows.sort(key=lambda item: (-item[2]["h100e"], item[0]))
    table = _table(
        "org", "", "H100e", "owns", "rents", "lets", "IT power", "cash", "from (a < b: a rents it from b)", text=2
    )
    for name, role, row in rows[:HOLDERS]:
        counts = (row[field] for field in ("h100e", "gpus_owned", "gpus_leased_in", "gpus_leased_out"))
        table.add_row(name, role, *(_thousands(count) for count in counts), f"{row['power_kw_it'] / 1000:,.0f} MW",
                      money(row["cash_usd"]), _sources(row))  # fmt: skip
    out.print(table)
    if len(rows) > HOLDERS:
        rest = sum(row["h100e"] for _, _, row in rows[HOLDERS:])
        out.print(f"and {len(rows) - HOLDERS} more with {rest:,} H100e", style="dim")


def _sources(row: dict[str, Any]) -> str:
    parts = ["own"] if row["gpus_owned"] else []
    leased = list(row["leased_from"].items())
    parts += [f"{chain} {_thousands(gpus)}" for chain, gpus in leased[:SOURCES]]
    if rest := leased[SOURCES:]:
        parts.append(f"{len(rest)} more {_thousands(sum(gpus for _, gpus in rest))}")
    return ", ".join(parts)


def _thousands(gpus: int) -> str:
    if gpus == 0:
        return "-"
    return f"{gpus / 1000:,.0f}k" if gpus >= 10_000 else f"{gpus / 1000:,.1f}k"


def _models(out: Console, summary: dict[str, Any]) -> None:
    models = summary["models"]
    _title(out, f"Models trained: {len(models)} by {len({model['lab'] for model in models})} labs; the largest")
    table = _table("model", "lab", "FLOP", "days", "trained", "released", text=2)
    for model in sorted(models, key=lambda m: (-m["flop"], m["model"]))[:MODELS]:
        released = model["released"] or "not yet"
        table.add_row(
            model["model"], model["lab"], f"{model['flop']:.1e}", f"{model['days']}", model["trained"], released
        )
    out.print(table)


def _prices(out: Console, log: pl.LazyFrame) -> None:
    from market.analytics.prices import prices

    _title(out, "Prices, USD an H100e-hour")
    path = prices(log).collect()
    every = path.gather_every(QUARTER_WEEKS)
    if path.height and every["day"][-1] != path["day"][-1]:
        every = pl.concat([every, path.tail(1)])
    table = _table("date", "one-year contract", "on demand", "tightness", "lead time", "", text=1)
    for row in every.iter_rows(named=True):
        contract, spot = row["price_usd_per_h100e_hour"], row["spot_usd_per_h100e_hour"]
        lead = f"{row['lead_time_weeks']:.0f} weeks"
        table.add_row(say("day", row["day"]), f"{contract:.2f}", f"{spot:.2f}", f"{row['tightness']:.2f}", lead, "")
    out.print(table)


def _power(out: Console, state: State) -> None:
    _title(out, "Power: announced against energised against used by GPUs, GW of IT load")
    regions: dict[str, list[float]] = {}
    for site in state.sites.sites.values():
        row = regions.setdefault(site.region, [0.0, 0.0, 0.0])
        for index, kw in enumerate(
            (max(site.planned_kw, site.energised_kw), site.energised_kw, site.installed_w / 1000)
        ):
            row[index] += kw / 1e6
    total = [sum(row[index] for row in regions.values()) for index in range(3)]
    table = _table("region", "announced", "energised", "used", "", text=1)
    ranked = sorted(regions.items(), key=lambda item: (-item[1][0], item[0]))
    for name, row in [("all", total), *ranked[:REGIONS]]:
        table.add_row(name, *(f"{gw:.2f}" for gw in row), "")
    out.print(table)
    waiting = sum(gpus for store in state.chips.warehouse.values() for gpus in store.values())
    queued = sum(building.power_kw for building in state.sites.buildings.values() if not building.granted) / 1e6
    under_way = len(state.sites.buildings)
    out.print(f"{waiting:,} GPUs wait in warehouses; {under_way} buildings are under way, {queued:.1f} GW in queues")


def _refusals(out: Console, log: pl.LazyFrame) -> None:
    rows = log.filter(pl.col("type").is_in(REFUSALS)).select("type", "reason").collect().rows()
    kinds: dict[str, Counter[str]] = {}
    for kind, reason in rows:
        kinds.setdefault(kind, Counter())[reason] += 1
    _title(out, "What did not come about" if kinds else "Nothing was refused and no talks failed")
    for kind, reasons in sorted(kinds.items()):
        out.print(
            f"{kind}: " + ", ".join(f"{reason} {count:,}" for reason, count in reasons.most_common()), markup=False
        )


def _events(out: Console, log: pl.LazyFrame) -> None:
    _title(out, "What weighed most, the heaviest of each kind (share of all of its kind)")
    chosen = most_consequential(log, EVENTS)
    events = log.filter(pl.col("seq").is_in(chosen["seq"].implode())).collect()
    weights = dict(chosen.select("seq", "weight").iter_rows())
    for row in events.iter_rows(named=True):
        text = sentence(row["type"], fields_of(row))
        weight = f"{weights[row['seq']]:>4.0%}"
        out.print(f"{row['seq']:>8} {say('day', row['day'])} {weight}  {text}", markup=False, soft_wrap=True)


def _next_commands(out: Console, outcome: Outcome) -> None:
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
        f"market fork {folder} --at {middle} --policy power-moratorium",
        f'market query {folder} "SELECT lessor, lessee, gpus, worth_usd FROM leases ORDER BY worth_usd DESC LIMIT 10"',
        f"market verify {folder} --deep",
    ]
    for line in lines:
        out.print(f"  {line}", markup=False, soft_wrap=True)


def runs_table(runs: list[dict[str, Any]]) -> None:
    """Print a list of runs."""
    out = console()
    table = _table("run", "scenario", "seed", "from", "to", "events", "head", "", text=2)
    for row in runs:
        state = row["problem"] or ("" if row["complete"] else "running" if row["running"] else "cut short")
        fork = f"fork of {row['parent']}" if row["parent"] else ""
        notes = ", ".join(filter(None, [state, fork, *row["policies"]]))
        cells = (row["run"], row["scenario"], row["seed"], row["start"], row["day"], f"{row['events']:,}", row["head"])
        table.add_row(
            *("-" if cell is None else str(cell)[:40] for cell in cells[:-1]), (row["head"] or "-")[:12], notes
        )
    out.print(table if runs else "no runs here yet; `market run` makes one")
