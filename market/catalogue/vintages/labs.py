"""Each lab's best model on a day, and the runs that are taken as under way."""

from __future__ import annotations

import math
from datetime import date, timedelta
from typing import NamedTuple

from market.catalogue.known import Entries
from market.catalogue.tables import Row
from market.catalogue.vintages.parts import YEAR_DAYS, Parts, derived
from market.catalogue.vintages.sites import Stock

REVENUE = "revenue_usd_per_year"
GROWTH = "traits.revenue_growth_start"
PLAN = "revenue_plan."
RUN_STEPS = 4  # stages at which runs under way stand


def models(parts: Parts) -> Entries:
    """The model of most training compute of each lab."""
    best: dict[str, tuple[float, str]] = {}
    known = parts.known("models")
    for id_, fields in known.items():
        if not {"lab", "flop", "released"} <= set(fields):
            continue
        lab = fields["lab"].value
        best[lab] = max(best.get(lab, (0.0, "")), (fields["flop"].number, id_))
    return {id_: known[id_] for _, id_ in best.values()}


def carried(parts: Parts, orgs: Entries) -> Entries:
    """Carry each lab's last reported revenue on to the day, and say how it grew: by reports, or by what it planned.

    A report is months old on most days. It is carried at the growth of the half year and more before it, damped and
    bounded, or along a plan that was told and whose day is still to come; a single report is carried nowhere. Both
    figures get the range in which they are uncertain: a report is rounded, and growth changes from year to year.
    """
    found = dict(orgs)
    for id_, fields in orgs.items():
        kept = {name: row for name, row in fields.items() if name != GROWTH and not name.startswith(PLAN)}
        told = [(row.as_of, row) for row in parts.history("books", id_, REVENUE) if row.as_of and row.number > 0]
        trend = _trend(parts, told, fields) if told else None
        if trend is not None:
            kept |= _revenue(parts, id_, told[-1], trend)
        found[id_] = kept
    return found


def reported_revenue(parts: Parts, lab: str, day: date) -> float | None:
    """A lab's last report carried on to a day, USD a year; None where reports alone tell of no growth."""
    rows = parts.history("books", lab, REVENUE)
    told = [(row.as_of, row) for row in rows if row.as_of and row.number > 0 and row.kind != "assumption"]
    trend = _trend(parts, told, parts.known("books").get(lab, {})) if told else None
    return None if trend is None else _on(told[-1], trend, day)


def _on(told: tuple[date, Row], trend: Trend, day: date) -> float:
    return told[1].number * math.exp(trend.carried * max(0, (day - told[0]).days) / YEAR_DAYS)


class Trend(NamedTuple):
    """Growth of a lab's revenue, log points a year; at what part of it the last report is carried; from where."""

    per_year: float
    carried: float
    note: str


def _trend(parts: Parts, told: list[tuple[date, Row]], fields: dict[str, Row]) -> Trend | None:
    """What was known of a lab's growth: a plan for a day to come before the reports of the past."""
    day, last = told[-1]
    most = parts.rule("growth_max_per_year")
    plans = {date.fromisoformat(name.removeprefix(PLAN)): row for name, row in fields.items() if name.startswith(PLAN)}
    ahead = min((due for due in plans if due > parts.day), default=None)
    if ahead is not None:
        growth = math.log(plans[ahead].number / last.number) * YEAR_DAYS / (ahead - day).days
        growth = min(max(0.0, growth), most)
        return Trend(growth, growth, f"{last.value} of {day} and {plans[ahead].value} planned for {ahead}")
    before = [(then, row) for then, row in told if then <= day - parts.days("carry_days")]
    if not before:
        return None
    then, first = before[-1]
    growth = math.log(last.number / first.number) * YEAR_DAYS / (day - then).days
    growth = min(max(0.0, growth), most)
    return Trend(growth, parts.carried(growth), f"{last.value} of {day}, its growth since {then}")


def _revenue(parts: Parts, id_: str, told: tuple[date, Row], trend: Trend) -> dict[str, Row]:
    """Revenue of the day and its growth, with their ranges."""
    day, last = told
    years = max(0, (parts.day - day).days) / YEAR_DAYS
    value = _on(told, trend, parts.day)
    spread = parts.rule("report_spread") + parts.rule("growth_spread") * trend.per_year * years
    low, high = (float(f"{value * math.exp(sign * spread):.3g}") for sign in (-1, 1))
    value = float(f"{value:.3g}")
    revenue = derived(last, id_, REVENUE, value, last.unit, f"{trend.note}, carried on")
    growth = float(f"{trend.per_year:.3g}")
    around = [float(f"{growth * (1 + sign * parts.rule('growth_spread')):.3g}") for sign in (-1, 1)]
    return {
        REVENUE: revenue._replace(low=low, high=high),
        GROWTH: derived(last, id_, GROWTH, growth, "1/year", trend.note)._replace(low=around[0], high=around[1]),
    }


def runs(parts: Parts, released: Entries, stock: Stock, let: Entries) -> Entries:
    """A larger run under way at every lab with a frontier fleet (an assumption): the older its model the further on.

    It is no larger than the lab's largest holding of one chip at one site can train.
    """
    largest = _largest(parts, _held(parts, stock, let))
    able = [each for each in released.values() if largest.get(each["lab"].value, 0.0) >= parts.rule("run_h100e_min")]
    able.sort(key=lambda each: (each["released"].value, each["lab"].value))
    found: Entries = {}
    for place, fields in enumerate(able):
        lab = fields["lab"].value
        flop = min(fields["flop"].number * parts.rule("run_flop_step"), largest[lab] * parts.rule("run_flop_per_h100e"))
        begun = parts.day - (RUN_STEPS - RUN_STEPS * place // len(able)) * parts.days("run_begun_days")
        due = max(begun + parts.days("run_days"), parts.day + timedelta(1))
        found[f"{lab}-next"] = _run(fields["lab"], f"{lab}-next", lab, float(f"{flop:.3g}"), begun, due)
    return found


def _run(source: Row, id_: str, lab: str, flop: float, begun: object, due: object) -> dict[str, Row]:
    note = "taken as under way: the lab's best model times a step, within what its compute can train"
    row = source._replace(kind="assumption", source="assumption", confidence="low")
    said = {"lab": (lab, "text"), "flop": (flop, "FLOP"), "start": (begun, "date"), "due": (due, "date")}
    return {name: derived(row, id_, name, value, unit, note) for name, (value, unit) in said.items()}


def _held(parts: Parts, stock: Stock, let: Entries) -> Stock:
    """GPUs that each org has at each site: owned and not let, or rented."""
    held = dict(stock)
    for entry in let.values():
        if entry["start"].value > parts.day.isoformat():
            continue
        gpus = int(entry["gpus"].number)
        for org, sign in ((entry["lessor"].value, -1), (entry["lessee"].value, 1)):
            place = (org, entry["site"].value, entry["chip"].value)
            held[place] = held.get(place, 0) + sign * gpus
    return held


def _largest(parts: Parts, held: Stock) -> dict[str, float]:
    """H100e of each org's largest holding of one chip at one site."""
    found: dict[str, float] = {}
    for (org, _, chip), gpus in held.items():
        found[org] = max(found.get(org, 0.0), gpus * parts.h100e(chip))
    return found
