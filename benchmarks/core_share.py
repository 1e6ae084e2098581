"""How much of a run's CPU the cluster core takes: `uv run python -m benchmarks.core_share [SEED]`.

Three years of the default world by `market run`, to disk: the time in the functions that the rules ask, over that of
the command, imports left out, and over that of the whole process.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cli import main as command
from market.rules import machines, training

ASKED = (
    (machines, "plan_for_budget"), (machines, "weekly_choices"), (machines, "serving_rates"),
    (training, "plan_for_budget"),
)  # fmt: skip
"""The functions of the core that rules call."""


def timed(function: Callable[..., Any], spent: list[float]) -> Callable[..., Any]:
    """Add the CPU time of every call to `spent`."""

    def call(*given: Any, **named: Any) -> Any:
        began = time.process_time()
        try:
            return function(*given, **named)
        finally:
            spent.append(time.process_time() - began)

    return call


def one(seed: str) -> None:
    """Run one seed and print its figures."""
    spent = list[float]()
    for module, name in ASKED:
        setattr(module, name, timed(getattr(module, name), spent))
    imports = time.process_time()
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        out = str(Path(folder) / "run.parquet")
        command(["run", "frontier-2024", "--seed", seed, "--years", "3", "-q", "-o", out], standalone_mode=False)
    core, whole = sum(spent), time.process_time()
    shares = {"of_command": core / (whole - imports), "of_process": core / whole}
    print(json.dumps({"seed": int(seed), "calls": len(spent), "core_s": core, "process_s": whole} | shares))


if __name__ == "__main__":
    one(sys.argv[1] if len(sys.argv) > 1 else "0")
