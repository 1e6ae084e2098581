"""Power that a lessor could let: what is free at its sites by a week, beside its own users and what it has signed."""

from __future__ import annotations

import math
from typing import NamedTuple

from agents.means import best_chip
from agents.valuation import once
from market.units import YEAR_WEEKS
from market.view import MarketView


class Room(NamedTuple):
    """Power at an own site: free today beside what is promised, to come with each building, and the site's part of all.

    free_kw : energised, neither in use nor promised under leases and contracts
    coming : day and kW of each building under way, by day
    share : part of the org's power, standing and under way, that is here
    """

    site: str
    region: str
    free_kw: float
    coming: tuple[tuple[int, int], ...]
    share: float

    def weeks_until(self, view: MarketView, kw: float) -> float | None:
        """Weeks until so much is free, building after building; None when it never will be as planned.

        What own users and those who rent by the hour will take by then comes first.
        """
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
    coming: dict[str, list[tuple[int, str, int]]] = {site.name: [] for site in view.sites()}
    for b in view.buildings():
        coming[b.site].append((b.due_day, b.building_id, b.power_kw))
    power = {s.name: s.energised_kw + sum(kw for _, _, kw in coming[s.name]) for s in view.sites()}
    total, signed = sum(power.values()), contracted_kw(view)
    return tuple(
        Room(
            site.name,
            site.region,
            site.spare_w / 1000 - view.promised_kw(site.name) - signed[site.name],
            tuple((due, kw) for due, _, kw in sorted(coming[site.name])),
            power[site.name] / total if total else 1.0,
        )
        for site in view.sites()
    )


def needed_kw(view: MarketView, weeks: float) -> float:
    """Power that own users, the tail and the labs that the org backs will take beyond today's so many weeks ahead.

    Chips on their way are included. A lab that the org backs is believed to grow as its own users do.
    """
    chip = best_chip(view)
    if chip is None:
        return view.pending_kw()
    more = max(0.0, view.users_h100e(weeks) - view.users_h100e(0.0))
    more += backed_h100e(view) * math.expm1(max(0.0, view.memory_of_growth()) * weeks / YEAR_WEEKS)
    return max(view.pending_kw(), more / chip.h100e * chip.power_kw_it_per_gpu)


@once
def backed_h100e(view: MarketView) -> float:
    """Compute of the labs whose largest backer in return for their custom the org is."""
    return sum(view.fleet_of(lab) for lab in view.labs() if view.compute_backer(lab) == view.me)


def contracted_kw(view: MarketView) -> dict[str, float]:
    """Power that contracts have yet to draw at each own site: at theirs, or shared among those of their region."""
    found = {site.name: 0.0 for site in view.sites()}
    for contract in view.contracts():
        if contract.lessor == view.me:
            places = [s.name for s in view.sites() if contract.site in (s.name, "") and s.region == contract.region]
            for name in places:
                found[name] += contract.undrawn * view.chip(contract.chip).power_kw_it_per_gpu / len(places)
    return found
