"""What is owed under contracts, what deals sign at, what options are left for, and what estates pay back."""

from __future__ import annotations

import altair as alt
import polars as pl

from market.analytics.contracts import obligations, options
from market.analytics.demand import signed
from market.analytics.finance import RANKS, estates
from market.experiments.tell.wording import count
from market.report.figures.base import (
    HEIGHT,
    OTHERS,
    Figure,
    bars,
    colour,
    dated,
    gathered,
    largest,
    lines,
    quarterly,
    time_axis,
    values,
)

SHOWN, CLASSES, LATE_DAYS = 7, 5, 182


def backlog(log: pl.LazyFrame) -> Figure:
    """Rent still to come under leases and contracts, by lessor."""
    weekly = dated(obligations(log).collect()).group_by("date", "lessor").agg(
        (pl.col("remaining_usd").sum() / 1e9).alias("remaining_bn_usd"),
        (pl.col("backlog_usd").sum() / 1e9).alias("not_begun_bn_usd"),
    )  # fmt: skip
    if not weekly.height:
        return Figure("backlog", "Nothing is owed under leases and contracts", None, weekly, "", "")
    names = largest(weekly, "lessor", "remaining_bn_usd", SHOWN)
    table = quarterly(gathered(weekly, "lessor", "remaining_bn_usd", names))
    last = weekly.filter(pl.col("date") == pl.col("date").max())
    whole, ahead = float(last["remaining_bn_usd"].sum()), float(last["not_begun_bn_usd"].sum())
    first = float(last.filter(pl.col("lessor") == names[0])["remaining_bn_usd"].sum())
    return Figure(
        "backlog",
        f"{names[0]} is owed most rent at the end: {first:,.0f} of {whole:,.0f} billion USD, {ahead / whole:.0%} of it "
        "for terms that have not begun",
        lines(table, "lessor", "remaining_bn_usd", [*names, OTHERS], "rent still to come, billion USD"),
        table,
        "What is left of the term of every lease and undrawn tranche, take-or-pay assumed: lessors' remaining "
        "performance obligations, without rent between companies of one group.",
        f"Lines of rent still to come by lessor over time; {', '.join(names[:3])} are the largest at the end.",
    )  # fmt: skip


def index(log: pl.LazyFrame) -> Figure:
    """Prices signed by class of chip and term, with their count and spread."""
    every = dated(signed(log).collect()).rename(
        {"median_usd_per_h100e_hour": "median", "low_usd_per_h100e_hour": "low", "high_usd_per_h100e_hour": "high"}
    )
    if not every.height:
        return Figure("index", "Nothing is signed", None, every, "", "")
    by = every.group_by("chip").agg(pl.col("contracts").sum()).sort(["contracts", "chip"], descending=[True, False])
    names = [_class(chip) for chip in by["chip"].head(CLASSES)]
    kind = pl.col("chip").replace({"any": _class("any")}).alias("class")
    term = pl.when(pl.col("term_years") > 1).then(pl.lit("2 years +")).otherwise(pl.lit("1 year")).alias("term")
    table = every.select("date", kind, term, "contracts", "lessors", "median", "low", "high")
    table = table.with_columns(
        pl.when(pl.col("class").is_in(names)).then("class").otherwise(pl.lit(OTHERS)).alias("class")
    )
    base = alt.Chart(values(table)).encode(x=time_axis(), color=colour("class", [*names, OTHERS]))
    spread = base.mark_rule(opacity=0.45).encode(
        y=alt.Y("low:Q", title="USD per H100-equivalent hour", scale=alt.Scale(zero=False)), y2="high:Q"
    )
    shape = alt.Shape("term:N", scale=alt.Scale(domain=["1 year", "2 years +"], range=["circle", "triangle-up"]))
    dots = base.mark_point(filled=True, opacity=0.85).encode(
        y="median:Q",
        shape=shape.legend(title=None, orient="bottom"),
        size=alt.Size("contracts:Q", scale=alt.Scale(range=[25, 160]), legend=None),
        tooltip=["date:T", "class:N", "term:N", "contracts:Q", "lessors:Q",
                 *(alt.Tooltip(f"{name}:Q", format=".2f") for name in ("median", "low", "high"))],
    )  # fmt: skip
    return Figure(
        "index", _index_title(table), (spread + dots).properties(width="container", height=HEIGHT), table,
        "Leases and contracts signed in 28 days, by class of chip and term: median, and from the tenth to the "
        "ninetieth percentile; larger marks are more of them. Any chip: the tail of small users, a year at a time.",
        f"Dots with whiskers over time by class: {', '.join(names)}.",
    )  # fmt: skip


def _class(chip: str) -> str:
    return "any chip" if chip == "any" else chip


def _index_title(table: pl.DataFrame) -> str:
    late = table.filter(pl.col("date") > pl.col("date").max() - pl.duration(days=LATE_DAYS))
    by = late.group_by("term").agg(
        (pl.col("median") * pl.col("contracts")).sum() / pl.col("contracts").sum(), pl.col("contracts").sum()
    )
    found = {term: (price, many) for term, price, many in by.sort("term").iter_rows()}
    said = [f"{term}: {price:.2f} USD ({many:,} signed)" for term, (price, many) in found.items()]
    return f"Signed in the last half year, per H100-equivalent hour; {', '.join(said)}"


def choices(log: pl.LazyFrame) -> Figure:
    """Options of decisions about compute: taken, or left for what."""
    every = options(log).filter(pl.col("kind") == "compute").collect()
    named = pl.when(pl.col("is_chosen")).then(pl.lit("taken")).otherwise("reason").alias("outcome")
    table = every.select("way", named).group_by("way", "outcome").agg(pl.len().alias("options"))
    table = table.sort("way", "outcome")
    if not table.height:
        return Figure("choices", "Nobody decides about compute", None, table, "", "")
    outcomes = _ranked(table, "outcome")
    names = ["taken", *(name for name in outcomes if name != "taken")]
    left = [name for name in names if name != "taken"]
    taken = table.filter(pl.col("outcome") == "taken").sort(["options", "way"], descending=[True, False])
    most = f"{taken['way'][0]} is taken most" if taken.height else "Nothing is taken"
    chart = bars(table, "options", "way", _ranked(table, "way"), "outcome", names, "options of decisions")
    return Figure(
        "choices", f"{most}; {left[0]} is why options are left most" if left else most, chart, table,
        "Every option of every decision of labs and clouds about compute, by way: taken, or what it was left for.",
        f"Stacked bars by way of getting compute; {', '.join(names[:4])}.",
    )  # fmt: skip


def _ranked(table: pl.DataFrame, by: str) -> list[str]:
    found = table.group_by(by).agg(pl.col("options").sum()).sort(["options", by], descending=[True, False])
    return found[by].to_list()


def recoveries(log: pl.LazyFrame) -> Figure:
    """What creditors of each rank recover of the estates of orgs that defaulted."""
    every = estates(log).filter(pl.col("claimed_usd_cents") > 0).collect()
    parts = {"cash": "cash_usd_cents", "new loans": "loan_usd_cents", "equity": "equity_usd_cents"}
    if not every.height:
        return Figure("recoveries", "No org defaults with debts", None, every, "", "")
    claimed = pl.col("claimed_usd_cents")
    whole = every.group_by("rank").agg(pl.col("recovered_usd_cents").sum() / claimed.sum(), claimed.sum())
    share = dict(whole.select("rank", "recovered_usd_cents").iter_rows())
    table = pl.concat(
        every.select(pl.format("{}: {}", "org", "rank").alias("claims"), pl.lit(name).alias("paid_in"),
                     (100 * pl.col(column) / claimed).alias("recovered_percent"), "outcome")
        for name, column in parts.items()
    )  # fmt: skip
    order = every.select(pl.format("{}: {}", "org", "rank"))["org"].to_list()
    said = [f"{rank} {share[rank]:.0%}" for rank in RANKS if rank in share]
    whose = f"Creditors of {count(every['estate_id'].n_unique(), 'estate')} recover"
    so_far = " so far" if every["ended_day"].null_count() else ""
    if not every["recovered_usd_cents"].sum():
        return Figure("recoveries", f"{whose} nothing{so_far}", None, table, "By org and rank of claims.", "")
    return Figure(
        "recoveries",
        f"{whose}{so_far}: {', '.join(said)}",
        bars(table, "recovered_percent", "claims", order, "paid_in", list(parts), "recovered, % of what was claimed",
             domain=[0, 100]),
        table, "By org and rank of claims, in order of the day of default; an open estate shows what was paid so far.",
        "Stacked bars of the share recovered, by org and rank, in cash, new loans and equity.",
    )  # fmt: skip
