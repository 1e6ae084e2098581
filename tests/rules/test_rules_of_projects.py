"""Research inside labs: the list, operations that fill what is free and make room, researchers."""

from __future__ import annotations

import pytest
from given import FIELD, LAB, RIVAL, START, given
from hypothesis import given as drawn
from hypothesis import strategies as st

from events.commands.training import ProposeProject, StartTraining
from events.types import chips as chip_events
from events.types import training as events
from events.vocabulary import DAY_MAX
from market.rules import projects, training
from market.rules.base import fleets_h100e

# the lab of `given` has 4,000 H100, a quarter of which serves: 3,000 for research


def proposal(h100e=1_000.0, weeks=12.0, worth=1.0, org=LAB):
    return ProposeProject(actor=org, because=org, h100e=h100e, work_h100e_weeks=h100e * weeks, worth=worth)


def proposed(world, *commands):
    for command in commands:
        world.when(command)
    return world


def week(world, day=START):
    """Operations of a week: events by kind."""
    return world.after(projects.operate(world.state, day))


def named(happened, kind):
    return [event.run_id.rpartition("/")[2] for event in happened if isinstance(event, kind)]


def free(world):
    return bench(world).free


def bench(world):
    return projects.benches(world.state, fleets_h100e(world.state))[LAB]


def test_a_project_waits_on_the_list_until_operations_give_it_gpus():
    world = proposed(given(), proposal(3_000.0))
    assert free(world) == 3_000.0
    (started,) = week(world)
    assert (started.run_id, started.h100e, started.end_day) == ("lab/project/1", 3_000.0, START + 84)
    assert free(world) == 0.0


def test_a_project_that_would_outlast_the_days_of_a_log_is_refused():
    endless = ProposeProject(actor=LAB, because=LAB, h100e=1e-229, work_h100e_weeks=1.0, worth=1.0)
    (rejected,) = given().when(endless)
    assert rejected.reason == "nothing asked"
    weeks = (DAY_MAX - START) // 7
    for work, kind in ((weeks - 1, events.ProjectProposed), (weeks + 1, events.ProjectRejected)):
        long = ProposeProject(actor=LAB, because=LAB, h100e=1.0, work_h100e_weeks=work, worth=1.0)
        assert isinstance(given().when(long)[0], kind)


@pytest.mark.parametrize(
    "said",
    [(0.0, 1.0), (-5.0, 1.0), (float("nan"), 1.0), (10.0, 0.0), (10.0, float("inf"))],
)
def test_a_project_of_nothing_gets_on_no_list(said):
    (rejected,) = given().when(proposal(said[0], worth=said[1]))
    assert (rejected.reason, rejected.h100e) == ("nothing asked", 0.0)
    assert isinstance(rejected, events.ProjectRejected)


def test_a_list_has_an_end():
    world = proposed(given(projects__list_max=2), proposal(), proposal())
    assert world.when(proposal()) == [events.ProjectRejected(org=LAB, h100e=1_000.0, reason="list full")]


def test_the_worthiest_that_fits_comes_first_and_the_rest_widens_what_is_under_way():
    world = proposed(given(), proposal(500.0, worth=1.0), proposal(2_600.0, worth=3.0), proposal(2_000.0, worth=2.0))
    assert named(week(world), events.ProjectStarted) == ["2"]  # the second leaves no room for the others
    world = proposed(given(), proposal(500.0, worth=1.0), proposal(4_000.0, worth=3.0), proposal(2_000.0, worth=2.0))
    made = week(world)
    assert named(made, events.ProjectStarted) == ["3", "1"]  # what does not fit holds nobody up
    assert [event.h100e for event in made] == [2_500.0, 500.0]  # the worthiest begins wide
    assert free(world) == 0.0
    world.happened(chip_events.GpusRetired(org=LAB, site=FIELD, chip="H100", gpus=400, power_kw_it=560))
    week(world, START + 7)
    world.happened(next(h.event for h in projects.due(world.state, START, START + 84) if h.event.run_id[-1] == "1"))
    (wider,) = week(world, START + 14)
    assert (wider.run_id, wider.h100e, wider.reason) == ("lab/project/3", 2_700.0, "widened")


def test_what_nothing_else_can_use_begins_a_project_on_a_part_of_its_plan_that_takes_longer():
    world = proposed(given(projects__widen_max=1.0), proposal(2_500.0, worth=1.0), proposal(4_000.0, worth=2.0))
    plain, narrow = week(world)
    assert (plain.run_id, plain.h100e) == ("lab/project/1", 2_500.0)
    assert (narrow.run_id, narrow.h100e, narrow.end_day) == ("lab/project/2", 500.0, START + 8 * 84)
    assert free(world) == 0.0
    least = given(projects__widen_max=1.0, projects__narrow_min=0.5)
    world = proposed(least, proposal(2_500.0, worth=1.0), proposal(4_000.0, worth=2.0))
    assert named(week(world), events.ProjectStarted) == ["1"]
    assert week(world, START + 7) == []


def test_a_wider_project_ends_sooner_and_does_the_same_work():
    world = proposed(given(), proposal(1_000.0, weeks=12.0))
    (started,) = week(world)
    assert (started.h100e, started.end_day) == (3_000.0, START + 28)
    world = proposed(given(), proposal(1_000.0, weeks=12.0, worth=2.0), proposal(2_000.0, weeks=4.0))
    week(world)
    world.happened(*(h.event for h in projects.due(world.state, START + 28, START + 28)))
    (wider,) = week(world, START + 28)
    assert wider.work_h100e_weeks == pytest.approx(8_000.0)
    assert wider.end_day == START + 28 + round(7 * 8_000 / 3_000 + 0.5)


def test_no_project_is_widened_beyond_its_bound():
    world = proposed(given(projects__widen_max=2.0), proposal(1_000.0))
    week(world)
    week(world, START + 7)
    assert free(world) == 1_000.0
    assert week(world, START + 14) == []


def test_a_run_takes_back_what_widened_projects_do_not_need_before_any_stops():
    world = proposed(given(), proposal(500.0, worth=2.0), proposal(500.0, worth=1.0))
    week(world)
    week(world, START + 7)
    world.when(StartTraining(actor=LAB, because=LAB, site=FIELD, chip="H100", gpus=2_000, flop=1e24))
    made = week(world, START + 14)
    assert named(made, events.ProjectStopped) == []
    assert {e.reason for e in made} == {"makes room"}
    assert free(world) == pytest.approx(0.0, abs=1e-6)


def test_a_run_stops_the_least_worthy_projects_and_they_wait_again_with_the_work_that_is_left():
    world = proposed(given(), *(proposal(1_000.0, worth=worth) for worth in (3.0, 1.0, 2.0)))
    week(world)
    world.when(StartTraining(actor=LAB, because=LAB, site=FIELD, chip="H100", gpus=2_000, flop=1e24))
    made = week(world, START + 7)
    assert named(made, events.ProjectStopped) == ["2", "3"]
    (waiting,) = (p for p in world.state.training.waiting[LAB].values() if p.run_id == "lab/project/2")
    assert (waiting.h100e, waiting.work_h100e_weeks) == (0.0, 11_000.0)
    world.happened(*(h.event for h in training.due(world.state, START, START + 400)))
    assert named(week(world, START + 14), events.ProjectStarted) == ["3", "2"]


def test_a_lab_that_loses_compute_stops_its_least_worthy_project():
    world = proposed(given(), *(proposal(1_000.0, worth=worth) for worth in (3.0, 1.0, 2.0)))
    week(world)
    world.happened(chip_events.GpusRetired(org=LAB, site=FIELD, chip="H100", gpus=1_000, power_kw_it=1_400))
    assert named(week(world), events.ProjectStopped) == ["2"]
    assert free(world) == 0.0  # what the stopped one did not need widens another


def test_a_project_ends_on_its_day_and_frees_its_gpus():
    world = proposed(given(), proposal(3_000.0, weeks=1.4))
    week(world)
    assert list(projects.due(world.state, START, START + 6)) == []
    (ended,) = projects.due(world.state, START + 7, START + 13)
    assert (ended.day, ended.event.h100e) == (START + 10, 3_000.0)
    world.happened(ended.event)
    assert free(world) == 3_000.0


sizes = st.lists(st.tuples(st.floats(10, 4_000), st.floats(0.1, 10)), max_size=20)


@drawn(listed=sizes, gpus=st.integers(0, 3_000))
def test_nothing_idles_while_something_that_fits_waits(listed, gpus):
    world = proposed(given(), *(proposal(h100e, worth=worth) for h100e, worth in listed))
    week(world)
    if gpus:
        world.when(StartTraining(actor=LAB, because=LAB, site=FIELD, chip="H100", gpus=gpus, flop=1e22))
    for n in range(1, 4):
        week(world, START + 7 * n)
    on = bench(world)
    assert on.free >= -0.01
    assert all(p.least_h100e > on.free - 0.01 for p in on.waiting)
    assert on.free < 0.01 or all(p.h100e >= 4 * p.least_h100e * (1 - 1e-7) for p in on.working)
    assert all(0.1 * p.least_h100e * (1 - 1e-7) <= p.h100e <= 4 * p.least_h100e * (1 + 1e-7) for p in on.working)
    if not week(world, START + 28):
        assert all(0.1 * p.least_h100e > on.free * (1 - 1e-9) for p in on.waiting)


def test_what_is_captive_is_no_research_compute():
    assert bench(given(orgs__lab__captive_share=0.5)).research == 1_500.0


def test_researchers_move_to_where_there_is_more_compute_for_each():
    world = given()
    world.happened(events.ComputeSplitSet(org=RIVAL, share=0.25))
    world.happened(events.ResearchersMeasured(org=RIVAL, researchers=100.0, h100e=0.0))
    assert projects.people(world.state, START) is not None  # the rival has no compute: only the lab is counted
    world.after(projects.people(world.state, START))
    labs = world.state.training.labs
    assert labs[LAB].researchers == pytest.approx(100.0)
    assert labs[RIVAL].researchers == 100.0


def test_a_project_that_no_longer_fits_does_not_keep_others_from_the_list():
    world = proposed(given(), proposal(2_000.0), proposal(10_000.0))
    assert bench(world).listed == 2_000.0
