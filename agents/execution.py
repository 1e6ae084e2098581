"""What a decision on a fleet makes an org do: begin a building."""

from __future__ import annotations

import math

from agents.decision import Option
from agents.permission import site_for
from events.commands import Choice, Command
from events.commands.sites import PlanSite, StartBuilding
from events.kinds import BuildingKind
from market.view import MarketView, Site


def begin(
    view: MarketView, option: Option, kw: float, because: str, why: Choice | None, *, site: Site | None = None
) -> Command:
    """Begin a building of a fleet: at a site, at the org's own site in the region, else at a new one."""
    kind = option.site_kind
    site = site_for(view, kind, option.region, site)
    if site is None:
        return PlanSite(
            actor=view.me, because=because, region=option.region, kind=kind, power_kw_it=math.floor(kw),
            on_site_power=option.on_site_power, is_firm=option.is_firm, why=why,
        )  # fmt: skip
    follow: BuildingKind = "next" if site.kind != "pool" and site.energised_kw and kind == "brownfield" else kind
    return StartBuilding(
        actor=view.me, because=because, site=site.name, kind=follow, power_kw_it=math.floor(kw),
        on_site_power=option.on_site_power, is_firm=option.is_firm, why=why,
    )  # fmt: skip
