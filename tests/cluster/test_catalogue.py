"""Chips and models: found by the names people say, complete, and of the published sizes."""

import dataclasses
import datetime
import hashlib
import json
from importlib import resources

import numpy as np
import pytest

from market.catalogue.tables import latest, table
from market.cluster import CHIPS, MODELS, ClusterError, chip, dense_of, mixture_of, model
from market.cluster.constants import Constants, fitted
from market.cluster.tables import read_table


def test_there_are_thirty_chips_each_with_source_and_confidence() -> None:
    rows = read_table("chips.csv")
    assert len(rows) >= 26
    assert all(r["source"] and r["confidence"] in {"high", "medium", "low"} and r["as_of"] for r in rows)


@pytest.mark.parametrize(
    ("said", "meant"),
    [("h100", "H100 SXM"), ("GB200", "GB200 NVL72"), ("A100", "A100-80 SXM"), ("b200", "B200 HGX"),
     ("Rubin (VR NVL72)", "VR200 NVL72"), ("tpu-v5p", "TPU v5p"), ("MI300X", "MI300X"),
     ("NVIDIA H100 80GB HBM3", "H100 SXM"), ("NVIDIA H100 NVL", "H100 NVL"), ("AMD Instinct MI300X", "MI300X"),
     ("AMD Instinct MI350X OAM", "MI350X"), ("Google TPU v5p", "TPU v5p"), ("tpu-v5-lite-podslice", "TPU v5e"),
     ("NVIDIA A100-SXM4-40GB", "A100-40 SXM"), ("p5en.48xlarge", "H200 SXM"), ("p5.48xlarge", "H100 SXM"),
     ("Standard_ND96amsr_A100_v4", "A100-80 SXM"), ("a4x-highgpu-4g", "GB200 NVL72"), ("trn2.48xlarge", "Trainium2"),
     ("NVIDIA B300 SXM6 AC", "B300 HGX"), ("Huawei Ascend 910B", "Ascend 910B"), ("BM.GPU.B4.8", "A100-40 SXM")],
)  # fmt: skip
def test_short_names_find_their_chip(said: str, meant: str) -> None:
    assert chip(said).name == meant


@pytest.mark.parametrize("other", ["NVIDIA RTX 6000 Ada", "AMD Instinct MI300A", "H1000", "H100e", "A100X", "B100"])
def test_a_chip_that_only_resembles_one_of_the_table_is_refused(other: str) -> None:
    with pytest.raises(ClusterError, match="must be a known chip"):
        chip(other)


def test_market_and_core_give_every_chip_the_same_power_throughput_and_price() -> None:
    """One table: `market.catalogue.tables.table("roadmap")` and `market.cluster.chip` read the same figures."""
    newest = latest(table("roadmap"), datetime.date(2100, 1, 1))
    assert len(newest) == sum(1 for c in CHIPS.values() if c.market_id)
    for name, fields in newest.items():
        c = chip(name)
        assert c.market_id == name
        assert fields["power_kw_it_per_gpu"].number == c.it_kw_per_gpu, name
        assert fields["h100e"].number == c.h100e, name
        assert fields["price_usd_per_gpu"].number == c.price_usd, name


def test_no_figure_of_a_chip_stands_in_two_files() -> None:
    sheets = {r["market_id"]: r for r in read_table("chips.csv") if r["market_id"]}
    assert all(not r["price_usd"] for r in sheets.values())
    written = {r["field"] for r in read_table("roadmap.csv")}
    assert written.isdisjoint({"h100e", "power_kw_it_per_gpu"})


def test_every_figure_of_every_chip_is_positive_and_precisions_do_not_lose_speed() -> None:
    for c in CHIPS.values():
        assert c.fp4_flop_per_s >= c.fp8_flop_per_s >= c.bf16_flop_per_s >= c.gemm_flop_per_s > 0, c.name
        assert min(c.hbm_bytes, c.hbm_bytes_per_s, c.scaleup_domain_gpus, c.tdp_w, c.it_kw_per_gpu) > 0, c.name
        assert c.scaleup_bytes_per_s >= c.scaleout_bytes_per_s > 0, c.name
        assert c.it_kw_per_gpu * 1e3 > c.tdp_w, c.name


@pytest.mark.parametrize("row", read_table("model_shapes.csv"), ids=lambda r: r["model"])
def test_a_shape_adds_up_to_the_published_parameters(row: dict[str, str]) -> None:
    """Active parameters are printed with both embeddings or with one; estimates and rounded prints get some room."""
    m, total, active = model(row["model"]), float(row["params_total_published"]), float(row["params_active_published"])
    room = 0.02 if m.estimated or m.name in ("moe-1t", "mt-nlg-530b", "grok-1") else 0.01
    assert m.params_total == pytest.approx(total, rel=room)
    near = min(abs(p / active - 1) for p in (m.params_active, m.params_active_published))
    assert near < (0.05 if row["confidence"] == "high" else 0.20)


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
    assert len(dataclasses.fields(Constants)) == len(stored["constants"]) <= 40


def test_no_constant_ran_more_than_three_spreads_from_its_prior() -> None:
    root = resources.files("market").joinpath("catalogue", "cluster_constants.json")
    for name, entry in json.loads(root.read_text(encoding="utf-8"))["constants"].items():
        distance = np.log(entry["value"] / entry["prior"]) / entry["prior_spread_log"]
        assert abs(distance) < 3, name
        assert getattr(fitted(), name) == entry["value"]
