"""Power caps, several sites, mixed generations, spares, data sheets of one's own, reinforcement learning."""

import itertools
import json
from pathlib import Path

import pytest

from market.cluster import ClusterError, answer, chip, load_chip, mixed, power_curve, reinforcement_gpu_hours


def test_a_power_cap_in_equal_steps_gives_smooth_days_and_says_when_power_binds() -> None:
    full = 4096 * chip("H100").it_kw_per_gpu * 1.2 / 1e3
    days = [answer("H100", 4096, "llama-3-70b", power_cap_mw=full * s / 20)["days"] for s in range(20, 9, -1)]
    assert days == sorted(days)
    steps = [b / a for a, b in itertools.pairwise(days)]
    assert max(steps) < 1.16
    assert answer("H100", 4096, "llama-3-70b", power_cap_mw=full / 2, slow_clocks=True)["binds"] == "power"


def test_the_curve_of_caps_lists_both_ways_and_names_the_quicker() -> None:
    rows = power_curve("H100", 1024, "llama-3-70b", shares=(1.0, 0.8, 0.3))
    assert [r["best"] is not None for r in rows] == [True, True, True]
    assert rows[1]["slower"]["energy_gwh"] < rows[0]["slower"]["energy_gwh"]
    assert rows[2]["slower"] is None


def test_more_sites_take_longer_and_a_wider_link_less() -> None:
    one, two, wide = (
        answer("H100", 16384, "llama-3.1-405b", sites=n, site_gbps=g)["days"] for n, g in ((1, 1e4), (2, 1e4), (2, 1e5))
    )
    assert one < wide < two


def test_two_generations_together_beat_each_and_split_the_batch_by_speed() -> None:
    both = mixed([("H100", 2048), ("A100", 2048)], "llama-3-70b")
    alone = answer("H100", 2048, "llama-3-70b")["days"]
    assert both["days"] < alone
    assert both["shares"][0] > 2 * both["shares"][1]
    with pytest.raises(ClusterError, match="cannot hold"):
        mixed([("H100", 2048), ("A100", 8)], "llama-3.1-405b")


def test_spare_gpus_keep_a_rack_scale_cluster_in_service() -> None:
    none, some = (answer("GB200", 9_216, "llama-3.1-405b", spare_share=s, year=2026.5) for s in (0.0, 0.02))
    assert some["goodput"] > none["goodput"]


def test_sampling_and_training_of_reinforcement_add_up() -> None:
    found = reinforcement_gpu_hours("H100", 1024, "llama-3-70b", sampled_tokens=1e11, trained_tokens=1e11)
    hours = found["sampling_gpu_hours"] + found["training_gpu_hours"]
    assert found["days"] == pytest.approx(hours / 1024 / 24)
    assert 0.2 < found["sampling_share"] < 0.95


SHEET = {"name": "Mine", "bf16_tflop_per_s": 2000, "hbm_gb": 192, "hbm_tb_per_s": 8, "scaleup_domain_gpus": 8,
         "scaleup_gb_per_s_per_gpu": 900, "scaleout_gb_per_s_per_gpu": 50, "tdp_w": 1000}  # fmt: skip


def test_a_chip_of_ones_own_is_read_from_its_data_sheet(tmp_path: Path) -> None:
    path = tmp_path / "chip.json"
    path.write_text(json.dumps(SHEET))
    assert answer(load_chip(path), 512, "llama-3-70b")["fits"]
    for change, said in (({"hbm_gb": -1}, "hbm_gb must lie"), ({"colour": 1}, "no column"), ({"tdp_w": None}, "lacks")):
        path.write_text(json.dumps(SHEET | change))
        with pytest.raises(ClusterError, match=said):
            load_chip(path)
