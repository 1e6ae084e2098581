"""What is fitted: which rows of the record, each in the world of which start, and over which parameters.

Fitted are rows of the split `calibration` that were published before an origin, never others. A world begins every half
year and knows what was known then; a row is fitted once, in the earliest world that begins a year before it or less:
longer runs err by more than parameters can mend, and shorter ones show little of what parameters do. All origins share
these worlds, so that one ensemble of runs serves them all; they differ by the rows that had been published.
Parameters that say how a start stands (prices, lead times, output of that day) are not fitted: every start has its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

import numpy as np

from market.catalogue.tables import vintages
from market.scenario.load import Resolved
from market.truth.definitions import definition_of
from market.truth.futures import Floats, Range, ranges, strict_world
from market.truth.observations import Seen, observations
from market.truth.quarters import distance, last_day, origin_quarter, shifted
from market.truth.samples import Samples
from market.truth.score import CAP, FLOOR

FIRST = date(2023, 6, 30)  # the earliest start that the tables allow
STEP_QUARTERS = 2  # between the starts of two worlds
FITTED_QUARTERS = 4  # of a world
GROUP_MIN = 3  # rows of a series that say by themselves how well the model follows it


class Target(NamedTuple):
    """One observed quarter to fit in the world of a start; a log ratio to its base where no level is compared."""

    start: date
    series: str
    quarter: str
    base: str | None
    value: float
    change: float | None = None  # what the record was in the base quarter, where change is compared


def targets(origin: date) -> list[Target]:
    """Rows of the split `calibration` that were published before an origin."""
    usable = [one for one in observations() if _usable(one, origin)]
    return [target for one in usable if (target := _target(one, usable)) is not None]


def _target(one: Seen, usable: Sequence[Seen]) -> Target | None:
    definition, start = definition_of(one.series), start_of(one.quarter)
    if definition.is_level:
        return Target(start, one.series, one.quarter, None, float(np.log(one.value)))
    begun = origin_quarter(start)
    base = next(
        other for other in usable if other.series == one.series and other.quarter > begun
    )  # in order of quarter
    if base == one:
        return None
    change = base.value if definition.compare == "change" else None
    return Target(start, one.series, one.quarter, base.quarter, float(np.log(one.value / base.value)), change)


def _usable(one: Seen, origin: date) -> bool:
    is_log = definition_of(one.series).is_log
    is_told = one.split == "calibration" and one.known_on <= origin
    return is_told and one.quarter > origin_quarter(FIRST) and one.value > 0 and is_log


def start_of(quarter: str) -> date:
    """Start of the world in which a quarter is fitted."""
    first = origin_quarter(FIRST)
    late = max(0, distance(first, quarter) - FITTED_QUARTERS)
    return last_day(shifted(first, STEP_QUARTERS * -(-late // STEP_QUARTERS)))


def starts_of(aims: Sequence[Target]) -> list[date]:
    """Starts of the worlds that targets are fitted in."""
    return sorted({aim.start for aim in aims})


def world_of(start: date) -> Resolved:
    """The strict world of a start, for as long as anything is fitted in it."""
    return strict_world(start, shifted(origin_quarter(start), FITTED_QUARTERS))


def groups_of(aims: Sequence[Target]) -> list[str]:
    """Name the group of each target whose misfit is judged by itself: its series; series of few rows are one."""
    counts = Counter(aim.series for aim in aims)
    return [aim.series if counts[aim.series] >= GROUP_MIN else "" for aim in aims]


def fitted_ranges(starts: Sequence[date]) -> dict[str, Range]:
    """Ranges of what is fitted, the same in all worlds: parameters that do not describe a start, as single orgs' do."""
    of_the_start = {row.id for row in vintages("parameters")}
    first, *others = (ranges(world_of(start)) for start in starts)
    return {
        name: found
        for name, found in first.items()
        if name not in of_the_start
        and not name.startswith("orgs.")
        and all(other.get(name) == found for other in others)
    }


def predicted(said: Samples, aims: Sequence[Target], runs: int) -> Floats:
    """What runs say of each target [m, runs], in log points; nan where nothing is said of it."""
    unsaid, found = np.full(runs, np.nan), []
    for aim in aims:
        value = said.get((aim.series, aim.quarter), unsaid)
        if aim.base is not None:
            first = np.maximum(said.get((aim.series, aim.base), unsaid), FLOOR)
            value = value / first if aim.change is None else 1 + (value - first) / aim.change
        found.append(np.clip(np.log(np.maximum(value, FLOOR)), aim.value - 2 * CAP, aim.value + 2 * CAP))
    return np.array(found).reshape(len(aims), runs)
