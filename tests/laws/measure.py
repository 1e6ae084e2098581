"""One run of the default world under one change, as the few figures that the laws speak of."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from agents.model import MarketModel
from events.types import Event
from events.types.chips import OrderPlaced
from events.types.demand import TailSigned
from events.types.finance import OrgDefaulted
from events.types.leases import LeaseSigned
from events.types.run import ParameterSet
from events.types.sites import BuildingCancelled, BuildingPaused, BuildingStarted
from market.kernel import few_collections
from market.policies.load import load_policies
from market.rules.base import fleets_h100e
from market.rules.policy import policy_hooks
from market.rules.projects import benches
from market.scenario.load import load_scenario
from market.truth.definitions import definition_of
from market.truth.queryable import QueryableLog
from market.units import QUARTER_DAYS

WORLD = "frontier-2024"
SIDE_BY_SIDE_KW = 1000


@dataclass(frozen=True)
class Change:
    """What is different from the base run: parameters from a week on, and policies."""

    weeks: int
    from_week: int = 0
    parameters: tuple[tuple[str, float], ...] = ()
    policies: tuple[str, ...] = ()


@dataclass
class Figures:
    """What was measured: by week or by quarter of 91 days from the start."""

    start_usd_per_h100e_hour: float = 0.0  # the index on the first day
    index: list[float] = field(default_factory=list)
    energised_gw: list[float] = field(default_factory=list)
    orders_usd: dict[int, float] = field(default_factory=lambda: defaultdict(float))
    ordered_gpus: dict[int, float] = field(default_factory=lambda: defaultdict(float))
    starts_gw: dict[int, float] = field(default_factory=lambda: defaultdict(float))
    paused_gw: dict[int, float] = field(default_factory=lambda: defaultdict(float))
    nvidia_usd: float = 0.0  # data-centre revenue of the first quarter
    defaults: list[str] = field(default_factory=list)
    signed: list[tuple[int, str, str, float]] = field(default_factory=list)  # week, class and term, lessor, USD/H100e-h
    waiting_gw: list[float] = field(default_factory=list)  # chips in warehouses
    side_by_side: dict[str, int] = field(default_factory=dict)  # org -> most weeks of chips waiting beside idle power
    waits_now: dict[str, int] = field(default_factory=dict)
    idle: dict[str, list[float]] = field(default_factory=dict)  # lab -> idle part of research by week, projects waiting


class CountedLog(QueryableLog):
    """A log that holds its events beyond the end of the run, until they are counted."""

    def finish(self) -> None:
        """Wait: a run that ends would let go of them."""

    def lay_out(self) -> None:
        """Answer questions from now on."""
        super().finish()


def run(seed: int, change: Change) -> Figures:
    """Run the world under a change and measure it."""
    scenario = load_scenario(WORLD, {}).scenario
    log = CountedLog()
    model = MarketModel(scenario, seed, log=log, hooks=policy_hooks(load_policies(change.policies)))
    found = Figures(model.state.leases.price_usd_per_h100e_hour)
    with few_collections():
        for week in range(change.weeks):
            if week == change.from_week:
                for name, value in change.parameters:
                    day = model.state.run.start_day + 7 * week
                    model.kernel.record(day, ParameterSet(parameter=name, value=value), "world", "world")
            model.step()
            _weekly(model, found)
    start = model.state.run.start_day
    weights = {chip.name: chip.h100e for chip in model.state.chips.chips.values()}
    for entry in log.entries():
        if entry.day > start:
            _note(found, entry.event, entry.day - start, weights)
    log.lay_out()
    revenue = definition_of("nvda_dc_revenue")
    days = (pl.col("day") > start) & (pl.col("day") < start + QUARTER_DAYS)
    found.nvidia_usd = 1e9 * revenue.factor * float(log.query(revenue.query).filter(days)["value"].sum())
    return found


def _weekly(model: MarketModel, found: Figures) -> None:
    state = model.state
    found.index.append(round(state.leases.price_usd_per_h100e_hour, 4))
    found.energised_gw.append(round(sum(s.energised_kw for s in state.sites.sites.values()) / 1e6, 4))
    for org, on in benches(state, fleets_h100e(state)).items():
        if on.waiting and on.research > 0:
            found.idle.setdefault(org, []).append(round(max(0.0, on.free) / on.research, 4))
    _side_by_side(state, found)


def _side_by_side(state: Any, found: Figures) -> None:
    """Count the weeks in which chips of an org wait for power while it has a megawatt that nothing uses."""
    chips, spare = state.chips.chips, Counter[str]()
    for site in state.sites.sites.values():
        spare[site.owner] += site.spare_w / 1000
    waiting = {
        org: sum(gpus * chips[name].power_kw_it_per_gpu for name, gpus in stock.items())
        for org, stock in state.chips.warehouse.items()
    }
    found.waiting_gw.append(round(sum(waiting.values()) / 1e6, 4))
    for org, kw in waiting.items():
        now = found.waits_now.get(org, 0) + 1 if min(kw, spare[org]) > SIDE_BY_SIDE_KW else 0
        found.waits_now[org] = now
        found.side_by_side[org] = max(now, found.side_by_side.get(org, 0))


def _note(found: Figures, event: Event, days: int, weights: dict[str, float]) -> None:
    """Count one event."""
    quarter = days // QUARTER_DAYS
    if isinstance(event, OrderPlaced):
        found.orders_usd[quarter] += event.gpus * event.price_usd_per_gpu
        found.ordered_gpus[quarter] += event.gpus
    elif isinstance(event, BuildingStarted):
        found.starts_gw[quarter] += event.power_kw_it / 1e6
    elif isinstance(event, BuildingPaused | BuildingCancelled):
        found.paused_gw[quarter] += event.power_kw_it / 1e6
    elif isinstance(event, OrgDefaulted):
        found.defaults.append(event.org)
    elif isinstance(event, TailSigned):
        found.signed.append((days // 7, "any 1", event.lessor, event.price_usd_per_h100e_hour))
    elif isinstance(event, LeaseSigned) and event.kind != "internal" and event.quote_id is not None:
        years = max(1, round((event.end_day - event.start_day) / 365))
        price = event.price_usd_per_gpu_hour / weights[event.chip]
        found.signed.append((days // 7, f"{event.chip} {years}", event.lessor, price))
