"""Rules of sites: plans, buildings, the interconnection queue; when a building is ready in every layer."""

from __future__ import annotations

from collections.abc import Iterator

from events.commands import sites as commands
from events.kinds import BuildingKind, LateLayer, PowerSource, SiteRefusal
from events.types import Event
from events.types import sites as events
from events.types.finance import PaymentMade
from market import rng
from market.rules import energy, shells
from market.rules.base import Deciders, Happening, cash
from market.rules.plant import first_permit
from market.rules.power import days_of_new, expected_day, non_firm_days
from market.state import State, next_id
from market.state.sites import Building
from market.units import CENTS

LONGEST_DAYS = 36_525  # a century: what lies beyond the calendar of the log is never


def planned_days(state: State, kind: str, building_id: str, region: str) -> int:
    """Days that an owner plans for a shell: lognormal for brownfield and greenfield, uniform for a next building."""
    p, seed, factor = state.run.parameters, state.run.seed, shells.time_factor(state, region)
    if kind == "next":
        low, high = p["sites.next_days_min"], p["sites.next_days_max"]
        return round(factor * (low + (high - low) * rng.uniform(seed, "building plan", building_id)))
    z = rng.normal(seed, "building plan", building_id)
    median = factor * p[f"sites.{kind}_days"]
    return min(LONGEST_DAYS, round(rng.lognormal(median, p[f"sites.{kind}_sd"], z)))


def shell_cents(state: State, power_kw: int) -> int:
    """Price of a shell with its cooling and electrical plant."""
    return round(power_kw * state.run.parameters["build.shell_usd_per_kw"] * CENTS)


def plant_cents(state: State, region: str, power_kw: int) -> int:
    """Price of own plant for so much IT power, today."""
    return round(power_kw * state.run.parameters[f"regions.{region}.pue"] * energy.plant_usd_per_kw(state) * CENTS)


def refusal(state: State, org: str, region: str, kind: BuildingKind, power_kw: int) -> SiteRefusal | None:
    """Say why a building cannot start; None when it can."""
    if region not in state.run.regions:
        return "unknown region"
    if power_kw < 1:
        return "no power asked"
    if kind != "leased" and cash(state, org) < shell_cents(state, power_kw) * state.run.parameters["build.cash_share"]:
        return "cash"
    return None


def plan_site(state: State, command: commands.PlanSite, day: int) -> list[Event]:
    """Announce a site and start its first building."""
    reason = refusal(state, command.actor, command.region, command.kind, command.power_kw_it)
    if reason:
        return [
            events.SiteRefused(
                org=command.actor,
                region=command.region,
                kind=command.kind,
                power_kw_it=command.power_kw_it,
                reason=reason,
            )
        ]
    site = next_id(state, command.actor, "site")
    started = _start(state, site, command.actor, command.region, command, day)
    promised = started[0].due_day
    plan = events.SitePlanned(
        site=site,
        org=command.actor,
        region=command.region,
        kind=command.kind,
        power_kw_it=command.power_kw_it,
        due_day=promised,
    )
    return [plan, *started]


def start_building(state: State, command: commands.StartBuilding, day: int) -> list[Event]:
    """Start another building of an own site."""
    site = state.sites.sites.get(command.site)
    if site is None or site.owner != command.actor:
        return [
            events.SiteRefused(
                org=command.actor,
                region="",
                kind=command.kind,
                power_kw_it=command.power_kw_it,
                reason="not the actor's site",
            )
        ]
    reason = refusal(state, command.actor, site.region, command.kind, command.power_kw_it)
    if reason:
        return [
            events.SiteRefused(
                org=command.actor, region=site.region, kind=command.kind, power_kw_it=command.power_kw_it, reason=reason
            )
        ]
    return list(_start(state, site.name, command.actor, site.region, command, day))


def _start(
    state: State,
    site: str,
    org: str,
    region: str,
    command: commands.PlanSite | commands.StartBuilding,
    day: int,
) -> tuple[events.BuildingStarted, *tuple[Event, ...]]:
    """Promise a building for when its shell is planned to stand and its load is expected to be served."""
    p = state.run.parameters
    building_id, power = next_id(state, site, "building"), command.power_kw_it
    wait = days_of_new(state, region, command.kind, power, command.on_site_power, day)
    if not command.is_firm:
        wait = min(wait, non_firm_days(state, region, power))
    works = planned_days(state, command.kind, building_id, region)
    started = events.BuildingStarted(
        building_id=building_id,
        site=site,
        org=org,
        region=region,
        kind=command.kind,
        on_site_power=command.on_site_power,
        is_firm=command.is_firm,
        power_kw_it=power,
        start_day=day,
        due_day=day + max(works, round(wait)),
        duration_days=None if command.kind == "leased" else works,  # of one leased all of the wait is its developer's
    )
    facility = round(power * p[f"regions.{region}.pue"])
    queued = events.PowerQueued(
        building_id=building_id, site=site, org=org, region=region, power_kw_it=power, power_kw_facility=facility
    )
    if command.kind == "leased":  # its developer pays for it
        return started, queued
    deposit = round(shell_cents(state, power) * p["build.cash_share"])
    paid = PaymentMade(
        org=org, counterparty="world/contractors", amount_usd_cents=deposit, kind="shell deposit",
        contract_id=building_id,
    )  # fmt: skip
    return started, queued, paid


def own_building(state: State, command: commands.PauseBuilding | commands.ResumeBuilding) -> Building | None:
    """The actor's building that a command names, if it is under way."""
    building = state.sites.buildings.get(command.building_id)
    return building if building is not None and building.org == command.actor else None


def _not_so(command: commands.PauseBuilding | commands.ResumeBuilding, reason: SiteRefusal) -> list[Event]:
    return [events.SiteRefused(org=command.actor, region="", kind="next", power_kw_it=0, reason=reason)]


def pause_building(state: State, command: commands.PauseBuilding, day: int) -> list[Event]:
    """Stop work on a building whose shell does not stand yet."""
    building = own_building(state, command)
    if building is None or building.shell_ready or building.paused_day >= 0:
        return _not_so(command, "nothing to pause")
    name = building.building_id
    return [
        events.BuildingPaused(building_id=name, site=building.site, org=building.org, power_kw_it=building.power_kw)
    ]


def resume_building(state: State, command: commands.ResumeBuilding, day: int) -> list[Event]:
    """Go on with a paused building; the pause is added to its promise."""
    building = own_building(state, command)
    if building is None or building.paused_day < 0:
        return _not_so(command, "nothing to resume")
    rested = day - building.paused_day
    return [
        events.BuildingResumed(
            building_id=building.building_id,
            site=building.site,
            org=building.org,
            due_day=max(day + 1, building.due_day + rested),
            duration_days=rested,
        )
    ]


def give_up(state: State, day: int) -> Iterator[Happening]:
    """Give up buildings whose work has rested too long; their deposits are lost."""
    longest = round(7 * state.run.parameters["sites.pause_weeks_max"])
    for building in list(state.sites.buildings.values()):
        if 0 <= building.paused_day <= day - longest:
            event = events.BuildingCancelled(
                building_id=building.building_id,
                site=building.site,
                org=building.org,
                region=building.region,
                power_kw_it=building.power_kw,
                reason="paused too long",
            )
            yield Happening(day, event, building.org, building.building_id)


def due(state: State, first: int, last: int) -> Iterator[Happening]:
    """Shells that stand, and promises that pass unkept, between two days."""
    working = {name: b for name, b in state.sites.buildings.items() if b.paused_day < 0}
    over = shells.over(state, (b for b in working.values() if not b.shell_ready), last)
    done = shells.finished(state, over)
    for name, building in working.items():
        ready = building.shell_ready
        if name in done:
            ready = True
            event = events.ShellReady(
                building_id=building.building_id, site=building.site, org=building.org, power_kw_it=building.power_kw
            )
            yield Happening(max(first, over[name]), event, "world", building.building_id)
        if building.due_day <= last and not (ready and building.granted):
            yield _slipped(state, building, ready, max(first, building.due_day))


def _slipped(state: State, building: Building, ready: bool, day: int) -> Happening:
    """A promise passed: promise again for when the late layer is now expected, a quarter of the plan later at least."""
    p = state.run.parameters
    late = round(max(p["sites.promise_days_min"], p["sites.promise_share"] * building.planned_days))
    reason: LateLayer = "power" if ready else "shell"
    if not building.granted:
        late = max(late, expected_day(state, building, day) - day)
    event = events.BuildingSlipped(
        building_id=building.building_id,
        site=building.site,
        org=building.org,
        due_day=day + late,
        duration_days=day + late - building.promised_day,
        reason=reason,
    )
    return Happening(day, event, "world", building.building_id)


def energise(state: State, day: int) -> Iterator[Happening]:
    """Bring buildings into use that are ready in every layer; say which shells wait for power."""
    p = state.run.parameters
    for building in list(state.sites.buildings.values()):
        if not building.shell_ready:
            continue
        name, site, org, region = building.building_id, building.site, building.org, building.region
        if rng.uniform(state.run.seed, "power held back", name) >= p["sites.power_factor"]:
            continue
        if building.granted:
            kind: PowerSource = "on-site" if building.on_site else "grid" if building.is_firm else "non-firm"
            facility = round(building.power_kw * p[f"regions.{region}.pue"])
            event = events.PowerEnergised(
                building_id=name,
                site=site,
                org=org,
                region=region,
                kind=kind,
                power_kw_it=building.power_kw,
                power_kw_facility=facility,
            )
            yield Happening(day, event, "world", name)
            if building.on_site:
                yield Happening(day, first_permit(state, building, day), "world", name)
            for paid in _last_bills(state, building):
                yield Happening(day, paid, org, name)
        elif not building.wait_said:
            expected = max(day + round(p["sites.promise_days_min"]), expected_day(state, building, day))
            waits = events.ShellWaitsForPower(
                building_id=name, site=site, org=org, region=region, power_kw_it=building.power_kw, due_day=expected
            )
            yield Happening(day, waits, "world", name)


def _last_bills(state: State, building: Building) -> Iterator[PaymentMade]:
    """What is still due for a building that comes into use: the rest of a shell of its own, and own plant."""
    left = 1 - state.run.parameters["build.cash_share"]
    of = {"org": building.org, "counterparty": "world/contractors", "contract_id": building.building_id}
    if building.kind != "leased":
        yield PaymentMade(**of, amount_usd_cents=round(shell_cents(state, building.power_kw) * left), kind="shell")
    if building.on_site:
        yield PaymentMade(**of, amount_usd_cents=plant_cents(state, building.region, building.power_kw), kind="plant")


DECIDE: Deciders = {
    commands.PlanSite: plan_site,
    commands.StartBuilding: start_building,
    commands.PauseBuilding: pause_building,
    commands.ResumeBuilding: resume_building,
}
