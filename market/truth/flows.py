"""Does a world start where the record stands? The first four weeks' flows against the last observed quarter carried on.

A flow is expected to be that of the last quarter known at the start, carried to the middle of the first four weeks at
the growth of the quarters before it. What was never observed is shown without an expectation.
"""

from __future__ import annotations

import math
import shutil
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

from market.runs.drive import MakeModel, start
from market.runs.question import Question
from market.runs.reading import Run, open_run
from market.scenario.load import Resolved
from market.scenario.schema import Scenario
from market.truth.answers import number
from market.truth.baselines import DAMPING
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
LEVELS = ("openai_annualised_revenue", "anthropic_annualised_revenue", "server_lead_time", "h100_rental_market")
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
    folder = Path(tempfile.mkdtemp(prefix="market-flows-"))
    try:
        start(Question(scenario, seed), folder / "run", make, lambda week, events: None)
        run = open_run(folder / "run")
        rows = [_flow(run, scenario, definition_of(name)) for name in (*OBSERVED, *CAPEX)]
        rows += [_level(run, scenario, definition_of(name)) for name in LEVELS]
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


def _flow(run: Run, scenario: Scenario, definition: Definition) -> dict[str, Any]:
    begun = (scenario.start - EPOCH).days
    sql = f"SELECT SUM(value) AS v FROM ({definition.query}) t WHERE day > {begun}"
    expected = _expected(scenario, definition) if definition.is_level else None
    return _row(definition.title, definition.unit, _a_quarter(number(run, sql), definition.factor), expected)


def _level(run: Run, scenario: Scenario, definition: Definition) -> dict[str, Any]:
    """A level at the end of the four weeks against the last one known; growth of levels is shown, not judged."""
    frame = run.query(definition.query).sort("day")
    value = definition.factor * float(frame["value"][-1]) if frame.height else 0.0
    expected = _expected(scenario, definition) if definition.is_level else None
    return _row(definition.title, definition.unit, value, expected)


def _expected(scenario: Scenario, definition: Definition) -> float | None:
    """The last quarter that has ended by the start, carried on: later estimates are allowed, later quarters are not.

    It is carried at the growth of the last quarter that had one before it, damped by a fifth as is usual: the mean of
    a year would take in the jump of 2023. A flow is carried from the middle of its quarter, a level from its end; a
    record older than half a year tells nothing.
    """
    middle = scenario.start + timedelta(7 * WEEKS // 2 - definition.shift_days)
    known = {
        one.quarter: one.value
        for one in observations()
        if one.series == definition.id and last_day(one.quarter) + timedelta(definition.shift_days) <= scenario.start
    }
    if not known:
        return None
    last = max(known)
    elapsed = (middle - last_day(last)).days / CALENDAR_QUARTER_DAYS + (0.5 if definition.how == "flow" else 0.0)
    if elapsed > QUARTERS_MAX:
        return None
    before = known.get(shifted(last, -1), 0.0)
    growth = math.log(known[last] / before) if before > 0 < known[last] else 0.0
    return float(known[last] * math.exp(DAMPING * growth * elapsed))


def _row(what: str, unit: str, value: float, expected: float | None) -> dict[str, Any]:
    ratio = None if not expected else value / expected
    return {
        "flow": what, "unit": unit, "first_weeks": digits(value),
        "expected": None if expected is None else digits(expected), "ratio": None if ratio is None else digits(ratio),
        "within": None if ratio is None else abs(ratio - 1) <= TOLERANCE,
    }  # fmt: skip
