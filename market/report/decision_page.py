"""What the page of a decision says: what would be taken, beside what, and what each option hangs on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import altair as alt
import polars as pl

from market.report.decision import WEEKS_PER_MONTH, asked_words
from market.report.figures.base import COLOURS, GREY, Figure, bars, name_axis, row_px, values, wrapped
from market.report.page import Number, Page, Section
from market.report.trust import sources_of_parameters
from market.units import WEEK_DAYS

SHOWN = 16
TERMS = {"term_price": "price", "term_time": "time", "term_control": "control", "term_risk": "risk of a slip"}


def decision_page(found: dict[str, Any], command: str) -> Page:
    """Lay out a decision, `in_terms`, as a page; `command` asks it again."""
    rows, target = found["options"], found["target"]
    taken = next((row for row in rows if row["reason"] is None), None)
    passed = [row for row in rows if not row["failed"]]
    return Page(
        title=_title(found, taken),
        question=f"How could {found['org']} get {asked_words(found)}? ({found['scenario']}, as of {found['day']})",
        answer=[_answer(found, taken)],
        numbers=list(_numbers(target["chip"], taken, passed)),
        sections=[Section("The options", [waits(found), scores(found)])],
        trust=[
            "The decision is the one that labs take while a run goes on, as things stand on the first day of the "
            "scenario, with the first offer of every lessor and no noise.",
            "A lessor's offer is what it would ask today; talks can end otherwise.",
            sources_of_parameters(),
        ],
        reproduce=[command],
    )


def _title(found: dict[str, Any], taken: dict[str, Any] | None) -> str:
    if taken is None:
        return f"Every one of {len(found['options'])} options fails for {found['org']}"
    return (
        f"{found['org']} would take {taken['option']}: {taken['usd_per_gpu_hour']:.2f} USD per "
        f"{found['target']['chip']}-hour, in use after {taken['months_to_power']:.1f} months"
    )


def _answer(found: dict[str, Any], taken: dict[str, Any] | None) -> str:
    rest = [row for row in found["options"] if row is not taken]
    if taken is None:
        return f"The nearest is {rest[0]['option']}; it hangs on: {rest[0]['hangs_on']}." if rest else "There is none."
    said = f"It hangs on: {taken['hangs_on']}; the chance that it comes more than a quarter late is " \
           f"{taken['slip_share']:.0%}."  # fmt: skip
    if not rest:
        return said
    next_ = rest[0]
    return (
        f"{said} Next is {next_['option']} ({next_['usd_per_gpu_hour']:.2f} USD, {next_['months_to_power']:.1f} "
        f"months), left for: {next_['reason']}."
    )


def _numbers(chip: str, taken: dict[str, Any] | None, passed: list[dict[str, Any]]) -> Iterator[Number]:
    if taken is not None:
        yield Number(f"Cost, USD per {chip}-hour", f"{taken['usd_per_gpu_hour']:.2f}", f"of {taken['option']}")
        yield Number("Months until it can be used", f"{taken['months_to_power']:.1f}", f"of {taken['option']}")
        yield Number("Chance of more than a quarter late", f"{taken['slip_share']:.0%}", f"of {taken['option']}")
    if passed:
        cheap = min(passed, key=lambda row: (row["usd_per_gpu_hour"], row["option"]))
        soon = min(passed, key=lambda row: (row["months_to_power"], row["option"]))
        yield Number("Cheapest that passes", f"{cheap['usd_per_gpu_hour']:.2f} USD",
                     f"{cheap['option']}, {cheap['months_to_power']:.1f} months")  # fmt: skip
        yield Number("Soonest that passes", f"{soon['months_to_power']:.1f} months",
                     f"{soon['option']}, {soon['usd_per_gpu_hour']:.2f} USD")  # fmt: skip


def waits(found: dict[str, Any]) -> Figure:
    """Months until each option can be used, with its cost and chance of a slip beside it, and the date wanted."""
    rows, target = found["options"][:SHOWN], found["target"]
    due = (date.fromisoformat(target["by"]) - date.fromisoformat(found["day"])).days / WEEK_DAYS / WEEKS_PER_MONTH
    table = pl.DataFrame(
        [
            {"option": row["option"], "months_to_power": row["months_to_power"],
             "usd_per_gpu_hour": row["usd_per_gpu_hour"], "late_share": row["slip_share"],
             "outcome": "taken" if row["reason"] is None else "fails a gate" if row["failed"] else "left",
             "left_for": row["reason"] or "", "hangs_on": row["hangs_on"],
             "label": f"{row['usd_per_gpu_hour']:.2f} USD, {row['slip_share']:.0%}"}
            for row in rows
        ]
    )  # fmt: skip
    in_time = [row for row in rows if row["months_to_power"] <= due and not row["failed"]]
    shown = wrapped([row["option"] for row in rows])
    end = max(due, *(row["months_to_power"] for row in rows)) * 1.6 if rows else due
    scale = alt.Scale(domain=["taken", "left", "fails a gate"], range=[COLOURS[0], COLOURS[4], GREY])
    base = alt.Chart(values(table.with_columns(pl.col("option").replace(shown)))).encode(
        y=name_axis("option", list(shown.values()))
    )
    waited = base.mark_bar(height=12).encode(
        x=alt.X("months_to_power:Q", title="months until it can be used", scale=alt.Scale(domain=[0, end])),
        color=alt.Color("outcome:N", scale=scale, legend=alt.Legend(title=None, orient="bottom")),
        tooltip=["option:N", "left_for:N", "hangs_on:N", alt.Tooltip("usd_per_gpu_hour:Q", format=".2f")],
    )
    said = base.mark_text(align="right", fontSize=11).encode(x=alt.value("width"), text="label:N")
    wanted = alt.Chart(alt.InlineData(values=[{"due": due}])).mark_rule(strokeDash=[4, 4]).encode(x="due:Q")
    chart = (waited + wanted + said).properties(
        width="container", height=max(120, row_px(shown.values(), 24) * table.height)
    )
    return Figure(
        "waits",
        f"{len(in_time)} of {len(found['options'])} options can be in use by {target['by']} and fail nothing",
        chart if rows else None, table,
        f"At the right: USD for what one {target['chip']} does in an hour that is used, and the chance that it comes "
        f"more than a quarter later. Dashed: {target['by']}, when it is wanted. Best first.",
        f"Bars of months, one an option; the first is {rows[0]['option'] if rows else 'none'}.",
    )  # fmt: skip


def scores(found: dict[str, Any]) -> Figure:
    """What each option's score is made of."""
    rows = found["options"][:SHOWN]
    table = pl.DataFrame(
        [{"option": row["option"], "term": name, "score": row[key]} for row in rows for key, name in TERMS.items()],
        schema={"option": pl.String, "term": pl.String, "score": pl.Float64},
    )
    worst = {name: sum(row[key] for row in rows) for key, name in TERMS.items()}
    most = min(worst, key=lambda name: (worst[name], name)) if rows else ""
    order = [row["option"] for row in rows]
    chart = bars(table, "score", "option", order, "term", list(TERMS.values()), "score; right is better")
    return Figure(
        "scores", f"Over all options {most} counts most against them" if rows else "There is no option",
        chart if rows else None, table,
        "Terms of the score that options are compared by: the logarithm of the reference price over the cost, waiting "
        "by its urgency, owning, and weeks that a slip is expected to cost (docs/odd.md).",
        "Stacked bars of the terms of each option's score, to the left of zero where they count against it.",
    )  # fmt: skip
