"""Power that a lessor could let: what is free at its sites by a week, beside its own users and what it has signed."""

from __future__ import annotations

import math
from typing import NamedTuple

from agents.amounts import greenfield_weeks
from agents.means import best_chip
from agents.resources import coming_kw
from agents.targets import believed_years
from agents.valuation import once
from market.view import MarketView


class Room(NamedTuple):
    """Power at an own site: free today beside what is promised, to come with each building, and the site's part of all.

    free_kw : energised, neither in use nor promised under leases and contracts
    coming : day and kW of each building, by day; paused work is taken up when it is let
    share : part of the org's power, standing and under way, that is here
    """

    site: str
    region: str
    free_kw: float
    coming: tuple[tuple[int, int], ...]
    share: float

    def weeks_until(self, view: MarketView, kw: float) -> float | None:
        """Weeks until so much is free, building after building; None when it never will be as planned.

        What own users and the labs that the org backs will take comes first, by then and until new land could serve
        them, for it is let for years; who rents by the hour does not.
        """
        last = self.free_kw + sum(power for _, power in self.coming)
        if last - needed_kw(view, greenfield_weeks(view)) * self.share < kw:
            return None
        room = self.free_kw
        for due, power in ((view.day, 0), *self.coming):
            room += power
            weeks = max(0.0, (due - view.day) / 7)
            if room >= kw and room - needed_kw(view, weeks) * self.share >= kw:
                return weeks
        return None


@once
def rooms(view: MarketView) -> tuple[Room, ...]:
    """Power at all own sites."""
    coming = {site.name: coming_kw(view, site) for site in view.sites()}
    power = {s.name: s.running_kw + sum(kw for _, kw in coming[s.name]) for s in view.sites()}
    total, signed = sum(power.values()), contracted_kw(view)
    return tuple(
        Room(
            site.name,
            site.region,
            site.spare_w / 1000 - view.promised_kw(site.name) - signed[site.name],
            tuple(coming[site.name]),
            power[site.name] / total if total else 1.0,
        )
        for site in view.sites()
    )


def needed_kw(view: MarketView, weeks: float) -> float:
    """Power that is spoken for beyond today's so many weeks ahead, at least that of all chips on their way.

    Own users, and the labs that it backs, by the growth that they report to it. Who rents by the hour, or for a year
    once there is something to rent, has no claim.
    """
    chip = best_chip(view)
    if chip is None:
        return view.pending_kw()
    own, backed = today_h100e(view)
    more = max(0.0, view.own_users_h100e(weeks) - own)
    more += backed_h100e(view, weeks) - backed
    return max(view.pending_kw(), more / chip.h100e * chip.power_kw_it_per_gpu)


@once
def today_h100e(view: MarketView) -> tuple[float, float]:
    """Compute that own users want today, and the labs that the org backs."""
    return view.own_users_h100e(0.0), backed_h100e(view, 0.0)


@once
def lacking_kw(view: MarketView) -> float:
    """Power for own users and backed labs that neither stands nor is under way, as far ahead as new land takes."""
    coming = sum(room.free_kw + sum(kw for _, kw in room.coming) for room in rooms(view))
    return max(0.0, needed_kw(view, greenfield_weeks(view)) - coming)


@once
def spoken_for_kw(view: MarketView) -> dict[str, float]:
    """Power that own users and backed labs lack, by region."""
    first = dict[str, float]()
    for room in rooms(view):
        first[room.region] = first.get(room.region, 0.0) + room.share * lacking_kw(view)
    return first


def backed_h100e(view: MarketView, weeks: float) -> float:
    """Compute that the labs will want whose largest backer in return for their custom the org is.

    Their growth is believed as far as labs believe in their own, less of it the further ahead.
    """
    years = believed_years(view, weeks)
    return math.fsum(h100e * math.exp(growth * years) for h100e, growth in _backed(view))


@once
def _backed(view: MarketView) -> tuple[tuple[float, float], ...]:
    """Compute of each such lab, and the growth a year that is believed of it."""
    most = view.param("labs.belief_max_per_year")
    labs = view.backed_labs(view.me)
    return tuple((view.fleet_of(lab), min(view.growth_of(lab), most)) for lab in labs)


def contracted_kw(view: MarketView) -> dict[str, float]:
    """Power that contracts have yet to draw at each own site: at theirs, or shared among those of their region."""
    found = {site.name: 0.0 for site in view.sites()}
    for contract in view.contracts():
        if contract.lessor == view.me:
            places = [s.name for s in view.sites() if contract.site in (s.name, "") and s.region == contract.region]
            for name in places:
                found[name] += contract.undrawn * view.chip(contract.chip).power_kw_it_per_gpu / len(places)
    return found
