"""Impossible and hostile input: a clear error that names row and rule, or an answer that says what binds."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market.cluster import ClusterError, answer, answer_grid, ask, breakdown, readable
from market.cluster.answer import FIGURES
from market.cluster.tables import read_table

NAN = float("nan")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"gpus": 0}, "gpus: must lie in"),
        ({"gpus": -5}, "gpus: must lie in"),
        ({"gpus": 10**12}, "gpus: must lie in"),
        ({"gpus": NAN}, "gpus: must be a number"),
        ({"gpus": "many"}, "gpus: must be a number"),
        ({"chip_name": "H9000"}, "chip: must be a known chip, was 'H9000'"),
        ({"model_name": ""}, "model: must be a known model"),
        ({"tokens": NAN}, "tokens: must lie in"),
        ({"tokens": -1.0}, "tokens: must lie in"),
        ({"precision": "fp3"}, "precision: must be one of bf16, fp8, fp4"),
        ({"precision": "fp4"}, "precision: must be one of bf16, fp8 on H100 SXM"),
        ({"chip_name": "A100", "precision": "fp8"}, "precision: must be one of bf16 on A100-80 SXM"),
        ({"price_usd_per_gpu_hour": -1.0}, "price_usd_per_gpu_hour: must lie in"),
        ({"power_cap_mw": 0.0}, "power_cap_mw: must lie in"),
        ({"power_cap_mw": 0.01, "slow_clocks": True}, "power_cap_mw: must exceed the static draw"),
    ],
)
def test_an_impossible_question_is_refused(change: dict[str, Any], said: str) -> None:
    question = {"chip_name": "H100", "gpus": 1024, "model_name": "llama-3-70b"} | change
    with pytest.raises(ClusterError, match=said):
        answer(question.pop("chip_name"), question.pop("gpus"), question.pop("model_name"), **question)


def test_a_model_that_cannot_fit_says_that_memory_binds() -> None:
    a = answer("A100", 8, "llama-3.1-405b")
    assert (a["fits"], a["binds"], a["days"]) == (False, "memory", None)


def test_a_cluster_larger_than_the_batch_says_that_the_batch_binds() -> None:
    assert answer("H100", 500_000, "gpt-3")["binds"] == "batch"


def test_a_run_beyond_2e28_flop_says_that_data_movement_binds() -> None:
    a = answer("GB300", 500_000, "dense-1t", tokens=1e16)
    assert a["binds"] == "data movement"


def test_a_power_cap_means_fewer_gpus_or_slower_clocks() -> None:
    free = answer("H100", 16384, "llama-3.1-405b")
    fewer = answer("H100", 16384, "llama-3.1-405b", power_cap_mw=10.0)
    slower = answer("H100", 16384, "llama-3.1-405b", power_cap_mw=10.0, slow_clocks=True)
    assert fewer["binds"] == "power"
    assert fewer["power_mw"] <= 10.0
    assert slower["power_mw"] <= 10.0 + 1e-9
    assert free["days"] < min(fewer["days"], slower["days"])


def test_fields_are_the_same_whether_a_plan_fits_or_not() -> None:
    a = answer("H100", 1024, "llama-3-70b")
    assert set(a) == {"chip", "gpus", "model", "params_total", "params_active", *FIGURES}
    assert set(a["plan"]) == {"tp", "pp", "vp", "dp", "ep", "cp", "zero", "microbatch", "batch_seqs", "precision",
                              "recompute"}  # fmt: skip
    assert set(answer("A100", 8, "llama-3.1-405b")) == set(a)


def grid(*rows: dict[str, Any]) -> dict[str, list[Any]]:
    names = {n for r in rows for n in r}
    return answer_grid({n: [r.get(n) for r in rows] for n in names})


GOOD: dict[str, Any] = {"gpu_type": "H100 SXM", "gpu_count": 1024, "model": "llama-3-70b"}


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({"gpu_count": 0}, "row 1: gpu_count: must lie in"),
        ({"gpu_count": NAN}, "row 1: gpu_count: must lie in"),
        ({"gpu_type": "H1000"}, "row 1: chip: must be a known chip"),
        ({"model": "gpt-9"}, "row 1: model: must be a known model"),
        ({"precision": "int4"}, "row 1: precision"),
        ({"precision": "nvfp4"}, "row 1: precision: must be one of bf16, fp8 on H100"),
        ({"date": "yesterday"}, "row 1: date: must be YYYY-MM-DD"),
        ({"TP": 2.5, "PP": 1}, "row 1: TP: must be a whole number"),
        ({"TP": 64, "PP": 64}, "row 1: gpu_count: must be at least"),
        ({"gpu_count": 1e12}, "row 1: gpu_count: must lie in"),
        ({"gpu_count": 1, "gpu_type": "A100-40 SXM"}, "row 1: no plan: memory binds"),
        ({"TP": 1, "PP": 1, "DP": 1024, "gbs_seqs": 16}, "row 1: DP: must not exceed"),
        ({"TP": 8, "PP": 1, "DP": 128, "gbs_seqs": 256, "mbs": 4}, "row 1: mbs: must not exceed"),
        ({"TP": 1, "PP": 128}, "row 1: PP: must not exceed the layers"),
        ({"TP": 8, "PP": 4, "EP": 8}, "row 1: EP: must not exceed the experts"),
        ({"layers": 0.5, "model": None}, "row 1: layers: must lie in"),
    ],
)
def test_a_bad_row_names_itself_and_spares_the_others(bad: dict[str, Any], said: str) -> None:
    out = grid(GOOD, GOOD | bad, GOOD)
    assert out["why_not"][1].startswith(said)
    assert out["step_s"][1] is None
    assert out["why_not"][0] == out["why_not"][2] == ""
    assert out["step_s"][0] == out["step_s"][2] > 0


def test_a_given_plan_that_does_not_fit_is_timed_and_says_what_it_lacks() -> None:
    plan = {"TP": 1, "PP": 1, "DP": 1024, "recompute": "none", "fsdp_zero": "zero1"}
    out = grid(GOOD | {"gpu_type": "A100-40 SXM"} | plan)
    assert out["fits"] == [False]
    assert out["step_s"][0] > 0
    assert out["why_not"][0].startswith("row 0: memory: needs")


def test_nothing_in_a_cell_may_be_none_or_nan() -> None:
    row = GOOD | {"name": NAN, "precision": NAN, "recompute": None, "TP": NAN, "notes": NAN, "date": NAN}
    out = grid(row, GOOD)
    assert out["why_not"] == ["", ""]
    assert out["step_s"][0] == out["step_s"][1]


def test_columns_of_unequal_length_are_refused() -> None:
    with pytest.raises(ClusterError, match="one length"):
        answer_grid({"gpu_type": ["H100"], "gpu_count": [1, 2]})


def test_an_empty_grid_is_an_empty_answer() -> None:
    assert answer_grid({"gpu_type": [], "gpu_count": []})["step_s"] == []


def test_text_and_numbers_read_the_same() -> None:
    row = GOOD | {"TP": 8, "PP": 1, "gbs_seqs": 1024, "mbs": 1}
    out = grid(row, {k: str(v) for k, v in row.items()})
    assert out["why_not"] == ["", ""]
    assert out["step_s"][0] == out["step_s"][1]


hostile = st.one_of(st.none(), st.text(max_size=8), st.floats(), st.integers(-(10**15), 10**15), st.booleans())
columns = st.sampled_from(["gpu_type", "gpu_count", "model", "layers", "hidden", "heads", "kv_heads", "ffn", "seq_len",
                           "gbs_seqs", "mbs", "TP", "PP", "DP", "EP", "CP", "VP", "precision", "recompute", "year",
                           "n_experts", "topk", "vocab", "train_tokens", "params_total"])  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(change=st.dictionaries(columns, hostile, max_size=4))
def test_no_row_yields_a_nan_or_an_unexplained_blank(change: dict[str, Any]) -> None:
    shape = {"layers": 32, "hidden": 4096, "heads": 32, "ffn": 16384, "vocab": 32000, "seq_len": 2048,
             "gbs_seqs": 512, "gpu_type": "A100", "gpu_count": 64, "TP": 4, "PP": 2, "mbs": 1}  # fmt: skip
    out = grid(shape | change)
    assert bool(out["why_not"][0]) == (not out["fits"][0])
    if out["step_s"][0] is not None:
        assert 0 < out["step_s"][0] < float("inf")
        assert 0 < out["mfu_predicted"][0] <= 1
        assert 0 < out["goodput"][0] <= 1
        assert out["days_predicted"][0] > 0


def test_every_published_row_is_answered_or_explained() -> None:
    rows = read_table("observed/training_runs.csv")
    out = answer_grid({n: [r[n] for r in rows] for n in rows[0]})
    assert all(bool(fits) != bool(why) for fits, why in zip(out["fits"], out["why_not"], strict=True))


def test_the_readable_answer_says_what_was_asked_and_what_binds() -> None:
    q = ask("A100", 25_000, "gpt-4")
    text = readable(q, *breakdown(q))
    assert text.startswith("25,000 x A100-80 SXM, gpt-4 (estimated architecture)")
    assert all(word in text for word in ("binds", "days", "facility", "mean draw", "GWh", "(extrapolated)"))
    small = ask("A100", 8, "gpt-4")
    assert readable(small, *breakdown(small)).endswith("no plan: memory binds")
