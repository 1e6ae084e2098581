"""What many futures say together: a sample of values for every series and quarter."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from market.truth.answers import Quarterly
from market.truth.definitions import Definition, series
from market.truth.futures import Answer, Floats

Samples = dict[tuple[str, str], Floats]
"""By series and quarter: a value of each future [futures]; nan where a future has none."""


def samples(answers: Sequence[Answer]) -> Samples:
    """Values of all futures by series and quarter.

    A future without a quarter of an amount has nothing then (an org that has defaulted holds no compute), from the
    first quarter on that any future has: what none has at any time was not known at the start, and nothing is said.
    """
    quarters = sorted({quarter for answer in answers for told in answer.series.values() for quarter in told})
    found = {}
    for definition in series():
        told = [answer.series.get(definition.id, {}) for answer in answers]
        if any(told):
            found.update(_of(definition, told, quarters))
    return found


def _of(definition: Definition, told: Sequence[Quarterly], quarters: Sequence[str]) -> Samples:
    first = min(quarter for each in told for quarter in each)
    values = {
        quarter: np.array([each.get(quarter, definition.of_nothing) for each in told])
        for quarter in quarters
        if quarter >= first
    }
    return {(definition.id, quarter): each for quarter, each in values.items() if not np.isnan(each).all()}


def whole(found: Samples) -> Samples:
    """Leave out the quarters of which some future says nothing."""
    return {key: values for key, values in found.items() if not np.isnan(values).any()}
