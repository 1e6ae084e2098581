"""The next frontier run against the largest that rivals have announced: the machine that a lab wants, and how badly.

best     largest effective FLOP known: of a released model, or of a run on a rival's machine, announced or contracted
machine  best g^years / (peak MFU goodput days), years from the rival's release to the own
urgency  score lost by half a year: revenue lost by waiting over what the machine costs (docs/odd.md, the decision)
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from msgspec.structs import replace

from agents import means
from agents.decision import Target
from agents.resources import pending_h100e
from agents.targets import asked_h100e
from agents.valuation import once, own_weight
from market.cluster import chip as cluster_chip
from market.units import HOURS_PER_YEAR, SECONDS_PER_DAY, YEAR_WEEKS
from market.view import Chip, MarketView, Request

ROUNDED = 1 + 1e-9  # what sums may be off by
PRICED_GPUS = 10_000  # of a machine whose bill is asked for: levies may hang on its size


def run_flop_per_h100e(view: MarketView) -> float:
    """Effective FLOP that an H100 equivalent does in the days of a frontier run: at the MFU of dense models."""
    p = view.param
    return (
        cluster_chip("H100").bf16_flop_per_s * p("labs.mfu") * p("labs.goodput") * p("labs.run_days") * SECONDS_PER_DAY
    )


def machine_h100e(view: MarketView) -> float:
    """Machine that a run must have to lead when it is released: over the best model, and over rivals' machines."""
    weeks = view.param("labs.race_ready_weeks")
    return max(view.leading_flop(weeks) / run_flop_per_h100e(view), view.rival_h100e(weeks))


def coming_machine_h100e(view: MarketView) -> float:
    """Largest machine that the lab has or will have: at one place, on order, or contracted."""
    ordered, own = pending_h100e(view), {site.name for site in view.sites()}
    places = view.places_h100e().items()
    largest = max((h100e + (ordered if site in own else 0.0) for site, h100e in places), default=0.0)
    contracted = [machine.h100e for machine in view.lab_machines() if machine.lab == view.me]
    return max(largest, ordered, *contracted, 0.0)


def placeable_kw(view: MarketView) -> float:
    """Power of a machine at one place by the day: no more than the grid of a region connects until then."""
    p, regions = view.param, view.home_regions()
    weeks = p("labs.race_ready_weeks")
    if not regions:
        return 0.0
    yearly = 1000 * max(view.region_param(region, "grid_mw_per_year") for region in regions)
    grown = math.exp(p("sites.grid_growth_per_year") * view.week / YEAR_WEEKS)
    return yearly * grown * weeks / YEAR_WEEKS


def placeable_h100e(view: MarketView, chip: Chip) -> float:
    """The same in H100 equivalents of a chip."""
    return means.h100e_of_kw(chip, placeable_kw(view))


def valuation_usd(view: MarketView) -> float:
    """What the lab is worth: as last stated, at least what its compute would be valued at."""
    p = view.param
    floor = max(p("finance.value_floor_usd"), p("finance.value_per_h100e_usd") * view.fleet_h100e)
    return max(view.books.valuation_cents / 100, floor)


def half_year_usd(view: MarketView) -> float:
    """What a lab loses by half a year of waiting: the demand that a larger model would win."""
    p, lab = view.param, view.lab
    total = view.labs_revenue_usd_per_year
    share = lab.revenue_usd_per_year / total if lab and total else 0.0
    keen = view.trait("wait_weight", p("choice.wait_weight_default"))
    pace = p("labs.revenue_per_decade") * math.log10(p("labs.race_pace_per_year"))
    return keen * (1 - share) * pace / 2 * valuation_usd(view)


def urgency(view: MarketView, h100e: float) -> float:
    """Score lost by half a year of waiting, over the machine's cost."""
    return half_year_usd(view) / (h100e * view.price * HOURS_PER_YEAR * view.param("labs.race_years"))


def money_h100e(view: MarketView, chip: Chip) -> float:
    """Machine of a chip whose whole bill the lab could pay with its cash and the largest round that it could raise."""
    region = means.hall_region(view.draws, view.home_regions())
    build = means.build_of("brownfield", region, view.trait("on_site_power") > 0) if region else None
    each = means.bill_usd(view, chip, PRICED_GPUS, build) / PRICED_GPUS
    return money_usd(view) / each * chip.h100e


@once
def money_usd(view: MarketView) -> float:
    """Cash beside a year of other costs, and the largest round that the lab could raise."""
    return max(0.0, view.cash_cents / 100 - means.other_burn_usd(view) + round_usd(view))


def round_usd(view: MarketView) -> float:
    """The largest round that the lab could raise."""
    return 0.0 if view.parent_of(view.me) else view.param("talks.raise_share") * valuation_usd(view)


def is_beyond(view: MarketView, largest: float) -> bool:
    """Whether the least machine worth having costs more than the lab's money, of whatever chip and wherever built.

    `largest` : H100e beyond which it would be no larger, whatever chip and place leave of it.
    """
    p = view.param
    least = p("labs.race_least_share") * min(largest, placeable_kw(view) * view.least_h100e_per_kw)
    usd = max(least, p("contracts.ask_min_h100e")) * view.least_usd_per_h100e / ROUNDED
    if view.cash_cents / 100 + round_usd(view) < usd:
        return True  # whatever its other costs
    return money_usd(view) < usd


def is_machine(request: Request) -> bool:
    """Whether talks are about a machine for one run: GPUs of one chip that train together."""
    return request.kind == "frontier" and bool(request.chip)


def is_racing(view: MarketView) -> bool:
    """Whether a cluster is in hand: talked about, being built, or its chips on order."""
    if view.parent_of(view.me) or view.trait("income_usd_per_year") > 0:
        return False
    least = view.param("contracts.ask_min_h100e")
    talks = any(is_machine(r) and r.h100e >= least for r in view.requests_by_me())
    ordered = sum(order.gpus * view.chip(order.chip).h100e for order in view.orders())
    return talks or ordered >= least or any(not b.granted for b in view.buildings())


def bridge(view: MarketView) -> Iterator[Target]:
    """More of what the lab rents, from the same lessor, until a cluster is ready that it talks about or builds."""
    p, me = view.param, view.me
    if not is_racing(view):
        return
    rented: dict[str, float] = {}
    for lease in view.rented():
        if lease.kind == "frontier":
            rented[lease.chip] = rented.get(lease.chip, 0.0) + lease.gpus * view.chip(lease.chip).h100e
    chip = max(rented, key=lambda name: (rented[name], name), default=None)
    more = p("labs.bridge_share") * (rented[chip] if chip else 0.0)
    more -= sum(x.gpus * view.chip(x.chip).h100e for x in view.rented() if x.kind == "bridge")
    if more >= p("labs.ask_min_h100e"):
        yield Target(
            kind="bridge",
            h100e=more,
            chip=chip,
            due_day=view.day + round(7 * p("desk.lead_weeks")),
            years=p("labs.bridge_years"),
            worth_usd_per_h100e_hour_max=p("price.walk_away") * view.price,
            control=own_weight(view),
            because=view.lab.best_model or me if view.lab else me,
        )


def frontier(view: MarketView) -> Iterator[Target]:
    """The machine for the next frontier run, when neither held nor coming ones are near it and money could carry it."""
    p = view.param
    if view.lab is None or view.parent_of(view.me) or view.clearing < view.mix_cost:
        return  # in a glut hours are sold below their cost: nobody binds itself to a machine
    largest = min(machine_h100e(view), asked_h100e(view, 0.0))
    if not view.is_regulated and is_beyond(view, largest):
        return
    chip = means.chip_for(view, _machine(view, largest)) if largest > 0 else None
    if chip is None:
        return
    machine = min(largest, placeable_h100e(view, chip))
    wanted = min(machine, money_h100e(view, chip))
    if wanted < max(p("labs.race_least_share") * machine, p("contracts.ask_min_h100e")):
        return
    if coming_machine_h100e(view) < p("labs.race_covered_share") * wanted:
        yield replace(_machine(view, wanted), chip=chip.name)


def _machine(view: MarketView, h100e: float) -> Target:
    p = view.param
    return Target(
        kind="frontier",
        h100e=h100e,
        due_day=view.day + round(7 * p("labs.race_ready_weeks")),
        years=p("labs.race_years"),
        worth_usd_per_h100e_hour_max=p("price.walk_away") * 2 * view.price,
        urgency=urgency(view, h100e),
        control=own_weight(view),
        because=view.lab.best_model or view.me if view.lab else view.me,
    )
