"""Events of sites: plans, buildings, slips, the interconnection queue, energised power."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from events.kinds import BuildingKind, GivenUp, LateLayer, PlantPermitKind, PowerSource, SiteKind, SiteRefusal
from events.types.base import Event


class SitePlanned(Event, frozen=True, kw_only=True):
    """An org announces a site; `kind` is brownfield, greenfield, leased or pool (many leased shells)."""

    subject: ClassVar[str] = "site"
    site: str
    org: str
    region: str
    kind: SiteKind
    power_kw_it: int
    due_day: int


class SiteRefused(Event, frozen=True, kw_only=True):
    """A site or building may not go ahead."""

    org: str
    region: str
    kind: BuildingKind
    power_kw_it: int
    reason: SiteRefusal


class BuildingStarted(Event, frozen=True, kw_only=True):
    """Work on a building begins; it is promised for `due_day`. `on_site_power`: it makes its own power.

    `duration_days` : planned for its works; None where they end with the promise, else power is promised for later.
    Without `is_firm` it is connected sooner where a region has room for loads that it may switch off.
    """

    # version 1 said own power in `kind`, 2 did not know service that is not firm, 3 told works and power in one
    version: ClassVar[int] = 4
    subject: ClassVar[str] = "building_id"
    building_id: str
    site: str
    org: str
    region: str
    kind: BuildingKind
    on_site_power: bool = False
    is_firm: bool = True
    power_kw_it: int
    start_day: int
    due_day: int
    duration_days: int | None = None


class PowerOfBuilding(msgspec.Struct, frozen=True, kw_only=True):
    """The power of one building: what an event of it is about."""

    subject: ClassVar[str] = "building_id"
    building_id: str
    site: str
    org: str
    region: str
    power_kw_it: int


class PowerQueued(PowerOfBuilding, Event, frozen=True, kw_only=True):
    """A building's load enters the interconnection queue of its region."""

    power_kw_facility: int


class PowerGranted(Event, frozen=True, kw_only=True):
    """The queue reached a building: the grid will serve it from `due_day`; `kind` is grid, non-firm or on-site."""

    subject: ClassVar[str] = "building_id"
    building_id: str
    site: str
    org: str
    region: str
    kind: PowerSource
    power_kw_it: int
    due_day: int


class LoadCurtailed(Event, frozen=True, kw_only=True):
    """A site's load is switched off for a part (`share`) of four weeks."""

    periodic: ClassVar[bool] = True
    site: str
    org: str
    region: str
    power_kw_it: int
    share: float


class BuildingSlipped(Event, frozen=True, kw_only=True):
    """A building will not be ready when promised; `reason` is the layer that is late."""

    subject: ClassVar[str] = "building_id"
    building_id: str
    site: str
    org: str
    due_day: int
    duration_days: int
    reason: LateLayer


class BuildingPaused(Event, frozen=True, kw_only=True):
    """Its owner stops work on a building; its place in the interconnection queue stays."""

    subject: ClassVar[str] = "building_id"
    building_id: str
    site: str
    org: str
    power_kw_it: int


class BuildingResumed(Event, frozen=True, kw_only=True):
    """Work on a paused building goes on; the pause of `duration_days` moves its promise to `due_day`."""

    subject: ClassVar[str] = "building_id"
    building_id: str
    site: str
    org: str
    due_day: int
    duration_days: int


class BuildingCancelled(PowerOfBuilding, Event, frozen=True, kw_only=True):
    """A building is given up: its deposit is lost, and it leaves the interconnection queue."""

    reason: GivenUp


class ShellReady(Event, frozen=True, kw_only=True):
    """Shell and cooling of a building stand."""

    subject: ClassVar[str] = "building_id"
    building_id: str
    site: str
    org: str
    power_kw_it: int


class ShellWaitsForPower(PowerOfBuilding, Event, frozen=True, kw_only=True):
    """A finished shell has no power yet; the queue promises `due_day`."""

    due_day: int


class PowerEnergised(Event, frozen=True, kw_only=True):
    """A building is ready in every layer and its IT power may be used."""

    subject: ClassVar[str] = "building_id"
    building_id: str
    site: str
    org: str
    region: str
    kind: PowerSource
    power_kw_it: int
    power_kw_facility: int


class PlantPermitted(Event, frozen=True, kw_only=True):
    """Own plant of a building may run, or run again, until `end_day`; `kind` is temporary or operating."""

    subject: ClassVar[str] = "building_id"
    building_id: str
    site: str
    org: str
    region: str
    kind: PlantPermitKind
    power_kw_it: int
    end_day: int


class PermitSought(PowerOfBuilding, Event, frozen=True, kw_only=True):
    """The owner of a plant asks for an operating permit, decided on `due_day`; until then the plant runs on."""

    due_day: int


class PermitRefused(PowerOfBuilding, Event, frozen=True, kw_only=True):
    """A plant gets no operating permit: it runs until the one that it has ends, and may be asked for again."""


class PlantStopped(PowerOfBuilding, Event, frozen=True, kw_only=True):
    """The permit of a plant has ended: what it fed is off until there is another."""


class ConnectionSought(PowerOfBuilding, Event, frozen=True, kw_only=True):
    """What own plant feeds enters the queue for the grid of its region; it can be served from `due_day`."""

    due_day: int


class GridConnected(PowerOfBuilding, Event, frozen=True, kw_only=True):
    """The queue reached what own plant fed: the grid serves it from now on, and the plant needs no permit any more."""


class EnergyPriced(Event, frozen=True, kw_only=True):
    """What energy costs in a region whose grid feeds `power_kw_it`: `value` is its price over that of the start."""

    subject: ClassVar[str] = "region"
    region: str
    value: float
    power_kw_it: int


class CapacityCleared(Event, frozen=True, kw_only=True):
    """An auction of generating capacity cleared: `value` USD per MW and day for the year of delivery from `start_day`.

    `power_kw_facility` is the load of data centres that it reckons with beyond that of the start of the run.
    """

    value: float
    start_day: int
    power_kw_facility: int
