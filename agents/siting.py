"""Where and when a builder starts shells: what power it needs, what it can pay, in which region, on whose power."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from agents import decision, execution, means, options, permission
from agents.amounts import fleet, fundable_kw, greenfield_weeks, margin, power_gap_kw, power_needed_kw, urgency
from agents.decision import Option, Scored, Target
from agents.means import best_chip
from agents.resources import buildable_kw, running_kw
from agents.valuation import is_my_week, ties
from events.commands import Command
from events.commands.sites import ConnectToGrid, PauseBuilding, RenewPermit, ResumeBuilding
from market.rng import Draws, gumbel
from market.units import MONTH_WEEKS, QUARTER_WEEKS
from market.view import MarketView

type Ways = Sequence[tuple[Scored, str]]  # options scored but for their noise, and what each waits in line for
OWN_PLANT = "own plant"  # the queue that all regions share


def works(view: MarketView, draws: Draws) -> Iterator[Command]:
    """Pause and take up work once a month; start buildings once a quarter."""
    if not view.books.budget_usd_per_year:
        return
    if is_my_week(view, MONTH_WEEKS):
        yield from pauses(view)
    if is_my_week(view, QUARTER_WEEKS):
        yield from buildings(view, draws)


def renewals(view: MarketView) -> Iterator[RenewPermit | ConnectToGrid]:
    """Seek a permit for own plant in time before the one that it has ends, and again where it was refused.

    The grid is asked for as well where the plant stands still, or a policy keeps the permit from it.
    """
    if not is_my_week(view, MONTH_WEEKS):
        return
    for permit in view.plant_permits():
        is_time = permit.end_day - view.day <= view.param("power.permit_apply_days")
        if not is_time or permit.decided_day >= 0:
            continue
        name = permit.building_id
        if permission.is_to_be_sought(view, name):
            yield RenewPermit(actor=view.me, because=name, building_id=name)
        if name not in view.queued_plant() and not (permit.is_running and permission.is_permit_open(view, name)):
            yield ConnectToGrid(actor=view.me, because=name, building_id=name)


def pauses(view: MarketView) -> Iterator[Command]:
    """Pause the newest of what is under way beyond need, a part a month, and take paused work up again when needed."""
    p, paused = view.param, [b for b in view.buildings() if b.paused_day >= 0]
    working = [b for b in view.buildings() if b.paused_day < 0 and not b.shell_ready and b.kind != "leased"]
    ready = running_kw(view) + sum(b.power_kw for b in view.buildings() if b.paused_day < 0)
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
    """Close a part of the coming power gap each quarter, building by building, each by the one decision.

    For a part of the gap, and for chips that wait, halls that stand can be found.
    """
    p, gap, chip = view.param, max(0.0, power_gap_kw(view)), best_chip(view)
    if view.cash_cents < 0 or chip is None:
        return
    waiting = sum(n * view.chip(c).power_kw_it_per_gpu for c, n in view.warehouse().items())
    found_kw = p("sites.brownfield_share") * gap + p("sites.waiting_share") * waiting * margin(view)
    left, taken = min(buildable_kw(view), fundable_kw(view)), dict[str, float]()
    for kw, halls in ((gap - p("sites.brownfield_share") * gap, False), (found_kw, True)):
        kw = min(kw, left)
        left -= kw
        count = max(1, math.ceil(kw / p("sites.building_kw_max")))
        if kw / count >= p("sites.building_kw_min"):
            h100e = means.h100e_of_kw(chip, kw / count)
            wanted = fleet(view, h100e, greenfield_weeks(view), urgency(view))
            found, part = options.fleet(view, wanted, halls=halls), "found" if halls else "new"
            weights = means.weights(view)
            ways = [(decision.score(wanted, option, weights), _queue(option)) for option in found]
            for number in range(count):
                yield from _begin(view, draws, (wanted, f"{part} {number}"), ways, taken)


def _begin(
    view: MarketView, draws: Draws, piece: tuple[Target, str], ways: Ways, taken: dict[str, float]
) -> Iterator[Command]:
    """Begin one building where and how the decision says; `taken` is the power begun elsewhere this week, by queue."""
    wanted, name = piece
    scale, chip, weights = view.param("decision.noise"), best_chip(view), means.weights(view)
    kw = wanted.h100e / chip.h100e * chip.power_kw_it_per_gpu if chip else 0.0

    def noise(option: str) -> float:
        return gumbel(draws.uniform("building", f"{name} {option}"), scale)

    behind = []
    for scored, queue in ways:
        option, unseen = _after(view, scored.option, kw, taken.get(queue, 0.0)), noise(scored.option.name)
        is_same = option is scored.option
        behind.append(scored.with_noise(unseen) if is_same else decision.score(wanted, option, weights, unseen))
    found = decision.ranked(wanted, behind, ties(view))
    best = found.best
    if best is None:
        refused = next((s for s in found.ranked if s.option.failed == ("permission",)), None)
        if refused is not None:  # it applies all the same, so that the refusal is logged
            yield execution.begin(view, refused.option, kw, wanted.because, None)
    elif best.is_open and best.option.is_owned:
        queue = _queue(best.option)
        taken[queue] = taken.get(queue, 0.0) + kw
        yield execution.begin(view, best.option, kw, wanted.because, found.summary("building"))


def _queue(option: Option) -> str:
    """What a building waits in line for: makers of plant, or of a region the firm grid, the other one, developers."""
    if option.on_site_power:
        return OWN_PLANT
    return f"{option.region} {'leased' if option.site_kind == 'leased' else 'firm' if option.is_firm else 'not firm'}"


def _after(view: MarketView, option: Option, kw: float, before: float) -> Option:
    """An option behind so much that the org begins elsewhere this week in the same queue."""
    if not before or not option.is_owned:
        return option
    build = means.build_of(option.site_kind, option.region, option.on_site_power, option.is_firm)
    weeks = means.fleet_power_weeks(view, build, kw + before)
    if weeks > means.shell_weeks(view, option.site_kind, option.region) + view.param("sites.patience_weeks"):
        return replace(option, failed=(*option.failed, "power"))
    return replace(option, wait_weeks=max(option.wait_weeks, weeks))
