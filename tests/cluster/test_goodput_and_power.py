"""Failures and power: published clusters come out, and the figures keep their order."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.cluster import ask, breakdown, chip, model
from market.cluster.goodput import goodput
from market.cluster.power import clock_at, gpus_under_cap
from market.cluster.tables import read_table
from market.cluster.workload import base_case


def run(name: str, gpus: float, year: float) -> tuple[float, float]:
    found = goodput(base_case(chip(name), model("gpt-3"), year=year), np.asarray(gpus))
    return float(found.goodput), float(found.hours_between_interruptions)


def test_llama_3_is_interrupted_every_three_hours_and_is_over_ninety_percent_effective() -> None:
    effective, hours = run("H100", 16_384, 2024.3)
    assert hours == pytest.approx(54 * 24 / 419, rel=0.08)
    assert 0.90 < effective < 0.95


def test_a_hundred_thousand_h100_are_about_eighty_percent_effective() -> None:
    assert 0.70 < run("H100", 100_000, 2024.7)[0] < 0.85


def test_ten_thousand_gpus_of_a_mature_chip_are_about_ninety_seven_percent_effective() -> None:
    assert 0.95 < run("H100", 9_600, 2025.7)[0] < 0.98


@given(gpus=st.floats(8, 1e6), more=st.floats(1, 10), year=st.floats(2021, 2027))
def test_more_gpus_lose_more_and_later_software_loses_less(gpus: float, more: float, year: float) -> None:
    assert 0 < run("H100", gpus * more, year)[0] <= run("H100", gpus, year)[0] <= 1
    assert run("H100", gpus, year)[0] <= run("H100", gpus, year + 1)[0]


def test_a_young_chip_fails_more_often() -> None:
    assert run("GB200", 10_000, 2025.17)[1] < 0.7 * run("GB200", 10_000, 2027.0)[1]


@pytest.mark.parametrize("name", ["A100", "H100", "B200", "GB200", "GB300"])
def test_nameplate_is_below_it_is_below_facility_and_mean_draw_is_below_facility(name: str) -> None:
    _, more = breakdown(ask(name, 1024, "llama-3-70b"))
    assert more["nameplate_mw"] < more["it_mw"] < more["facility_mw"]
    assert 0.4 * more["facility_mw"] < more["mean_mw"] < more["facility_mw"]


def test_mean_draw_of_a_node_agrees_with_the_measured_nodes() -> None:
    for row in read_table("observed/node_power.csv"):
        if row["chip"] in {"H100 SXM", "B200 HGX"}:
            _, more = breakdown(ask(row["chip"], 512, "gpt-3", pue=1.0))
            per_gpu = more["mean_mw"] * 1e6 / more["gpus_used"]
            assert per_gpu == pytest.approx(float(row["w_per_gpu_mean"]), rel=0.06), row["system"]


@given(share=st.floats(0.36, 1.0), less=st.floats(0.5, 1.0))
def test_less_power_means_slower_clocks_and_saves_more_power_than_speed(share: float, less: float) -> None:
    assert clock_at(share * less) <= clock_at(share)
    assert clock_at(share) >= (share - 0.35) / 0.65


def test_a_cap_feeds_the_gpus_that_its_power_allows() -> None:
    assert gpus_under_cap(10_000, 1.1, 1.2, 6.6) == 5000
    assert gpus_under_cap(1_000, 1.1, 1.2, 6.6) == 1000
