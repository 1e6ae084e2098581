"""Where and how a lessor would serve a request for capacity: power that stands, new land, halls, developers' shells.

The soonest place is offered. What comes as soon in many places is built where it costs least.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from agents import means, owning, permission
from agents.means import Build, build_of
from agents.options import present
from agents.rooms import rooms, spoken_for_kw
from agents.valuation import tie
from events.terms import LeaseTerms
from market.rng import gumbel
from market.view import Chip, MarketView, Request, Site


class Plan(NamedTuple):
    """Where and how a lessor would serve a request, and from which week."""

    site: str  # empty: to be built
    build: Build | None
    region: str
    weeks: float

    @property
    def works(self) -> Build:
        """What is built for it; power that stands is made good by new land there."""
        return self.build or build_of("greenfield", self.region, False)


def standing_plans(view: MarketView, lead: float, kw: float, sites: Sequence[Site]) -> Iterator[Plan]:
    """Power that stands or is promised at some of the own sites, with its wait, at least that for the chips."""
    at = {site.name for site in sites}
    for room in rooms(view):
        weeks = room.weeks_until(view, kw) if room.site in at else None
        if weeks is not None:
            yield Plan(room.site, None, room.region, max(lead, weeks))


def plans(view: MarketView, lead: float, kw: float, places: tuple[Sequence[str], Sequence[Site]]) -> Iterator[Plan]:
    """Another building of an own campus, a new site, a developer's shell where the org may build: each with its wait.

    places : those regions, and sites that can take the building. What its own users and the labs that it backs lack has
    asked for power first, at each site its part.
    """
    (regions, sites), first, is_tenant = places, spoken_for_kw(view), means.has_tenants_credit(view)
    plant_weeks = means.power_weeks(view, build_of("greenfield", regions[0], True), kw) if regions else 0.0
    for region in regions:
        asked, apart = kw + first.get(region, 0.0), max(lead, means.shell_weeks(view, "greenfield", region))
        campus = permission.main_site(view, (site for site in sites if site.region == region))
        if campus is not None:
            build, beside = build_of("brownfield", region, False), max(lead, means.shell_weeks(view, "next", region))
            yield Plan(campus.name, build, region, max(beside, means.power_weeks(view, build, asked)))
        build = build_of("greenfield", region, False)
        weeks, alone = max(apart, means.power_weeks(view, build, asked)), max(apart, plant_weeks)
        yield Plan("", build, region, weeks)
        if alone < weeks:  # makers of own plant have one queue
            yield Plan("", build_of("greenfield", region, True), region, alone)
        if is_tenant:
            build, ready = build_of("leased", region, False), max(lead, means.shell_weeks(view, "leased", region))
            yield Plan("", build, region, max(ready, means.power_weeks(view, build, kw)))


def at_wish(view: MarketView, chip: Chip, gpus: int, region: str) -> Plan | None:
    """The lessee's own place, in the hall that it has in view: on the grid, for a cloud brings no turbines."""
    if region not in view.home_regions():
        return None
    build, kw = build_of("brownfield", region, False), gpus * chip.power_kw_it_per_gpu
    power = means.power_weeks(view, build, kw)
    shell = means.shell_weeks(view, "brownfield", region)
    if power > shell or not permission.to_build(view, region, "brownfield", kw, on_site=False).is_worth_asking:
        return None
    return Plan("", build, region, max(means.chip_weeks(view, chip), shell))


def place_for(view: MarketView, chip: Chip, gpus: int, request: Request) -> Plan | None:
    """The place where the lessee wants it if there is power, else own power that is free in time, else the soonest."""
    wish = at_wish(view, chip, gpus, request.region) if request.region else None
    if wish is not None:
        return wish
    lead, kw, due = means.chip_weeks(view, chip), gpus * chip.power_kw_it_per_gpu, (request.due_day - view.day) / 7
    sites = [site for site in view.sites() if not request.chip or means.holds(view, site, kw)]
    standing = list(standing_plans(view, lead, kw, sites))
    in_time = [plan for plan in standing if plan.weeks <= due]
    if in_time:
        return soonest(view, (chip, gpus, request), in_time)
    regions = permission.open_regions(view, sorted(view.home_regions()), kw)
    return soonest(view, (chip, gpus, request), [*standing, *plans(view, lead, kw, (regions, sites))])


def soonest(view: MarketView, asked: tuple[Chip, int, Request], found: Sequence[Plan]) -> Plan | None:
    """The soonest of several plans; of those of one week the best place by what it costs, where the org is, and noise.

    Plant of its own comes as soon in every region, and power that stands as soon as the chips.
    """
    first = min((plan.weeks for plan in found), default=0.0)
    ties = [plan for plan in found if plan.weeks == first]
    if len(ties) < 2:
        return next(iter(ties), None)
    chip, gpus, request = asked
    away, scale = view.param("choice.presence_weight"), view.param("decision.noise")

    def merit(plan: Plan) -> tuple[float, bool, float]:
        unseen = gumbel(view.draws.uniform("place", f"{request.lessee} {plan.region}"), scale)
        seen = -math.log(own_usd(view, chip, gpus, plan)) - away * (plan.region not in present(view))
        return seen + unseen, plan.build is None, tie(view, f"{plan.region} {plan.site}")

    return max(ties, key=merit)


def place_of(view: MarketView, terms: LeaseTerms, wish: str) -> Plan:
    """How the terms of an offer would be served today: at the site named, in the lessee's own hall, else the soonest.

    wish : region of the lessee's own place
    """
    if terms.site:
        return Plan(terms.site, None, terms.region, 0.0)
    chip, gpus = view.chip(terms.chip), terms.gpus
    hall = at_wish(view, chip, gpus, wish) if wish == terms.region else None
    if hall is not None:
        return hall
    found = plans(view, means.chip_weeks(view, chip), gpus * chip.power_kw_it_per_gpu, ((terms.region,), ()))
    return min(found, key=lambda plan: (plan.weeks, own_usd(view, chip, gpus, plan)))


def own_usd(view: MarketView, chip: Chip, gpus: int, plan: Plan) -> float:
    """What an hour of a GPU costs who builds for it by a plan, with capital at the rate of a contract, USD."""
    bill, rate = means.bill_usd(view, chip, gpus, plan.works), owning.capital_rate(view, is_contracted=True)
    place = owning.Place(plan.region, float(plan.works.on_site))
    own = owning.owning_usd(view, bill, (chip, gpus), place, rate) * chip.h100e
    return own + means.shell_rent_usd(view, plan.works, chip.power_kw_it_per_gpu)
