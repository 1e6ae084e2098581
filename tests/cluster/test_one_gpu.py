"""Rows measured on one GPU: apart from every fit, and the core as far from them as the documentation says."""

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from market.cluster import model
from market.cluster.tables import read_table

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def program() -> ModuleType:
    spec = importlib.util.spec_from_file_location("one_gpu_beside", ROOT / "benchmarks" / "one_gpu_beside.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    return read_table("observed/one_gpu.csv")


@pytest.fixture(scope="module")
def found(program: ModuleType, rows: list[dict[str, str]]) -> Any:
    return program.all_beside(rows)


def test_no_row_measured_on_one_gpu_takes_part_in_a_fit(rows: list[dict[str, str]]) -> None:
    stored = json.loads((ROOT / "market" / "catalogue" / "cluster_constants.json").read_text(encoding="utf-8"))
    assert {stored["inputs"], stored["serving_inputs"]} == {"observed/training_runs.csv", "observed/serving.csv"}
    assert all(r["use"].startswith("apart") and r["source"] and r["date"] for r in rows)


def test_every_measured_row_is_answered(rows: list[dict[str, str]], found: Any) -> None:
    compiled = sum(r["compiled"] == "1" for r in rows)  # answered twice, and its memory
    streams = sum(r["kind"] == "memory" for r in rows)  # answered at three rates
    assert len(found) == len(rows) + 2 * compiled + 2 * streams
    assert all(np.isfinite(b.predicted) and b.predicted > 0 and b.measured > 0 for b in found)


def test_the_documentation_prints_the_errors_of_every_kind(program: ModuleType, found: Any) -> None:
    text = (ROOT / "docs" / "cluster.md").read_text(encoding="utf-8")
    h100, h200 = program.by("gpu", found).values()
    assert [line for line in program.summary(h100) + program.summary(h200, h100) if line not in text] == []


def test_the_steps_and_rates_that_the_documentation_prints_are_those_of_the_rows(found: Any) -> None:
    text = (ROOT / "docs" / "cluster.md").read_text(encoding="utf-8")
    section = text.split("## Measured on one GPU")[1].split("\n## ")[0]
    cells = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| ")]
    both = [c for c in cells if c[1].endswith(" ms")]  # two GPUs beside each other
    printed = {("NVIDIA H100 80GB HBM3", c[1], c[-1]) for c in cells if c[1].endswith(" s")}
    printed |= {("NVIDIA H100 80GB HBM3", *c[1:3]) for c in both} | {("NVIDIA H200", *c[3:]) for c in both}
    known = {(b.gpu, f"{b.measured:.3f} s", f"{b.error:+.1%}") for b in found}
    known |= {(b.gpu, f"{1e3 * b.measured:.2f} ms", f"{b.error:+.1%}") for b in found}
    assert len(printed) > 45
    assert printed <= known


def test_many_requests_read_the_cache_no_faster_from_faster_memory(rows: list[dict[str, str]]) -> None:
    def cache_s(gpu: str, requests: int) -> float:
        """Give the time that 3,072 tokens more take."""
        long, short = ([float(r["time_s"]) for r in rows if (r["gpu"], r["kind"], r["model"], r["seq_len"],
                        r["sequences"]) == (gpu, "decode", "llama-3-8b", str(length), str(requests))]
                       for length in (4096, 1024))  # fmt: skip
        return float(np.mean(long) - np.mean(short))

    ratio = {n: cache_s("NVIDIA H200", n) / cache_s("NVIDIA H100 80GB HBM3", n) for n in (16, 64)}
    assert ratio[16] == pytest.approx(3.35 / 4.8, abs=0.02)
    assert ratio[64] > 1


def test_rows_without_what_the_measuring_prints_are_refused(program: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    for text in ("", "kind,gpu\nmemory,H100\n"):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(ValueError, match=r"lacks .*time_s"):
            program.measured(path)


def test_two_runs_of_one_case_lie_two_percent_apart_in_the_middle(
    program: ModuleType, rows: list[dict[str, str]]
) -> None:
    for gpu in ("NVIDIA H100 80GB HBM3", "NVIDIA H200"):
        apart = program.between_runs(r for r in rows if r["gpu"] == gpu)
        assert len(apart) > 150
        assert np.median(apart) < 0.02


def test_shapes_that_were_measured_are_those_of_the_catalogue(rows: list[dict[str, str]]) -> None:
    named = {r["model"]: r for r in rows if r["model"].startswith("llama")}
    assert len(named) == 3
    for name, r in named.items():
        known = model(name)
        fields = ("layers", "hidden", "heads", "kv_heads", "head_dim", "ffn", "vocab", "tied")
        assert {n: float(r[n]) for n in fields} == {n: getattr(known, n) for n in fields}, name


def test_no_product_is_measured_above_the_nameplate(rows: list[dict[str, str]]) -> None:
    for r in (r for r in rows if r["kind"].startswith("gemm")):
        rate = 2 * float(r["m"]) * float(r["n"]) * float(r["k"]) / float(r["time_s"])
        assert rate < {"bf16": 989e12, "fp8": 1979e12}[r["precision"]], r


def test_a_product_of_more_rows_never_takes_less_time(program: ModuleType, rows: list[dict[str, str]]) -> None:
    answer = {"gemm": program.product_s, "gemm_small": program.small_product_s}
    for r in (r for r in rows if r["kind"] in answer):
        more = r | {"m": str(2 * int(r["m"]))}
        assert answer[r["kind"]](more, program.fitted()) > answer[r["kind"]](r, program.fitted())
