"""How events of sites change the state."""

from __future__ import annotations

from events.types import sites as events
from market.evolve.ids import count, drop, enter
from market.state import State
from market.state.sites import Building, PlantPermit, Site, Tariff, works_kw


def site_planned(state: State, event: events.SitePlanned, day: int) -> None:
    state.sites.sites[event.site] = Site(
        event.site, event.org, event.region, event.kind, event.power_kw_it, event.due_day
    )
    stem, _, number = event.site.rpartition("/")
    if stem and number.isdigit():
        count(state, event.site)


def building_started(state: State, event: events.BuildingStarted, day: int) -> None:
    count(state, event.building_id)
    enter(state.index.buildings, event.site, event.building_id)
    state.sites.buildings[event.building_id] = Building(
        event.building_id, event.site, event.org, event.region, event.kind, event.power_kw_it, event.start_day,
        event.due_day, event.due_day - event.start_day if event.duration_days is None else event.duration_days,
        event.due_day, on_site=event.on_site_power, is_firm=event.is_firm,
    )  # fmt: skip
    if event.kind == "leased":
        state.run.regions[event.region].leased_kw += event.power_kw_it


def power_queued(state: State, event: events.PowerQueued, day: int) -> None:
    state.run.regions[event.region].queue.append(event.building_id)


def power_granted(state: State, event: events.PowerGranted, day: int) -> None:
    building = state.sites.buildings[event.building_id]
    building.granted = True
    region = state.run.regions[event.region]
    if event.building_id in region.queue:
        region.queue.remove(event.building_id)
    if event.kind == "on-site":
        state.run.plant_kw -= event.power_kw_it
    elif event.kind == "grid":
        region.granted_kw += event.power_kw_it
        building.is_firm = True
    elif event.kind == "non-firm":
        region.non_firm_kw += event.power_kw_it


def building_slipped(state: State, event: events.BuildingSlipped, day: int) -> None:
    state.sites.buildings[event.building_id].due_day = event.due_day


def building_paused(state: State, event: events.BuildingPaused, day: int) -> None:
    state.sites.buildings[event.building_id].paused_day = day


def building_resumed(state: State, event: events.BuildingResumed, day: int) -> None:
    building = state.sites.buildings[event.building_id]
    building.paused_day, building.due_day = -1, event.due_day
    building.rested_days += event.duration_days


def building_cancelled(state: State, event: events.BuildingCancelled, day: int) -> None:
    building = state.sites.buildings.pop(event.building_id)
    drop(state.index.buildings, building.site, event.building_id)
    region = state.run.regions[event.region]
    if event.building_id in region.queue:
        region.queue.remove(event.building_id)
    if building.kind == "leased":
        region.leased_kw -= building.power_kw
    if building.granted:
        _give_back(state, building)


def _give_back(state: State, building: Building) -> None:
    """Leave the power of a building to those who wait: its plant to makers, its connection to the region."""
    region = state.run.regions[building.region]
    if building.on_site:
        state.run.plant_kw += building.power_kw
    elif building.is_firm:
        region.granted_kw -= building.power_kw
    else:
        region.non_firm_kw -= building.power_kw


def shell_ready(state: State, event: events.ShellReady, day: int) -> None:
    building = state.sites.buildings[event.building_id]
    building.shell_ready = True
    if "shells" in state.chips.inputs:
        hall_share = state.run.parameters.get("sites.hall_works_share", 1.0)  # logs of before this parameter: the whole
        state.sites.shell_hands_kw -= works_kw(building, hall_share)


def shell_waits_for_power(state: State, event: events.ShellWaitsForPower, day: int) -> None:
    building = state.sites.buildings[event.building_id]
    building.wait_said = True
    building.due_day = event.due_day


def power_energised(state: State, event: events.PowerEnergised, day: int) -> None:
    site = state.sites.sites[event.site]
    site.energised_kw += event.power_kw_it
    site.non_firm_kw += event.power_kw_it if event.kind == "non-firm" else 0
    site.plant_kw += event.power_kw_it if event.kind == "on-site" else 0
    site.leased_kw += event.power_kw_it if event.kind == "leased" else 0
    building = state.sites.buildings.pop(event.building_id, None)
    if building is not None:
        drop(state.index.buildings, building.site, event.building_id)
        site.leased_kw += building.power_kw if building.kind == "leased" else 0


def plant_permitted(state: State, event: events.PlantPermitted, day: int) -> None:
    before = state.sites.permits.get(event.building_id)
    if before is not None and not before.is_running:
        state.sites.sites[event.site].stopped_kw -= event.power_kw_it
    state.sites.permits[event.building_id] = PlantPermit(
        event.building_id, event.site, event.region, event.kind, event.power_kw_it, event.end_day
    )


def permit_sought(state: State, event: events.PermitSought, day: int) -> None:
    state.sites.permits[event.building_id].decided_day = event.due_day


def permit_refused(state: State, event: events.PermitRefused, day: int) -> None:
    state.sites.permits[event.building_id].decided_day = -1


def plant_stopped(state: State, event: events.PlantStopped, day: int) -> None:
    state.sites.permits[event.building_id].is_running = False
    state.sites.sites[event.site].stopped_kw += event.power_kw_it


def connection_sought(state: State, event: events.ConnectionSought, day: int) -> None:
    """Queue a hall that stands already, under the id of its plant."""
    state.sites.buildings[event.building_id] = Building(
        event.building_id, event.site, event.org, event.region, "next", event.power_kw_it, day, event.due_day,
        0, event.due_day, shell_ready=True, wait_said=True,
    )  # fmt: skip
    enter(state.index.buildings, event.site, event.building_id)
    state.run.regions[event.region].queue.append(event.building_id)


def grid_connected(state: State, event: events.GridConnected, day: int) -> None:
    region = state.run.regions[event.region]
    region.queue.remove(event.building_id)
    region.granted_kw += event.power_kw_it
    building = state.sites.buildings.pop(event.building_id)
    drop(state.index.buildings, building.site, event.building_id)
    permit, site = state.sites.permits.pop(event.building_id), state.sites.sites[event.site]
    site.plant_kw -= event.power_kw_it
    if not permit.is_running:
        site.stopped_kw -= event.power_kw_it


def energy_priced(state: State, event: events.EnergyPriced, day: int) -> None:
    known = state.sites.tariffs.get(event.region)
    start_kw = known.start_kw if known else event.power_kw_it
    state.sites.tariffs[event.region] = Tariff(start_kw, event.value)


def capacity_cleared(state: State, event: events.CapacityCleared, day: int) -> None:
    state.sites.capacity[event.start_day] = event.value


APPLY = {
    events.EnergyPriced: energy_priced,
    events.CapacityCleared: capacity_cleared,
    events.SitePlanned: site_planned,
    events.BuildingStarted: building_started,
    events.PowerQueued: power_queued,
    events.PowerGranted: power_granted,
    events.BuildingSlipped: building_slipped,
    events.BuildingPaused: building_paused,
    events.BuildingResumed: building_resumed,
    events.BuildingCancelled: building_cancelled,
    events.ShellReady: shell_ready,
    events.ShellWaitsForPower: shell_waits_for_power,
    events.PowerEnergised: power_energised,
    events.PlantPermitted: plant_permitted,
    events.PermitSought: permit_sought,
    events.PermitRefused: permit_refused,
    events.PlantStopped: plant_stopped,
    events.ConnectionSought: connection_sought,
    events.GridConnected: grid_connected,
}
INERT = (events.LoadCurtailed, events.SiteRefused)
