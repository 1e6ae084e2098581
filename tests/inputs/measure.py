"""One run of the default world with an input cut, as the few figures that the laws of inputs speak of."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from agents.model import MarketModel
from events import MemoryLog
from events.types import Event
from events.types.chips import InputBound, InputExpanded, OutputMade, SlotsExpanded
from events.types.run import ParameterSet
from events.types.sites import ShellReady
from market.kernel import few_collections
from market.rules.inputs import is_rack_scale
from market.scenario.load import load_scenario
from market.state import State

WORLD = "frontier-2024"
CUT_WEEK = 52
AFTER_WEEKS = 78
CUT = 0.6


@dataclass
class Figures:
    """What was measured, from the week of the cut on."""

    made: dict[str, dict[int, float]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(float)))
    bound: list[tuple[int, str, str, float]] = field(default_factory=list)  # week, who, input, part of the need met
    capacity: dict[str, float] = field(default_factory=dict)  # input -> what can be had in a week at the end, uncut
    spot: list[float] = field(default_factory=list)  # by week from the start, USD/H100e-h
    shells_gw: dict[int, float] = field(default_factory=lambda: defaultdict(float))  # ready, by quarter


def run(seed: int, parameter: str | None) -> Figures:
    """Run the world for some weeks beyond `CUT_WEEK`, from which a parameter is at `CUT`; None changes nothing."""
    model = MarketModel(load_scenario(WORLD, {}).scenario, seed, log=MemoryLog())
    found = Figures()
    with few_collections():
        for week in range(CUT_WEEK + AFTER_WEEKS):
            if week == CUT_WEEK and parameter:
                day = model.state.run.start_day + 7 * week
                model.kernel.record(day, ParameterSet(parameter=parameter, value=CUT), "world", "world")
            model.step()
            found.spot.append(round(model.state.demand.clearing_usd_per_h100e_hour, 4))
    start, state = model.state.run.start_day, model.state
    for entry in model.kernel.log.entries():
        _note(found, state, entry.event, (entry.day - start) // 7 - CUT_WEEK)
    return found


def _note(found: Figures, state: State, event: Event, week: int) -> None:
    if isinstance(event, OutputMade) and week >= 0:
        chip = state.chips.chips[event.chip]
        found.made[event.supplier][week // 13] += event.gpus * chip.h100e
        if is_rack_scale(event.chip):
            found.made[f"{event.supplier} in racks"][week // 13] += event.gpus * chip.h100e
    elif isinstance(event, InputBound):
        found.bound.append((week, event.supplier, event.kind, event.share))
    elif isinstance(event, InputExpanded):
        found.capacity[event.kind] = event.value
    elif isinstance(event, SlotsExpanded):
        found.capacity["packaging"] = event.value
    elif isinstance(event, ShellReady) and week >= 0:
        found.shells_gw[week // 13] += event.power_kw_it / 1e6
