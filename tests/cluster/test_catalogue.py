"""Chips and models: found by the names people say, complete, and of the published sizes."""

import hashlib
import json
from importlib import resources

import numpy as np
import pytest

from market.cluster import CHIPS, MODELS, ClusterError, chip, dense_of, mixture_of, model
from market.cluster.constants import N_FITTED, fitted
from market.cluster.tables import read_table

PUBLISHED_PARAMS = {  # total, active
    "gpt-3": (175e9, 175e9), "gpt-4": (1.8e12, 280e9), "llama-3.1-405b": (405e9, 405e9),
    "deepseek-v3": (671e9, 37e9), "mixtral-8x7b": (46.7e9, 12.9e9), "qwen3-235b-a22b": (235e9, 22e9),
    "gpt-oss-120b": (117e9, 5.7e9), "mt-nlg-530b": (530e9, 530e9), "moe-1t": (1.04e12, 32e9),
    "dense-1t": (1.008e12, 1.008e12),
}  # fmt: skip


def test_there_are_thirty_chips_each_with_source_and_confidence() -> None:
    rows = read_table("chips.csv")
    assert len(rows) >= 26
    assert all(r["source"] and r["confidence"] in {"high", "medium", "low"} and r["as_of"] for r in rows)


@pytest.mark.parametrize(
    ("said", "meant"),
    [("h100", "H100 SXM"), ("GB200", "GB200 NVL72"), ("A100", "A100-80 SXM"), ("b200", "B200 HGX"),
     ("Rubin (VR NVL72)", "VR200 NVL72"), ("tpu-v5p", "TPU v5p"), ("MI300X", "MI300X")],
)  # fmt: skip
def test_short_names_find_their_chip(said: str, meant: str) -> None:
    assert chip(said).name == meant


def test_every_figure_of_every_chip_is_positive_and_precisions_do_not_lose_speed() -> None:
    for c in CHIPS.values():
        assert c.fp4_flop_per_s >= c.fp8_flop_per_s >= c.bf16_flop_per_s >= c.gemm_flop_per_s > 0, c.name
        assert min(c.hbm_bytes, c.hbm_bytes_per_s, c.scaleup_domain_gpus, c.tdp_w, c.it_kw_per_gpu) > 0, c.name
        assert c.scaleup_bytes_per_s >= c.scaleout_bytes_per_s > 0, c.name
        assert c.it_kw_per_gpu * 1e3 > c.tdp_w, c.name


@pytest.mark.parametrize("name", PUBLISHED_PARAMS)
def test_a_shape_adds_up_to_the_published_parameters(name: str) -> None:
    total, active = PUBLISHED_PARAMS[name]
    assert model(name).params_total == pytest.approx(total, rel=0.025)
    assert model(name).params_active == pytest.approx(active, rel=0.03)


def test_only_gpt_4_is_an_estimate() -> None:
    assert [m.name for m in MODELS.values() if m.estimated] == ["gpt-4"]


@pytest.mark.parametrize("params", [1e10, 7e10, 4e11, 1e12, 1e13])
def test_a_shape_for_a_size_has_that_size(params: float) -> None:
    assert dense_of(params).params_total == pytest.approx(params, rel=0.05)
    assert mixture_of(params).params_active == pytest.approx(params, rel=0.15)
    assert mixture_of(params).params_total > 8 * params


@pytest.mark.parametrize(("find", "bad", "close"), [(chip, "H10", "H100"), (model, "lama-3-70b", "llama-3-70b")])
def test_an_unknown_name_lists_close_matches(find: object, bad: str, close: str) -> None:
    with pytest.raises(ClusterError, match=close):
        find(bad)  # type: ignore[operator]


def test_the_constants_belong_to_the_rows_that_are_stored() -> None:
    root = resources.files("market").joinpath("catalogue")
    stored = json.loads(root.joinpath("cluster_constants.json").read_text(encoding="utf-8"))
    runs = root.joinpath("observed", "training_runs.csv").read_bytes()
    assert stored["inputs_sha256"] == hashlib.sha256(runs).hexdigest()
    assert N_FITTED == len(stored["constants"]) <= 20


def test_no_constant_ran_more_than_three_spreads_from_its_prior() -> None:
    root = resources.files("market").joinpath("catalogue", "cluster_constants.json")
    for name, entry in json.loads(root.read_text(encoding="utf-8"))["constants"].items():
        distance = np.log(entry["value"] / entry["prior"]) / entry["prior_spread_log"]
        assert abs(distance) < 3, name
        assert getattr(fitted(), name) == entry["value"]
