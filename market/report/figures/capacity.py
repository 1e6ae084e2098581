"""Who holds compute, how concentrated it is, and how much of it is powered."""

from __future__ import annotations

import altair as alt
import polars as pl

from market.analytics.capacity import capacity
from market.analytics.concentration import concentration
from market.analytics.power import power
from market.report.figures.base import (
    HEIGHT,
    OTHERS,
    Figure,
    amount,
    bars,
    dated,
    gathered,
    largest,
    lines,
    quarterly,
    values,
)

SHOWN = 8
CONCENTRATED, HIGHLY = 1_000, 1_800  # HHI, US Merger Guidelines of 2023, section 2.1


def compute(log: pl.LazyFrame) -> Figure:
    """H100 equivalents that each org can use: owned and leased in, less leased out."""
    held = dated(capacity(log).collect()).group_by("date", "org").agg(pl.col("h100e").sum()).sort("date", "org")
    names = largest(held, "org", "h100e", SHOWN)
    table = quarterly(gathered(held, "org", "h100e", names)).with_columns(pl.col("h100e") / 1e6)
    last = held.filter(pl.col("date") == pl.col("date").max())
    total = float(last["h100e"].sum())
    most = float(last.filter(pl.col("org") == names[0])["h100e"].sum())
    chart = lines(table, "org", "h100e", [*names, OTHERS], "million H100 equivalents")
    return Figure(
        "compute",
        f"{names[0]} can use most compute at the end: {amount(most)} of {amount(total)} H100 equivalents",
        chart,
        table,
        "GPUs installed that an org can use: owned and leased in, less leased out, in H100 equivalents (dense "
        f"throughput over that of an H100). The {SHOWN} largest at the end and the sum of the rest.",
        f"Lines of H100 equivalents by org over time; {', '.join(names)} are the largest at the end, in this order.",
    )


def shares(log: pl.LazyFrame) -> Figure:
    """How concentrated compute is, by the Herfindahl-Hirschman index."""
    table = quarterly(dated(concentration(log).select("day", "hhi", "share_of_three", "largest").collect()))
    first, last = float(table["hhi"][0]), float(table["hhi"][-1])
    way = "rises" if last > first * 1.02 else "falls" if last < first * 0.98 else "stays near"
    line = lines(table.with_columns(pl.lit("HHI").alias("index")), "index", "hhi", ["HHI"], "HHI, 0 to 10,000", HIGHLY)
    marks = pl.DataFrame({"hhi": [CONCENTRATED, HIGHLY], "called": ["moderately concentrated", "highly concentrated"]})
    rule = alt.Chart(values(marks)).mark_rule(strokeDash=[4, 4], opacity=0.6)
    said = rule.mark_text(align="left", baseline="bottom", dy=-2).encode(y="hhi:Q", x=alt.value(4), text="called:N")
    chart = (line + rule.encode(y="hhi:Q") + said).properties(width="container", height=HEIGHT)
    return Figure(
        "concentration",
        f"Concentration {way} {'' if way == 'stays near' else 'from '}{first:,.0f}"
        + ("" if way == "stays near" else f" to {last:,.0f}"),
        chart,
        table,
        "Herfindahl-Hirschman index of H100 equivalents that orgs can use. Dashed: 1,000 and 1,800, above which the US "
        "merger guidelines of 2023 call a market moderately and highly concentrated.",
        f"One line of the index over time, {first:,.0f} at the start and {last:,.0f} at the end.",
    )


STEPS = {"announced": "announced_kw", "under contract": "contracted_kw", "energised": "energised_kw",
         "used by GPUs": "installed_kw"}  # fmt: skip


def electricity(log: pl.LazyFrame) -> Figure:
    """IT power announced, under contract, energised and used, all sites together."""
    weekly = dated(power(log).collect()).group_by("date").agg(pl.col(c).sum() for c in STEPS.values()).sort("date")
    long = pl.concat(
        weekly.select("date", pl.lit(name).alias("step"), (pl.col(c) / 1e6).alias("power_gw"))
        for name, c in STEPS.items()
    )
    table = quarterly(long)
    last = weekly.tail(1).row(0, named=True)
    share = last["installed_kw"] / last["energised_kw"] if last["energised_kw"] else 0.0
    return Figure(
        "power",
        f"{last['energised_kw'] / 1e6:.1f} GW is energised at the end, {share:.0%} of it used by GPUs; "
        f"{last['announced_kw'] / 1e6:.1f} GW is announced",
        lines(table, "step", "power_gw", list(STEPS), "GW of IT power"),
        table,
        "IT power, without cooling and losses. Under contract: energised, and buildings whose work has begun. "
        "Announced: the nameplate of a site's plan, at least what is under contract there.",
        "Four lines over time, announced above contracted above energised above used.",
    )


def regions(log: pl.LazyFrame) -> Figure:
    """Energised IT power by region at the end."""
    every = dated(power(log).collect())
    last = every.filter(pl.col("date") == every["date"].max())
    columns = {
        "used by GPUs": pl.col("installed_kw"),
        "energised, idle": pl.col("energised_kw") - pl.col("installed_kw"),
        "not energised": pl.col("announced_kw") - pl.col("energised_kw"),
    }
    by = last.group_by("region").agg((expr.sum() / 1e6).alias(name) for name, expr in columns.items())
    table = by.unpivot(index="region", variable_name="state", value_name="power_gw").sort("region", "state")
    ranked = by.with_columns(pl.sum_horizontal(*columns).alias("all")).sort(["all", "region"], descending=[True, False])
    idle = ranked.sort(["energised, idle", "region"], descending=[True, False])
    chart = bars(table, "power_gw", "region", ranked["region"].to_list(), "state", list(columns), "GW of IT power")
    return Figure(
        "regions",
        f"{ranked['region'][0]} has most power planned or running; most idle power is in {idle['region'][0]}",
        chart,
        table,
        "IT power at the end, by region of the site: used by GPUs, energised without GPUs, announced only.",
        f"Stacked bars by region; the largest are {', '.join(ranked['region'].head(3).to_list())}.",
    )
