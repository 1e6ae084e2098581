"""All that an event of training, demand and the run changes: what is not named here stays as it was."""

from __future__ import annotations

import pytest
from evolve.moved import GONE, moved, said
from evolve.test_state_and_evolve import full
from given import CLOUD, LAB, START

from events.types import demand, run, training
from market.state.finance import Books
from market.state.leases import Signature

# --- training and demand


def test_a_project_waits_runs_changes_its_size_and_waits_again():
    state, at = full(), "training.projects.lab.lab/project/1"
    grows = said(training.ProjectResized, run_id="lab/project/1", org=LAB, h100e=12.0, work_h100e_weeks=80.0,
                 end_day=START + 60)  # fmt: skip
    assert moved(state, grows, START + 7) == {
        f"{at}.h100e": 12.0, f"{at}.work_h100e_weeks": 80.0, f"{at}.since_day": START + 7, f"{at}.end_day": START + 60,
    }  # fmt: skip
    stops = said(training.ProjectStopped, run_id="lab/project/1", org=LAB, work_h100e_weeks=50.0)
    changes = moved(state, stops, START + 14)
    waits = changes.pop("training.waiting.lab.lab/project/1")
    assert (waits.h100e, waits.work_h100e_weeks, waits.least_h100e) == (0.0, 50.0, 9.0)
    assert changes == {at: GONE}
    again = said(training.ProjectStarted, run_id="lab/project/1", org=LAB, h100e=9.0, start_day=START + 21,
                 end_day=START + 70)  # fmt: skip
    changes = moved(state, again, START + 21)
    assert changes.pop(at).work_h100e_weeks == 50.0
    assert changes == {"training.waiting.lab.lab/project/1": GONE}
    ends = said(training.ProjectEnded, run_id="lab/project/1", org=LAB)
    assert moved(state, ends, START + 70) == {at: GONE}


def test_a_run_is_planned_anew_and_its_model_waits_for_release():
    state, at = full(), "training.runs.lab/run/1"
    plan = said(training.TrainingReplanned, run_id="lab/run/1", gpus=5, flop=6e24, mfu=0.5, goodput=0.8,
                due_day=START + 120)  # fmt: skip
    assert moved(state, plan, START + 30) == {
        f"{at}.gpus": 5, f"{at}.flop": 6e24, f"{at}.mfu": 0.5, f"{at}.goodput": 0.8, f"{at}.since_day": START + 30,
        f"{at}.due_day": START + 120,
    }  # fmt: skip
    done = said(training.TrainingFinished, run_id="lab/run/1", org=LAB, model="lab/model/1", flop=1e25)
    lab = "training.labs.lab"
    assert moved(state, done, START + 120) == {
        at: GONE, f"{lab}.pending_model": "lab/model/1", f"{lab}.pending_flop": 1e25,
        f"{lab}.pending_effective_flop": 1e25, f"{lab}.pending_day": START + 120,
    }  # fmt: skip
    small = said(training.ModelReleased, model="lab/model/0", org=LAB, flop=9e24, effective_flop=9e24, capability=1.4,
                 start_day=START + 130)  # fmt: skip
    assert moved(state, small, START + 130) == {
        f"{lab}.best_model": "lab/model/0", f"{lab}.capability": 1.4, f"{lab}.released_day": START + 130,
    }  # fmt: skip
    large = said(training.ModelReleased, model="lab/model/1", org=LAB, flop=2e25, effective_flop=3e25, capability=1.9,
                 start_day=START + 140)  # fmt: skip
    assert moved(state, large, START + 140) == {
        f"{lab}.best_model": "lab/model/1", f"{lab}.capability": 1.9, f"{lab}.released_day": START + 140,
        f"{lab}.best_flop": 2e25, f"{lab}.best_effective_flop": 3e25, f"{lab}.pending_model": "",
        f"{lab}.pending_flop": 0.0, f"{lab}.pending_effective_flop": 0.0, f"{lab}.pending_day": 0,
    }  # fmt: skip


def test_revenue_and_frontier_are_remembered_for_half_a_year():
    state = full()
    for n in range(40):
        served = said(training.ServingMeasured, org=LAB, revenue_usd_per_year=float(n), value=2.0 * n, h100e=3.0 * n)
        moved(state, served, START)
        moved(state, said(training.FrontierMeasured, capability=float(n)), START)
    assert state.demand.revenues[LAB] == [float(n) for n in range(13, 40)]
    assert state.training.frontier == [float(n) for n in range(13, 40)]
    lab = state.training.labs[LAB]
    assert (lab.revenue_usd_per_year, lab.demand_usd_per_year, lab.serving_h100e) == (39.0, 78.0, 117.0)


def test_the_largest_cluster_of_a_chip_stays_the_largest():
    state = full()
    small = said(training.ClusterFormed, org=LAB, site="field", chip="H100", gpus=100)
    assert moved(state, small, START) == {"training.clusters.lab|H100|field": 100}
    large = said(training.ClusterFormed, org=LAB, site="field", chip="H100", gpus=9000)
    assert moved(state, large, START) == {
        "training.clusters.lab|H100|field": 9000, "training.largest_cluster.H100": 9000,
    }  # fmt: skip


@pytest.mark.parametrize(("supply", "tightness"), [(4.0, 1.5), (0.0, 1.0)])
def test_tightness_is_what_is_wanted_over_what_there_is(supply: float, tightness: float):
    state = full()
    moved(state, said(demand.MarketCleared, h100e=6.0, supply_h100e=supply), START)
    assert state.demand.tightness == tightness


def test_the_tail_signs_for_delivery_at_once():
    state, before = full(), len(full().leases.signed)
    tail = said(demand.TailSigned, lessor=CLOUD, h100e=9.0, duration_days=364, price_usd_per_h100e_hour=2.0)
    assert moved(state, tail, START) == {f"leases.signed.{before}": Signature(CLOUD, "", 9.0, 364, 0, 2.0)}


# --- the run


@pytest.mark.parametrize(("week", "has_policy", "is_baseline"), [(-1, False, True), (-1, True, False),
                                                                  (0, False, False)])  # fmt: skip
def test_only_what_the_start_sets_is_a_baseline(week: int, has_policy: bool, is_baseline: bool):
    state = full()
    state.run.week, state.run.policies = week, {"rule": START} if has_policy else {}
    changes = moved(state, said(run.ParameterSet, parameter="new", value=4.0), START)
    assert changes == {"run.parameters.new": 4.0, **({"run.baseline.new": 4.0} if is_baseline else {})}


def test_an_org_that_enters_is_awaited_no_more():
    entered = said(run.OrgRegistered, org="newcomer", role="lab", country="US", kind="lab", parent_org=None)
    changes = moved(full(), entered, START)
    assert changes.pop("run.orgs.newcomer").roles == ("lab",)
    assert changes == {"run.entrants.newcomer": GONE, "finance.books.newcomer": Books("newcomer")}
