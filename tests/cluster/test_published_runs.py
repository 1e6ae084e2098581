"""What is known of real runs: known plans fit, known steps and days come out, the model picks the plan that won."""

import collections
from typing import Any

import numpy as np
import pytest

from market.cluster import Fixed, answer, answer_grid, best_plans
from market.cluster.tables import read_table

ROWS = [r for r in read_table("observed/training_runs.csv") if r["use"] == "fit"]


@pytest.fixture(scope="module")
def answers() -> dict[str, list[Any]]:
    return answer_grid({name: [r[name] for r in ROWS] for name in ROWS[0]})


def errors(answers: dict[str, list[Any]], **where: str) -> np.ndarray:
    chosen = [i for i, r in enumerate(ROWS) if all(r[k] == v for k, v in where.items())]
    predicted = np.array([answers["step_s"][i] for i in chosen])
    observed = np.array([float(ROWS[i]["step_s_observed"]) for i in chosen])
    return np.abs(predicted / observed - 1)


def test_every_fitted_row_is_answered(answers: dict[str, list[Any]]) -> None:
    assert [w for w in answers["why_not"] if w and ": memory: needs" not in w] == []
    assert all(step > 0 for step in answers["step_s"])
    assert len(ROWS) > 300


def test_steps_of_dense_models_come_out_within_eight_percent_in_sample(answers: dict[str, list[Any]]) -> None:
    assert errors(answers, kind="dense").mean() < 0.08


def test_steps_of_mixtures_come_out_within_thirteen_percent_in_sample(answers: dict[str, list[Any]]) -> None:
    assert errors(answers, kind="moe").mean() < 0.13


def test_no_source_of_dense_rows_is_off_by_more_than_fourteen_percent(answers: dict[str, list[Any]]) -> None:
    for source in {r["source_key"] for r in ROWS if r["kind"] == "dense"}:
        found = errors(answers, kind="dense", source_key=source)
        assert found.mean() < 0.14 or len(found) < 3, source


@pytest.mark.parametrize(("maker", "limit"), [("TPU", 0.08), ("MI3", 0.10)])
def test_dense_steps_on_other_vendors_chips_come_out(answers: dict[str, list[Any]], maker: str, limit: float) -> None:
    chosen = [i for i, r in enumerate(ROWS) if r["gpu_type"].startswith(maker) and r["kind"] == "dense"]
    found = [abs(answers["step_s"][i] / float(ROWS[i]["step_s_observed"]) - 1) for i in chosen]
    assert len(found) >= 4
    assert np.mean(found) < limit


def test_small_models_on_blackwell_step_in_a_tenth_of_a_second(answers: dict[str, list[Any]]) -> None:
    chosen = [i for i, r in enumerate(ROWS) if r["source_key"] == "mlperf-8b" and r["gpu_type"][:2] in ("B2", "GB")]
    found = [abs(answers["step_s"][i] / float(ROWS[i]["step_s_observed"]) - 1) for i in chosen]
    assert min(answers["step_s"][i] for i in chosen) < 0.1
    assert np.mean(found) < 0.12


def test_published_plans_fit_in_memory(answers: dict[str, list[Any]]) -> None:
    """All but at most 2 %: small models at the largest microbatch, whose logits fill the card."""
    assert np.mean(answers["fits"]) > 0.98


def test_the_plan_the_model_prefers_is_within_three_percent_of_the_best_measured(
    answers: dict[str, list[Any]],
) -> None:
    groups: dict[Any, list[tuple[float, float]]] = collections.defaultdict(list)
    for i, r in enumerate(ROWS):
        if r["source_key"] != "megatron-bridge":  # its groups hold one plan at several dates
            key = tuple(r[n] for n in ("source_key", "gpu_type", "gpu_count", "model", "layers", "hidden", "gbs_seqs"))
            groups[key].append((answers["step_s"][i], float(r["step_s_observed"])))
    regrets = [min(rows)[1] / min(observed for _, observed in rows) - 1 for rows in groups.values() if len(rows) > 1]
    assert len(regrets) >= 8
    assert np.mean(regrets) < 0.03


def test_llama_3_1_405b_takes_the_published_step_and_hours() -> None:
    a = answer("H100", 16384, "llama-3.1-405b")
    assert a["step_s"] == pytest.approx(6.5, rel=0.08)
    assert a["days"] * 24 * 16384 == pytest.approx(30.84e6, rel=0.08)
    assert a["goodput"] > 0.90


def test_the_published_plan_of_llama_3_1_405b_is_close_to_the_best() -> None:
    published = answer("H100", 16384, "llama-3.1-405b", fixed=Fixed(tp=8, pp=16, dp=128, cp=1))
    assert published["fits"]
    assert published["step_s"] < 1.08 * answer("H100", 16384, "llama-3.1-405b")["step_s"]


def test_gpt_4_takes_the_reported_days_on_25_000_a100() -> None:
    assert 0.92 * 90 < answer("A100", 25_000, "gpt-4")["days"] < 1.08 * 95


def test_best_plans_come_best_first_and_fit() -> None:
    listed = best_plans("H100", 2048, "llama-3-70b", count=8)
    steps = [p["step_s"] / p["goodput"] / p["batch_seqs"] for p in listed]
    assert len(listed) == 8
    assert steps == sorted(steps)
    assert all(p["memory_gb"] < 86 for p in listed)
