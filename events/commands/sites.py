"""Commands about sites."""

from __future__ import annotations

from events.commands.base import Command


class PlanSite(Command, frozen=True, kw_only=True):
    """Announce a site and start its first building. `kind`: brownfield, greenfield or pool."""

    region: str
    kind: str
    power_kw_it: int
    on_site_power: bool = False


class StartBuilding(Command, frozen=True, kw_only=True):
    """Start another building of an own site. `kind`: brownfield, greenfield or next."""

    site: str
    kind: str
    power_kw_it: int
    on_site_power: bool = False
