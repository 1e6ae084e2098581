"""Runs that the tests of the command line read."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line.asking import simulate


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of 15 weeks; no test changes it."""
    return simulate(tmp_path_factory.mktemp("runs") / "world")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
