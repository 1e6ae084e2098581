"""Duties of a region's loads: hours in which they are switched off, and power that is paid for whether used or not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from events.types import sites as events
from events.types.training import TrainingReplanned
from market.rules.base import Happening, holdings_of
from market.rules.training import flop_left
from market.state import State
from market.state.sites import Site
from market.units import HOURS_PER_DAY, HOURS_PER_YEAR, MONTH_WEEKS, YEAR_WEEKS, digits


def curtailment_hours(state: State, region: str) -> float:
    """Hours a year in which the loads of a region are switched off."""
    return state.run.parameters.get(f"regions.{region}.curtailment_hours_per_year", 0.0)


def non_firm_hours(state: State, region: str) -> float:
    """Hours a year in which a region switches off the loads that it serves only as far as it can."""
    return state.run.parameters.get(f"regions.{region}.non_firm_hours_per_year", 0.0)


def hours_off(state: State, site: Site) -> float:
    """Hours a year in which a site's load is off, all at most.

    Those of its region; those of a grid that is not firm, of GPUs that firm power does not carry; all, of GPUs that
    nothing but plant without a permit would carry.
    """
    still = site.stopped_share
    more = site.still_share(min(site.energised_kw, site.stopped_kw + site.non_firm_kw)) - still
    hours = (1 - still) * curtailment_hours(state, site.region) + more * non_firm_hours(state, site.region)
    return still * HOURS_PER_YEAR + min((1 - still) * HOURS_PER_YEAR, hours)


def minimum_take_share(state: State, region: str) -> float:
    """Part of the grid's power that a site pays for whether it uses it or not."""
    return state.run.parameters.get(f"regions.{region}.minimum_take_share", 0.0)


def drawn_share(state: State, site: Site) -> float:
    """Part of the hours in which what runs at a site draws power: all but those in which its load is switched off."""
    running = HOURS_PER_YEAR * (1 - site.stopped_share)
    return (HOURS_PER_YEAR - hours_off(state, site)) / running if running else 0.0


def billed_w(state: State, site: Site) -> float:
    """IT power for whose energy a site pays the grid, in watts: none of what own plant feeds or what is off."""
    drawn = site.grid_w * drawn_share(state, site)
    return max(drawn, minimum_take_share(state, site.region) * site.grid_kw * 1000)


def fuelled_w(state: State, site: Site) -> float:
    """IT power for whose fuel a site pays, in watts: own plant burns none while the load is switched off."""
    return site.plant_w * drawn_share(state, site)


def curtail(state: State, day: int) -> Iterator[Happening]:
    """Switch loads off for a month's part of what is due; runs there end later by as much."""
    hours = {name: hours_off(state, site) for name, site in state.sites.sites.items()}
    for name, site in state.sites.sites.items():
        if hours[name] > 0 and site.installed_w > 0:
            event = events.LoadCurtailed(
                site=name, org=site.owner, region=site.region, power_kw_it=site.installed_w // 1000,
                share=digits(hours[name] / HOURS_PER_YEAR),
            )  # fmt: skip
            yield Happening(day, event, "world", name)
    for run in list(state.training.runs.values()):
        lost = _days_lost(hours[run.site], state.run.week + 1)
        if lost > 0:
            later = TrainingReplanned(
                run_id=run.run_id, org=run.org, gpus=run.gpus, flop=digits(flop_left(state, run, day)), mfu=run.mfu,
                goodput=run.goodput, plan="", due_day=run.due_day + lost, reason="curtailed",
            )  # fmt: skip
            yield Happening(day, later, run.org, run.run_id)


def _days_lost(hours: float, week: int) -> int:
    """Whole days of a month's curtailment: over a year their sum is right to a day."""
    daily = hours / YEAR_WEEKS / HOURS_PER_DAY
    return int(daily * week) - int(daily * (week - MONTH_WEEKS))


def usable(state: State, fleets: Mapping[str, float]) -> Mapping[str, float]:
    """H100e of orgs, less what curtailment takes of them over a year."""
    told = any(curtailment_hours(state, region) or non_firm_hours(state, region) for region in state.run.regions)
    if not told and all(permit.is_running for permit in state.sites.permits.values()):
        return fleets
    lost = {name: hours_off(state, site) / HOURS_PER_YEAR for name, site in state.sites.sites.items()}
    found = dict(fleets)
    for org in found:
        for holding in holdings_of(state, org):
            found[org] -= lost[holding.site] * holding.held * state.chips.chips[holding.chip].h100e
    return found
