"""What holds supply back, and what end users spend."""

from __future__ import annotations

import altair as alt
import polars as pl

from market.analytics.demand import constraints, segments
from market.report.figures.base import HEIGHT, Figure, colour, dated, lines, placed, quarterly, time_axis, values

REASONS = ("power", "finance", "demand", "no cash")


def builders(log: pl.LazyFrame) -> Figure:
    """What holds builders' budgets for chips down, by quarter."""
    said = dated(constraints(log).filter(pl.col("side") == "builder", pl.col("held_by") != "start").collect())
    counts = said.group_by(pl.col("date").dt.to_string("%Y Q%q").alias("quarter"), "held_by").agg(pl.len())
    table = counts.select(
        "quarter", "held_by", (100 * pl.col("len") / pl.col("len").sum().over("quarter")).alias("builders_percent")
    ).sort("quarter", "held_by")
    if not table.height:
        return Figure("builders", "No builder says what holds it back", None, table, "", "")
    names = [*REASONS, *sorted(set(table["held_by"]) - set(REASONS))]
    last = table.filter(pl.col("quarter") == pl.col("quarter").max())
    most = last.sort(["builders_percent", "held_by"], descending=[True, False]).row(0, named=True)
    chart = (
        alt.Chart(values(placed(table, "held_by", names)))
        .mark_bar()
        .encode(
            x=alt.X("quarter:O", title=None, axis=alt.Axis(labelAngle=-45)),
            y=alt.Y("builders_percent:Q", title="% of builders", scale=alt.Scale(domain=[0, 100])),
            color=colour("held_by", names),
            order="order:Q",
            tooltip=["quarter:O", "held_by:N", alt.Tooltip("builders_percent:Q", format=".0f")],
        )
        .properties(width="container", height=HEIGHT)
    )
    return Figure(
        "builders",
        f"{most['held_by'].capitalize()} holds {most['builders_percent']:.0f}% of builders back in the last quarter",
        chart, table, "Orgs that buy chips, by what held their budgets down, each month of 28 days.",
        f"Stacked bars by quarter of the share of builders held back by {', '.join(names)}.",
    )  # fmt: skip


def inputs(log: pl.LazyFrame) -> Figure:
    """The scarcest shared input of every maker of chips, over time."""
    said = constraints(log).filter(pl.col("side") == "maker").collect().sort("org", "day", maintain_order=True)
    last = int(log.select(pl.col("day").max()).collect().item())
    until = pl.col("day").shift(-1).over("org").fill_null(last).alias("until")
    met = (100 * pl.col("share")).alias("met_percent")
    table = dated(said.with_columns(until, met).select("org", "held_by", "day", "until", "met_percent"), "day", "until")
    if not table.height:
        return Figure("inputs", "No input that makers of chips share is short", None, table, "", "")
    days = table.with_columns((pl.col("until") - pl.col("date")).dt.total_days().alias("days"))
    by = days.group_by("held_by").agg(pl.col("days").sum()).sort(["days", "held_by"], descending=[True, False])
    names = by["held_by"].to_list()
    chart = (
        alt.Chart(values(table))
        .mark_bar(height=14)
        .encode(
            x=time_axis(),
            x2="until:T",
            y=alt.Y("org:N", title=None, axis=alt.Axis(labelLimit=160)),
            color=colour("held_by", names),
            tooltip=["org:N", "held_by:N", alt.Tooltip("met_percent:Q", format=".0f"),
                     alt.Tooltip("date:T", format="%Y-%m-%d"), alt.Tooltip("until:T", format="%Y-%m-%d")],
        )
        .properties(width="container", height=max(120, 24 * table["org"].n_unique()))
    )  # fmt: skip
    return Figure(
        "inputs", f"{names[0]} is the scarcest input of chip makers for longest".capitalize(), chart, table,
        "By maker, from one report of its scarcest shared input to the next; the data say which percentage of its need "
        "is met.",
        f"Bars over time by maker, coloured by input: {', '.join(names)}.",
    )  # fmt: skip


def demand(log: pl.LazyFrame) -> Figure:
    """What end users of each segment spend."""
    every = dated(segments(log).collect())
    if not every.height:
        return Figure("demand", "No end user spends", None, every, "", "")
    table = quarterly(every.select("date", "segment", (pl.col("usd_per_year") / 1e9).alias("spent_bn_usd_per_year")))
    last = table.filter(pl.col("date") == pl.col("date").max())
    last = last.sort(["spent_bn_usd_per_year", "segment"], descending=[True, False])
    first, whole = last.row(0, named=True), float(last["spent_bn_usd_per_year"].sum())
    return Figure(
        "demand",
        f"End users spend {whole:,.0f} billion USD a year at the end, most as {first['segment']} "
        f"({first['spent_bn_usd_per_year']:,.0f})",
        lines(table, "segment", "spent_bn_usd_per_year", last["segment"].to_list(), "billion USD a year"),
        table, "What end users of labs' models spend, annualised.",
        f"Lines over time by segment: {', '.join(last['segment'].to_list())}.",
    )  # fmt: skip
