"""Tables by index: the same answers as one by one, in memory that does not grow with the rows."""

import dataclasses
import tracemalloc

import numpy as np
import pytest

from market.cluster import CHIP_NAMES, MODELS, Answers, evaluate
from market.cluster.chips import CHIPS
from market.cluster.table import Table, evaluate_table
from market.cluster.workload import base_case, lowest_precision


def table(rows: int) -> Table:
    draw = np.random.default_rng(1)
    ones = np.ones(rows)
    return Table(
        models=tuple(MODELS.values()), chip=draw.integers(0, len(CHIP_NAMES), rows),
        model=draw.integers(0, len(MODELS), rows), precision=draw.integers(0, 3, rows), gpus=64 * ones,
        year=draw.uniform(2020, 2027, rows), tp=4 * ones, pp=2 * ones, vp=2 * ones, dp=8 * ones, ep=ones, cp=ones,
        microbatch=ones, zero=draw.integers(0, 4, rows).astype(float),
        recompute=draw.integers(0, 3, rows).astype(float), offload=0 * ones,
    )  # fmt: skip


def test_a_table_agrees_with_single_cases() -> None:
    cases = table(40)
    _, together = next(evaluate_table(cases))
    plan = ("gpus", "tp", "pp", "vp", "dp", "ep", "cp", "microbatch", "zero", "recompute", "offload")
    for i in range(40):
        columns = {n: np.array([getattr(cases, n)[i]]) for n in plan}
        chip, shape = CHIPS[CHIP_NAMES[cases.chip[i]]], cases.models[cases.model[i]]
        if (columns["zero"] >= 3 and cases.year[i] < 2022) or cases.precision[i] > lowest_precision(chip):
            continue  # a single case is built before its ZeRO stage is known, and of a precision its chip has
        alone = evaluate(base_case(
            chip, shape, precision=int(cases.precision[i]), year=float(cases.year[i]),
            price_usd_per_gpu_hour=2.0, pue=1.2, **columns,
        ))  # fmt: skip
        for field in dataclasses.fields(Answers):
            assert getattr(together, field.name)[i] == pytest.approx(getattr(alone, field.name)[0]), field.name


def test_nothing_in_a_drawn_table_is_nan_or_negative() -> None:
    for _, answers in evaluate_table(table(5000)):
        for field in dataclasses.fields(Answers):
            values = np.asarray(getattr(answers, field.name), dtype=float)
            assert np.all(np.isfinite(values)), field.name
            assert np.all(values >= 0), field.name


def test_memory_does_not_grow_with_the_rows() -> None:
    peaks = []
    for rows in (20_000, 160_000):
        cases = table(rows)
        tracemalloc.start()
        for _ in evaluate_table(cases):
            pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.1 * peaks[0]
