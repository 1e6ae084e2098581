"""Commands about sites."""

from __future__ import annotations

from events.commands.base import Command
from events.kinds import BuildingKind, NewSiteKind


class PlanSite(Command, frozen=True, kw_only=True):
    """Announce a site and start its first building. `kind`: brownfield, greenfield or leased.

    Power that is not firm comes sooner and may be switched off.
    """

    region: str
    kind: NewSiteKind
    power_kw_it: int
    on_site_power: bool = False
    is_firm: bool = True


class PauseBuilding(Command, frozen=True, kw_only=True):
    """Stop work on an own building whose shell does not stand; what was paid is not refunded."""

    building_id: str


class ResumeBuilding(Command, frozen=True, kw_only=True):
    """Go on with a paused building."""

    building_id: str


class RenewPermit(Command, frozen=True, kw_only=True):
    """Ask for an operating permit for own plant of a building in use, in place of one that ends or has ended."""

    building_id: str


class ConnectToGrid(Command, frozen=True, kw_only=True):
    """Ask the grid for what own plant of a building in use feeds, or fed; the plant gives way once it is connected."""

    building_id: str


class StartBuilding(Command, frozen=True, kw_only=True):
    """Start another building of an own site. `kind`: brownfield, greenfield, next or leased."""

    site: str
    kind: BuildingKind
    power_kw_it: int
    on_site_power: bool = False
    is_firm: bool = True
