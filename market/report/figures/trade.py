"""Prices, supply and what became of talks."""

from __future__ import annotations

import altair as alt
import polars as pl

from market.analytics.base import chips, events
from market.analytics.prices import prices
from market.analytics.refusals import refusals
from market.report.figures.base import (
    COLOURS,
    HEIGHT,
    OTHERS,
    Figure,
    amount,
    colour,
    dashes,
    dated,
    hue,
    lines,
    name_axis,
    quarterly,
    row_px,
    time_axis,
    values,
    with_names,
    wrapped,
)
from market.report.figures.ends import domain, last_values

SHOWN = 8
WHAT = {"LeaseTalksFailed": "talks", "OrderRefused": "orders", "SiteRefused": "sites", "LoanRefused": "loans",
        "RoundFailed": "rounds", "TrainingRefused": "training", "CommandForbidden": "policy"}  # fmt: skip


def price(log: pl.LazyFrame) -> Figure:
    """The one-year contract price, the posted on-demand price and the mean of what was signed."""
    weekly = dated(prices(log).collect())
    kinds = {
        "one-year contract": "price_usd_per_h100e_hour",
        "on demand": "spot_usd_per_h100e_hour",
        "signed": "signed_usd_per_h100e_hour",
    }
    long = pl.concat(
        weekly.select("date", pl.lit(name).alias("price"), pl.col(column).alias("usd_per_h100e_hour"))
        for name, column in kinds.items()
    ).drop_nulls()
    first, last = float(weekly["price_usd_per_h100e_hour"][0]), float(weekly["price_usd_per_h100e_hour"][-1])
    names, amounts = list(kinds), "usd_per_h100e_hour"
    points = (
        alt.Chart(values(long.filter(pl.col("price") == "signed")))
        .mark_point(filled=True, size=18, opacity=0.55)
        .encode(x="date:T", y=f"{amounts}:Q", color=hue("price", names))
    )
    within = domain(0.0, float(long[amounts].max() or 0.0))  # type: ignore[arg-type]
    solid = alt.Chart(values(long.filter(pl.col("price") != "signed"))).mark_line(strokeWidth=2)
    line = solid.encode(
        x=time_axis(),
        y=alt.Y(f"{amounts}:Q", title="USD per H100-equivalent hour", scale=alt.Scale(domain=list(within), nice=False)),
        color=hue("price", names),
        strokeDash=dashes("price", names),
        tooltip=[alt.Tooltip("date:T", format="%Y-%m-%d"), "price:N", alt.Tooltip(f"{amounts}:Q", format=".2f")],
    )
    return Figure(
        "prices",
        f"The one-year price moves from {first:.2f} to {last:.2f} USD per H100-equivalent hour",
        with_names([line, points], last_values(long, "price", amounts, names), "price", amounts, names, within),
        long.sort("date", "price"),
        "Prices per hour of an H100 equivalent. Signed: mean of the week's leases and contracts, weighted "
        "by H100 equivalents, without those inside a group of companies.",
        f"Lines of the contract and on-demand price over time, dots for what is signed; {first:.2f} to {last:.2f}.",
    )


def supply(log: pl.LazyFrame) -> Figure:
    """GPUs made by chip and quarter, in H100 equivalents."""
    made = events(log, "OutputMade").select("day", "chip", "gpus").join(chips(log), on="chip", how="left")
    by = (
        dated(made.with_columns((pl.col("gpus") * pl.col("h100e_per_gpu")).alias("h100e")).collect())
        .with_columns(pl.col("date").dt.truncate("1q"))
        .group_by("date", "chip")
        .agg(pl.col("h100e").sum())
    )
    total = by.group_by("chip").agg(pl.col("h100e").sum()).sort(["h100e", "chip"], descending=[True, False])
    names = total["chip"].head(SHOWN).to_list()
    named = pl.when(pl.col("chip").is_in(names)).then(pl.col("chip")).otherwise(pl.lit(OTHERS)).alias("chip")
    table = by.with_columns(named).group_by("date", "chip").agg(pl.col("h100e").sum() / 1e6).sort("date", "chip")
    quarters = table["date"].unique().sort().dt.to_string("%Y Q%q").to_list()
    shown = table.with_columns(pl.col("date").dt.to_string("%Y Q%q").alias("quarter")).drop("date")
    chart = (
        alt.Chart(values(shown))
        .mark_bar()
        .encode(
            x=alt.X("quarter:O", title=None, sort=quarters, axis=alt.Axis(labelAngle=-45)),
            y=alt.Y("h100e:Q", title="million H100 equivalents"),
            color=colour("chip", [*names, OTHERS]),
            tooltip=["quarter:O", "chip:N", alt.Tooltip("h100e:Q", format=",.3f")],
        )
        .properties(width="container", height=HEIGHT)
    )
    whole = float(total["h100e"].sum())
    first = float(total["h100e"][0]) if total.height else 0.0
    title = (
        f"{amount(whole)} H100 equivalents are made; {names[0]} is {first / whole:.0%} of them"
        if names
        else "No chip is made"
    )
    return Figure(
        "supply", title, chart, shown,
        "Output of chip makers by calendar quarter; the first and last quarter can be cut by the run.",
        f"Stacked bars by quarter; {', '.join(names[:3])} are the largest.",
    )  # fmt: skip


def failures(log: pl.LazyFrame) -> Figure:
    """What did not come about, by reason."""
    found = refusals(log).rename({"why": "reason"}).collect()
    order = ["count", "type", "reason"]
    counts = found.group_by("type", "reason").agg(pl.len().alias("count"))
    table = counts.sort(order, descending=[True, False, False])
    if not table.height:
        return Figure("failures", "Nothing was refused and no talks failed", None, table, "", "")
    what = pl.format("{}: {}", pl.col("type").replace(WHAT), pl.col("reason").str.replace(": ", ", "))
    shown = table.head(20).with_columns(what.alias("what"))
    names = wrapped(shown["what"].to_list())
    chart = (
        alt.Chart(values(shown.with_columns(pl.col("what").replace(names))))
        .mark_bar(color=COLOURS[0], height=14)
        .encode(
            x=alt.X("count:Q", title="events"),
            y=name_axis("what", list(names.values())),
            tooltip=["what:N", "count:Q"],
        )
        .properties(width="container", height=max(120, row_px(names.values(), 22) * shown.height))
    )
    first = shown.row(0, named=True)
    return Figure(
        "failures",
        f"What fails most often is {first['what']} ({first['count']:,} of {int(table['count'].sum()):,})",
        chart, table, "Events that say what was refused or failed, by type and reason; the 20 most frequent.",
        "Bars of counts by type and reason, longest first.",
    )  # fmt: skip


def lead_time(log: pl.LazyFrame) -> Figure:
    """Weeks of output in chip makers' backlog."""
    table = quarterly(dated(prices(log).select("day", "lead_time_weeks").collect()))
    least, most = float(table["lead_time_weeks"].min()), float(table["lead_time_weeks"].max())  # type: ignore[arg-type]
    chart = lines(
        table.with_columns(pl.lit("lead time").alias("what")), "what", "lead_time_weeks", ["lead time"], "weeks"
    )
    return Figure(
        "lead-time", f"Chips are ordered {least:.0f} to {most:.0f} weeks ahead", chart, table,
        "Backlog of all chip makers over a week's output, by value.", "One line over time.",
    )  # fmt: skip
