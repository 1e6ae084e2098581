"""Inside a lab: leadership splits compute, researchers bring projects forward, and the next frontier run is sized.

Operations, which give what is free to projects every week, are no choice of the lab's: `market.rules.projects`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from agents.decision import HALF_YEAR_WEEKS
from agents.permission import run_of
from agents.race import half_year_usd
from events.commands import Command
from events.commands.training import ProposeProject, SetSplit
from market.rng import Draws
from market.units import HOURS_PER_WEEK, MONTH_WEEKS, clip
from market.view import Lab as LabRecord
from market.view import MarketView


def split(view: MarketView, lab: LabRecord) -> SetSplit:
    """Move the serving share, slowly, to where an hour is worth as much in research (docs/odd.md, inside a lab).

    An hour of serving is worth its revenue while customers wait, and nothing beyond; an hour of research what a run
    gains by it, K / research compute. So research keeps the part on which it is worth more, and customers get theirs.
    """
    p, full, fleet = view.param, view.serving_capacity_usd(), view.fleet_h100e
    if full <= 0 or fleet <= 0:
        return SetSplit(actor=view.me, because=view.me, share=lab.inference_share)
    need = lab.demand_usd_per_year / full
    serving_usd = p("serving.revenue_per_inference_usd") * view.reference * fleet * HALF_YEAR_WEEKS * HOURS_PER_WEEK
    target = min(need, 1 - half_year_usd(view) / serving_usd)
    speed = 1 - (1 - p("split.speed_per_week")) ** MONTH_WEEKS
    target = clip(target, p("split.inference_min"), p("split.inference_max"))
    return SetSplit(actor=view.me, because=view.me, share=lab.inference_share + speed * (target - lab.inference_share))


def train(view: MarketView, lab: LabRecord) -> Iterator[Command]:
    """Start the next frontier run when a machine of the lab's would lead, or has waited and beats its best model."""
    options = view.machines()
    if not options or options[0].effective_flop < view.step_flop():
        return
    best = options[0]
    own = view.param("labs.step_up") * max(lab.best_effective_flop, view.param("labs.first_run_flop"))
    run = run_of(view, best, own * best.flop / best.effective_flop)
    if run is not None:
        yield run


def projects(view: MarketView, lab: LabRecord, draws: Draws) -> Iterator[Command]:
    """Bring forward this week's ideas, until the list is long enough or there is no other.

    One idea is the work of a part of the researchers, with the compute that so many usually have.
    """
    p, heads, research = view.param, lab.researchers, view.research_h100e()
    if view.fleet_h100e < p("projects.fleet_min_h100e") or heads <= 0:
        return
    ideas = p("projects.ideas_per_week") * heads
    if not (count := int(ideas) + (draws.uniform("project count") < ideas % 1)):
        return
    usual = max(p("projects.team"), p("projects.team_share") * heads) * research / heads
    room = p("projects.list_over_research") * research - view.listed_h100e()
    for number in range(count):
        if room <= 0:
            return
        size, span, worth = (draws.normal(f"project {what} {number}") for what in ("size", "days", "worth"))
        h100e = usual * math.exp(p("projects.size_sd") * size)
        days = p("projects.days") * math.exp(p("projects.days_sd") * span)
        relative = h100e / usual * days / p("projects.days")
        yield ProposeProject(
            actor=view.me, because=view.me, h100e=h100e, work_h100e_weeks=h100e * days / 7,
            worth=relative ** (p("projects.worth_power") - 1) * math.exp(p("projects.worth_sd") * worth),
        )  # fmt: skip
        room -= h100e
