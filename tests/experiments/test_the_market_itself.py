"""Experiments on the market: pairing is exact, policies that touch nothing do nothing, kept logs are whole."""

from __future__ import annotations

from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest

from agents.simulation import simulate
from events import MemoryLog, open_log, verify
from events.types.policy import PolicyEnacted
from market.experiments.design.metrics import metric_names
from market.experiments.design.plan import Plan
from market.experiments.experiment import plan_experiment, run_experiment
from market.experiments.results.dataset import open_results
from market.experiments.statistics.pairing import effects
from market.policies.load import library, load_policy
from market.rules.policy import PolicyHooks

if TYPE_CHECKING:
    from market.scenario.schema import Scenario

IDLE = """\
name: idle
title: Nobody may order chips of infinite size
description: A policy that is enacted and touches nothing.
from: 2024-08-01
permit: [{refuse: PlaceOrder, when: {gpus: {above: 1e12}}, reason: too many}]
"""
EARLY = ("demand-shock", "supply-shock", "chip-tariff", "allocation-fairness")


def _plan(policies: list[str], **flags: object) -> Plan:
    return plan_experiment(simulate, None, {"policies": policies, "years": 0.5, "seeds": 2, **flags})


@pytest.fixture
def idle(tmp_path: Path) -> Path:
    path = tmp_path / "idle.yaml"
    path.write_text(IDLE)
    return path


def test_a_policy_that_touches_nothing_has_no_effect_and_equal_events(
    idle: Path, frontier: Scenario, tmp_path: Path
) -> None:
    from agents.simulation import simulate

    short, logs = frontier.model_copy(update={"years": 0.5}), []
    for hooks in (None, PolicyHooks([load_policy(idle)])):
        log = MemoryLog()
        simulate(short, 3, log=log, hooks=hooks)
        logs.append([(e.day, e.actor, e.event) for e in log.entries()])
    enacted = [event for _, _, event in logs[1] if isinstance(event, PolicyEnacted)]
    assert len(enacted) == 1
    without_hash = [
        [
            (day, actor, event)
            for day, actor, event in log
            if type(event).__name__ not in ("PolicyEnacted", "WeekClosed")
        ]
        for log in logs
    ]
    assert without_hash[0] == without_hash[1]

    out = str(tmp_path / "x")
    run_experiment(_plan([str(idle)], metrics=["*"]), engine="serial", out=out)
    found = effects(open_results(out))
    assert len(found) == len(metric_names(frontier))
    assert all((e.mean, e.low, e.high) == (0, 0, 0) for e in found)


def test_pairing_saves_variance_after_half_a_year(tmp_path: Path) -> None:
    names = [f"{name}:from=2024-07-15" for name in EARLY if name in library()]
    plan = _plan(names, seeds=4, metrics=["prices.h100_contract", "concentration.hhi", "supply.installed_h100e"])
    run_experiment(plan, engine="serial", out=str(tmp_path / "x"))
    ratios = [e.variance_ratio for e in effects(open_results(str(tmp_path / "x"))) if e.variance_ratio]
    assert len(ratios) >= 3, "no policy had an effect"
    assert median(ratios) >= 1.5


def test_processes_give_the_bytes_of_this_one_and_logs_that_verify(tmp_path: Path) -> None:
    plan = _plan(["demand-shock:from=2024-08-01"], years=0.25)
    run_experiment(plan, engine="serial", out=str(tmp_path / "a"))
    run_experiment(plan, engine="local:2", out=str(tmp_path / "b"), keep_logs="sample:1")
    for name in ("long.parquet", "wide.parquet"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    a, b = (pq.read_table(tmp_path / side / "runs.parquet").to_pylist() for side in "ab")
    assert [row["state_hash"] for row in a] == [row["state_hash"] for row in b]
    assert all(row["state_hash"] for row in a)
    kept = [row for row in b if row["head"]]
    assert {(row["policy"].partition(":")[0], row["seed"]) for row in kept} == {("baseline", 0), ("demand-shock", 0)}
    for row in kept:
        folder = tmp_path / "b" / "runs" / row["run"]
        report = verify(folder)
        assert report.ok
        assert report.complete
        assert (report.head, report.events) == (row["head"], row["events"])
        assert open_log(folder).manifest.seed == 0


def test_what_policies_expect_to_move_can_be_measured(frontier: Scenario) -> None:
    names = metric_names(frontier)
    policies = [load_policy(name) for name in library()]
    assert policies
    for policy in policies:
        assert policy.expects, policy.name
        for expectation in policy.expects:
            for region in frontier.regions if "{adopting}" in expectation.metric else [""]:
                assert expectation.metric.replace("{adopting}", region) in names, (policy.name, expectation.metric)
