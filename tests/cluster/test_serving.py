"""Serving: laws, hostile input, published points, tables and the market's weekly call."""

import dataclasses
import hashlib
import json
from importlib import resources
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market.cluster import ClusterError, answer_serving, answer_serving_grid, chip, serving_rates
from market.cluster.models import MODELS
from market.cluster.serve import _KNOWN, ServeTable, evaluate_serving, serving_precision
from market.cluster.tables import read_table

ROWS = [r for r in read_table("observed/serving.csv") if r["use"] == "fit"]
few = settings(max_examples=30, deadline=None)
chips = st.sampled_from(["A100", "H100", "H200", "GB200", "MI300X", "TPU v6e"])
models = st.sampled_from(["llama-3-8b", "llama-3-70b", "gpt-oss-120b", "deepseek-v3", "qwen3-30b-a3b"])


@pytest.fixture(scope="module")
def answers() -> dict[str, list[Any]]:
    return answer_serving_grid({n: [r[n] for r in ROWS] for n in ROWS[0]})


def errors(answers: dict[str, list[Any]], **where: str) -> np.ndarray:
    chosen = [i for i, r in enumerate(ROWS) if all(r[k].startswith(v) for k, v in where.items())]
    predicted = np.array([answers["output_tokens_per_s_per_gpu_predicted"][i] for i in chosen], dtype=float)
    return np.abs(predicted / np.array([float(ROWS[i]["output_tokens_per_s_per_gpu"]) for i in chosen]) - 1)


def test_every_published_row_is_answered_or_says_that_memory_lacks(answers: dict[str, list[Any]]) -> None:
    assert len(ROWS) > 700
    assert [w for w in answers["why_not"] if w and ": memory:" not in w] == []
    assert np.mean([not w for w in answers["why_not"]]) > 0.97


@pytest.mark.parametrize(("source", "mean"), [("trt-llm", 0.20), ("aiconfigurator", 0.26), ("mlperf", 0.32)])
def test_published_throughput_comes_out(answers: dict[str, list[Any]], source: str, mean: float) -> None:
    found = errors(answers, source_key=source)
    assert found.mean() < mean
    assert np.median(found) < 0.20


def test_offline_throughput_on_nvidia_is_within_fifteen_percent_in_the_middle(answers: dict[str, list[Any]]) -> None:
    assert np.median(errors(answers, scenario="max-throughput", framework="TensorRT")) < 0.15


def test_the_constants_belong_to_the_points_that_are_stored() -> None:
    root = resources.files("market").joinpath("catalogue")
    stored = json.loads(root.joinpath("cluster_constants.json").read_text(encoding="utf-8"))
    points = root.joinpath("observed", "serving.csv").read_bytes()
    assert stored["serving_inputs_sha256"] == hashlib.sha256(points).hexdigest()
    assert len(stored["constants"]) <= 40
    assert all(e["prior_reason"] for e in stored["constants"].values())


@few
@given(name=chips, m=models, field=st.sampled_from(["hbm_bytes", "hbm_bytes_per_s", "gemm_flop_per_s",
                                                    "scaleup_bytes_per_s"]), factor=st.floats(1.0, 3.0))  # fmt: skip
def test_a_better_chip_never_serves_less(name: str, m: str, field: str, factor: float) -> None:
    old = chip(name)
    new = dataclasses.replace(old, **{field: getattr(old, field) * factor})
    a, b = (answer_serving(c, m, concurrency=64.0, gpus=8) for c in (old, new))
    if a["fits"]:
        assert b["output_tokens_per_s_per_gpu"] >= a["output_tokens_per_s_per_gpu"] * (1 - 1e-9)


@few
@given(name=chips, m=models, limit=st.floats(10.0, 100.0), more=st.floats(1.0, 4.0))
def test_a_looser_limit_never_serves_less_and_is_kept(name: str, m: str, limit: float, more: float) -> None:
    tight, loose = (answer_serving(name, m, tpot_limit_ms=x) for x in (limit, limit * more))
    if tight["fits"]:
        assert loose["output_tokens_per_s_per_gpu"] >= tight["output_tokens_per_s_per_gpu"] * (1 - 1e-2)
        assert tight["binds"] == "latency" or tight["tpot_s"] <= limit / 1e3 * (1 + 1e-6)


@few
@given(name=chips, m=models, inputs=st.floats(128, 8192), more=st.floats(1.0, 4.0))
def test_longer_prompts_never_give_more_output(name: str, m: str, inputs: float, more: float) -> None:
    short, long = (answer_serving(name, m, input_tokens=x, tp=8, gpus=8) for x in (inputs, inputs * more))
    if long["fits"]:
        assert long["output_tokens_per_s_per_gpu"] <= short["output_tokens_per_s_per_gpu"] * (1 + 1e-9)


def test_units_agree_across_the_answer() -> None:
    a = answer_serving("H100", "llama-3-70b", tp=4, concurrency=64.0, price_usd_per_gpu_hour=2.0)
    assert a["gpus"] == 4
    assert a["output_tokens_per_s_per_gpu"] * 4 * a["tpot_s"] == pytest.approx(a["batch"])
    assert a["usd_per_million_output_tokens"] == pytest.approx(2e6 / 3600 / a["output_tokens_per_s_per_gpu"])
    assert a["total_tokens_per_s_per_gpu"] == pytest.approx(2 * a["output_tokens_per_s_per_gpu"])
    assert a["memory_gb"] * 1e9 < chip("H100").hbm_bytes


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"chip_name": "H9000"}, "chip: must be a known chip"),
        ({"model_name": "nothing"}, "model: must be a known model"),
        ({"input_tokens": 0}, "input_tokens: must lie in"),
        ({"output_tokens": float("nan")}, "output_tokens: must lie in"),
        ({"tp": 1.5}, "tp: must be a whole number"),
        ({"gpus": 2, "tp": 8}, "gpus: must be at least"),
        ({"precision": "fp3"}, "precision: must be one of"),
        ({"tpot_limit_ms": -1.0}, "tpot_limit_ms: must lie in"),
    ],
)
def test_an_impossible_question_is_refused(asked: dict[str, Any], said: str) -> None:
    question = {"chip_name": "H100", "model_name": "llama-3-8b"} | asked
    with pytest.raises(ClusterError, match=said):
        answer_serving(question.pop("chip_name"), question.pop("model_name"), **question)


def test_a_model_that_cannot_fit_says_that_memory_binds() -> None:
    a = answer_serving("H100", "deepseek-v3", gpus=8)
    assert (a["fits"], a["binds"], a["tpot_s"]) == (False, "memory", None)


def test_a_bad_row_of_a_grid_names_itself_and_spares_the_others() -> None:
    good = {"chip": "H100", "model": "llama-3-8b", "input_tokens": 1000, "output_tokens": 1000}
    rows = [good, good | {"chip": "H9"}, good | {"input_tokens": None}, good | {"colour": "red"}, good]
    names = sorted({n for r in rows for n in r})
    out = answer_serving_grid({n: [r.get(n) for r in rows] for n in names})
    assert [w.split(":")[0] if w else "" for w in out["why_not"]] == ["", "row 1", "row 2", "row 3", ""]
    assert "input_tokens" in out["why_not"][2]
    assert "colour: is no column" in out["why_not"][3]
    assert out["tpot_s_predicted"][0] == out["tpot_s_predicted"][4] > 0


hostile = st.one_of(st.none(), st.text(max_size=8), st.floats(), st.integers(-(10**15), 10**15), st.booleans())
columns = st.sampled_from(["chip", "model", "precision", "kv_precision", "tp", "pp", "dp", "ep", "gpus", "input_tokens",
                           "output_tokens", "concurrency", "tpot_limit_ms", "framework", "speculative"])  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(change=st.dictionaries(columns, hostile, max_size=4))
def test_no_row_yields_a_nan_or_an_unexplained_blank(change: dict[str, Any]) -> None:
    row = {"chip": "H100", "model": "llama-3-8b", "input_tokens": 1000, "output_tokens": 500} | change
    out = answer_serving_grid({n: [v] for n, v in row.items()})
    speed = out["output_tokens_per_s_per_gpu_predicted"][0]
    assert (speed is None) <= bool(out["why_not"][0])
    assert speed is None or 0 < speed < float("inf")


def test_marks_of_tables_are_read_past() -> None:
    row = {"chip": "H100", "model": "llama-3-8b", "input_tokens": 1000, "output_tokens": 500, "tp": 1}
    plain, marked = row | {"concurrency": 160}, row | {"concurrency": "~160", "dp": "0", "scenario": "online"}
    out = answer_serving_grid({n: [plain.get(n), marked.get(n)] for n in marked})
    assert out["why_not"] == ["", ""]
    assert out["tpot_s_predicted"][0] == out["tpot_s_predicted"][1]


def test_a_table_by_index_agrees_with_single_answers() -> None:
    ones = np.ones(2)
    table = ServeTable(
        models=(MODELS["llama-3-70b"],), chip=np.array([list(read_names()).index(n) for n in ("H100 SXM", "H200 SXM")]),
        model=np.zeros(2, dtype=np.intp), precision=np.ones(2, dtype=np.intp), input_tokens=1000 * ones,
        output_tokens=500 * ones, tp=4 * ones, pp=ones, dp=ones, ep=ones, batch=np.full(2, np.nan),
    )  # fmt: skip
    _, found = next(evaluate_serving(table))
    for i, name in enumerate(("H100", "H200")):
        a = answer_serving(name, "llama-3-70b", tp=4, input_tokens=1000, output_tokens=500, precision="fp8")
        assert found.output_tokens_per_s_per_gpu[i] == pytest.approx(a["output_tokens_per_s_per_gpu"])


def read_names() -> list[str]:
    return [r["chip"] for r in read_table("chips.csv")]


def test_the_weekly_call_gives_a_rate_a_chip_and_later_chips_serve_more() -> None:
    rates = serving_rates(["A100", "H100", "GB200", "H100"], [3e10, 3e10, 3e10, 3e9], year=2025.5)
    assert rates.shape == (4,)
    assert 0 < rates[0] < rates[1] < rates[2]
    assert rates[3] > rates[1]
    assert serving_rates(["GB200"], [3e10], year=2026.5)[0] > serving_rates(["GB200"], [3e10], year=2025.3)[0]


def test_a_rate_is_the_same_asked_alone_and_among_others() -> None:
    names, sizes = ["H100", "TPU v6e", "MI300X", "GB200"], [2e10, 4e10, 1e11, 3e11]
    together = serving_rates(names, sizes, year=2026.1, input_tokens=1234.0)
    _KNOWN.clear()
    alone = [serving_rates([n], [p], year=2026.1, input_tokens=1234.0)[0] for n, p in zip(names, sizes, strict=True)]
    assert together.tolist() == alone


def test_engines_serve_with_fewer_bits_from_their_dates_on() -> None:
    assert [serving_precision(chip("GB200"), y) for y in (2023.0, 2025.0, 2026.0)] == ["bf16", "fp8", "fp4"]
    assert serving_precision(chip("A100"), 2026.0) == "bf16"


def grid_rate(**row: Any) -> Any:
    """Output tokens a second and GPU of one row of a table, or why it has none."""
    a = answer_serving_grid({n: [v] for n, v in ({"input_tokens": 20_000, "output_tokens": 2000} | row).items()})
    return a["output_tokens_per_s_per_gpu_predicted"][0] or a["why_not"][0]


def test_an_engine_attends_by_windows_from_the_middle_of_2025_on() -> None:
    windowed = {"chip": "H100", "gpus": 1, "tp": 1, "model": "mistral-7b"}
    assert grid_rate(**windowed, date="2025-02-15") < grid_rate(**windowed, date="2026")
    assert grid_rate(**windowed, date="2026-01") == grid_rate(**windowed)
    assert "date" in grid_rate(**windowed, date="next year")


def test_an_engine_that_never_evicts_holds_fewer_requests_than_one_that_preempts() -> None:
    row = {"chip": "H100", "gpus": 1, "tp": 1, "model": "llama-3-8b", "kv_precision": "fp8", "input_tokens": 128}
    never, preempting = (
        answer_serving_grid({n: [v] for n, v in (row | {"output_tokens": 8192, "framework": f}).items()})
        for f in ("TensorRT-LLM", "vLLM")
    )
    assert never["batch_predicted"][0] < preempting["batch_predicted"][0]


def test_experts_over_more_gpus_than_tensor_ranks_make_data_ranks() -> None:
    row = {"chip": "B200", "gpus": 8, "tp": 1, "ep": 8, "model": "deepseek-v3", "input_tokens": 1000}
    a = answer_serving_grid({n: [v] for n, v in (row | {"output_tokens": 1000}).items()})
    assert a["dp_predicted"] == [8.0]
