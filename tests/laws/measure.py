"""One run of the default world under one change, as the few figures that the laws speak of."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from agents.model import MarketModel
from events.types import Event
from events.types.chips import GpusRetired, InputBound, OrderPlaced
from events.types.contracts import ContractSigned
from events.types.demand import TailSigned
from events.types.finance import OrgDefaulted, RoundClosed
from events.types.leases import LeaseSigned
from events.types.run import OptionChosen, OptionRejected, ParameterSet
from events.types.sites import BuildingCancelled, BuildingPaused, BuildingStarted
from events.types.training import TrainingStarted
from market.kernel import few_collections
from market.policies.load import load_policies
from market.rules import uses, work
from market.rules.base import fleets_h100e, h100e_by_chip
from market.rules.policy import policy_hooks
from market.rules.prices import YEAR_DAYS, entry_price, quote, running_cost
from market.rules.projects import benches
from market.scenario.load import load_scenario
from market.state import State
from market.truth.definitions import definition_of
from market.truth.queryable import QueryableLog
from market.units import CENTS, QUARTER_DAYS

WORLD = "frontier-2024"
SIDE_BY_SIDE_KW = 1000
USUAL_WAIT_WEEKS = 8.0
SPAN = 500.0  # the worth of an hour is sought so many times below and above the price of entry
OLD = "A100"  # of 2020, the oldest chip that many own at the start


@dataclass(frozen=True)
class Change:
    """What is different from the base run: parameters from a week on, and policies."""

    weeks: int
    from_week: int = 0
    parameters: tuple[tuple[str, float], ...] = ()
    policies: tuple[str, ...] = ()


def _by_quarter() -> dict[int, float]:
    return defaultdict(float)


@dataclass
class Figures:
    """What was measured: by week or by quarter of 91 days from the start."""

    start_usd_per_h100e_hour: float = 0.0  # the index on the first day
    index: list[float] = field(default_factory=list)
    energised_gw: list[float] = field(default_factory=list)
    orders_usd: dict[int, float] = field(default_factory=_by_quarter)
    ordered_gpus: dict[int, float] = field(default_factory=_by_quarter)
    begun_gw: dict[str, dict[int, float]] = field(default_factory=lambda: defaultdict(_by_quarter))  # region -> quarter
    paused_gw: dict[int, float] = field(default_factory=_by_quarter)
    nvidia_usd: float = 0.0  # data-centre revenue of the first quarter
    defaults: list[str] = field(default_factory=list)
    signed: list[tuple[int, str, str, float]] = field(default_factory=list)  # week, class and term, lessor, USD/H100e-h
    waiting_gw: list[float] = field(default_factory=list)  # chips in warehouses
    side_by_side: dict[str, int] = field(default_factory=dict)  # org -> most weeks of chips waiting beside idle power
    waits_now: dict[str, int] = field(default_factory=dict)
    idle: dict[str, list[float]] = field(default_factory=dict)  # lab -> idle part of research by week, projects waiting
    spot: list[float] = field(default_factory=list)  # the price that clears, USD/H100e-h
    worth: list[float] = field(default_factory=list)  # to the last user that what is energised can serve, USD/H100e-h
    running: list[float] = field(default_factory=list)  # least cost of an H100e-hour that is on
    four_years: list[float] = field(default_factory=list)  # rent asked for four years from the usual wait on
    entry: list[float] = field(default_factory=list)  # rent at which new capacity enters
    old_rent: list[float] = field(default_factory=list)  # rent of an old chip over the least cost of keeping it on
    old_retired: dict[int, float] = field(default_factory=_by_quarter)
    bound: list[tuple[int, str, str, float]] = field(default_factory=list)  # week, who, input, part of the need met
    leased_h100e: dict[int, float] = field(default_factory=_by_quarter)  # signed for, by the tail as well
    raised_usd: dict[str, dict[int, float]] = field(default_factory=lambda: defaultdict(_by_quarter))  # by who leads
    runs_flop: list[tuple[int, str, float]] = field(default_factory=list)  # week, lab, FLOP
    instead: dict[str, int] = field(default_factory=lambda: defaultdict(int))  # done where a policy stood in the way


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
    is_kept = False
    for entry in log.entries():
        if entry.day > start:
            is_kept = _note_done_instead(found, entry.event, is_kept=is_kept)
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
    _prices(state, found)


def _prices(state: State, found: Figures) -> None:
    """Note where spot stands between what the last user would pay and what running costs, and rents for later."""
    day = state.run.start_day + 7 * (state.run.week + 1)
    chips, regions = state.chips.chips, list(state.run.regions)
    found.spot.append(round(state.demand.clearing_usd_per_h100e_hour, 4))
    found.worth.append(round(worth_to_the_marginal_user(state), 4))
    costs = [
        running_cost(state, chip, region) / chip.h100e
        for chip in chips.values()
        if chip.in_volume
        for region in regions
    ]
    found.running.append(round(min(costs), 4))
    found.four_years.append(round(quote(state, 4 * YEAR_DAYS, USUAL_WAIT_WEEKS), 4))
    found.entry.append(round(entry_price(state), 4))
    kept = min(running_cost(state, chips[OLD], region) for region in regions)
    rent = state.demand.clearing_usd_per_h100e_hour * work.in_h100e(state, day)[OLD]
    found.old_rent.append(round(rent / kept, 4))


def worth_to_the_marginal_user(state: State) -> float:
    """Most that all users would pay for an H100e-hour and still want all that is installed, USD (bisection)."""
    fleets, weights = fleets_h100e(state), h100e_by_chip(state)
    supply = sum(h.owned * weights[h.chip] for h in state.chips.holdings.values())
    found, entry = uses.streams(state, fleets), entry_price(state)
    low, high = entry / SPAN, entry * SPAN
    for _ in range(40):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if uses.wanted_h100e(state, found, middle) > supply else (low, middle)
    return high


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
        found.begun_gw[event.region][quarter] += event.power_kw_it / 1e6
    elif isinstance(event, BuildingPaused | BuildingCancelled):
        found.paused_gw[quarter] += event.power_kw_it / 1e6
    elif isinstance(event, OrgDefaulted):
        found.defaults.append(event.org)
    elif isinstance(event, TailSigned):
        found.signed.append((days // 7, "any 1", event.lessor, event.price_usd_per_h100e_hour))
        found.leased_h100e[quarter] += event.h100e
    elif isinstance(event, LeaseSigned) and event.kind != "internal" and event.quote_id is not None:
        years = max(1, round((event.end_day - event.start_day) / 365))
        price = event.price_usd_per_gpu_hour / weights[event.chip]
        found.signed.append((days // 7, f"{event.chip} {years}", event.lessor, price))
        found.leased_h100e[quarter] += event.gpus * weights[event.chip]
    elif isinstance(event, ContractSigned) and event.kind != "internal":
        found.leased_h100e[quarter] += event.gpus * weights[event.chip]
    else:
        _note_more(found, event, days, quarter)


def _note_more(found: Figures, event: Event, days: int, quarter: int) -> None:
    """Count an event of money, inputs, runs or old chips."""
    if isinstance(event, RoundClosed):
        found.raised_usd[event.counterparty][quarter] += event.amount_usd_cents / CENTS
    elif isinstance(event, InputBound):
        found.bound.append((days // 7, event.supplier, event.kind, event.share))
    elif isinstance(event, TrainingStarted):
        found.runs_flop.append((days // 7, event.org, event.flop))
    elif isinstance(event, GpusRetired) and event.chip == OLD:
        found.old_retired[quarter] += event.gpus


def _note_done_instead(found: Figures, event: Event, *, is_kept: bool) -> bool:
    """Count what a decision took where a policy stood in the way of a candidate; say whether one does so far."""
    if isinstance(event, OptionRejected):
        return is_kept or event.reason == "permission"
    if isinstance(event, OptionChosen):
        if is_kept:
            found.instead[f"{event.kind}: {event.option}"] += 1
        return False
    return is_kept
