"""What an experiment found is told answer first, with its spread and its limits, and as strict JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from experiments.extras import needs

from market.experiments.design.plan import Plan
from market.experiments.experiment import run_experiment
from market.experiments.results import dataset
from market.experiments.results.dataset import ResultMissing, open_results
from market.experiments.tell.plain import as_json
from market.experiments.tell.show import show
from market.experiments.tell.wording import amount, number, percent, together

Make = Callable[..., Plan]


@pytest.fixture
def rich(tiny_plan: Make, tmp_path: Path, policy_file: Path) -> str:
    """An experiment with futures, a goal and a sweep."""
    harsher = tmp_path / "harsher.yaml"
    harsher.write_text(
        policy_file.read_text().replace("name: dearer", "name: harsher").replace("{add: 0.1}", "{add: $step}")
        + "parameters: {step: {value: 0.1, meaning: how much}}\n"
        + "expects: [{metric: prices.h100_contract, sign: '+', reason: margins rise}]\n"
    )
    plan = tiny_plan(
        uncertainties={"price.margin": {"uniform": [0.3, 0.9]}, "tail.elasticity": {"uniform": [0.5, 2]}},
        futures=60, seeds=2, goals={"prices.h100_contract": {"want": "low", "threshold": 2.6}},
        policies=[str(policy_file), {"use": str(harsher), "sweep": {"step": [0.1, 0.2]}}],
    )  # fmt: skip
    out = str(tmp_path / "rich")
    run_experiment(plan, engine="serial", out=out)
    return out


def test_the_first_line_is_the_answer(tiny_plan: Make, tmp_path: Path) -> None:
    out = str(tmp_path / "x")
    run_experiment(tiny_plan(seeds=20), engine="serial", out=out)
    lines = show(out).splitlines()
    assert lines[0].startswith("dearer: after 13 weeks, contract price of an H100 equivalent for a year is ")
    assert "% higher than without it (95 % interval +" in lines[0]
    assert lines[1] == "frontier-2024, 2024-07-15 to 2024-10-14; 20 seeds, the same for every policy."
    text = "\n".join(lines)
    assert "not predictions" in text
    assert "No parameter of the world was varied" in text
    assert "n = 20 pairs for each policy, seeds 0 to 19; intervals by bootstrap over seeds." in text
    assert text.index("Change by dearer") < text.index("What to keep in mind")


def test_goals_sensitivity_discovery_and_tipping_are_told(rich: str) -> None:
    text = show(rich)
    for part in (
        "prices.h100_contract, wanted low (at most 2.60 USD/H100e-hour): over 60 futures",
        "best worst case: baseline; least regret in nine futures of ten: baseline",
        "What prices.h100_contract without policy hangs on",
        "price.margin",
        "is above 2.60 USD/H100e-hour in",
        "mostly where price.margin >= ",
        "60 futures times 2 seeds",
        "higher    agrees  margins rise",
        "bootstrap over futures",
    ):
        assert part in text, part
    assert "No parameter of the world" not in text


def test_json_says_the_same_without_nan(rich: str) -> None:
    def never(text: str) -> None:
        raise AssertionError(f"{text} is no JSON")

    found = json.loads(json.dumps(as_json(open_results(rich))), parse_constant=never)
    effect = found["effects"][0]
    assert {"policy", "metric", "mean", "low", "high", "variance_ratio", "pairs"} <= set(effect)
    assert effect["mean"] == pytest.approx(0.1 + 0.01 * 0.6, abs=0.002)
    assert effect["low"] <= effect["mean"] <= effect["high"]
    assert effect["variance_ratio"] > 100
    assert found["pairs"] == 120
    assert {row["method"] for row in found["sensitivity"]} == {"rank"}
    box = found["discovery"][0]["limits"][0]
    assert (box["parameter"], box["high"]) == ("price.margin", None)
    assert [e["verdict"] for e in found["expectations"]] == ["agrees", "agrees"]


def test_what_theory_expects_is_held_against_each_policy_by_name(rich: str) -> None:
    text = show(rich)
    below = text[text.index("Against what theory expects") :]
    for policy in ("harsher:step=0.1", "harsher:step=0.2"):
        after = below[below.index(f"  {policy}\n") :].splitlines()
        assert after[2].split()[:3] == ["prices.h100_contract", "higher", "agrees"]


def test_one_pair_has_no_interval_and_says_so(tiny_plan: Make, tmp_path: Path) -> None:
    out = str(tmp_path / "x")
    run_experiment(tiny_plan(seeds=1), engine="serial", out=out)
    text = show(out)
    assert "of one pair none" in text
    assert "unknown" not in text
    assert "(1 paired run)" in text


def test_no_table_is_read_from_a_file_that_python_would_have_to_close(
    rich: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources: list[Any] = []

    def noted(read: Callable[..., Any]) -> Callable[..., Any]:
        return lambda source, *args, **how: sources.append(source) or read(source, *args, **how)

    for name in ("ParquetFile", "read_table"):
        monkeypatch.setattr(dataset.pq, name, noted(getattr(dataset.pq, name)))
    metric = open_results(rich).metrics[0]
    assert open_results(rich, 5).over_time(metric)
    assert len(sources) > 5
    assert all(isinstance(source, pa.NativeFile) and not isinstance(source, pa.PythonFile) for source in sources)


def test_outcomes_of_an_earlier_week_can_be_asked(rich: str) -> None:
    early, late = (open_results(rich, week) for week in (5, 13))
    at_end = open_results(rich)
    assert (late.values == at_end.values).all()
    assert (early.values < late.values).all()
    assert "after 13 weeks" in show(rich)
    early_text = show(rich, 5)
    assert "after 5 weeks" in early_text
    assert "2024-07-15 to 2024-08-19" in early_text
    assert "13 weeks" not in early_text
    with pytest.raises(ResultMissing, match="nothing was measured after 6 weeks; nearest to it: "):
        open_results(rich, 6)


def test_failed_runs_are_named_and_their_pairs_left_out(tiny_plan: Make, tmp_path: Path) -> None:
    out = str(tmp_path / "x")
    run_experiment(tiny_plan("faulty"), engine="serial", out=out)
    text = show(out)
    assert "2 runs failed; their pairs are left out:" in text
    assert "dearer, future 0, seed 3: ZeroDivisionError" in text
    assert "4 of 4" in text


def test_a_policy_that_does_nothing_is_said_to(tiny_plan: Make, tmp_path: Path, policy_file: Path) -> None:
    idle = tmp_path / "idle.yaml"
    idle.write_text(policy_file.read_text().replace("name: dearer", "name: idle"))
    out = str(tmp_path / "x")
    run_experiment(tiny_plan("deaf", policies=[str(idle)]), engine="serial", out=out)
    assert show(out).startswith("idle changes nothing that was measured after 13 weeks (5 paired runs).")


def test_the_baseline_alone_is_told_with_bands(tiny_plan: Make, tmp_path: Path) -> None:
    out = str(tmp_path / "x")
    run_experiment(tiny_plan(policies=["baseline"], seeds=30), engine="serial", out=out)
    text = show(out)
    assert text.startswith("The world without any policy, after 13 weeks.")
    assert "50 % of runs" in text
    assert "90 % of runs" in text


def test_a_folder_without_an_experiment_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ResultMissing, match="holds no experiment"):
        show(str(tmp_path))


@pytest.mark.parametrize(
    ("said", "text"),
    [
        (amount(1.234e6, "H100e"), "1.23 m H100e"),
        (amount(-2500, "kW IT", sign=True), "-2.50 MW IT"),
        (amount(3.2e10, "USD"), "32.0 bn USD"),
        (amount(0.123, "1"), "0.123"),
        (amount(float("nan"), "USD"), "unknown"),
        (number(12345.6), "12,346"),
        (number(0.00001), "1.0e-05"),
        (number(5e25), "5.0e+25"),
        (percent(0.0321, sign=True), "+3.2 %"),
        (percent(-0.4567), "-46 %"),
        (percent(0.0002), "<0.1 %"),
        (percent(0), "0.0 %"),
    ],
)
def test_amounts_are_written_as_they_are_said(said: str, text: str) -> None:
    assert said == text


def test_many_metrics_of_one_kind_are_named_once() -> None:
    names = ["labs.a.h100e", "labs.b.h100e", "labs.c.h100e", "labs.a.cash_usd", "models.released"]
    assert together(names[1:], names) == ["labs.a.cash_usd", "labs.*.h100e (2 of 3)", "models.released"]


@pytest.mark.parametrize("sampling", ["morris", "saltelli"])
def test_designs_for_sensitivity_are_analysed_by_their_method(sampling: str, tiny_plan: Make, tmp_path: Path) -> None:
    needs("SALib")
    plan = tiny_plan(
        uncertainties={"price.margin": {"uniform": [0.3, 0.9]}, "tail.elasticity": {"uniform": [0.5, 2]}},
        sampling=sampling, futures=16, seeds=1,
    )  # fmt: skip
    assert len(plan.values) == 16 * {"morris": 3, "saltelli": 4}[sampling]
    out = str(tmp_path / "x")
    run_experiment(plan, engine="serial", out=out)
    rows = [row for row in as_json(open_results(out))["sensitivity"] if row["policy"] == "baseline"]
    assert [row["parameter"] for row in rows] == ["price.margin", "tail.elasticity"]
    if sampling == "morris":
        assert rows[0]["mu_star"] == pytest.approx(0.6 * 1.012, rel=1e-6)
        assert rows[1]["mu_star"] == pytest.approx(0, abs=1e-9)
    else:
        assert rows[0]["total"] == pytest.approx(1, abs=0.05)
        assert rows[1]["total"] == pytest.approx(0, abs=1e-6)
    assert f"parameter ({'Morris' if sampling == 'morris' else 'Sobol'})" in show(out)
