"""Prices, orders and shells that stand at the start: said by the scenario, and what is calibrated on them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from events.types import Event, chips, leases, sites
from market import rng
from market.rules import calibrate as start_of_demand
from market.rules import energy, work
from market.rules.base import Happening
from market.rules.belongings import Belongings
from market.rules.chips import is_own
from market.state import State
from market.state.sites import Site
from market.units import MONTH_WEEKS, QUARTER_DAYS, digits


class Bought(NamedTuple):
    """An order that an org had placed, as the events that say so need it."""

    order_id: str
    org: str
    supplier: str
    chip: str
    gpus: int
    price_usd: float

    def placed(self) -> Event:
        """The order."""
        return chips.OrderPlaced(
            order_id=self.order_id, org=self.org, supplier=self.supplier, chip=self.chip, gpus=self.gpus,
            price_usd_per_gpu=self.price_usd,
        )  # fmt: skip

    def sent(self, shipment_id: str, oem: str, due_day: int, lead_weeks: float) -> tuple[Event, ...]:
        """That it was made, sold and sent before the start."""
        made = chips.OutputMade(
            chip=self.chip, supplier=self.supplier, gpus=self.gpus, price_usd_per_gpu=self.price_usd,
            lead_time_weeks=lead_weeks,
        )  # fmt: skip
        sold = chips.ChipsAllocated(
            order_id=self.order_id, org=self.org, supplier=self.supplier, chip=self.chip, gpus=self.gpus,
            price_usd_per_gpu=self.price_usd, share=1.0,
        )  # fmt: skip
        sent = chips.ShipmentSent(
            shipment_id=shipment_id, order_id=self.order_id, org=self.org, counterparty=oem, chip=self.chip,
            gpus=self.gpus, due_day=due_day,
        )  # fmt: skip
        return made, sold, sent


def calibrate(state: State) -> Iterator[Happening]:
    """Set what the first week must reproduce: demand of every user, prices, plans, the order backlog, shells."""
    yield from _rents(state, state.run.start_day)
    yield from start_of_demand.supply(state)
    yield from start_of_demand.segments(state)
    yield from start_of_demand.spending(state)
    yield from start_of_demand.plans(state)
    yield from _backlog(state, state.run.start_day)
    yield from start_of_demand.builders(state)
    yield from _pool_tranches(state, state.run.start_day)
    yield from start_of_demand.contractors(state)
    yield from energy.tariffs(state, state.run.start_day)
    yield from energy.auction(state, state.run.start_day)


def _rents(state: State, day: int) -> Iterator[Happening]:
    """Publish the prices of the start, known for an H100, as those of an H100e of the mean work of all installed."""
    p, mean = state.run.parameters, work.mean_per_h100e(state, day)
    moved = leases.PriceMoved(
        price_usd_per_h100e_hour=digits(p["price.start_usd_per_h100e_hour"] * mean),
        spot_usd_per_h100e_hour=digits(p["price.spot_start_usd_per_h100e_hour"] * mean),
        tightness=1.0,
        lead_time_weeks=p["supply.lead_time_start_weeks"],
        work_per_h100e=digits(mean),
    )
    yield Happening(day, moved, "world", "world")


def _backlog(state: State, day: int) -> Iterator[Happening]:
    """Give every buyer, in proportion to its budget, what is on its way and its part of the standing backlog.

    On its way: what a week's orders bought in each of the weeks from sale to running. Backlog: the lead time's worth.
    Both are of the chips that lines of the start make; what a group's own lines make is on its way to it, and ordered
    a month ahead of the wait for chips, as its orders are placed month by month.
    """
    p, chips_, lines = state.run.parameters, state.chips.chips, start_of_demand.lines(state)
    oems = sorted(state.chips.integration_gpus_per_week)
    weeks, step = round(p["shipping.weeks"]), 2
    for org, books in state.finance.books.items():
        number, sent = (state.run.counters.get(f"{org}/{family}", 0) for family in ("order", "shipment"))
        oem, weekly_usd = _drawn(oems, state.run.seed, org), books.budget_usd_per_year / 52 * p["orders.fraction"]
        rates = {name: weekly_usd * each for name, each in start_of_demand.gpus_per_usd(state, org).items()}
        own = {name: float(gpus) for name, gpus in lines.items() if is_own(state, org, chips_[name])}
        for name, rate in sorted({**rates, **own}.items()):
            chip = chips_[name]
            said = (org, chip.supplier, name)
            for ahead in range(step, weeks + 1, step) if oem and step * rate >= 1 else ():
                number, sent = number + 1, sent + 1
                bought = Bought(f"{org}/order/{number}", *said, round(step * rate), chip.price_usd_per_gpu)
                yield Happening(day, bought.placed(), org, org)
                for event in bought.sent(f"{org}/shipment/{sent}", oem, day + 7 * ahead - 3, chip.lead_time_weeks):
                    yield Happening(day, event, org, bought.order_id)
            ahead_weeks = p["supply.lead_time_start_weeks"] + (MONTH_WEEKS if name in own else 0)
            waiting = round(rate * ahead_weeks)
            if waiting:
                number += 1
                still = Bought(f"{org}/order/{number}", *said, waiting, chip.price_usd_per_gpu)
                yield Happening(day, still.placed(), org, org)


def _drawn(oems: list[str], seed: int, org: str) -> str:
    """Draw the OEM of a buyer: one that joins takes only the buyers that draw it; empty where there is none."""
    return max(oems, key=lambda name: (rng.uniform(seed, "standing shipments", f"{org} {name}"), name), default="")


class Shell(NamedTuple):
    """A shell that a pool had begun, with its power."""

    building_id: str
    site: Site
    power_kw: int
    facility_kw: int

    def under_way(self, first: int, due_day: int, day: int) -> tuple[Event, ...]:
        """That it is under way since `first`, promised for `due_day`, with power granted by the start."""
        site = self.site
        started = sites.BuildingStarted(
            building_id=self.building_id, site=site.name, org=site.owner, region=site.region, kind="greenfield",
            power_kw_it=self.power_kw, start_day=first, due_day=due_day,
        )  # fmt: skip
        queued = sites.PowerQueued(
            building_id=self.building_id, site=site.name, org=site.owner, region=site.region,
            power_kw_it=self.power_kw, power_kw_facility=self.facility_kw,
        )  # fmt: skip
        granted = sites.PowerGranted(
            building_id=self.building_id, site=site.name, org=site.owner, region=site.region, kind="standing",
            power_kw_it=self.power_kw, due_day=day,
        )  # fmt: skip
        return started, queued, granted


def _tranche_kw(state: State, site: Site, quarter: int) -> float:
    """IT power that a pool adds in a quarter from the start as its owner grew."""
    p = state.run.parameters
    growth: float = p.get(f"orgs.{site.owner}.pool_growth_per_year", p["sites.pool_growth_per_year"])
    margin: float = p["sites.pool_margin"]
    power: float = site.energised_kw * margin * ((1 + growth) ** (quarter / 4) - (1 + growth) ** ((quarter - 1) / 4))
    return power


def _pool_tranches(state: State, day: int) -> Iterator[Happening]:
    """Give every pool the shells that its owner had begun: a tranche a quarter, sized for growth with a margin.

    An assumption, always swept (`sites.pool_growth_per_year`), and no less than what was ordered needs. Promises leave
    out the median slip, so that half of the tranches come by their quarter.
    """
    p = state.run.parameters
    built = round(p["sites.greenfield_days"])
    planned = round(built / p["sites.slip_median"])
    pools = [s for s in state.sites.sites.values() if s.kind == "pool" and s.energised_kw]
    quarters, factors = range(1, math.ceil(built / QUARTER_DAYS) + 1), {}
    soon = 7 * start_of_demand.ordering_weeks(state) / p["sites.slip_median"] + built - planned
    theirs = Belongings.of(state)
    for owner in sorted({site.owner for site in pools}):
        own = [s for s in theirs.sites[owner] if s.kind == "pool" and s.energised_kw]
        begun = [math.fsum(_tranche_kw(state, site, q) for site in own) for q in quarters]
        soon_kw = sum(begun[: int(soon / QUARTER_DAYS)])
        factors[owner] = start_of_demand.shells_factor(state, owner, theirs, soon_kw, sum(begun))
        yield start_of_demand.put(state, f"orgs.{owner}.shells_factor", factors[owner])
    for site in pools:
        pue, stem = p[f"regions.{site.region}.pue"], f"{site.name}/building"
        told = state.run.counters.get(stem, 0)  # buildings under way that the scenario names
        for quarter in quarters:
            power = round(factors[site.owner] * _tranche_kw(state, site, quarter))
            first, building = day + QUARTER_DAYS * quarter - built, f"{stem}/{told + quarter}"
            if power < 1:
                continue
            shell = Shell(building, site, power, round(power * pue))
            for event in shell.under_way(first, first + planned, day):
                yield Happening(day, event, site.owner, site.name)
