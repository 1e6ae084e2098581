"""The events of the start: a scenario said as events, and what is calibrated on them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING, get_args

from events.kinds import MarketName, StakeKind, roles_text
from events.types import Event, chips, clearing, finance, leases, run, sites, training
from market import rng
from market.rules import calibrate as start_of_demand
from market.rules import energy
from market.rules.base import Happening
from market.rules.training import CAPABILITY_ORIGIN_DAY, compute_optimal
from market.state import State
from market.state.chips import Chip
from market.state.sites import Site
from market.units import CENTS, DAYS_PER_YEAR, SECONDS_PER_DAY, digits, to_day, weeks_in

if TYPE_CHECKING:
    from market.scenario.schema import Org, Scenario


def opening(scenario: Scenario, seed: int) -> Iterator[tuple[int, Event]]:
    """Say a resolved scenario as events, in the order in which they may refer to each other."""
    start = to_day(scenario.start)
    end = start + 7 * weeks_in(scenario.years)
    events: list[Event] = [run.RunStarted(kind=scenario.name, seed=seed, start_day=start, end_day=end)]
    for part in (_mechanisms, _parameters, _orgs, _regions, _chips, _sites, _fleets, _leases, _money, _labs):
        events.extend(part(scenario, start))
    for event in events:
        yield start, event


def _mechanisms(scenario: Scenario, start: int) -> Iterator[Event]:
    for market in get_args(MarketName):
        if (name := scenario.mechanisms.get(market)) is not None:
            yield clearing.MechanismChosen(kind=market, mechanism=name)


def _parameters(scenario: Scenario, start: int) -> Iterator[Event]:
    values = dict(scenario.parameters)
    for name, org in sorted(scenario.orgs.items()):
        values[f"orgs.{name}.captive_share"] = org.captive_share
        values[f"orgs.{name}.income_usd_per_year"] = org.income_usd_per_year
        for trait, value in org.traits.items():
            values[f"orgs.{name}.{trait}"] = value
    for name, region in sorted(scenario.regions.items()):
        for field in ("queue_days", "grid_mw_per_year", "energy_usd_per_mwh", "pue", "capacity_market"):
            values[f"regions.{name}.{field}"] = float(getattr(region, field))
    for name, chip in sorted(scenario.chips.items()):
        for field in ("slots_per_gpu", "gpus_per_week", "growth_per_year", "price_change_per_year"):
            values[f"chips.{name}.{field}"] = getattr(chip, field)
    for name in sorted(values):
        yield run.ParameterSet(parameter=name, value=float(values[name]))


def _orgs(scenario: Scenario, start: int) -> Iterator[Event]:
    for name, org in sorted(scenario.orgs.items()):
        if is_late(scenario, name):
            yield _announced(name, org)
            continue
        yield run.OrgRegistered(
            org=name, role=roles_text(org.roles), country=org.country, kind=org.behaviour, parent_org=org.parent
        )
        if "oem" in org.roles:
            part = org.traits.get("integration_share", 0.0)
            if part:
                lines = max(1, round(part * scenario.parameters["shipping.oem_gpus_per_week_first"]))
                yield chips.IntegrationExpanded(org=name, gpus=lines)


def is_late(scenario: Scenario, name: str) -> bool:
    """Whether an org enters after the start."""
    enters = scenario.orgs[name].enters
    return enters is not None and enters > scenario.start


def _announced(name: str, org: Org) -> run.OrgAnnounced:
    assert org.enters is not None
    return run.OrgAnnounced(
        org=name,
        role=roles_text(org.roles),
        country=org.country,
        kind=org.behaviour,
        parent_org=org.parent,
        due_day=to_day(org.enters),
        amount_usd_cents=round(org.cash_usd * CENTS),
        valuation_usd_cents=round(org.valuation_usd * CENTS),
        value=org.chip_budget_usd_per_year,
    )


def _regions(scenario: Scenario, start: int) -> Iterator[Event]:
    for name, region in sorted(scenario.regions.items()):
        yield run.RegionRegistered(region=name, country=region.country)


def _chips(scenario: Scenario, start: int) -> Iterator[Event]:
    for name, chip in sorted(scenario.chips.items()):
        first = to_day(chip.start)
        yield chips.ChipAnnounced(
            chip=name,
            supplier=chip.supplier,
            start_day=first,
            end_day=to_day(chip.end),
            price_usd_per_gpu=chip.price_usd_per_gpu,
            power_kw_it_per_gpu=chip.power_kw_it_per_gpu,
            h100e=chip.h100e,
            kind=chip.buyers,
        )
        if first <= start:
            yield chips.VolumeReached(chip=name, supplier=chip.supplier)


def _sites(scenario: Scenario, start: int) -> Iterator[Event]:
    for name, site in sorted(scenario.sites.items()):
        due = max((to_day(b.due) for b in site.buildings), default=start)
        planned = round(1000 * (site.planned_mw_it or site.energised_mw_it))
        yield sites.SitePlanned(
            site=name, org=site.owner, region=site.region, kind=site.kind, power_kw_it=planned, due_day=due
        )
        pue = scenario.regions[site.region].pue
        if site.energised_mw_it:
            power = round(1000 * site.energised_mw_it)
            yield sites.PowerEnergised(
                building_id=f"{name}/building/0",
                site=name,
                org=site.owner,
                region=site.region,
                kind="standing",
                power_kw_it=power,
                power_kw_facility=round(power * pue),
            )
        for number, b in enumerate(site.buildings, 1):
            building, power = f"{name}/building/{number}", round(1000 * b.power_mw_it)
            yield sites.BuildingStarted(
                building_id=building,
                site=name,
                org=site.owner,
                region=site.region,
                kind=b.kind,
                on_site_power=b.on_site_power,
                power_kw_it=power,
                start_day=to_day(b.start),
                due_day=to_day(b.due),
            )
            yield sites.PowerQueued(
                building_id=building,
                site=name,
                org=site.owner,
                region=site.region,
                power_kw_it=power,
                power_kw_facility=round(power * pue),
            )


def _fleets(scenario: Scenario, start: int) -> Iterator[Event]:
    for fleet in sorted(scenario.fleets, key=lambda f: (f.owner, f.site, f.chip, f.gpus)):
        power = math.ceil(fleet.gpus * scenario.chips[fleet.chip].power_kw_it_per_gpu)
        yield chips.FleetRegistered(
            org=fleet.owner, site=fleet.site, chip=fleet.chip, gpus=fleet.gpus, power_kw_it=power
        )
    numbers: dict[str, int] = {}
    for order in sorted(scenario.orders, key=lambda o: (o.buyer, o.due or date.max, o.chip, o.gpus)):
        chip = scenario.chips[order.chip]
        number = numbers[order.buyer] = numbers.get(order.buyer, 0) + 1
        order_id, price = f"{order.buyer}/order/{number}", chip.price_usd_per_gpu
        yield chips.OrderPlaced(
            order_id=order_id,
            org=order.buyer,
            supplier=chip.supplier,
            chip=order.chip,
            gpus=order.gpus,
            price_usd_per_gpu=price,
        )
        oem = _largest_oem(scenario)
        if order.due is not None and oem:
            sent = f"{order.buyer}/shipment/{number}"
            yield chips.OutputMade(
                chip=order.chip, supplier=chip.supplier, gpus=order.gpus, price_usd_per_gpu=price, lead_time_weeks=0.0
            )
            yield chips.ChipsAllocated(
                order_id=order_id,
                org=order.buyer,
                supplier=chip.supplier,
                chip=order.chip,
                gpus=order.gpus,
                price_usd_per_gpu=price,
                share=1.0,
            )
            yield chips.ShipmentSent(
                shipment_id=sent,
                order_id=order_id,
                org=order.buyer,
                counterparty=oem,
                chip=order.chip,
                gpus=order.gpus,
                due_day=to_day(order.due),
            )


def _largest_oem(scenario: Scenario) -> str:
    """Name the OEM with most lines; empty where no org integrates."""
    oems = (
        (name, org.traits.get("integration_share", 0.0)) for name, org in scenario.orgs.items() if "oem" in org.roles
    )
    return max(((lines, name) for name, lines in oems if lines), default=(0.0, ""))[1]


def _leases(scenario: Scenario, start: int) -> Iterator[Event]:
    """Standing leases, parents before children; GPUs are handed over where the term has begun."""
    ids: dict[str, str] = {}
    depth: dict[str, int] = {}
    counts: dict[str, int] = {}
    left = dict(sorted(scenario.leases.items()))
    while left:
        ready = [name for name, lease in left.items() if lease.parent is None or lease.parent in ids]
        for name in ready:
            lease = left.pop(name)
            counts[lease.lessee] = counts.get(lease.lessee, 0) + 1
            ids[name] = f"{lease.lessee}/lease/{counts[lease.lessee]}"
            depth[name] = depth[lease.parent] + 1 if lease.parent else 1
            yield leases.LeaseSigned(
                lease_id=ids[name],
                parent_lease_id=ids[lease.parent] if lease.parent else None,
                quote_id=None,
                lessor=lease.lessor,
                lessee=lease.lessee,
                chip=lease.chip,
                site=lease.site,
                gpus=lease.gpus,
                start_day=to_day(lease.start),
                end_day=to_day(lease.end),
                price_usd_per_gpu_hour=lease.price_usd_per_gpu_hour,
                kind=lease.kind,
                depth=depth[name],
            )
            if to_day(lease.start) <= start:
                yield leases.GpusHandedOver(
                    lease_id=ids[name],
                    lessor=lease.lessor,
                    lessee=lease.lessee,
                    chip=lease.chip,
                    site=lease.site,
                    gpus=lease.gpus,
                )


def _money(scenario: Scenario, start: int) -> Iterator[Event]:
    p = scenario.parameters
    for name, org in sorted(scenario.orgs.items()):
        if is_late(scenario, name):
            continue
        if org.cash_usd:
            yield finance.PaymentMade(
                org="world/savers",
                counterparty=name,
                amount_usd_cents=round(org.cash_usd * CENTS),
                kind="opening",
                contract_id=name,
            )
        if org.valuation_usd:
            yield finance.ValuationStated(org=name, valuation_usd_cents=round(org.valuation_usd * CENTS))
        if org.chip_budget_usd_per_year:
            yield finance.BudgetSet(org=name, value=org.chip_budget_usd_per_year, reason="start")
        yield from _debt(scenario, name, start)
    for _, stake in sorted(scenario.investments.items()):
        kind: StakeKind = "equity for compute" if stake.for_compute else "equity"
        cents = round(stake.amount_usd * CENTS)
        yield finance.StakeKnown(
            org=stake.org,
            counterparty=stake.investor,
            amount_usd_cents=cents,
            kind=kind,
            start_day=to_day(stake.closed),
        )
    price, spot = p["price.start_usd_per_h100e_hour"], p["price.spot_start_usd_per_h100e_hour"]
    yield leases.PriceMoved(
        price_usd_per_h100e_hour=price,
        spot_usd_per_h100e_hour=spot,
        tightness=1.0,
        lead_time_weeks=p["supply.lead_time_start_weeks"],
    )


def _debt(scenario: Scenario, name: str, start: int) -> Iterator[Event]:
    """What an org owes at the start, in equal instalments (traits `debt_usd`, `debt_rate`, `debt_years`)."""
    traits = scenario.orgs[name].traits
    lenders = [other for other, org in sorted(scenario.orgs.items()) if org.traits.get("lends") and other != name]
    if traits.get("debt_usd") and lenders:
        yield finance.LoanKnown(
            deal_id=f"{name}/deal/1", org=name, counterparty=lenders[0],
            amount_usd_cents=round(traits["debt_usd"] * CENTS),
            value=traits.get("debt_rate", scenario.parameters["finance.loan_rate"]),
            end_day=start + round(365 * traits.get("debt_years", scenario.parameters["finance.loan_years"])),
        )  # fmt: skip


def _labs(scenario: Scenario, start: int) -> Iterator[Event]:
    p = scenario.parameters
    best = 0.0
    for name, model in sorted(scenario.models.items()):
        released = to_day(model.released)
        index = digits(
            p["capability.intercept"]
            + p["capability.per_log10_flop"] * math.log10(model.flop)
            + p["capability.per_year"] * (released - CAPABILITY_ORIGIN_DAY) / DAYS_PER_YEAR
        )
        best = max(best, index)
        yield training.ModelReleased(
            model=name,
            org=model.lab,
            flop=model.flop,
            effective_flop=model.flop,
            capability=index,
            kind="frontier",
            start_day=released,
        )
    yield training.FrontierMeasured(capability=best)
    for name, org in sorted(scenario.orgs.items()):
        if "lab" not in org.roles or is_late(scenario, name):
            continue
        yield training.ComputeSplitSet(org=name, share=p["split.inference_start"])
        heads = org.traits.get("researchers", 0.0)
        yield training.ResearchersMeasured(org=name, researchers=heads, h100e=0.0)
        revenue = org.revenue_usd_per_year
        yield training.ServingMeasured(
            org=name, revenue_usd_per_year=revenue, value=revenue, h100e=0.0, tokens_per_s=0.0
        )
    yield from _runs(scenario, start)


def _runs(scenario: Scenario, start: int) -> Iterator[Event]:
    """Runs under way: on the lab's largest holding of one chip, on as many GPUs as their dates ask for."""
    from market.scenario.machines import largest_machines, peak_flop_per_s  # a replay needs no scenario

    p, machines = scenario.parameters, largest_machines(scenario)
    for name, item in sorted(scenario.runs.items()):
        if item.lab not in machines:
            continue
        chip, site, held = machines[item.lab]
        first, due = to_day(item.start), to_day(item.due)
        pace = peak_flop_per_s(scenario, chip) * p["labs.mfu"] * p["labs.goodput"] * SECONDS_PER_DAY
        gpus = min(held, math.ceil(item.flop / (pace * (due - first))))
        due = max(due, first + math.ceil(item.flop / (pace * gpus)))  # no sooner than its GPUs get there
        params, tokens = compute_optimal(item.flop)
        yield training.TrainingStarted(
            run_id=f"{item.lab}/run/1",
            org=item.lab,
            model=name,
            site=site,
            chip=chip,
            gpus=gpus,
            flop=item.flop,
            effective_flop=item.flop,
            params=params,
            tokens=tokens,
            experts=0,
            mfu=p["labs.mfu"],
            goodput=p["labs.goodput"],
            plan="",
            start_day=first,
            due_day=due,
        )


def calibrate(state: State) -> Iterator[Happening]:
    """Set what the first week must reproduce: demand of every user, prices, plans, the order backlog, shells."""
    yield from start_of_demand.supply(state)
    yield from start_of_demand.segments(state)
    yield from start_of_demand.spending(state)
    yield from start_of_demand.plans(state)
    yield from _backlog(state, state.run.start_day)
    yield from start_of_demand.builders(state)
    yield from _pool_tranches(state, state.run.start_day)
    yield from energy.tariffs(state, state.run.start_day)
    yield from energy.auction(state, state.run.start_day)


def _backlog(state: State, day: int) -> Iterator[Happening]:
    """Give every buyer, in proportion to its budget, what is on its way and its part of the standing backlog.

    On its way: what a week's orders bought in each of the weeks from sale to running. Backlog: the lead time's worth.
    """
    p = state.run.parameters
    oems = sorted(state.chips.integration_gpus_per_week)
    weeks, step = round(p["shipping.weeks"]), 2
    for org, books in state.finance.books.items():
        weekly = books.budget_usd_per_year / 52 * p["orders.fraction"]
        chip = state.chips.chips.get("H20" if state.run.orgs[org].country == "CN" else "H100")
        if chip is None or weekly < chip.price_usd_per_gpu:
            continue
        order = _Orders(state, org, chip, day)
        oem = _drawn(oems, state.run.seed, org)
        for ahead in range(step, weeks + 1, step) if oem else ():
            gpus = round(step * weekly / chip.price_usd_per_gpu)
            yield from order.shipped(gpus, day + 7 * ahead - 3, oem)
        yield from order.open(round(weekly * p["supply.lead_time_start_weeks"] / chip.price_usd_per_gpu))


def _drawn(oems: list[str], seed: int, org: str) -> str:
    """Draw the OEM of a buyer: one that joins takes only the buyers that draw it; empty where there is none."""
    return max(oems, key=lambda name: (rng.uniform(seed, "standing shipments", f"{org} {name}"), name), default="")


class _Orders:
    """Numbers the standing orders and shipments of a buyer as it says them."""

    def __init__(self, state: State, org: str, chip: Chip, day: int) -> None:
        self.org, self.chip, self.day = org, chip, day
        self.orders = state.run.counters.get(f"{org}/order", 0)
        self.shipments = state.run.counters.get(f"{org}/shipment", 0)

    def open(self, gpus: int) -> Iterator[Happening]:
        """Say an order that still waits."""
        self.orders += 1
        order_id, chip = f"{self.org}/order/{self.orders}", self.chip
        event = chips.OrderPlaced(
            order_id=order_id,
            org=self.org,
            supplier=chip.supplier,
            chip=chip.name,
            gpus=gpus,
            price_usd_per_gpu=chip.price_usd_per_gpu,
        )
        yield Happening(self.day, event, self.org, self.org)

    def shipped(self, gpus: int, due_day: int, oem: str) -> Iterator[Happening]:
        """Say an order that was made, sold and sent before the start."""
        yield from self.open(gpus)
        self.shipments += 1
        order_id, chip, price = f"{self.org}/order/{self.orders}", self.chip, self.chip.price_usd_per_gpu
        shipment_id = f"{self.org}/shipment/{self.shipments}"
        for event in (
            chips.OutputMade(
                chip=chip.name,
                supplier=chip.supplier,
                gpus=gpus,
                price_usd_per_gpu=price,
                lead_time_weeks=chip.lead_time_weeks,
            ),
            chips.ChipsAllocated(
                order_id=order_id,
                org=self.org,
                supplier=chip.supplier,
                chip=chip.name,
                gpus=gpus,
                price_usd_per_gpu=price,
                share=1.0,
            ),
            chips.ShipmentSent(
                shipment_id=shipment_id,
                order_id=order_id,
                org=self.org,
                counterparty=oem,
                chip=chip.name,
                gpus=gpus,
                due_day=due_day,
            ),
        ):
            yield Happening(self.day, event, self.org, order_id)


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
    quarters, factors = range(1, math.ceil(built / 91) + 1), {}
    soon = 7 * start_of_demand.ordering_weeks(state) / p["sites.slip_median"] + built - planned
    for owner in sorted({site.owner for site in pools}):
        begun = [math.fsum(_tranche_kw(state, site, q) for site in pools if site.owner == owner) for q in quarters]
        factors[owner] = start_of_demand.shells_factor(state, owner, sum(begun[: int(soon / 91)]), sum(begun))
        yield start_of_demand.put(state, f"orgs.{owner}.shells_factor", factors[owner])
    for site in pools:
        pue = p[f"regions.{site.region}.pue"]
        for quarter in quarters:
            power = round(factors[site.owner] * _tranche_kw(state, site, quarter))
            first, building = day + 91 * quarter - built, f"{site.name}/building/{quarter}"
            if power < 1:
                continue
            for event in (
                sites.BuildingStarted(
                    building_id=building,
                    site=site.name,
                    org=site.owner,
                    region=site.region,
                    kind="greenfield",
                    power_kw_it=power,
                    start_day=first,
                    due_day=first + planned,
                ),
                sites.PowerQueued(
                    building_id=building,
                    site=site.name,
                    org=site.owner,
                    region=site.region,
                    power_kw_it=power,
                    power_kw_facility=round(power * pue),
                ),
                sites.PowerGranted(
                    building_id=building,
                    site=site.name,
                    org=site.owner,
                    region=site.region,
                    kind="standing",
                    power_kw_it=power,
                    due_day=day,
                ),
            ):
                yield Happening(day, event, site.owner, site.name)
