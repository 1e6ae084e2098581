"""What the report of one run says."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from market.analytics.base import events
from market.analytics.capacity import capacity
from market.analytics.power import power
from market.experiments.tell.wording import count, percent
from market.report.beside_parent import fork_grid, parent_of
from market.report.figures import FIGURES, Figure
from market.report.page import Number, Page, Section
from market.report.trust import in_short, past_accuracy, sources_of_parameters
from market.report.web import lease_web
from market.runs.reading import Run
from market.runs.summary import iso

LOADS, ENDS, NAMED = 4, 2, 4  # named of regions that gain load, of orgs at either end, of those that default
SECTIONS = (
    ("Who can use how much compute", ("compute", "concentration")),
    ("Prices and contracts", ("prices", "index", "backlog", "demand")),
    ("Supply and what holds it back", ("supply", "lead-time", "builders", "inputs")),
    ("Power", ("power", "regions")),
    ("Training and money", ("training", "cash", "recoveries")),
    ("What was decided, and what did not come about", ("choices", "failures")),
)


def run_page(run: Run, title: str | None = None) -> Page:
    """Read a run into a page.

    Raises events.LogDamaged where the log does not hold.
    """
    log = run.log.collect().lazy()
    drawn = {name: make(log) for name, make in FIGURES.items()}
    begun = events(log, "RunStarted").collect().row(0, named=True)
    last = int(events(log, "WeekClosed").select(pl.col("day").max()).collect().item())
    manifest = run.reader.manifest
    under = f" under {', '.join(manifest.policies)}" if manifest.policies else ""
    parent = parent_of(run)
    span = f"{begun['kind']} from {iso(begun['start_day'])} to {iso(last)} (one run, seed {begun['seed']}{under})"
    return Page(
        title=title or _grown(drawn),
        question=f"How does the market for AI compute develop in {span}?",
        answer=[
            f"{drawn['prices'].title}. {drawn['power'].title}. One run has no interval: `market experiment` gives one."
        ],
        numbers=list(_numbers(drawn)),
        brief=list(_brief(log)),
        grid=None
        if parent is None
        else fork_grid(
            log, parent.log.collect().lazy(), f"{parent.folder.name}, as it went", f"change since the fork{under}"
        ),
        sections=[Section(name, [drawn[figure] for figure in figures]) for name, figures in SECTIONS],
        trust=list(_trust()),
        reproduce=[
            f"{run.folder}",
            f"head {run.reader.head}",
            f"code {manifest.code}",
            f"market verify {run.folder} --head {run.reader.head}",
        ],
        web=lease_web(log),
    )


def _numbers(drawn: dict[str, Figure]) -> Iterator[Number]:
    """The first screen's numbers: compute, price, power, concentration, each beside its value at the start."""
    compute = drawn["compute"].table.group_by("date").agg(pl.col("h100e").sum()).sort("date")["h100e"]
    yield Number("Compute in use, million H100e", f"{compute[-1]:.1f}", f"{compute[0]:.1f} at the start")
    contract = drawn["prices"].table.filter(pl.col("price") == "one-year contract").sort("date")["usd_per_h100e_hour"]
    yield Number("One-year price, USD per H100e-hour", f"{contract[-1]:.2f}", f"{contract[0]:.2f} at the start")
    power = drawn["power"].table.filter(pl.col("step") == "energised").sort("date")["power_gw"]
    yield Number("Energised IT power, GW", f"{power[-1]:.1f}", f"{power[0]:.1f} at the start")
    three = 100 * drawn["concentration"].table["share_of_three"]
    yield Number("Held by the three largest, % of compute", f"{three[-1]:.0f}", f"{three[0]:.0f} at the start")


def _grown(drawn: dict[str, Figure]) -> str:
    """The answer in a sentence: how compute grows and who can use most of it."""
    by_date = drawn["compute"].table.group_by("date").agg(pl.col("h100e").sum()).sort("date")["h100e"]
    if not by_date.len() or not by_date[0]:
        return drawn["compute"].title
    first, last = by_date[0], by_date[-1]
    return f"Compute in use grows {last / first:.1f} times, to {last:.1f} million H100 equivalents; {_most(drawn)}"


def _most(drawn: dict[str, Figure]) -> str:
    return drawn["compute"].title.partition(":")[0]


def _brief(log: pl.LazyFrame) -> Iterator[tuple[str, str]]:
    """Where the load went, who gained and who lost, and how far to trust it, in a line each."""
    yield "Where the load went", _loads(_moves(power(log), "region", "energised_kw"))
    yield "Who loses, who gains", f"{_shares(_moves(capacity(log), 'org', 'h100e'))}; {_defaults(log)}"
    yield "How far to trust it", f"One run with one seed: what can happen, not what a policy does. {in_short()}"


def _loads(moved: pl.DataFrame) -> str:
    """Name the regions in which most power was energised, with their part of all."""
    grown = moved.filter(pl.col("change") > 0)
    if not grown.height:
        return "nothing was energised"
    said = [f"{name} +{change / 1e6:.1f} GW" for name, _, change in grown.head(LOADS).iter_rows()]
    whole, shown = float(grown["change"].sum()), float(grown["change"].head(LOADS).sum())
    rest = grown.height - len(said)
    return f"{', '.join(said)}: {percent(shown / whole)} of the {whole / 1e6:.1f} GW energised since the start" + (
        f"; the rest in {count(rest, 'other region')}" if rest else ""
    )


def _shares(moved: pl.DataFrame) -> str:
    """Name the orgs whose part of all compute falls and rises most, in percentage points."""
    now, change = pl.col("last"), pl.col("change")
    points = moved.select("org", points=100 * (now / now.sum() - (now - change) / (now - change).sum()))
    ranked = points.sort(["points", "org"])
    sides = ranked.head(ENDS).filter(pl.col("points") < 0), ranked.tail(ENDS).reverse().filter(pl.col("points") > 0)
    down, up = (", ".join(f"{org} {by:+.1f}" for org, by in side.iter_rows()) or "nobody" for side in sides)
    return f"share of all compute, in percentage points: {down} fall most, {up} rise most"


def _defaults(log: pl.LazyFrame) -> str:
    broke = events(log, "OrgDefaulted").select("org").unique().collect()["org"].sort().to_list()
    more = f" and {len(broke) - NAMED} more" if len(broke) > NAMED else ""
    return f"{', '.join(broke[:NAMED])}{more} default{'s' if len(broke) == 1 else ''}" if broke else "nobody defaults"


def _moves(weekly: pl.LazyFrame, by: str, amount: str) -> pl.DataFrame:
    """Give the last level of each name and its change since the first week, the greatest change first."""
    ends = weekly.filter((pl.col("day") == pl.col("day").min()) | (pl.col("day") == pl.col("day").max()))
    by_day = ends.group_by("day", by).agg(pl.col(amount).sum()).collect().sort("day", by)
    if not by_day.height:
        return by_day.select(by, last=pl.lit(0.0), change=pl.lit(0.0)).clear()
    first, last = (by_day.filter(pl.col("day") == day).drop("day") for day in (by_day["day"][0], by_day["day"][-1]))
    both = last.join(first, on=by, how="full", coalesce=True, suffix="_before").fill_null(0)
    return both.select(
        by, last=pl.col(amount).cast(pl.Float64), change=(pl.col(amount) - pl.col(f"{amount}_before")).cast(pl.Float64)
    ).sort(["change", by], descending=[True, False])


def _trust() -> Iterator[str]:
    yield (
        "This is one run with one seed: it shows how events can follow each other and is no evidence of an effect. "
        "`market experiment --policy P --runs 20` compares over many seeds."
    )
    yield past_accuracy()
    yield sources_of_parameters()
    yield "H100 equivalents weigh GPUs by dense throughput over that of an H100; prices of leases are per GPU-hour."
    yield "A conditional forecast under the scenario's assumptions, not a prediction."
