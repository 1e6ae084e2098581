"""The split of a lab's compute, projects, frontier runs, releases, clusters."""

from __future__ import annotations

import math

import pytest
from given import CLOUD, FIELD, LAB, RIVAL, SITE, START, YEAR, given, handed, lease

from events.commands.training import AdoptPlan, SetSplit, StartTraining
from events.types import chips as chip_events
from events.types import leases as lease_events
from events.types import training as events
from events.types.finance import PlanAdopted
from events.types.sites import SitePlanned
from market.rules import training


def train(gpus=4_000, flop=1e24, chip="H100", site=FIELD, org=LAB):
    return StartTraining(actor=org, because=org, site=site, chip=chip, gpus=gpus, flop=flop)


def refusal(world, command):
    (refused,) = world.when(command)
    assert isinstance(refused, events.TrainingRefused)
    assert not math.isnan(refused.flop)
    return refused.reason


# --- split and plans


@pytest.mark.parametrize(("asked", "given_share"), [(0.3, 0.3), (0.0, 0.1), (2.0, 0.6), (float("nan"), 0.1)])
def test_the_share_that_serves_stays_within_its_bounds(asked, given_share):
    world = given()
    assert world.when(SetSplit(actor=LAB, because=LAB, share=asked)) == [
        events.ComputeSplitSet(org=LAB, share=given_share)
    ]
    assert world.state.training.labs[LAB].inference_share == given_share


@pytest.mark.parametrize(("asked", "said"), [(5e4, 5e4), (-1.0, 0.0), (float("nan"), 0.0), (float("inf"), 0.0)])
def test_a_plan_is_written_down(asked, said):
    world = given()
    plan = AdoptPlan(actor=LAB, because=LAB, h100e=asked, due_day=START + YEAR, reason="run")
    assert world.when(plan) == [PlanAdopted(org=LAB, h100e=said, due_day=START + YEAR, reason="run")]
    assert world.state.training.labs[LAB].wanted_h100e == said


# --- runs


def test_a_run_starts_on_gpus_that_the_lab_holds():
    world = given()
    (started,) = world.when(train())
    assert (started.run_id, started.model, started.gpus) == ("lab/run/1", "lab/model/1", 4_000)
    assert started.due_day > START
    assert 0 < started.mfu < 1
    assert started.experts > 0
    assert " ep" in started.plan
    active = started.flop / (6 * started.tokens)  # attention in it
    assert 10 < started.params / active < 30  # most parameters are those of experts that a token does not meet


def test_a_mixture_counts_as_the_dense_model_that_is_as_good():
    world = given(labs__mixture_credit=3.0)
    (started,) = world.when(train())
    assert (started.flop, started.effective_flop) == (1e24, 3e24)
    world.happened(*(h.event for h in training.due(world.state, START, started.due_day)))
    record = world.state.training.labs[LAB]
    assert (record.pending_flop, record.pending_effective_flop) == (1e24, 3e24)
    assert training.capability(world.state, 3e24, START) > training.capability(world.state, 1e24, START)


def test_runs_multiply_at_eight_bits_from_the_end_of_2024():
    early, late = (training.plan_run("H100", 16_384, 5e25, START + days) for days in (0, 365))
    assert " bf16 " in early.text
    assert " fp8 " in late.text
    assert early.days > late.days


def test_gpus_rented_train_as_owned_ones_do():
    world = given()
    signed = lease(RIVAL, gpus=2_000)
    world.happened(signed, handed(signed))
    assert isinstance(world.when(train(2_000, site=SITE, org=RIVAL))[0], events.TrainingStarted)


def test_one_frontier_run_at_a_time():
    world = given()
    world.when(train(2_000))
    assert refusal(world, train(2_000)) == "a run is under way"


@pytest.mark.parametrize("gpus", [0, -1, 4_001])
def test_no_run_on_gpus_that_are_not_held(gpus):
    assert refusal(given(), train(gpus)) == "not enough GPUs"


@pytest.mark.parametrize("flop", [0.0, -1e25, 1e40, float("nan"), float("inf")])
def test_no_run_of_no_size(flop):
    assert refusal(given(), train(flop=flop)) == "no such run"


def test_a_run_that_would_take_too_long_is_refused():
    assert refusal(given(), train(flop=1e27)) in ("too long", "does not fit")


def test_every_model_has_a_name_of_its_own():
    world = given()
    names = []
    for _ in range(2):
        (started,) = world.when(train(4_000))
        names.append(started.model)
        world.happened(events.TrainingAbandoned(run_id=started.run_id, org=LAB, flop=1e24, reason="GPUs lost"))
    assert names == ["lab/model/1", "lab/model/2"]


def test_a_chip_that_the_cluster_core_does_not_know_is_not_trained_on():
    world = given()
    world.happened(
        chip_events.ChipAnnounced(
            chip="Abacus",
            supplier="nvidia",
            start_day=START,
            end_day=START + 900,
            price_usd_per_gpu=1.0,
            power_kw_it_per_gpu=0.1,
            h100e=0.1,
            kind="all",
        )
    )
    world.happened(chip_events.FleetRegistered(org=LAB, site=FIELD, chip="Abacus", gpus=100, power_kw_it=10))
    assert refusal(world, train(100, chip="Abacus")) == "chip not suited"


def test_more_gpus_never_make_a_run_longer():
    days = [given().when(train(gpus, 1e24))[0].due_day for gpus in (2_000, 4_000)]
    assert days[1] < days[0]


def ends(world, kind, first, last):
    return [h for h in training.due(world.state, first, last) if isinstance(h.event, kind)]


def test_a_run_ends_on_its_day_and_its_model_is_released_some_weeks_later():
    world = given()
    (started,) = world.when(train())
    assert ends(world, events.TrainingFinished, START, started.due_day - 1) == []
    (done,) = ends(world, events.TrainingFinished, started.due_day - 3, started.due_day + 3)
    assert (done.day, done.event.duration_days) == (started.due_day, started.due_day - START)
    world.day = done.day
    world.happened(done.event)
    assert world.state.training.runs == {}
    assert ends(world, events.ModelReleased, done.day, done.day + 55) == []
    (out,) = ends(world, events.ModelReleased, done.day + 50, done.day + 56)
    assert (out.event.model, out.event.kind, out.day) == ("lab/model/1", "frontier", done.day + 56)
    world.happened(out.event)
    assert world.state.training.labs[LAB].best_model == "lab/model/1"
    assert world.state.training.labs[LAB].pending_model == ""


def test_a_lab_without_a_new_model_refreshes_its_old_one_and_time_makes_it_better():
    world = given()
    released = world.state.training.labs[LAB].released_day
    (refresh,) = ends(world, events.ModelReleased, released + 180, released + 182)
    assert (refresh.event.kind, refresh.event.model, refresh.day) == ("refresh", "old", released + 182)
    later = training.capability(world.state, 1e25, START + YEAR)
    assert later > training.capability(world.state, 1e25, START)
    assert training.capability(world.state, 1e26, START) > training.capability(world.state, 1e25, START)


def test_a_run_that_loses_gpus_goes_on_with_fewer_and_keeps_what_was_trained():
    world = given()
    (started,) = world.when(train(4_000, 2e24))
    world.day = START + 10
    world.happened(chip_events.GpusRetired(org=LAB, site=FIELD, chip="H100", gpus=2_000, power_kw_it=2_800))
    (replanned,) = world.after(training.replan(world.state, world.day))
    assert (replanned.gpus, replanned.reason) == (2_000, "GPUs lost")
    part = (started.due_day - world.day) / (started.due_day - START)
    assert replanned.flop == pytest.approx(part * 2e24)
    assert replanned.due_day > started.due_day
    assert world.after(training.replan(world.state, world.day)) == []


def test_a_run_that_loses_all_gpus_is_abandoned():
    world = given()
    signed = lease(RIVAL, gpus=2_000)
    world.happened(signed, handed(signed))
    world.when(train(2_000, site=SITE, org=RIVAL))
    world.happened(
        lease_events.LeaseEnded(
            lease_id=signed.lease_id, lessor=CLOUD, lessee=RIVAL, chip="H100", site=SITE, gpus=2_000, reason="default"
        )
    )
    (abandoned,) = world.after(training.replan(world.state, START))
    assert abandoned.reason == "GPUs lost"
    assert world.state.training.runs == {}


def test_a_run_takes_one_gpu_at_least_and_no_more_than_are_free():
    assert refusal(given(), train(0)) == refusal(given(), train(10**7)) == "not enough GPUs"
    assert refusal(given(), train(1)) != "not enough GPUs"


def test_a_run_that_would_take_too_long_on_what_is_left_is_abandoned():
    world = given()
    world.when(train(4_000, 5e24))
    world.happened(chip_events.GpusRetired(org=LAB, site=FIELD, chip="H100", gpus=3_990, power_kw_it=5_586))
    assert isinstance(world.after(training.replan(world.state, START))[0], events.TrainingAbandoned)


# --- clusters


def clusters(world):
    return world.after(training.clusters(world.state, START))


def test_clusters_make_news_when_they_pass_a_size_and_again_when_they_grow():
    world = given()
    (first,) = clusters(world)
    assert (first.org, first.gpus, first.kind) == (CLOUD, 4_608, "first of generation")
    assert clusters(world) == []
    world.happened(chip_events.FleetRegistered(org=CLOUD, site=SITE, chip="H100", gpus=20_000, power_kw_it=28_000))
    (grown,) = clusters(world)
    assert (grown.gpus, grown.kind) == (16_384, "grown")
    world.happened(chip_events.FleetRegistered(org=LAB, site=FIELD, chip="H100", gpus=20_000, power_kw_it=28_000))
    assert [f.kind for f in clusters(world)] == ["new"]


def test_a_pool_of_shells_is_no_cluster_and_neither_are_gpus_that_are_let():
    world = given()
    world.happened(SitePlanned(site="pool", org=LAB, region="texas", kind="pool", power_kw_it=50_000, due_day=START))
    world.happened(*clusters(world))
    world.happened(chip_events.FleetRegistered(org=LAB, site="pool", chip="H100", gpus=20_000, power_kw_it=28_000))
    assert clusters(world) == []
    signed = lease(RIVAL, gpus=1)
    world.happened(
        signed,
        handed(signed),
        chip_events.FleetRegistered(org=CLOUD, site=SITE, chip="H100", gpus=20_000, power_kw_it=28_000),
    )
    assert clusters(world) == []


def test_rack_scale_chips_are_counted_in_racks():
    world = given()
    world.happened(chip_events.FleetRegistered(org=CLOUD, site=SITE, chip="GB200", gpus=5_000, power_kw_it=10_000))
    said = {f.chip: f for f in clusters(world)}
    assert said["GB200"].racks == 64
    assert said["H100"].racks is None
    world.happened(
        chip_events.ChipAnnounced(
            chip="Abacus",
            supplier="nvidia",
            start_day=START,
            end_day=START + 900,
            price_usd_per_gpu=1.0,
            power_kw_it_per_gpu=0.1,
            h100e=0.1,
            kind="all",
        )
    )
    world.happened(chip_events.FleetRegistered(org=LAB, site=FIELD, chip="Abacus", gpus=9_000, power_kw_it=900))
    assert next(f for f in clusters(world) if f.chip == "Abacus").racks is None


def test_a_model_makes_good_a_part_of_what_it_lacks_to_the_frontier_of_half_a_year_before():
    world = given(capability__diffusion_share=0.5)
    alone = given(capability__diffusion_share=0.0)
    for each in (world, alone):
        each.state.training.frontier[:] = [3.0, 3.5, 4.0]
    own = training.capability(alone.state, 1e25, START)
    assert training.capability(world.state, 1e25, START) == pytest.approx((own + 3.0) / 2)
    leading = training.capability(alone.state, 1e33, START)
    assert training.capability(world.state, 1e33, START) == leading > 3.0
