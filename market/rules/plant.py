"""Rules of permits for own plant: what may run until when, what is asked for anew, and what stops without it.

The grid is asked for in place of plant that may not run; it takes over when the queue of the region has come so far.

Mobile turbines run for a time under an exemption; other plant has an operating permit. Whoever asks in time runs on
until the authority has decided, as under the US Clean Air Act (40 CFR 70.7).
"""

from __future__ import annotations

from collections.abc import Iterator

from events.commands import sites as commands
from events.kinds import PlantPermitKind
from events.types import Event
from events.types import sites as events
from market import rng
from market.rules.base import Deciders, Happening
from market.rules.power import grid_days, queued_kw
from market.state import State
from market.state.sites import Building, PlantPermit


def first_permit(state: State, building: Building, day: int) -> events.PlantPermitted:
    """The permit under which the plant of a building begins to run: an exemption for turbines that can be moved."""
    kind: PlantPermitKind = "operating" if building.kind == "greenfield" else "temporary"
    return events.PlantPermitted(
        building_id=building.building_id, site=building.site, org=building.org, region=building.region, kind=kind,
        power_kw_it=building.power_kw, end_day=day + _holds_days(state, kind),
    )  # fmt: skip


def _holds_days(state: State, kind: PlantPermitKind) -> int:
    p = state.run.parameters
    return round(p["power.permit_temporary_days" if kind == "temporary" else "power.permit_holds_days"])


def renew(state: State, command: commands.RenewPermit, day: int) -> list[Event]:
    """Ask the authority for an operating permit in place of one that ends or has ended."""
    permit = state.sites.permits.get(command.building_id)
    if permit is None or state.sites.sites[permit.site].owner != command.actor or permit.decided_day >= 0:
        return [
            events.SiteRefused(org=command.actor, region="", kind="next", power_kw_it=0, reason="no permit to renew")
        ]
    due = day + round(state.run.parameters["power.permit_days"])
    return [
        events.PermitSought(
            building_id=permit.building_id, site=permit.site, org=command.actor, region=permit.region,
            power_kw_it=permit.power_kw_it, due_day=due,
        )
    ]  # fmt: skip


def connect(state: State, command: commands.ConnectToGrid, day: int) -> list[Event]:
    """Ask the grid for the load of own plant, once."""
    permit = state.sites.permits.get(command.building_id)
    is_own = permit is not None and state.sites.sites[permit.site].owner == command.actor
    if permit is None or not is_own or permit.building_id in state.sites.buildings:
        return [
            events.SiteRefused(org=command.actor, region="", kind="next", power_kw_it=0, reason="nothing to connect")
        ]
    kw = permit.power_kw_it
    wait = grid_days(state, permit.region, kw + queued_kw(state, state.run.regions[permit.region].queue), day)
    return [
        events.ConnectionSought(
            building_id=permit.building_id, site=permit.site, org=command.actor, region=permit.region, power_kw_it=kw,
            due_day=day + round(wait),
        )
    ]  # fmt: skip


def due(state: State, first: int, last: int) -> Iterator[Happening]:
    """Permits for own plant that are decided on, and plant that stops because its permit ends, between two days."""
    for permit in state.sites.permits.values():
        owner, day = state.sites.sites[permit.site].owner, max(first, permit.decided_day)
        is_open = permit.decided_day >= 0
        if is_open and permit.decided_day <= last:
            is_open = is_granted = _is_granted(state, permit)
            answer = _granted(state, permit, owner, day) if is_granted else _refused(permit, owner)
            yield Happening(day, answer, "world", permit.building_id)
        if not is_open and permit.is_running and permit.end_day <= last:
            yield Happening(max(day, permit.end_day), _stopped(permit, owner), "world", permit.building_id)


def _is_granted(state: State, permit: PlantPermit) -> bool:
    """Whether the authority grants a permit: a draw for each application."""
    u = rng.uniform(state.run.seed, "plant permit", permit.building_id, permit.decided_day)
    return u < state.run.parameters["power.permit_granted_share"]


def _granted(state: State, permit: PlantPermit, owner: str, day: int) -> events.PlantPermitted:
    return events.PlantPermitted(
        building_id=permit.building_id, site=permit.site, org=owner, region=permit.region, kind="operating",
        power_kw_it=permit.power_kw_it, end_day=day + _holds_days(state, "operating"),
    )  # fmt: skip


def _refused(permit: PlantPermit, owner: str) -> events.PermitRefused:
    return events.PermitRefused(
        building_id=permit.building_id, site=permit.site, org=owner, region=permit.region,
        power_kw_it=permit.power_kw_it,
    )  # fmt: skip


def _stopped(permit: PlantPermit, owner: str) -> events.PlantStopped:
    return events.PlantStopped(
        building_id=permit.building_id, site=permit.site, org=owner, region=permit.region,
        power_kw_it=permit.power_kw_it,
    )  # fmt: skip


DECIDE: Deciders = {commands.RenewPermit: renew, commands.ConnectToGrid: connect}
