"""The examples of docs/cluster.md run, and its tables agree with the program."""

import dataclasses
import re
from pathlib import Path

import pytest

from market.cluster import answer
from market.cluster.constants import Constants
from market.cluster.tables import read_table

PAGE = (Path(__file__).parents[2] / "docs" / "cluster.md").read_text(encoding="utf-8")


def test_the_examples_run() -> None:
    for block in re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL):
        exec(compile(block, "docs/cluster.md", "exec"), {})


def test_the_page_counts_constants_and_rows_as_they_are() -> None:
    constants = [field.name for field in dataclasses.fields(Constants)]
    serving = sum(name.startswith("serve_") for name in constants)
    rows = [r for r in read_table("observed/training_runs.csv") if r["use"] == "fit"]
    points = [r for r in read_table("observed/serving.csv") if r["use"] == "fit"]
    assert f"fits {len(constants) - serving} constants to {len(rows)} published rows" in PAGE
    assert f"fits {serving} more to {len(points)} serving points" in PAGE


@pytest.mark.parametrize(
    ("case", "chip", "gpus", "model", "precision"),
    [
        ("16,384 H100, llama-3.1-405b, BF16", "H100", 16_384, "llama-3.1-405b", "bf16"),
        ("25,000 A100, gpt-4, BF16", "A100", 25_000, "gpt-4", "bf16"),
        ("100,000 GB200, gpt-4, BF16", "GB200", 100_000, "gpt-4", "bf16"),
        ("4,608 GB300, dense-1t, FP8", "GB300", 4608, "dense-1t", "fp8"),
        ("100,000 GB300, moe-1t, FP8", "GB300", 100_000, "moe-1t", "fp8"),
    ],
)
def test_the_figures_of_the_page_are_the_programs(case: str, chip: str, gpus: int, model: str, precision: str) -> None:
    row = next(line for line in PAGE.splitlines() if line.startswith(f"| {case} |"))
    step, mfu, goodput, days = (cell.strip().removesuffix(" s") for cell in row.split("|")[3:7])
    a = answer(chip, gpus, model, precision=precision)
    assert a["step_s"] == pytest.approx(float(step), abs=0.006)
    assert a["mfu"] == pytest.approx(float(mfu), abs=0.0006)
    assert a["goodput"] == pytest.approx(float(goodput), abs=0.0006)
    assert a["days"] == pytest.approx(float(days), abs=0.06)
