"""What an hour of a GPU is worth beside an hour of others: the training that it does and the tokens that it serves.

H100e count dense training throughput. Who rents pays for work, part of which is serving, where chips with more memory
and larger domains do more per H100e: their rent per H100e is higher, and that of others falls the more there are of
them. Prices are those of an H100e that does the mean work of all that is installed (docs/odd.md, prices).
"""

from __future__ import annotations

import math

from market.rules.machines import beside_h100
from market.state import State


def in_h100s(state: State, day: int) -> dict[str, float]:
    """Work of a GPU of each chip over that of an H100: training by H100e, serving by tokens a second."""
    share = state.run.parameters["price.serving_share"]
    tokens = beside_h100(state, day)
    return {name: (1 - share) * chip.h100e + share * tokens[name] for name, chip in state.chips.chips.items()}


def mean_per_h100e(state: State, day: int) -> float:
    """Mean work of an installed H100e over that of an H100; 1 before anything is installed."""
    works, chips = in_h100s(state, day), state.chips.chips
    installed = [(h.owned, h.chip) for h in state.chips.holdings.values() if h.owned]
    h100e = math.fsum([gpus * chips[name].h100e for gpus, name in installed])
    return math.fsum([gpus * works[name] for gpus, name in installed]) / h100e if h100e else 1.0


def in_h100e(state: State, day: int) -> dict[str, float]:
    """Work of a GPU of each chip, in H100e of mean work: its rent over the price of an H100e-hour."""
    mean = state.leases.work_per_h100e
    return {name: work / mean for name, work in in_h100s(state, day).items()}
