"""Policies of an experiment share the weeks before they are known with the baseline of the same future and seed."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from agents.simulation import simulate
from market.experiments.design.plan import Plan
from market.experiments.engines.past import Pasts, shared_weeks
from market.experiments.engines.worker import Job, Ready, perform
from market.experiments.experiment import plan_experiment, run_experiment
from market.experiments.results.result import Result

LATE = ["demand-shock:from=2024-10-15", "chip-tariff:from=2024-09-02"]


@pytest.fixture(scope="module")
def plan() -> Plan:
    return plan_experiment(simulate, None, {"policies": LATE, "years": 0.5, "seeds": 2, "metrics": ["*"]})


def _results(plan: Plan, pasts: Pasts | None) -> tuple[list[Result], Ready]:
    ready = Ready(Job.of(plan), plan.simulate)
    ready.pasts = pasts if pasts is not None else ready.pasts
    return [msgspec.structs.replace(perform(ready, spec, None), cpu_s=0.0) for spec in plan.specs()], ready


def test_a_shared_past_changes_no_metric_no_state_and_no_number_of_events(plan: Plan) -> None:
    shared, ready = _results(plan, None)
    apart, _ = _results(plan, Pasts(()))
    assert shared == apart
    assert sorted(ready.pasts.weeks) == [7, 13], "whole weeks between 15 July and 2 September, and 15 October"


def test_runs_part_where_a_policy_is_announced(plan: Plan) -> None:
    late = next(policy for lever in plan.levers for policy in lever.policies)
    start = plan.scenario.start
    told = late.model_copy(update={"announced": start + timedelta(30)})
    assert [shared_weeks(plan.scenario, [policy]) for policy in (late, told)] == [13, 4]
    assert shared_weeks(plan.scenario, [late, told]) == 4
    assert shared_weeks(plan.scenario, []) is None


def test_a_run_goes_on_from_the_past_and_simulates_only_its_own_weeks(plan: Plan) -> None:
    simulated = []

    def counting(*args: object, **world: object) -> object:
        simulated.append(world.get("past") is not None)
        return simulate(*args, **world)  # type: ignore[arg-type]

    ready = Ready(Job.of(plan), plan.simulate)
    ready.simulate = counting  # type: ignore[assignment]
    for spec in plan.specs():
        perform(ready, spec, None)
    assert simulated == [False, True, True] * 2


def test_a_run_whose_log_is_kept_says_its_events_from_the_start(plan: Plan, tmp_path: Path) -> None:
    for name, keep in (("kept", "all"), ("plain", "none")):
        run_experiment(plan, engine="serial", out=str(tmp_path / name), keep_logs=keep)
    for table in ("long.parquet", "wide.parquet"):
        assert (tmp_path / "kept" / table).read_bytes() == (tmp_path / "plain" / table).read_bytes()


def test_batches_of_pairs_on_processes_give_the_tables_of_one_process(plan: Plan, tmp_path: Path) -> None:
    for engine in ("serial", "local:1", "local:2"):
        run_experiment(plan, engine=engine, out=str(tmp_path / engine))
    tables = [(tmp_path / engine / "long.parquet").read_bytes() for engine in ("serial", "local:1", "local:2")]
    assert tables[0] == tables[1] == tables[2]
