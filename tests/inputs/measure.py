"""One run of the default world with an input cut, as the few figures that the laws of inputs speak of."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict, dataclass, field
from typing import Any

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
    index: list[float] = field(default_factory=list)
    spot: list[float] = field(default_factory=list)
    list_price: list[float] = field(default_factory=list)  # of all that is made, USD/H100e
    lead_weeks: list[float] = field(default_factory=list)
    energised_gw: list[float] = field(default_factory=list)
    shells_gw: dict[int, float] = field(default_factory=lambda: defaultdict(float))  # ready, by quarter

    def plain(self) -> dict[str, Any]:
        """As JSON takes it."""
        return asdict(self)


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
            _weekly(model.state, found)
    start, state = model.state.run.start_day, model.state
    for entry in model.kernel.log.entries():
        _note(found, state, entry.event, (entry.day - start) // 7 - CUT_WEEK)
    return found


def _weekly(state: State, found: Figures) -> None:
    sold = [c for c in state.chips.chips.values() if c.in_volume and not c.retired and c.made_gpus]
    found.index.append(round(state.leases.price_usd_per_h100e_hour, 4))
    found.spot.append(round(state.demand.clearing_usd_per_h100e_hour, 4))
    weights = sum(c.made_gpus * c.h100e for c in sold)
    paid = sum(c.made_gpus * c.price_usd_per_gpu for c in sold)
    found.list_price.append(round(paid / weights) if weights else 0.0)
    found.lead_weeks.append(round(state.chips.lead_times[-1], 2))
    found.energised_gw.append(round(sum(s.energised_kw for s in state.sites.sites.values()) / 1e6, 4))


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
