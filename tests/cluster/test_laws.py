"""Laws: more GPUs, a faster link, more memory or a better chip never make the best plan slower."""

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market.cluster import Chip, Model, answer, chip, dense_of, mixture_of, model, work
from market.cluster.constants import HOST_OVERLAP, fitted
from market.cluster.parallelism import plans
from market.cluster.search import EXACT, feasible, search, time_per_progress, with_plans
from market.cluster.step import launched_layer_s
from market.cluster.workload import base_case

MODELS = (dense_of(1e10), dense_of(7e10), mixture_of(1e10), model("llama-3-8b"), model("qwen3-30b-a3b"))
models = st.sampled_from(MODELS)
chips = st.sampled_from(["A100", "H100", "H800", "B200", "GB200", "MI300X", "TPU v5p"])
gpus = st.integers(8, 4096)
few = settings(max_examples=20, deadline=None)


def best(c: Chip, m: Model, count: int) -> float:
    """Seconds a sequence, lost work included, of the best plan; infinite when nothing fits."""
    found = search(base_case(c, m, year=2025.0), m, count)
    return float(found.order[0]) if np.size(found.order) else float("inf")


@few
@given(name=chips, m=models, count=gpus, more=st.integers(0, 2000))
def test_the_best_plan_never_slows_as_gpus_are_added(name: str, m: Model, count: int, more: int) -> None:
    assert best(chip(name), m, count + more) <= best(chip(name), m, count)


BETTER = ("bf16_flop_per_s", "gemm_flop_per_s", "hbm_bytes", "hbm_bytes_per_s", "scaleup_bytes_per_s",
          "scaleout_bytes_per_s", "scaleup_domain_gpus")  # fmt: skip


@few
@given(name=chips, m=models, count=gpus, share=st.floats(0.5, 1.0), more=st.floats(1.0, 1.2))
def test_more_power_never_takes_longer(name: str, m: Model, count: int, share: float, more: float) -> None:
    full = count * chip(name).it_kw_per_gpu * 1.2 / 1e3
    low, high = (answer(name, count, m, power_cap_mw=share * full * f, year=2025.0)["days"] for f in (1.0, more))
    assert low is None or high <= low * (1 + 1e-12)


@few
@given(name=chips, m=models, count=gpus)
def test_losses_add_up_to_one_and_none_is_a_gain(name: str, m: Model, count: int) -> None:
    a = answer(name, count, m, year=2025.0)
    if a["fits"]:
        assert sum(a["losses"].values()) == pytest.approx(1.0)
        assert min(a["losses"].values()) > -1e-9
        assert a["losses"]["useful"] == pytest.approx(a["mfu_causal"] * a["goodput"])


@few
@given(name=chips, m=models, count=gpus, field=st.sampled_from(BETTER), factor=st.floats(1.0, 4.0))
def test_a_better_figure_never_slows_the_best_plan(name: str, m: Model, count: int, field: str, factor: float) -> None:
    old = chip(name)
    if field == "scaleout_bytes_per_s":
        factor = min(factor, old.scaleup_bytes_per_s / old.scaleout_bytes_per_s)
    if field == "scaleup_domain_gpus":
        factor = round(factor)
    new = dataclasses.replace(old, **{field: getattr(old, field) * factor})
    assert best(new, m, count) <= best(old, m, count) * (1 + 1e-12)


@few
@given(m=models, count=gpus)
def test_a_chip_better_in_everything_is_never_slower(m: Model, count: int) -> None:
    old = chip("H100")
    new = dataclasses.replace(old, **{f: getattr(old, f) * 2 for f in BETTER})
    assert best(new, m, count) <= best(old, m, count)


@few
@given(m=models, count=gpus)
def test_pruning_loses_none_of_the_best_plans(m: Model, count: int) -> None:
    """The best eight of the pruned search are those of one that times every plan."""
    case, listed, k = base_case(chip("H100"), m, year=2025.0), plans(m, 8, count), fitted()
    size = work.sizes(case)
    every = feasible(with_plans(case, listed, listed.gpus > 0), size)
    found = search(case, m, count)
    if np.size(every.tp):
        assert found.order[:EXACT] == pytest.approx(np.sort(time_per_progress(every, size, k))[:EXACT], rel=1e-12)
    else:
        assert found.binds == "memory"


@few
@given(price=st.floats(0.1, 20), factor=st.floats(0.1, 10))
def test_scaling_the_price_scales_the_cost(price: float, factor: float) -> None:
    def cost(usd: float) -> Any:
        return answer("H100", 1024, "llama-3-70b", price_usd_per_gpu_hour=usd)["cost_usd"]

    assert cost(price * factor) == pytest.approx(cost(price) * factor)


@pytest.mark.parametrize("precision", ["fp8", "fp4"])
def test_fewer_bits_never_slow_a_chip_that_has_them(precision: str) -> None:
    for name in ("B200", "GB200", "GB300"):
        low = answer(name, 1024, "llama-3.1-405b", precision=precision)["days"]
        assert low < answer(name, 1024, "llama-3.1-405b")["days"], name


def test_more_tokens_take_longer_and_lose_less() -> None:
    short, long = (answer("H100", 1024, "llama-3-8b", tokens=t) for t in (1e12, 2e12))
    assert long["days"] == pytest.approx(2 * short["days"])
    assert long["loss"] < short["loss"]
    assert long["energy_gwh"] == pytest.approx(2 * short["energy_gwh"])


def test_units_agree_across_the_answer() -> None:
    a = answer("H100", 16384, "llama-3.1-405b", price_usd_per_gpu_hour=2.0)
    m, p = model("llama-3.1-405b"), a["plan"]
    assert a["gpus_used"] == p["tp"] * p["pp"] * p["dp"] * p["cp"]
    assert a["tokens_per_s_per_gpu"] * 16384 * a["step_s"] == pytest.approx(p["batch_seqs"] * m.seq_len)
    assert a["mfu"] == pytest.approx(a["tokens_per_s_per_gpu"] * m.flop_per_token / 989e12)
    assert a["days"] * 86400 * a["goodput"] == pytest.approx(
        m.train_tokens / (p["batch_seqs"] * m.seq_len) * a["step_s"]
    )
    assert a["cost_usd"] == pytest.approx(2.0 * 16384 * 24 * a["days"])
    assert a["power_mw"] == pytest.approx(16384 * chip("H100").it_kw_per_gpu * 1.2 / 1e3)


def test_a_layer_and_its_launches_add_up_by_the_power_that_the_constant_states() -> None:
    device, host = np.array([2e-3, 5e-4, 0.0]), np.array([1e-4, 2e-3, 3e-4])
    stated = (device**HOST_OVERLAP + host**HOST_OVERLAP) ** (1 / HOST_OVERLAP)
    assert launched_layer_s(device, host) == pytest.approx(stated)
