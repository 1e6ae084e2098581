"""Figures of an experiment: what a policy changes, over time, for whom and where.

Bands hold 50 and 90 % of runs; intervals are 95 % bootstrap intervals of the mean paired difference.
"""

from __future__ import annotations

from datetime import date, timedelta

import altair as alt
import numpy as np
import polars as pl

from market.experiments.design.metrics import describe
from market.experiments.design.schema import BASELINE
from market.experiments.results.dataset import Results
from market.experiments.statistics.pairing import SLIGHT, Effect
from market.experiments.tell.wording import amount, count, percent, scale
from market.report.figures.base import (
    COLOURS,
    GREY,
    Figure,
    dashes,
    hue,
    name_axis,
    row_px,
    time_axis,
    values,
    with_names,
    wrapped,
)
from market.report.figures.ends import domain, last_values

QUANTILES = {"q05": 0.05, "q25": 0.25, "q50": 0.50, "q75": 0.75, "q95": 0.95}
ROWS = 16
SURE, UNSURE = "clear: the 95 % interval leaves out zero", "not clear: it may be chance"
PREFIXES = {"k": "thousand", "m": "million", "bn": "billion", "tn": "trillion"}


def of_one(metric: str) -> bool:
    """Whether a metric is of one org, region or country."""
    return metric.partition(".")[0] in ("labs", "clouds", "regions", "countries")


def name_in(metric: str) -> str:
    """The org, region or country of a metric."""
    return metric.partition(".")[2].rpartition(".")[0]


def spelled(unit: str) -> str:
    """Write out what is before a unit: m H100e, million H100e."""
    short, _, rest = unit.partition(" ")
    return f"{PREFIXES[short]} {rest}" if short in PREFIXES and rest else unit


def called(results: Results) -> dict[str, str]:
    """Name each policy as it is known, without its parameters where no other of the experiment has its name."""
    short = [name.partition(":")[0] for name in results.policies]
    return {
        name: brief if short.count(brief) == 1 else name for name, brief in zip(results.policies, short, strict=True)
    }


def fan(results: Results, policy: str, metric: str, key: str, effect: Effect | None = None) -> Figure:
    """A metric over time, baseline and policy, as median and bands over futures and seeds, the policy's date marked.

    `effect`, of the policy on the metric, gives the title its finding. The baseline as policy is drawn alone.
    """
    titles = called(results)
    names = list(dict.fromkeys((BASELINE, titles[policy])))
    meaning, unit = describe(metric).meaning, describe(metric).unit
    whose = f"{name_in(metric)}: " if of_one(metric) else ""
    table = bands(results, list(dict.fromkeys((BASELINE, policy))), metric).with_columns(
        pl.col("policy").replace(titles)
    )
    size_name, size = scale(float(table["q50"].max() or 0.0), unit)  # type: ignore[arg-type]
    size_name = spelled(size_name)
    table = table.with_columns(pl.col(name) / size for name in QUANTILES)
    base = alt.Chart(values(table)).encode(x=time_axis(), color=hue("policy", names))
    within = domain(float(table["q05"].min() or 0.0), float(table["q95"].max() or 0.0))  # type: ignore[arg-type]
    scaled = alt.Y("q05:Q", title=size_name, scale=alt.Scale(domain=list(within), nice=False))
    wide = base.mark_area(opacity=0.15).encode(y=scaled, y2="q95:Q")
    half = base.mark_area(opacity=0.3).encode(y="q25:Q", y2="q75:Q")
    line = base.mark_line(strokeWidth=2.5).encode(y="q50:Q", strokeDash=dashes("policy", names))
    runs, since = results.about["futures"] * results.about["seeds"][1], begins(results, policy)
    said = "".join(f" {what} {day}." for day, what in since)
    return Figure(
        key, capital(f"{whose}{meaning} {_finding(effect, titles[policy])}".strip()),
        with_names([wide, half, line, *_dates(since, results, table)], last_values(table, "policy", "q50", names),
                   "policy", "q50", names, within), table,
        f"{metric}, in {size_name}. Median and the bands that hold 50 and 90 % of {count(runs, 'run')} each.{said}",
        f"Bands over time: {' and '.join(names)}.{said}",
    )  # fmt: skip


def bands(results: Results, names: list[str], metric: str) -> pl.DataFrame:
    """Quantiles of a metric by date and policy."""
    start = date.fromisoformat(results.about["job"]["scenario"]["start"])
    rows = []
    for week, cube in results.over_time(metric).items():
        for name in names:
            found = cube[results.policies.index(name)]
            found = found[~np.isnan(found)]
            if found.size:
                quantiles = dict(zip(QUANTILES, np.quantile(found, list(QUANTILES.values())), strict=True))
                rows.append({"date": start + timedelta(7 * week), "policy": name, **quantiles})
    schema = {"date": pl.Date, "policy": pl.String, **dict.fromkeys(QUANTILES, pl.Float64)}
    return pl.DataFrame(rows, schema=schema)


def begins(results: Results, policy: str) -> list[tuple[str, str]]:
    """Days on which a lever's policies are announced or begin, as ISO dates, and what happens then."""
    found = []
    for said in results.about["job"]["levers"].get(policy, ()):
        found += [(said["announced"], "Announced")] if said.get("announced") else []
        found += [(said["from"], "In force from")]
    return sorted(set(found))


def _dates(since: list[tuple[str, str]], results: Results, table: pl.DataFrame) -> list[alt.Chart]:
    """Mark days between the start and the last date by a dashed rule with its words."""
    first, last = results.about["job"]["scenario"]["start"], str(table["date"].max())
    shown = [{"date": day, "said": f"{what} {day}"} for day, what in since if first <= day <= last]
    if not shown:
        return []
    late = shown[0]["date"] > str(table["date"].sort()[table.height // 2])
    marked = alt.Chart(alt.InlineData(values=shown)).encode(x="date:T")
    words = marked.mark_text(
        align="right" if late else "left", dx=-4 if late else 4, dy=-4, baseline="bottom", fontSize=12
    )
    return [marked.mark_rule(strokeDash=[4, 4]), words.encode(y=alt.value(0), text="said:N")]


def _finding(effect: Effect | None, policy: str) -> str:
    if effect is None or not effect.pairs:
        return ""
    if not effect.is_clear:
        return f"does not change under {policy} by more than chance"
    if effect.is_slight:
        return f"changes by less than {percent(SLIGHT)} under {policy}"
    way = "higher" if effect.mean > 0 else "lower"
    size = amount(abs(effect.mean), describe(effect.metric).unit)
    if effect.relative is None or effect.relative_interval is None:
        return f"ends {size} {way} under {policy}"
    low, high = (percent(x, sign=True) for x in effect.relative_interval)
    return f"ends {percent(abs(effect.relative))} {way} under {policy} (95 % interval {low} to {high})"


def capital(text: str) -> str:
    """Begin with a capital, the rest as it is."""
    return text[:1].upper() + text[1:]


def changes(policy: str, found: list[Effect], key: str) -> Figure:
    """Relative change of the market's metrics with its interval; `policy` as a reader is to see it."""
    shown = [e for e in found if not of_one(e.metric) and e.relative is not None and not e.low == e.high == 0]
    shown = sorted(shown, key=lambda e: (not e.is_clear, -abs(e.relative or 0.0), e.metric))[:ROWS]
    table = pl.DataFrame(
        [
            {"metric": e.metric, "meaning": describe(e.metric).meaning.partition(";")[0],
             "change_percent": 100 * e.mean / e.base, "low": 100 * low, "high": 100 * high, "sure": _sure(e)}
            for e in shown for low, high in [e.relative_interval or (0.0, 0.0)]
        ],
        schema={"metric": pl.String, "meaning": pl.String, "change_percent": pl.Float64, "low": pl.Float64,
                "high": pl.Float64, "sure": pl.String},
    )  # fmt: skip
    clear = [e for e in shown if e.is_clear]
    title = f"{policy} changes nothing in the market that can be told from chance"
    if clear:
        said = describe(clear[0].metric).meaning
        title = f"{policy} changes most: {said}, by {percent(clear[0].relative or 0.0, sign=True)}"
    return _forest(table, "meaning", "change_percent", "change against the baseline, %", title, key,
                   "Mean paired difference over the baseline's mean, with its 95 % bootstrap interval.")  # fmt: skip


def by_name(policy: str, found: list[Effect], field: str, what: str, key: str) -> Figure:
    """Change of one field of all labs, clouds or regions, with its interval: who gains and who loses."""
    mine = [e for e in found if of_one(e.metric) and e.metric.startswith(f"{what}.") and e.metric.endswith(f".{field}")]
    mine = [e for e in mine if e.pairs and not e.low == e.high == 0]
    mine = sorted(mine, key=lambda e: (-abs(e.mean), e.metric))[:ROWS]
    unit = describe(mine[0].metric).unit if mine else ""
    size_name, size = scale(max((abs(e.mean) for e in mine), default=0.0), unit)
    ranked = sorted(mine, key=lambda e: (e.mean, e.metric))
    table = pl.DataFrame(
        [
            {"name": name_in(e.metric), "change": e.mean / size, "low": e.low / size, "high": e.high / size,
             "sure": _sure(e)}
            for e in ranked
        ],
        schema={"name": pl.String, "change": pl.Float64, "low": pl.Float64, "high": pl.Float64,
                "sure": pl.String},
    )  # fmt: skip
    clear = [e for e in ranked if e.is_clear]
    meaning = describe(mine[0].metric).meaning if mine else field
    title = f"No {what[:-1]}'s {meaning} changes by more than chance"
    if clear:
        sides = [clear[0], *(e for e in clear[-1:] if e.mean > 0 > clear[0].mean)]
        said = [f"{name_in(e.metric)} {'loses' if e.mean < 0 else 'gains'} {amount(abs(e.mean), unit)}" for e in sides]
        title = f"{' and '.join(said)}"
    return _forest(table, "name", "change", f"change, {spelled(size_name)}", title, key,
                   f"{meaning}: mean paired difference, 95 % interval; the {ROWS} largest.")  # fmt: skip


def _sure(effect: Effect) -> str:
    return SURE if effect.is_clear else UNSURE


def _forest(table: pl.DataFrame, by: str, amount_: str, axis: str, title: str, key: str, note: str) -> Figure:
    if not table.height:
        return Figure(key, title, None, table, note, "")
    order = table[by].to_list()
    shown = wrapped(order)
    color = alt.Scale(domain=[SURE, UNSURE], range=[COLOURS[0], GREY])
    legend = alt.Legend(title=None, orient="bottom", columns=1, labelLimit=0)
    base = alt.Chart(values(table.with_columns(pl.col(by).replace(shown)))).encode(
        y=name_axis(by, list(shown.values())), color=alt.Color("sure:N", scale=color, legend=legend)
    )
    bars = base.mark_rule(strokeWidth=3).encode(x=alt.X("low:Q", title=axis), x2="high:Q")
    shape = alt.Scale(domain=[SURE, UNSURE], range=["circle", "diamond"])
    dots = base.mark_point(filled=True, size=70).encode(
        x=f"{amount_}:Q",
        shape=alt.Shape("sure:N", scale=shape, legend=legend),
        tooltip=[f"{by}:N", *(alt.Tooltip(f"{c}:Q", format=".3~f") for c in (amount_, "low", "high"))],
    )
    zero = alt.Chart(alt.InlineData(values=[{"zero": 0}])).mark_rule(strokeDash=[3, 3]).encode(x="zero:Q")
    chart = (zero + bars + dots).properties(width="container", height=max(120, row_px(shown.values(), 22) * len(order)))
    return Figure(key, title, chart, table, note, f"Points with intervals around zero for {', '.join(order[:6])}.")
