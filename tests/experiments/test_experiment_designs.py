"""A wrong design is refused in one line that says where; a right one becomes the runs that it means."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agents.simulation import simulate
from market.commands.errors import code_of
from market.experiments.design.plan import Plan, snapshot_weeks
from market.experiments.experiment import logs_to_keep, plan_experiment
from market.scenario.errors import ScenarioError

Make = Callable[..., Plan]
GOOD = """\
scenario: frontier-2024
years: 3
policies:
  - baseline
  - power-moratorium
  - {use: export-controls, set: {quota_h100e: 50000}}
uncertainties:
  price.margin: {uniform: [0.3, 0.6]}
  sites.slip_median: {triangular: [1.05, 1.25, 1.6]}
futures: 8
seeds: 2
metrics: [labs.*.h100e, prices.h100_contract]
"""


def _plan(tmp_path: Path, text: str, **flags: Any) -> Plan:
    path = tmp_path / "design.yaml"
    path.write_text(text)
    return plan_experiment(simulate, path, flags)


def test_a_design_becomes_every_policy_on_every_pair(tmp_path: Path) -> None:
    plan = _plan(tmp_path, GOOD)
    assert [lever.name for lever in plan.levers] == [
        "baseline",
        "power-moratorium",
        "export-controls:quota_h100e=50000",
    ]
    specs = list(plan.specs())
    assert (len(specs), plan.size, plan.pairs) == (48, 48, 16)
    assert len({spec.id for spec in specs}) == 48
    for pair in range(16):
        three = specs[3 * pair : 3 * pair + 3]
        assert len({(spec.future, spec.seed) for spec in three}) == 1, "policies of a pair stand together"
        assert all(spec.values == three[0].values for spec in three)
    assert plan.metrics[-1] == "prices.h100_contract"
    assert "labs.openai.h100e" in plan.metrics


WRONG = [
    ("price.margin: {uniform: [0.3, 0.6]}", "price.margn: {uniform: [0.3, 0.6]}",
     "design.yaml:8:3 uncertainties.price.margn: the scenario frontier-2024 has no number of this name; did you mean"),
    ("uniform: [0.3, 0.6]", "uniform: [0.6, 0.6]",
     "design.yaml:8:27 uncertainties.price.margin.uniform: is an empty range: low must be below high, was 0.6 and 0.6"),
    ("uniform: [0.3, 0.6]", "uniform: [0.3]",
     "design.yaml:8:27 uncertainties.price.margin.uniform: takes [low, high], was 1 number"),
    ("uniform: [0.3, 0.6]", "uniform: [0.3, high]",
     "design.yaml:8:33 uncertainties.price.margin.uniform.1: must be a number, was 'high'"),
    ("{uniform: [0.3, 0.6]}", "{}", "design.yaml:8:17 uncertainties.price.margin: give one distribution, was none"),
    ("{uniform: [0.3, 0.6]}", "{uniform: [0, 1], normal: [0, 1]}",
     "design.yaml:8:17 uncertainties.price.margin: give one distribution, was uniform, normal"),
    ("{uniform: [0.3, 0.6]}", "{gauss: [0, 1]}",
     "design.yaml:8:18 uncertainties.price.margin.gauss: unknown key"),
    ("uniform: [0.3, 0.6]", "uniform: [-3, 0.6]",
     "design.yaml:8:17 uncertainties.price.margin: reaches -"),
    ("triangular: [1.05, 1.25, 1.6]", "triangular: [1.05, 1.9, 1.6]",
     "design.yaml:9:35 uncertainties.sites.slip_median.triangular: mode must lie between low and high, was 1.9"),
    ("prices.h100_contract", "prices.h100_contrat",
     "design.yaml:12:25 metrics.1: no metric matches 'prices.h100_contrat'; did you mean 'prices.h100_contract'"),
    ("power-moratorium", "power-moratorum",
     "design.yaml:5:5 power-moratorum: no policy of this name; did you mean 'power-moratorium'"),
    ("quota_h100e: 50000", "quota: 50000", "design.yaml:6:5 quota: no such setting; did you mean 'quota_h100e'"),
    ("quota_h100e: 50000", "from: 2025-02-30", "design.yaml:6:5 from: must be a date such as 2024-07-15"),
    ("quota_h100e: 50000", "from: 2031-01-01",
     "design.yaml:6:5 policies.2: export-controls:from=2031-01-01 would begin on 2031-01-01, after the run has ended"),
    ("power-moratorium", "power-moratorium:region=us-ohoi",
     "design.yaml:5:5 policies.1: permit.0.when.region: the scenario frontier-2024 has no region 'us-ohoi'"),
    ("{use: export-controls,", "{together: [export-controls],",
     "design.yaml:6:5 policies.2: several policies take their settings as name:key=value"),
    ("{use: export-controls,", "{", "design.yaml:6:5 policies.2: give either `use: policy` or `together:"),
    ("set: {quota_h100e: 50000}", "sweep: {quota_h100e: [1]}",
     "design.yaml:6:35 policies.2.sweep: takes one setting with two or more values"),
    ("power-moratorium", "{use: export-controls, set: {quota_h100e: 50000}}",
     "design.yaml:6:5 policies.2: 'export-controls:quota_h100e=50000' is given twice"),
    ("frontier-2024", "frontier-2042", "design.yaml:1:11 scenario: no scenario of this name; did you mean"),
    ("years: 3", "years: 30", "design.yaml:2:8 years: must be <= 20, was 30"),
    ("seeds: 2", "seeds: 0", "design.yaml:11:8 seeds: must be >= 1, was 0"),
    ("seeds: 2", "seeds: 1000000", "design.yaml:10:10 futures: makes 24,000,000 runs; at most 10,000,000"),
    ("seeds: 2", "seed: 2", "design.yaml:11:1 seed: unknown key; did you mean 'seeds'"),
    ("seeds: 2", "seeds: 2\ngoals: {prices.h100: {want: low}}", "design.yaml:12:9 goals.prices.h100: no such metric"),
    ("seeds: 2", "seeds: 2\ngoals: {prices.h100_contract: {want: cheap}}",
     "design.yaml:12:38 goals.prices.h100_contract.want: must be one of 'high' or 'low', was 'cheap'"),
    ("seeds: 2", "seeds: 2\nset: {price.margn: 1}", "design.yaml:12:7 set.price.margn: unknown key; did you mean"),
    ("- baseline", "- [baseline]", "design.yaml:4:5 policies.0: must be a mapping"),
    ("futures: 8", "futures: 8\nfutures: 9", "design.yaml:11:1 futures: duplicate key; it stands already at line 10"),
]  # fmt: skip


@pytest.mark.parametrize(("right", "wrong", "said"), WRONG, ids=[case[2][12:60] for case in WRONG])
def test_a_wrong_design_is_refused_with_its_place(right: str, wrong: str, said: str, tmp_path: Path) -> None:
    assert right in GOOD
    with pytest.raises(ScenarioError) as caught:
        _plan(tmp_path, GOOD.replace(right, wrong, 1))
    assert str(caught.value.problems[0]).startswith(said)
    assert code_of(caught.value) == 2


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"policies": ["powr"]}, "--policy powr: no policy of this name"),
        (
            {"policies": ["power-moratorium:from=2026-01-01"], "years": 1},
            "--policy power-moratorium:from=2026-01-01 would begin on 2026-01-01, after the run has ended",
        ),
        ({"policies": ["power-moratorium"], "metrics": ["x"]}, "--metric no metric matches 'x'"),
        ({"policies": ["power-moratorium"], "seeds": 0}, "--runs seeds: must be >= 1, was 0"),
        ({"policies": ["power-moratorium"], "futures": 9}, "--futures needs uncertainties"),
        ({"policies": ["power-moratorium"], "set": {"price.margn": "1"}}, "--set set.price.margn: unknown key"),
        ({"policies": ["power-moratorium"], "scenario": "mars"}, "--scenario scenario: no scenario of this name"),
    ],
)
def test_a_wrong_flag_is_refused_by_its_name(flags: dict[str, Any], said: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        plan_experiment(simulate, None, flags)
    assert str(caught.value.problems[0]).startswith(said)


def test_flags_replace_what_the_design_says(tmp_path: Path) -> None:
    plan = _plan(tmp_path, GOOD, seeds=3, policies=["power-moratorium:from=2024-08-01"], years=0.5)
    assert (len(plan.seeds), plan.weeks, len(plan.levers)) == (3, (13, 26), 2)


def test_several_policies_together_and_values_of_a_setting(tmp_path: Path) -> None:
    text = GOOD.replace(
        "  - power-moratorium\n",
        "  - {together: [power-moratorium, export-controls], name: both}\n"
        "  - {use: export-controls, sweep: {tpp: [1000, 4800]}, set: {quota_h100e: 9}}\n",
    )
    plan = _plan(tmp_path, text)
    levers = {lever.name: lever for lever in plan.levers}
    assert [policy.name for policy in levers["both"].policies] == ["power-moratorium", "export-controls"]
    swept = [lever for lever in plan.levers if lever.setting]
    assert [(lever.setting, lever.value) for lever in swept] == [
        ("export-controls:tpp", 1000.0),
        ("export-controls:tpp", 4800.0),
    ]
    assert all(lever.policies[0].given["quota_h100e"] == "9" for lever in swept)


def test_policy_and_scenario_files_are_found_beside_the_design(tmp_path: Path, policy_file: Path) -> None:
    (tmp_path / "mine.yaml").write_text("extends: frontier-2024\nname: mine\nparameters: {price.margin: 0.5}\n")
    plan = _plan(tmp_path, "scenario: mine.yaml\npolicies: [dearer.yaml]\nseeds: 1\n")
    assert plan.scenario.parameters["price.margin"] == 0.5
    assert plan.levers[1].name == "dearer"


def test_a_run_is_named_by_all_that_it_depends_on(tiny_plan: Make) -> None:
    vary = {"uncertainties": {"price.margin": {"uniform": [0.3, 0.6]}}, "futures": 2}
    plans = {
        "same": tiny_plan(**vary),
        "world": tiny_plan("counted", **vary),
        "years": tiny_plan(years=0.5, **vary),
        "scenario": tiny_plan(set={"tail.elasticity": "1.1"}, **vary),
        "policy": tiny_plan(policies=["export-controls:from=2024-08-01"], **vary),
        "seed": tiny_plan(first_seed=5, **vary),
        "future": tiny_plan(uncertainties={"price.margin": {"uniform": [0.31, 0.6]}}, futures=2),
    }
    ids = {name: [spec.id for spec in plan.specs()] for name, plan in plans.items()}
    assert [spec.id for spec in tiny_plan(**vary).specs()] == ids["same"]
    for name, others in ids.items():
        shared = set(ids["same"]) & set(others)
        if name == "policy":
            assert len(shared) == len(ids["same"]) / 2, "the baseline is the same runs"
        elif name != "same":
            assert not shared, name


def test_more_seeds_keep_the_runs_there_are(tiny_plan: Make) -> None:
    few, many = ({spec.id for spec in tiny_plan(seeds=n).specs()} for n in (3, 5))
    assert few < many


def test_metrics_are_read_at_the_end_and_every_so_often() -> None:
    assert snapshot_weeks(3, 13) == tuple(range(13, 157, 13))
    assert snapshot_weeks(0.25, 5) == (5, 10, 13)
    assert snapshot_weeks(0.25, 100) == (13,)


def test_logs_are_kept_of_whole_pairs(tiny_plan: Make) -> None:
    plan = tiny_plan(seeds=4)
    kept = [spec for spec in plan.specs(logs_to_keep("sample:2", plan)) if spec.keep_log]
    assert {(spec.lever, spec.seed) for spec in kept} == {(p, s) for p in ("baseline", "dearer") for s in (0, 1)}
    assert [logs_to_keep(text, plan) for text in ("all", "none", "sample:99")] == [4, 0, 4]
