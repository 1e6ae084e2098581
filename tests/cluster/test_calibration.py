"""The calibration repeated: errors with the source, the model or the generation left out of the fit."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

PROGRAM = Path(__file__).parents[2] / "benchmarks" / "calibrate_cluster.py"


@pytest.fixture(scope="module")
def program() -> ModuleType:
    spec = importlib.util.spec_from_file_location("calibrate_cluster", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def data(program: ModuleType) -> Any:
    return program.load(lambda r: r["use"] == "fit")


def left_out(program: ModuleType, data: Any, kind: str, by: str) -> dict[str, np.ndarray]:
    """Errors of each group of rows under constants fitted without it."""
    groups, rows = program.column(data, by), program.column(data, "kind") == kind
    whole = program.fit(data, np.ones(len(groups), dtype=bool))
    errors = {}
    for group in sorted(set(groups[rows])):
        fitted = program.fit(data, groups != group, whole)
        errors[group] = np.abs(np.expm1(program.residuals(data, fitted)[rows & (groups == group)]))
    return errors


def test_dense_steps_with_their_source_left_out(program: ModuleType, data: Any) -> None:
    errors = left_out(program, data, "dense", "source_key")
    assert np.concatenate(list(errors.values())).mean() < 0.10
    for source, group in errors.items():
        assert group.mean() < 0.18 or len(group) < 5, source


def test_steps_of_mixtures_with_their_model_left_out(program: ModuleType, data: Any) -> None:
    errors = left_out(program, data, "moe", "model")
    assert np.concatenate(list(errors.values())).mean() < 0.20


def test_blackwell_at_eight_bits_from_ampere_and_hopper(program: ModuleType, data: Any) -> None:
    new = program.blackwell(data)
    low = np.array([r.precision for r in data.rows]) == 1
    dense = program.column(data, "kind") == "dense"
    errors = np.abs(np.expm1(program.residuals(data, program.fit(data, ~new))[new & low & dense]))
    assert len(errors) > 40
    assert errors.mean() < 0.14


def test_four_bits_from_one_constant_fitted_on_every_second_case(program: ModuleType, data: Any) -> None:
    four = np.flatnonzero([r.precision == 2 for r in data.rows])
    half = np.zeros(len(data.rows), dtype=bool)
    half[four[1::2]] = True
    errors = np.abs(np.expm1(program.residuals(data, program.fit(data, ~half))[half]))
    assert errors.mean() < 0.18
