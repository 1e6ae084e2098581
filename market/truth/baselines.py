"""Simple forecasts of a quarter from what was known at an origin: what a model has to beat.

Each baseline maps a series' known quarters and a target quarter to a value, or to None where it is not defined: too few
earlier quarters, no dated plan. All extrapolate from the last quarter that was known, not from the origin.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import date
from itertools import pairwise
from statistics import fmean

from market.catalogue.known import Knowledge
from market.catalogue.tables import vintages
from market.catalogue.vintages.parts import Parts
from market.truth.quarters import distance, last_day, shifted

Known = Mapping[str, float]
Panel = Mapping[str, Known]
DAMPING = 0.8  # a quarter: the usual value of a damped trend (Gardner and McKenzie 1985 found 0.7-0.9)
SHRINKAGE = 0.5  # of a series' mean growth towards the panel's
GROWTH_QUARTERS, AR_QUARTERS = 5, 6
SITES = {"colossus1_it": "memphis-colossus", "abilene_it": "abilene", "new_carlisle_it": "new-carlisle"}


def no_change(known: Known, quarter: str) -> float | None:
    """The last known value."""
    return known[max(known)] if known else None


def growth_of_four_quarters(known: Known, quarter: str) -> float | None:
    """The growth of the last four quarters goes on."""
    if len(known) < GROWTH_QUARTERS:
        return None
    last = max(known)
    before = known.get(shifted(last, -4), 0.0)
    if before <= 0 or known[last] <= 0:
        return None
    return known[last] * math.exp(math.log(known[last] / before) * distance(last, quarter) / 4)


def straight_line(known: Known, quarter: str) -> float | None:
    """The mean change of up to three quarters goes on."""
    if len(known) < 2:
        return None
    last = max(known)
    first = min(q for q in known if (distance(q, last) <= 3 and q != last) or q == last)
    if first == last:
        return None
    slope = (known[last] - known[first]) / distance(first, last)
    return max(0.0, known[last] + slope * distance(last, quarter))


def damped_trend(known: Known, quarter: str) -> float | None:
    """The mean log growth of up to four quarters, fading by a fifth a quarter."""
    growth = _log_growth(known)
    if not growth:
        return None
    last = max(known)
    trend = fmean([value for _, value in growth[-4:]])
    return known[last] * math.exp(trend * sum(DAMPING**i for i in range(1, distance(last, quarter) + 1)))


def autoregression(panel: Panel, known: Known, quarter: str) -> float | None:
    """AR(1) on log growth: one coefficient for the panel, each series' mean shrunk towards the panel's."""
    growth = _log_growth(known)
    if len(known) < AR_QUARTERS or not growth:
        return None
    phi, panel_mean = _pooled(panel)
    mean = SHRINKAGE * panel_mean + (1 - SHRINKAGE) * fmean([value for _, value in growth])
    last, step, total = max(known), growth[-1][1] - mean, 0.0
    for _ in range(distance(last, quarter)):
        step *= phi
        total += mean + step
    return known[last] * math.exp(total)


def _pooled(panel: Panel) -> tuple[float, float]:
    """Coefficient and mean of log growth over all series that have enough quarters."""
    pairs, every = [], []
    for name in sorted(panel):
        growth = _log_growth(panel[name])
        if len(panel[name]) < AR_QUARTERS or not growth:
            continue
        mean = fmean([value for _, value in growth])
        every += [value for _, value in growth]
        pairs += [(a - mean, b - mean) for (qa, a), (qb, b) in pairwise(growth) if distance(qa, qb) == 1]
    if not every:
        return 0.0, 0.0
    square = math.fsum(a * a for a, _ in pairs)
    phi = math.fsum(a * b for a, b in pairs) / square if square > 0 else 0.0
    return min(0.95, max(-0.95, phi)), fmean(every)


def _log_growth(known: Known) -> list[tuple[str, float]]:
    """Log growth of quarters whose quarter before is known too."""
    return [
        (quarter, math.log(known[quarter] / known[shifted(quarter, -1)]))
        for quarter in sorted(known)
        if known[quarter] > 0 and known.get(shifted(quarter, -1), 0.0) > 0
    ]


def plans_on_time(series: str, origin: date, quarter: str) -> float | None:
    """Every announced plan of a campus on its day; for campuses alone, and where a dated plan was known."""
    if series not in SITES:
        return None
    fields = Parts(Knowledge(origin, is_strict=True)).known("sites").get(SITES[series], {})
    if "promised_mw_it" not in fields:
        return None
    running = fields["energised_mw_it"].number if "energised_mw_it" in fields else 0.0
    is_due = date.fromisoformat(fields["promised_for"].value) <= last_day(quarter)
    return max(running, fields["promised_mw_it"].number) if is_due else running


def guidance(series: str, origin: date, quarter: str) -> float | None:
    """What the company itself had said of a quarter by an origin; for quarters that it spoke of alone."""
    told = [row for row in vintages("guidance") if (row.id, row.field) == (series, quarter)]
    known = [row.number for row in told if row.published is not None and row.published <= origin]
    return known[-1] if known else None


SIMPLE: dict[str, Callable[[Known, str], float | None]] = {
    "no change": no_change,
    "growth of four quarters": growth_of_four_quarters,
    "straight line": straight_line,
    "damped trend": damped_trend,
}
NAMES = (*SIMPLE, "AR(1)", "plans on time", "guidance", "combination")
COMBINED = ("no change", "growth of four quarters", "straight line", "damped trend", "AR(1)")


def baselines(panel: Panel, series: str, origin: date, quarter: str) -> dict[str, float]:
    """Every baseline that is defined for a target quarter, by name."""
    known = panel.get(series, {})
    found = {name: rule(known, quarter) for name, rule in SIMPLE.items()}
    found["AR(1)"] = autoregression(panel, known, quarter)
    found["plans on time"] = plans_on_time(series, origin, quarter)
    found["guidance"] = guidance(series, origin, quarter)
    values = {name: value for name, value in found.items() if value is not None and math.isfinite(value)}
    mixed = [values[name] for name in COMBINED if values.get(name, 0.0) > 0]
    if len(mixed) > 1:
        values["combination"] = math.exp(fmean([math.log(value) for value in mixed]))
    return values
