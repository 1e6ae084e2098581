"""Where and when a builder starts shells: what power it needs, what it can pay, in which region, on whose power."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from agents import permission
from agents.buyers import finance_usd_per_year, margin, offers, once, rented_h100e, target_h100e, wish_usd_per_year
from agents.resources import buildable_kw, installed_kw, trusted_kw
from agents.valuation import choose, is_my_week, price_term
from events.commands import Command, Terms
from events.commands.sites import PauseBuilding, PlanSite, ResumeBuilding, StartBuilding
from events.kinds import BuildingKind, NewSiteKind
from market.rng import Draws
from market.units import DAYS_PER_YEAR, HOURS_PER_YEAR, MONTH_WEEKS, QUARTER_WEEKS, YEAR_WEEKS, annuity, clip
from market.view import MarketView

OWN_PLANT = "own plant"  # the queue that all regions share


def works(view: MarketView, draws: Draws) -> Iterator[Command]:
    """Pause and take up work once a month; start buildings once a quarter."""
    if not view.books.budget_usd_per_year:
        return
    if is_my_week(view, MONTH_WEEKS):
        yield from pauses(view)
    if is_my_week(view, QUARTER_WEEKS):
        yield from buildings(view, draws)


def chips_gate(view: MarketView) -> float:
    """Part of its wish for shells that a builder starts: none while those under way wait for chips of the next year."""
    p = view.param
    best = max(offers(view), key=lambda item: item[1].score, default=None)
    if best is None:
        return 0.0
    chip = view.chip(best[0])
    power = view.pending_kw() + installed_kw(view)
    usd = p("orders.fraction") * min(wish_usd_per_year(view), finance_usd_per_year(view) / p("finance.bill_factor"))
    power += usd / chip.price_usd_per_gpu * chip.power_kw_it_per_gpu
    ready = trusted_kw(view, YEAR_WEEKS)
    return clip((p("sites.chips_ahead") * power - ready) / (p("sites.chips_band") * max(1.0, power)), 0.0, 1.0)


def power_needed_kw(view: MarketView) -> float:
    """IT power that the org foresees a greenfield's time from now: its fleet, and new chips up to its target."""
    p = view.param
    best = max(offers(view), key=lambda item: item[1].score, default=None)
    installed = installed_kw(view)
    if best is None:
        return installed
    chip = view.chip(best[0])
    weeks = p("sites.start_lead_share") * p("sites.greenfield_days") * p("sites.slip_median") / 7
    owned = sum(h.owned * view.chip(h.chip).h100e for h in view.holdings())
    new = max(0.0, target_h100e(view, weeks) - owned - rented_h100e(view))
    return installed + new / chip.h100e * chip.power_kw_it_per_gpu


def power_gap_kw(view: MarketView) -> float:
    """IT power that the org would start now: its part of what is foreseen over what stands and is under way."""
    p = view.param
    ready = sum(site.energised_kw for site in view.sites())
    coming = sum(b.power_kw for b in view.buildings())  # paused ones too: they are taken up first
    gap = p("sites.need_margin") * power_needed_kw(view) - ready - coming
    part = QUARTER_WEEKS / p("sites.start_weeks") * margin(view) * chips_gate(view)
    return gap * part


def fundable_kw(view: MarketView) -> float:
    """Shells that the org could pay in full over the time they take, beside its chips and those under way."""
    p = view.param
    spare = finance_usd_per_year(view) - p("finance.bill_factor") * view.books.budget_usd_per_year
    years = p("sites.greenfield_days") * p("sites.slip_median") / 365
    return max(0.0, spare) * years / p("build.shell_usd_per_kw")


def pauses(view: MarketView) -> Iterator[Command]:
    """Pause the newest of what is under way beyond need, a part a month, and take paused work up again when needed."""
    p, paused = view.param, [b for b in view.buildings() if b.paused_day >= 0]
    working = [b for b in view.buildings() if b.paused_day < 0 and not b.shell_ready]
    ready = sum(site.energised_kw for site in view.sites())
    ready += sum(b.power_kw for b in view.buildings() if b.paused_day < 0)
    excess = ready - p("orders.excess") * p("sites.need_margin") * power_needed_kw(view)
    if view.cash_cents < 0:
        excess = float(ready)
    left = min(1.0, MONTH_WEEKS * p("sites.pause_per_week")) * excess
    for building in sorted(working, key=lambda b: (-b.start_day, b.building_id)):
        if left <= 0:
            break
        left -= building.power_kw
        yield PauseBuilding(actor=view.me, because=f"{view.me}/budget", building_id=building.building_id)
    if excess < 0 and view.cash_cents >= 0:
        wanted = -excess * margin(view)
        for building in sorted(paused, key=lambda b: (b.start_day, b.building_id)):
            if wanted <= 0:
                return
            wanted -= building.power_kw
            yield ResumeBuilding(actor=view.me, because=f"{view.me}/budget", building_id=building.building_id)


def buildings(view: MarketView, draws: Draws) -> Iterator[Command]:
    """Close a part of the coming power gap each quarter: mostly greenfield, some brownfield when chips wait."""
    p, gap = view.param, power_gap_kw(view)
    waiting = sum(n * view.chip(c).power_kw_it_per_gpu for c, n in view.warehouse().items())
    if view.cash_cents < 0:
        return
    quick = p("sites.brownfield_share") * max(0.0, gap) + p("sites.waiting_share") * waiting * margin(view)
    slow = (1 - p("sites.brownfield_share")) * gap
    left, taken = min(buildable_kw(view), fundable_kw(view)), dict[str, int]()
    sizes: tuple[tuple[NewSiteKind, float], ...] = (("greenfield", slow), ("brownfield", quick))
    for kind, kw in sizes:
        kw = min(kw, left)
        left -= max(0.0, kw)
        count = max(1, math.ceil(kw / p("sites.building_kw_max")))
        for number in range(count):
            if kw / count >= p("sites.building_kw_min"):
                yield from _build(view, draws, kind, (int(kw / count), number), taken)


class Place(NamedTuple):
    """Where a building could get power, and how: the terms by which it is chosen."""

    region: str
    on_site: bool
    terms: Terms


def places(view: MarketView, kind: NewSiteKind, kw: int, taken: Mapping[str, int]) -> list[Place]:
    """Regions with grid power or own plant that come in time for a shell, by the levelised cost of an energised kW.

    A wait costs the margin that its hours would have earned, spread over `power.horizon_years`. Where power would come
    later than `sites.patience_weeks` after the shell nothing is begun. `taken` is what the org begins elsewhere now.
    """
    p, found = view.param, []
    rate, levelised = build_rate(view), levelised_usd_per_kwh(view)
    present = {site.region for site in view.sites()}
    shell_days = p(f"sites.{kind}_days") * p("sites.slip_median")
    per_shell_usd = annuity(rate, p("build.life_years")) / HOURS_PER_YEAR
    late_usd = margin_usd_per_kwh(view) / p("power.horizon_years") / DAYS_PER_YEAR
    reference, weight = p("energy.reference_usd_per_mwh") / 1000, p("choice.presence_weight")
    longest, stands = shell_days + 7 * p("sites.patience_weeks"), p("sites.time_factor") * shell_days
    brings_plant = view.trait("on_site_power")
    for region, on_site in levelised:
        if on_site and kind == "brownfield" and not brings_plant:
            continue
        wait = view.power_days(region, kind, on_site, kw + taken.get(OWN_PLANT if on_site else region, 0))
        if wait > longest:
            continue
        may = permission.to_build(view, region, kind, kw, on_site=on_site)
        licence = may.wait_days if may.is_worth_asking else 0.0
        levied = may.usd + permission.building_levy_usd(view, region, kw, on_site=on_site)
        cost = levelised[region, on_site] + levied / kw * per_shell_usd
        late = late_usd * max(wait + licence, stands)
        terms = Terms(
            region, term_price=price_term(cost, reference),
            term_time=price_term(cost + late, cost), on_site_power=on_site,
            term_control=weight if region in present else 0.0,
            reason="not told" if may.is_worth_asking else "permission",
            policy=None if may.is_worth_asking else may.policy,
        )  # fmt: skip
        found.append(Place(region, on_site, terms))
    return found


def build_rate(view: MarketView) -> float:
    """What capital for buildings costs the org a year."""
    return view.param("means.capital_rate_parent" if view.trait("income_usd_per_year") > 0 else "finance.loan_rate")


@once
def levelised_usd_per_kwh(view: MarketView) -> dict[tuple[str, bool], float]:
    """Cost of an hour of one energised kW, USD, by region at home and by whether its power is the org's own."""
    rate, regions = build_rate(view), view.home_regions()
    return {(r, own): view.levelised_usd_per_kwh(r, own, rate) for r in regions for own in (False, True)}


def margin_usd_per_kwh(view: MarketView) -> float:
    """What an hour of one energised kW earns beyond the cost of its chips, USD."""
    best = max(offers(view), key=lambda item: item[1].score, default=None)
    if best is None:
        return 0.0
    chip = view.chip(best[0])
    return max(0.0, view.price - view.own_cost(chip.name)) * chip.h100e / chip.power_kw_it_per_gpu


def _build(
    view: MarketView, draws: Draws, kind: NewSiteKind, size: tuple[int, int], taken: dict[str, int]
) -> Iterator[Command]:
    """Choose a region and its power, and start a building there; none where power would come too late."""
    kw, number = size
    options = places(view, kind, kw, taken)
    if not options:
        return
    u = draws.uniform(f"region {kind} {number}")
    open_ones = [place for place in options if place.terms.reason != "permission"] or options  # then it is refused
    i, why = choose("region", [place.terms for place in open_ones], view.param("choice.temperature"), u)
    region, on_site, _ = open_ones[i]
    why = permission.with_refused(why, [place.terms for place in options if place.terms.reason == "permission"])
    queue = OWN_PLANT if on_site else region
    taken[queue] = taken.get(queue, 0) + kw
    own = {site.region: site for site in view.sites()}
    site, because = own.get(region), f"{view.me}/budget"
    if site is None:
        yield PlanSite(
            actor=view.me,
            because=because,
            region=region,
            kind=kind,
            power_kw_it=kw,
            on_site_power=on_site,
            why=why,
        )
        return
    follow: BuildingKind = "next" if site.kind != "pool" and site.energised_kw and kind == "brownfield" else kind
    yield StartBuilding(
        actor=view.me, because=because, site=site.name, kind=follow, power_kw_it=kw, on_site_power=on_site, why=why
    )
