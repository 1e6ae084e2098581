"""What the simulation asks: the choices of a week agree with single answers, and are quick when cached."""

import statistics
import time

import numpy as np
import pytest

from market.cluster import Model, answer, plan_for_budget, training_days, weekly_choices
from market.cluster.case import PRECISIONS
from market.cluster.models import dense_of, mixture_of
from market.cluster.weekly import GPU_RUNG, gpu_rungs

CHIPS = ["H100", "GB200", "GB300", "A100"]
GPUS = [1000, 16_384, 100_000, 25_000]


def test_days_follow_from_mfu_and_goodput() -> None:
    flop = np.array([1e24, 1e25, 1e26, 1e25])
    c = plan_for_budget(flop, CHIPS, GPUS, year=2025.5)
    peak = np.array([989e12, 2500e12, 2500e12, 312e12])
    assert c.days == pytest.approx(training_days(flop, GPUS, peak, c.mfu, c.goodput))
    assert all(text.startswith("tp") for text in c.plan)


def test_a_budget_is_spent_on_twenty_tokens_a_parameter() -> None:
    flop = np.logspace(23, 28, 11)
    c = plan_for_budget(flop, ["GB200"] * 11, [500_000] * 11, year=2026.0)
    assert np.all((c.tokens / c.params > 20 / 2) & (c.tokens / c.params < 20 * 2))
    assert np.all(np.diff(c.params) > 0)


def test_a_model_too_large_for_the_gpus_takes_for_ever_and_says_why() -> None:
    c = plan_for_budget([1e29], ["A100"], [64], year=2024.0)
    assert (c.plan[0], c.days[0], c.binds[0]) == ("", np.inf, "memory")


def test_a_chip_without_eight_bits_trains_at_sixteen() -> None:
    low, high = (weekly_choices(["A100"], [4096], ["gpt-3"], year=2024.0, precision=p) for p in (1, 0))
    assert low.days[0] == high.days[0]
    assert "bf16" in low.plan[0]


def test_no_gpus_is_an_answer_too() -> None:
    c = weekly_choices(["H100"], [0], ["gpt-3"], year=2024.0)
    assert (c.days[0], c.binds[0]) == (np.inf, "gpus")


def test_a_choice_agrees_with_the_full_answer_on_its_rung() -> None:
    gpus = gpu_rungs(20_000)[0]
    c = weekly_choices(["H100"], [gpus], ["llama-3.1-405b"], year=2025.0)
    a = answer("H100", gpus, "llama-3.1-405b", year=2025.0)
    assert c.step_s[0] == pytest.approx(a["step_s"], rel=0.01)
    assert c.goodput[0] == pytest.approx(a["goodput"], rel=0.01)
    assert c.days[0] == pytest.approx(a["days"], rel=0.01)


SAME_QUESTION = [
    ("H100", 2_900, mixture_of(1e11), 2026.9, 1), ("H100", 20_000, mixture_of(3e11), 2025.5, 1),
    ("H100", 20_000, mixture_of(3e11), 2024.5, 0), ("H20", 60_000, mixture_of(3e11), 2026.5, 1),
    ("GB200", 1_500, mixture_of(3e11), 2025.9, 1), ("GB200", 100_000, mixture_of(1e12), 2026.9, 1),
    ("GB300", 20_000, dense_of(1e11), 2026.2, 2), ("A100", 9_000, mixture_of(1e11), 2024.2, 0),
    ("TPU v6e", 50_000, mixture_of(3e11), 2026.0, 0), ("MI300X", 300, dense_of(1e11), 2025.0, 1),
    ("GB300", 3_000, dense_of(1e11), 2026.0, 1),
]  # fmt: skip


@pytest.mark.parametrize(("chip", "gpus", "shape", "year", "bits"), SAME_QUESTION, ids=lambda v: str(v)[:20])
def test_the_market_and_a_single_answer_agree_on_one_question(
    chip: str, gpus: int, shape: Model, year: float, bits: int
) -> None:
    """On a rung, at any date: chips whose software changed for mixtures, young and old ones, all precisions."""
    rung = gpu_rungs(gpus)[0]
    c = weekly_choices([chip], [rung], [shape], year=year, precision=bits)
    a = answer(chip, rung, shape, year=year, precision=PRECISIONS[bits])
    assert c.days[0] == pytest.approx(a["days"], rel=0.03)
    assert c.days[0] >= a["days"] * (1 - 1e-3)  # its list of plans is a part of the other


def test_software_of_mixtures_shortens_their_runs_without_a_jump_between_its_changes() -> None:
    """Fused dispatchers make one step, their spring; before and after it a year on the same chips gains a little."""
    years = [2024.6, 2025.3, 2025.5, 2026.2, 2026.9]
    days = [weekly_choices(["H100"], [8674], [mixture_of(3e11)], year=y, precision=0).days[0] for y in years]
    assert days == sorted(days, reverse=True)
    assert days[2] < 0.9 * days[1]
    assert days[4] > 0.9 * days[2]


def test_a_young_chip_is_slower_and_loses_more() -> None:
    first, later = (weekly_choices(["GB200"], [50_000], ["llama-3.1-405b"], year=y) for y in (2025.2, 2026.5))
    assert first.mfu[0] < later.mfu[0]
    assert first.goodput[0] < later.goodput[0]
    assert first.days[0] > later.days[0]


def test_rungs_enclose_a_count() -> None:
    for gpus in (1, 64, 65, 1000, 16_384, 100_000, 500_000):
        low, high = gpu_rungs(gpus)
        assert low <= gpus <= high <= low * GPU_RUNG + 2


def test_more_gpus_never_take_longer() -> None:
    gpus = np.unique(np.geomspace(1000, 500_000, 200).astype(int))
    for sparse in (False, True):
        c = plan_for_budget([1e26] * len(gpus), ["GB200"] * len(gpus), gpus, year=2026.0, sparse=sparse)
        finite = np.isfinite(c.days)
        assert np.all(np.diff(c.days[finite]) <= 1e-3 * c.days[finite][1:])
        assert finite[-1]


def test_a_week_of_cached_choices_takes_under_a_millisecond() -> None:
    chips, gpus = ["H100", "GB200", "GB300"] * 10, [4096, 32_768, 100_000] * 10

    def week() -> None:
        plan_for_budget([1e24, 1e25, 1e26] * 10, chips, gpus, year=2025.5)

    week()
    spent = []
    for _ in range(51):
        start = time.process_time()
        week()
        spent.append(time.process_time() - start)
    assert statistics.median(spent) < 1e-3


def test_a_mixture_has_more_parameters_for_the_same_budget() -> None:
    dense, sparse = (plan_for_budget([1e25], ["H100"], [16_384], year=2025.0, sparse=s) for s in (False, True))
    assert sparse.params[0] > 4 * dense.params[0]
    assert sparse.days[0] > 0
    assert sparse.tokens[0] > dense.tokens[0]


def test_runs_are_planned_as_their_date_plans_them() -> None:
    """Mixtures over expert ranks, at 8 bits from the end of 2024 and at 4 from mid-2026 where the chip has them."""
    found = {y: plan_for_budget([1e26], ["GB200"], [32_768], year=y, precision=None, sparse=None)
             for y in (2024.6, 2025.5, 2026.6)}  # fmt: skip
    assert [("bf16" in c.plan[0], "fp8" in c.plan[0], "fp4" in c.plan[0]) for c in found.values()] == [
        (True, False, False), (False, True, False), (False, False, True)
    ]  # fmt: skip
    assert all(int(c.plan[0].split("ep")[1].split()[0]) > 1 for c in found.values())
    assert found[2026.6].days[0] < found[2025.5].days[0] < found[2024.6].days[0]


def test_utilisation_of_the_bf16_nameplate_gives_the_same_days_at_any_precision() -> None:
    c = plan_for_budget([1e26], ["H100"], [16_384], year=2025.5, precision=1)
    assert c.mfu_bf16[0] > c.mfu[0]
    assert c.days == pytest.approx(training_days([1e26], [16_384], [989e12], c.mfu_bf16, c.goodput))
