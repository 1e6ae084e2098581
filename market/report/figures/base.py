"""What every figure shares: its parts, the look, dates, and the marks that most of them use."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import altair as alt
import polars as pl

from market.report.figures.ends import domain, labels, last_values, named_ends

COLOURS = ("#0072B2", "#D55E00", "#17A354", "#F57EC4", "#CEAD8F", "#B81D86", "#1F86FC", "#69CD1F", "#8E8E8D")
"""Any two lie at least 11 apart by CIEDE2000 for readers with normal vision, protanopia, deuteranopia or tritanopia,
and each stands out by 2 to 1 from a light page and by 3 to 1 from a dark one. The first two are Okabe and Ito's (2008);
the others were searched for under these conditions, which the tests measure."""

GREY = "#7F7F7F"
HEIGHT = 260
NAME_CHARACTERS = 22  # of a line of a name beside a picture
OTHERS = "all others"


@dataclass(frozen=True)
class Figure:
    """A chart with what a reader needs to trust it.

    Attributes
    ----------
    name : as in `market plot NAME`.
    title : the finding, in a sentence.
    chart : the Vega-Lite chart, as wide as its container; None where there is nothing to draw.
    table : the data behind it.
    note : how the quantities are defined, with units.
    alt : what the picture shows, for those who cannot see it.
    """

    name: str
    title: str
    chart: alt.TopLevelMixin | None
    table: pl.DataFrame
    note: str
    alt: str


def dated(frame: pl.DataFrame, *columns: str) -> pl.DataFrame:
    """Turn days since 1970 into dates, `day` itself into `date`."""
    names = columns or ("day",)
    return frame.with_columns(pl.col(name).cast(pl.Int32).cast(pl.Date) for name in names).rename(
        {"day": "date"} if "day" in names else {}
    )


def values(frame: pl.DataFrame) -> alt.InlineData:
    """Put a table into a chart, dates as text that Vega reads as UTC."""
    as_text = frame.with_columns(pl.col(pl.Date).dt.to_string("%Y-%m-%d"))
    return alt.InlineData(values=as_text.to_dicts())


def largest(frame: pl.DataFrame, by: str, amount: str, count: int) -> list[str]:
    """Name the keys with the greatest amount on the last date, greatest first, ties by name."""
    last = frame.filter(pl.col("date") == pl.col("date").max()).group_by(by).agg(pl.col(amount).sum())
    return last.sort([amount, by], descending=[True, False])[by].head(count).to_list()


def gathered(frame: pl.DataFrame, by: str, amount: str, names: Sequence[str]) -> pl.DataFrame:
    """Sum what is not named into `OTHERS`, by date."""
    named = pl.when(pl.col(by).is_in(list(names))).then(pl.col(by)).otherwise(pl.lit(OTHERS)).alias(by)
    return frame.with_columns(named).group_by("date", by).agg(pl.col(amount).sum()).sort("date", by)


def quarterly(frame: pl.DataFrame, weeks: int = 4) -> pl.DataFrame:
    """Keep every so many weeks, the last one included."""
    days = frame["date"].unique().sort()
    kept = days.reverse().gather_every(weeks)
    return frame.filter(pl.col("date").is_in(kept.implode()))


def time_axis(**options: Any) -> alt.X:
    """The axis of dates, labelled by year and month."""
    axis = alt.Axis(title=None, format="%b %Y", labelOverlap="greedy", tickCount=6, grid=False)
    return alt.X("date:T", axis=axis, scale=alt.Scale(type="utc"), **options)


LEGEND: dict[str, Any] = {"title": None, "orient": "bottom", "columns": 3, "labelLimit": 220, "symbolOpacity": 1}
DASHES = ([1, 0], [6, 3], [2, 2], [8, 3, 2, 3])


def legend(names: Sequence[str], **options: Any) -> alt.Legend | None:
    """The legend under a chart; a single name needs none."""
    return alt.Legend(**LEGEND, **options) if len(names) > 1 else None


def colour(field: str, names: Sequence[str], **options: Any) -> alt.Color:
    """One colour a name, in a fixed order, with the legend under the chart where it can wrap."""
    scale = alt.Scale(domain=list(names), range=[COLOURS[i % len(COLOURS)] for i in range(len(names))])
    return alt.Color(f"{field}:N", scale=scale, legend=legend(names, **options))


def hue(field: str, names: Sequence[str]) -> alt.Color:
    """One colour a name, in a fixed order, without a legend: names stand at the ends of lines."""
    return colour(field, names).legend(None)


def dashes(field: str, names: Sequence[str]) -> alt.StrokeDash:
    """One dash a name: neighbours differ where colours cannot be told apart."""
    scale = alt.Scale(domain=list(names), range=[list(DASHES[i % len(DASHES)]) for i in range(len(names))])
    return alt.StrokeDash(f"{field}:N", scale=scale, legend=None)


def lines(
    frame: pl.DataFrame, by: str, amount: str, names: Sequence[str], title: str, reach: float = 0.0
) -> alt.LayerChart:
    """Lines over time, one a name, each named at its end; one line alone needs no name.

    reach : a level that the axis includes, whatever the lines do.
    """
    within = domain(_least(frame, amount), max(reach, _most(frame, amount)))
    base = alt.Chart(values(frame)).mark_line(strokeWidth=2)
    drawn = base.encode(
        x=time_axis(),
        y=alt.Y(f"{amount}:Q", title=title, scale=alt.Scale(domain=list(within), nice=False)),
        color=hue(by, names),
        strokeDash=dashes(by, names),
        tooltip=[alt.Tooltip("date:T", format="%Y-%m-%d"), f"{by}:N", alt.Tooltip(f"{amount}:Q", format=",.3~f")],
    )
    return with_names([drawn], last_values(frame, by, amount, names), by, amount, names, within)


def with_names(
    drawn: Sequence[alt.Chart], last: pl.DataFrame, by: str, amount: str, names: Sequence[str],
    within: tuple[float, float],
) -> alt.LayerChart:  # fmt: skip
    """Lay out lines over time with the names of several at their ends; `last` as `last_values` gives it."""
    layers = list(drawn)
    if len(names) > 1 and last.height:
        layers += labels(named_ends(last, by, amount, within, HEIGHT), by, amount, hue(by, names))
    return cast(alt.LayerChart, alt.layer(*layers).properties(width="container", height=HEIGHT))


def _least(frame: pl.DataFrame, amount: str) -> float:
    return float(frame[amount].min() or 0.0)  # type: ignore[arg-type]


def _most(frame: pl.DataFrame, amount: str) -> float:
    return float(frame[amount].max() or 0.0)  # type: ignore[arg-type]


def placed(frame: pl.DataFrame, by: str, names: Sequence[str]) -> pl.DataFrame:
    """Add the place of each name as `order`, by which parts of a bar are stacked."""
    places = pl.col(by).replace_strict(list(names), list(range(len(names))), return_dtype=pl.Int64)
    return frame.with_columns(places.alias("order"))


def wrapped(names: Sequence[str]) -> dict[str, str]:
    """Break long names into lines: none is cut beside a narrow picture."""
    return {name: "\n".join(textwrap.wrap(name, NAME_CHARACTERS)) or name for name in names}


def name_axis(by: str, shown: Sequence[str]) -> alt.Y:
    """The axis of names, in the order given, as `wrapped` breaks them."""
    axis = alt.Axis(labelLimit=230, labelExpr="split(datum.label, '\\n')")
    return alt.Y(f"{by}:N", sort=list(shown), title=None, axis=axis)


def row_px(shown: Iterable[str], least: int) -> int:
    """Height of a row that holds every name, `least` or more."""
    return max(least, 9 + 13 * max((name.count("\n") + 1 for name in shown), default=1))


def bars(
    frame: pl.DataFrame,
    amount: str,
    by: str,
    order: Sequence[str],
    part: str,
    parts: Sequence[str],
    title: str,
    **scale: Any,
) -> alt.Chart:
    """Stacked bars to the right, one a name in the order given, coloured by part."""
    shown = wrapped(order)
    drawn: alt.Chart = (
        alt.Chart(values(placed(frame, part, parts).with_columns(pl.col(by).replace(shown))))
        .mark_bar(height=14)
        .encode(
            x=alt.X(f"{amount}:Q", title=title, scale=alt.Scale(**scale)),
            y=name_axis(by, list(shown.values())),
            color=colour(part, parts),
            order="order:Q",
            tooltip=[f"{by}:N", f"{part}:N", alt.Tooltip(f"{amount}:Q", format=",.3~f")],
        )
        .properties(width="container", height=max(120, row_px(shown.values(), 24) * len(order)))
    )
    return drawn


def amount(value: float) -> str:
    """Write a count in three digits: 1.23M, 456k, 789."""
    for size, unit in ((1e9, "bn"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{unit}"
    return f"{value:.3g}"
