"""What was observed, when it was known, and what may be fitted.

`split` says which rows a calibration may use. The shared record calls rows that are only looked at `backtest-visible`,
the project `backtest`; `MAPPING` is that correspondence, and nothing else differs.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import date, timedelta
from functools import cache
from typing import NamedTuple

from market.catalogue.tables import Row, observed
from market.truth.definitions import Definition, definitions
from market.truth.quarters import quarter_of

MAPPING = {"calibration": "calibration", "backtest-visible": "backtest"}


NORMAL_95 = 1.645  # spreads from the middle to either end of a range of 5 to 95 %


class Seen(NamedTuple):
    """One observed quarter of a series: its value, the day from which it was known, its split.

    `below` and `above` are the spreads of an estimate to either side, log points, from its own range of 5 to 95 %; 0
    where the record states none.
    """

    series: str
    quarter: str
    value: float
    known_on: date
    split: str
    below: float = 0.0
    above: float = 0.0


@cache
def observations() -> tuple[Seen, ...]:
    """Every observed quarter of a series that is defined and comparable, in order of series and quarter."""
    found = [_seen(o.row, o.row.field, o.split) for o in observed("series")]
    found += [_seen(o.row, _quarter(o.row), o.split) for o in observed("milestones") if _is_level(o.row)]
    return tuple(sorted(seen for seen in found if seen is not None))


def _is_level(row: Row) -> bool:
    return row.unit != "date" and _name(row) in definitions()


def _name(row: Row) -> str:
    return row.id.replace("-", "_")


def _quarter(row: Row) -> str:
    assert row.as_of is not None
    return quarter_of(row.as_of)


def _seen(row: Row, quarter: str, split: str) -> Seen | None:
    definition = definitions()[_name(row)]
    if definition.how == "none" or quarter < definition.comparable_from:
        return None
    return Seen(definition.id, quarter, row.number, known_on(definition, row), split, *_spreads(row))


def _spreads(row: Row) -> tuple[float, float]:
    if row.low is None or row.high is None or not 0 < row.low <= row.number <= row.high:
        return 0.0, 0.0
    return math.log(row.number / row.low) / NORMAL_95, math.log(row.high / row.number) / NORMAL_95


def known_on(definition: Definition, row: Row) -> date:
    """Day from which a figure was known: its date and the usual lag of filings, else what the row says."""
    assert row.as_of is not None
    if definition.lag_days is not None:
        return row.as_of + timedelta(definition.lag_days)
    return row.published or row.as_of


def known(seen: Iterable[Seen], day: date) -> dict[str, dict[str, float]]:
    """What was known on a day: {series: {quarter: value}}."""
    found: dict[str, dict[str, float]] = {}
    for one in seen:
        if one.known_on <= day:
            found.setdefault(one.series, {})[one.quarter] = one.value
    return found


def dated_milestones() -> dict[str, tuple[date, str]]:
    """Dates that came, with their split."""
    return {
        o.row.id: (date.fromisoformat(o.row.value), o.split) for o in observed("milestones") if o.row.unit == "date"
    }
