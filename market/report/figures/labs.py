"""Training runs and money of labs and clouds."""

from __future__ import annotations

import altair as alt
import polars as pl

from market.analytics.base import events
from market.analytics.finance import finance
from market.analytics.training import training
from market.report.figures.base import COLOURS, Figure, dated, lines, quarterly, values

RUNS, ACCOUNTS = 30, 8


def runs(log: pl.LazyFrame) -> Figure:
    """Frontier training runs from start to end, by lab, with their FLOP."""
    found = training(log).collect()
    last = int(log.select(pl.col("day").max()).collect().item())
    shown = (
        found.with_columns(pl.col("ended_day").fill_null(last))
        .sort(["flop", "run_id"], descending=[True, False])
        .head(RUNS)
        .select("run_id", "org", "started_day", "ended_day", "flop", "outcome", "gpus", "chip")
    )
    table = dated(shown, "started_day", "ended_day").sort("started_day", "run_id")
    if not table.height:
        return Figure("training", "No frontier run begins", None, table, "", "")
    best = table.sort(["flop", "run_id"], descending=[True, False]).row(0, named=True)
    outcomes = ["trained", "running", "abandoned"]
    chart = (
        alt.Chart(values(table))
        .mark_bar(height=9, cornerRadius=2)
        .encode(
            x=alt.X("started_day:T", title=None, axis=alt.Axis(format="%b %Y", labelOverlap="greedy"),
                    scale=alt.Scale(type="utc")),
            x2="ended_day:T",
            y=alt.Y("run_id:N", sort=table["run_id"].to_list(), title=None, axis=alt.Axis(labelLimit=200)),
            color=alt.Color("outcome:N", scale=alt.Scale(domain=outcomes, range=list(COLOURS[:3])),
                            legend=alt.Legend(title=None, orient="bottom")),
            tooltip=["run_id:N", "org:N", alt.Tooltip("flop:Q", format=".2e"), "gpus:Q", "chip:N",
                     alt.Tooltip("started_day:T", format="%Y-%m-%d"), alt.Tooltip("ended_day:T", format="%Y-%m-%d")],
        )
        .properties(width="container", height=16 * table.height + 20)
    )  # fmt: skip
    return Figure(
        "training",
        f"The largest run is {best['run_id']}: {best['flop']:.1e} FLOP on {best['gpus']:,} {best['chip']}",
        chart, table, f"Frontier training runs, the {RUNS} with most FLOP; a run under way ends with the picture.",
        "Bars from start to end of each training run, in order of their start.",
    )  # fmt: skip


def cash(log: pl.LazyFrame) -> Figure:
    """Cash of the labs and clouds, largest first."""
    named = events(log, "OrgRegistered").select(pl.col("org").alias("account"), "role").collect()
    players = named.filter(pl.col("role").str.contains("lab|cloud"))["account"].to_list()
    weekly = dated(finance(log).filter(pl.col("account").is_in(players)).collect())
    last = weekly.filter(pl.col("date") == pl.col("date").max())
    names = last.sort(["paid_usd_cents", "account"], descending=[True, False])["account"].head(ACCOUNTS).to_list()
    table = quarterly(
        weekly.filter(pl.col("account").is_in(names)).select(
            "date", "account", (pl.col("balance_usd_cents") / 1e11).alias("balance_bn_usd")
        )
    )
    broke = events(log, "OrgDefaulted").select("org").unique().collect()["org"].sort().to_list()
    most = weekly.filter(pl.col("account").is_in(names)).sort("date").group_by("account", maintain_order=True).last()
    rich = most.sort(["balance_usd_cents", "account"], descending=[True, False])["account"]
    held = f"{rich[0]} holds most cash at the end" if rich.len() else "No org holds cash"
    title = f"{held}; " + (f"defaults: {', '.join(broke[:4])}" if broke else "no org defaults")
    chart = lines(table, "account", "balance_bn_usd", names, "cash, billion USD")
    return Figure(
        "cash", title, chart, table, f"Cash of the {ACCOUNTS} labs and clouds that spend most.",
        f"Lines of cash over time of {', '.join(names)}.",
    )  # fmt: skip
