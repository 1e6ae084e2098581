"""Does a world start where the record stands? The first four weeks' flows against the last observed quarter carried on.

A flow is expected to be that of the last quarter known at the start, carried to the middle of the first four weeks at
its growth over the quarter before, or what the company itself said of a quarter to come, carried likewise, whichever is
more: of the eleven outlooks in the tables ten were beaten. A level is carried to the end of the four weeks. What labs
sell a year was reported on single days: the last report is carried as the start carries it, so that this row says
whether a run goes on from its start. What was never observed, or observed once and so without a growth of its own, is
shown without an expectation; so is, in a strict world, what was published later.
"""

from __future__ import annotations

import math
import shutil
import tempfile
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from market.catalogue.known import Knowledge
from market.catalogue.vintages.labs import reported_revenue
from market.catalogue.vintages.parts import Parts
from market.runs.drive import MakeModel, start
from market.runs.question import Question
from market.runs.reading import Run, open_run
from market.scenario.load import Resolved
from market.truth.answers import number
from market.truth.baselines import DAMPING, guidance
from market.truth.definitions import Definition, definition_of
from market.truth.observations import observations
from market.truth.quarters import last_day, shifted
from market.units import EPOCH, digits

WEEKS = 4
TOLERANCE = 0.1
CALENDAR_QUARTER_DAYS = 91.3125
QUARTERS_MAX = 2.0
FACTORS = (0.5, 2.0)  # residuals between them are not reported
OBSERVED = ("nvda_dc_revenue", "ai_chip_cost_all_designers", "coreweave_revenue")
REPORTED = {"openai_annualised_revenue": "openai", "anthropic_annualised_revenue": "anthropic"}
LEVELS = (*REPORTED, "server_lead_time", "h100_rental_market")
CAPEX = ("capex_microsoft_cash", "capex_alphabet", "capex_amazon", "capex_meta")
AFTER = "AND day > {start}"
TOLD = {
    "orders of chips": (
        f"SELECT SUM(gpus * price_usd_per_gpu) AS v FROM log WHERE type = 'OrderPlaced' {AFTER}", 1e-9, "USD B",
    ),
    "GPUs installed": (f"SELECT SUM(gpus) AS v FROM log WHERE type = 'GpusInstalled' {AFTER}", 1.0, "GPUs"),
    "GPUs in leases signed": (
        f"SELECT SUM(gpus) AS v FROM log WHERE type = 'LeaseSigned' AND kind <> 'internal' {AFTER}", 1.0, "GPUs",
    ),
}  # fmt: skip


def first_flows(resolved: Resolved, make: MakeModel, seed: int = 0) -> list[dict[str, Any]]:
    """Run the first weeks of a scenario and compare its flows, a quarter's worth, with the record."""
    scenario = resolved.scenario.model_copy(update={"years": (7 * WEEKS + 1) / 365.25})
    knowledge = Knowledge(scenario.start, is_strict=resolved.vintage == "strict")
    folder = Path(tempfile.mkdtemp(prefix="market-flows-"))
    try:
        start(Question(scenario, seed), folder / "run", make, lambda week, events: None)
        run = open_run(folder / "run")
        rows = [_flow(run, knowledge, definition_of(name)) for name in (*OBSERVED, *CAPEX)]
        rows += [_level(run, knowledge, definition_of(name)) for name in LEVELS]
        begun = (scenario.start - EPOCH).days
        rows += [
            _row(what, unit, _a_quarter(number(run, sql.format(start=begun)), factor), None)
            for what, (sql, factor, unit) in TOLD.items()
        ]
        return rows + _residuals(run)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _residuals(run: Run) -> list[dict[str, Any]]:
    """Factors of the start that lie far from 1: a contract, a plan or money that the tables do not hold."""
    low, high = FACTORS
    sql = f"""SELECT parameter, MAX(value) AS value FROM log WHERE type = 'ParameterSet'
        AND parameter LIKE 'orgs.%_factor' AND (value < {low} OR value > {high})
        GROUP BY parameter ORDER BY parameter"""
    found = run.query(sql)
    pairs = zip(found["parameter"], found["value"], strict=True)
    return [_row(f"residual {name.removeprefix('orgs.')}", "times", float(value), None) for name, value in pairs]


def _a_quarter(value: float | None, factor: float) -> float:
    return factor * (value or 0.0) * CALENDAR_QUARTER_DAYS / (7 * WEEKS)


def _flow(run: Run, knowledge: Knowledge, definition: Definition) -> dict[str, Any]:
    begun = (knowledge.day - EPOCH).days
    sql = f"SELECT SUM(value) AS v FROM ({definition.query}) t WHERE day > {begun}"
    expected = _expected(knowledge, definition) if definition.is_level else None
    return _row(definition.title, definition.unit, _a_quarter(number(run, sql), definition.factor), expected)


def _level(run: Run, knowledge: Knowledge, definition: Definition) -> dict[str, Any]:
    """A level at the end of the four weeks against the last one known; growth of levels is shown, not judged."""
    frame = run.query(definition.query).sort("day")
    value = definition.factor * float(frame["value"][-1]) if frame.height else 0.0
    expected = _expected(knowledge, definition) if definition.is_level else None
    if definition.id in REPORTED:
        end = knowledge.day + timedelta(7 * WEEKS)
        revenue = reported_revenue(Parts(knowledge), REPORTED[definition.id], end)
        expected = None if revenue is None else definition.factor * revenue
    return _row(definition.title, definition.unit, value, expected)


def _expected(knowledge: Knowledge, definition: Definition) -> float | None:
    """The last quarter that has ended by the start, or an outlook for a later one, carried on; the larger of them.

    Of the record later estimates are allowed, later quarters are not; a strict world knows what was published alone.
    """
    day = knowledge.day
    known = {
        one.quarter: one.value
        for one in observations()
        if one.series == definition.id
        if last_day(one.quarter) + timedelta(definition.shift_days) <= day
        if not knowledge.is_strict or one.known_on <= day
    }
    if not known:
        return None
    carried = [_carried(known, day, definition)]
    following = shifted(max(known), 1)
    outlook = guidance(definition.id, day, following)
    if outlook is not None:
        carried.append(_carried(known | {following: outlook}, day, definition))
    return max((value for value in carried if value is not None), default=None)


def _carried(known: dict[str, float], day: date, definition: Definition) -> float | None:
    """The last quarter, carried at its growth over the one before, damped by a fifth as is usual.

    The mean growth of a year would take in the jump of 2023. A flow is carried from the middle of its quarter to that
    of the four weeks, a level from end to end; a record older than half a year tells nothing.
    """
    last = max(known)
    before = known.get(shifted(last, -1), 0.0)
    is_flow = definition.how == "flow"
    ahead = (day - last_day(last)).days - definition.shift_days + 7 * WEEKS / (2 if is_flow else 1)
    elapsed = ahead / CALENDAR_QUARTER_DAYS + (0.5 if is_flow else 0.0)
    if elapsed > QUARTERS_MAX or not before > 0 < known[last]:
        return None
    return float(known[last] * math.exp(DAMPING * math.log(known[last] / before) * elapsed))


def _row(what: str, unit: str, value: float, expected: float | None) -> dict[str, Any]:
    ratio = None if not expected else value / expected
    return {
        "flow": what, "unit": unit, "first_weeks": digits(value),
        "expected": None if expected is None else digits(expected), "ratio": None if ratio is None else digits(ratio),
        "within": None if ratio is None else abs(ratio - 1) <= TOLERANCE,
    }  # fmt: skip
