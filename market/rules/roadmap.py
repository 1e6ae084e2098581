"""Chips beyond the roadmap: what a maker is assumed to bring when the scenario names nothing newer.

A successor is measured in GPUs of the last chip of the roadmap: as fast as one and with as much memory, for less money,
power and packaging. So it is in the tables of the cluster core under that chip's name.
"""

from __future__ import annotations

from collections.abc import Iterator

from events.types import chips as events
from events.types.run import ParameterSet
from market import rng
from market.rules.base import Happening
from market.state import State
from market.state.chips import Chip
from market.units import QUARTER_DAYS, clip, digits

MARK = " successor "
WATT_KW = 0.001  # halls count whole watts, so no chip draws less than one
LINES = ("slots_per_gpu", "gpus_per_week", "growth_per_year", "price_change_per_year")


def newest(state: State) -> dict[str, Chip]:
    """The chip of each maker that comes last on its roadmap."""
    found: dict[str, Chip] = {}
    for chip in sorted(state.chips.chips.values(), key=lambda c: (c.start_day, c.name)):
        found[chip.supplier] = chip
    return found


def succeed(state: State, day: int) -> Iterator[Happening]:
    """Announce what follows the last chip of each maker's roadmap, some time before its volume start."""
    notice = round(state.run.parameters["supply.successor_notice_days"])
    for maker, chip in newest(state).items():
        start = max(day + 1, planned_day(state, chip))
        if start <= day + notice:
            name = successor(chip.name)
            for event in _announced(state, chip, name, start):
                yield Happening(day, event, maker, chip.name)


def successor(name: str) -> str:
    """Name of the chip that follows: the last of the roadmap, and how many generations later."""
    base, _, number = name.partition(MARK)
    return f"{base}{MARK}{int(number or 0) + 1}"


def planned_day(state: State, chip: Chip) -> int:
    """Promised volume start of what follows a chip: a cadence later, with a wide slip, and before its lines end."""
    p = state.run.parameters
    z = rng.normal(state.run.seed, "cadence", chip.name)
    days = rng.lognormal(p["supply.cadence_days"], p["supply.cadence_sd"], z)
    first, last = chip.start_day + 1, chip.end_day - QUARTER_DAYS
    return round(clip(chip.start_day + days, first, max(first, last)))


def _announced(state: State, chip: Chip, name: str, start: int) -> Iterator[events.ChipAnnounced | ParameterSet]:
    p = state.run.parameters
    for field in LINES:
        value = p[f"chips.{chip.name}.{field}"]
        if field == "slots_per_gpu":
            value = digits(value * p["supply.successor_slots_factor"])
        yield ParameterSet(parameter=f"chips.{name}.{field}", value=value)
    yield events.ChipAnnounced(
        chip=name, supplier=chip.supplier, start_day=start, end_day=start + (chip.end_day - chip.start_day),
        price_usd_per_gpu=digits(chip.price_usd_per_gpu * p["supply.successor_price_factor"]),
        power_kw_it_per_gpu=max(WATT_KW, digits(chip.power_kw_it_per_gpu * p["supply.successor_power_factor"])),
        h100e=chip.h100e, kind=chip.buyers,
    )  # fmt: skip


def is_assumed(name: str) -> bool:
    """Whether a chip is one that no roadmap names."""
    return MARK in name
