"""The events of the start: a scenario said as events, in the order in which they may refer to each other."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING, get_args

from events.kinds import MarketName, roles_text
from events.types import Event, chips, clearing, run, sites
from market.rules.standing import Bought
from market.rules.start_books import is_late, labs_at_start, leases_at_start, money_at_start
from market.units import CENTS, to_day, weeks_in

if TYPE_CHECKING:
    from market.scenario.schema import Org, Scenario


def opening(scenario: Scenario, seed: int) -> Iterator[tuple[int, Event]]:
    """Say a resolved scenario as events, in the order in which they may refer to each other."""
    start = to_day(scenario.start)
    end = start + 7 * weeks_in(scenario.years)
    events: list[Event] = [run.RunStarted(kind=scenario.name, seed=seed, start_day=start, end_day=end)]
    for part in (*WORLD, leases_at_start, money_at_start, labs_at_start):
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
        for field in (
            "queue_days", "grid_mw_per_year", "energy_usd_per_mwh", "gas_usd_per_mmbtu", "pue", "capacity_market"
        ):  # fmt: skip
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
                kind="leased" if site.leased or site.kind == "pool" else "standing",
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
        bought = Bought(
            f"{order.buyer}/order/{number}", order.buyer, chip.supplier, order.chip, order.gpus, chip.price_usd_per_gpu
        )
        yield bought.placed()
        oem = _largest_oem(scenario)
        if order.due is not None and oem:
            yield from bought.sent(f"{order.buyer}/shipment/{number}", oem, to_day(order.due), 0.0)


def _largest_oem(scenario: Scenario) -> str:
    """Name the OEM with most lines; empty where no org integrates."""
    oems = (
        (name, org.traits.get("integration_share", 0.0)) for name, org in scenario.orgs.items() if "oem" in org.roles
    )
    return max(((lines, name) for name, lines in oems if lines), default=(0.0, ""))[1]


WORLD = (_mechanisms, _parameters, _orgs, _regions, _chips, _sites, _fleets)
