"""Days, loss and capability: the arithmetic everything else rests on."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.cluster import ClusterError, capability, loss, training_days

positive = st.floats(1e3, 1e9)
share = st.floats(0.01, 1.0)


def test_gpt_4_takes_about_ninety_two_days_by_the_published_figures() -> None:
    days = training_days(2.1e25, 25_000, 312e12, 0.34, 1.0)
    assert days == pytest.approx(91.65, abs=0.01)


def test_sixteen_times_the_chip_brings_gpt_4_under_two_days() -> None:
    """The stated ratios: 90 days on 25,000 A100; 100,000 chips of 16 times the speed, at the same MFU."""
    a100 = training_days(2.1e25, 25_000, 312e12, 0.34)
    assert a100 / (100_000 / 25_000) / 16 < 2
    assert training_days(2.1e25, 100_000, 16 * 312e12, 0.34) == pytest.approx(a100 / 64)


@given(gpus=positive, mfu=share, goodput=share)
def test_doubling_the_gpus_halves_the_days(gpus: float, mfu: float, goodput: float) -> None:
    once, twice = training_days(1e24, np.array([gpus, 2 * gpus]), 1e15, mfu, goodput)
    assert twice == pytest.approx(once / 2)


@pytest.mark.parametrize("field", ["flop", "gpus", "peak_flop_per_s", "mfu", "goodput"])
@pytest.mark.parametrize("bad", [0.0, -1.0, float("nan"), float("inf")])
def test_an_impossible_input_is_refused_by_name(field: str, bad: float) -> None:
    case = {"flop": 1e24, "gpus": 1e3, "peak_flop_per_s": 1e15, "mfu": 0.4, "goodput": 0.9} | {field: bad}
    with pytest.raises(ClusterError, match=f"{field}: must lie in"):
        training_days(**case)


def test_the_error_names_the_row() -> None:
    with pytest.raises(ClusterError, match="row 2"):
        training_days(1e24, 1e3, 1e15, np.array([0.4, 0.5, 1.5]))


def test_loss_falls_with_parameters_and_with_tokens_towards_its_floor() -> None:
    assert loss(70e9, 1.4e12) == pytest.approx(1.8172 + 482.01 * 70e9**-0.3478 + 2085.43 * 1.4e12**-0.3658)
    assert loss(1e10, 1e12) > loss(1e11, 1e12) > loss(1e11, 1e13) > 1.8172


def test_capability_gains_a_third_of_a_point_a_decade_of_compute() -> None:
    assert capability(1e26, 2024.0) - capability(1e25, 2024.0) == pytest.approx(0.311)
    assert capability(1e25, 2025.0) - capability(1e25, 2024.0) == pytest.approx(0.375)
