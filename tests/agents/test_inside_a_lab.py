"""What a lab does inside: the split by worth, when a run begins, ideas until the list is long enough."""

from __future__ import annotations

import math

import pytest
from given import LAB, RIVAL, START, given

from agents import research
from events.commands.training import StartTraining
from events.types.training import ComputeSplitSet
from market.rng import Draws
from market.state.training import Lab
from market.view import MarketView, Shared


def view(world):
    return MarketView(Shared(world.state), LAB)


def draws(week=0):
    return Draws(7, LAB, week)


def split(world):
    seen = view(world)
    return research.split(seen, seen.lab).share


def test_an_hour_of_research_that_is_worth_more_keeps_its_compute():
    calm, keen = given(orgs__lab__wait_weight=0.0), given(orgs__lab__wait_weight=1.0)
    for world in (calm, keen):
        world.state.training.labs[RIVAL] = Lab(RIVAL, revenue_usd_per_year=1e9)  # somebody to lose customers to
    assert split(keen) < split(calm)


def test_the_split_moves_at_its_speed_and_stays_within_bounds():
    world = given()
    p, before = world.state.run.parameters, world.state.training.labs[LAB].inference_share
    assert abs(split(world) - before) <= (1 - (1 - p["split.speed_per_week"]) ** 4) + 1e-9
    world.happened(ComputeSplitSet(org=LAB, share=p["split.inference_max"]))
    assert split(world) <= p["split.inference_max"]


def begun(world):
    seen = view(world)
    return [command for command in research.train(seen, seen.lab) if isinstance(command, StartTraining)]


def test_a_run_waits_for_a_machine_that_would_lead_but_not_for_ever():
    fast = {"labs__race_pace_per_year": 100.0, "labs__step_up": 1.0, "labs__run_share": 1.0}
    world = given(**fast)
    lab = world.state.training.labs[LAB]
    lab.best_effective_flop = lab.best_flop = 1e23  # its machine does more, and leads today, but not at its release
    lab.released_day, lab.run_day = START - 300, START
    assert begun(world) == []
    lab.run_day = START - 400
    assert len(begun(world)) == 1
    lab.run_day = START
    world.state.run.parameters["labs.race_pace_per_year"] = 1.0  # nobody moves: what beats all today leads
    assert len(begun(world)) == 1


def test_ideas_come_until_the_list_is_long_enough_and_no_faster_than_heads_have_them():
    world = given()
    every = list(research.projects(view(world), view(world).lab, draws()))
    assert 3 <= len(every) <= 4  # 0.03 a head and week of 100 heads
    for week in range(60):
        for command in research.projects(view(world), view(world).lab, draws(week)):
            world.when(command)
    seen = view(world)
    assert seen.research_h100e() * 2 <= seen.listed_h100e() < seen.research_h100e() * 3
    assert list(research.projects(seen, seen.lab, draws(61))) == []


def test_who_has_more_compute_for_each_researcher_brings_larger_projects():
    sizes = []
    for heads in (100.0, 50.0):
        world = given()
        world.state.training.labs[LAB].researchers = heads
        sizes.append(next(iter(research.projects(view(world), view(world).lab, draws()))).h100e)
    assert sizes[1] == pytest.approx(2 * sizes[0])


def test_no_idea_is_without_size_work_or_worth():
    world = given()
    for week in range(30):
        for idea in research.projects(view(world), view(world).lab, draws(week)):
            assert all(0 < x < math.inf for x in (idea.h100e, idea.work_h100e_weeks, idea.worth))
