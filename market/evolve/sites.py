"""How facts of sites change the state."""

from __future__ import annotations

from events.facts import sites as facts
from market.evolve.ids import count
from market.state import State
from market.state.sites import Building, Site


def site_planned(state: State, fact: facts.SitePlanned, day: int) -> None:
    state.sites.sites[fact.site] = Site(fact.site, fact.org, fact.region, fact.kind, fact.power_kw_it, fact.due_day)
    stem, _, number = fact.site.rpartition("/")
    if stem and number.isdigit():
        count(state, fact.site)


def building_started(state: State, fact: facts.BuildingStarted, day: int) -> None:
    count(state, fact.building_id)
    building = state.sites.buildings[fact.building_id] = Building(
        fact.building_id, fact.site, fact.org, fact.region, fact.kind, fact.power_kw_it, fact.start_day, fact.due_day,
        fact.due_day - fact.start_day,
    )  # fmt: skip
    building.on_site = fact.kind.endswith("on-site")


def power_queued(state: State, fact: facts.PowerQueued, day: int) -> None:
    state.run.regions[fact.region].queue.append(fact.building_id)


def power_granted(state: State, fact: facts.PowerGranted, day: int) -> None:
    building = state.sites.buildings[fact.building_id]
    building.granted = True
    region = state.run.regions[fact.region]
    if fact.building_id in region.queue:
        region.queue.remove(fact.building_id)
    if fact.kind == "on-site":
        state.run.on_site_kw += fact.power_kw_it
    elif fact.kind == "grid":
        region.granted_kw += fact.power_kw_it


def building_slipped(state: State, fact: facts.BuildingSlipped, day: int) -> None:
    state.sites.buildings[fact.building_id].due_day = fact.due_day


def shell_ready(state: State, fact: facts.ShellReady, day: int) -> None:
    state.sites.buildings[fact.building_id].shell_ready = True


def shell_waits_for_power(state: State, fact: facts.ShellWaitsForPower, day: int) -> None:
    building = state.sites.buildings[fact.building_id]
    building.wait_said = True
    building.due_day = fact.due_day


def power_energised(state: State, fact: facts.PowerEnergised, day: int) -> None:
    state.sites.sites[fact.site].energised_kw += fact.power_kw_it
    state.sites.buildings.pop(fact.building_id, None)


APPLY = {
    facts.SitePlanned: site_planned,
    facts.BuildingStarted: building_started,
    facts.PowerQueued: power_queued,
    facts.PowerGranted: power_granted,
    facts.BuildingSlipped: building_slipped,
    facts.ShellReady: shell_ready,
    facts.ShellWaitsForPower: shell_waits_for_power,
    facts.PowerEnergised: power_energised,
}
INERT = (facts.SiteRefused,)
