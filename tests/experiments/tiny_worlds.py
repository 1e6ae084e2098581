"""Worlds of a few lines, for tests that are about experiments and not about the market."""

from __future__ import annotations

import math
import os
import signal
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from market.rng import normal
from market.state import State

SCRATCH = "TINY_WORLDS_SCRATCH"  # environment: a folder in which runs leave traces


def price(scenario: Any, seed: int, log: Any = None, hooks: Any = None, progress: Any = None) -> Any:
    """A contract price of margin plus chance by seed; policies raise it by 0.1 and a little that hangs on the queue."""
    state = State()
    state.run.seed = seed
    parameters = scenario.parameters
    weeks = math.floor(scenario.years * 365.25 / 7)
    kernel = SimpleNamespace(state=state)
    level = 2 + parameters["price.margin"] + normal(seed, "tiny", "world")
    for policy in hooks.policies if hooks else ():
        level += 0.1 if policy.set_ or policy.permit else 0.0
        level += 0.01 * parameters["price.margin"]
    for week in range(weeks):
        state.leases.price_usd_per_h100e_hour = level * (1 + week / 1000)
        progress(week, kernel)
    return kernel


def _trace(seed: int, name: str) -> int:
    """Leave a trace of an attempt; give back how many there were before."""
    folder = Path(os.environ[SCRATCH])
    before = len(list(folder.glob(f"{name}-*")))
    (folder / f"{name}-{before}").touch()
    return before


def counted(scenario: Any, seed: int, **world: Any) -> Any:
    """`price`, leaving a trace of every run."""
    _trace(seed, f"seed{seed}{'p' if world.get('hooks') else 'b'}")
    return price(scenario, seed, **world)


def one_death(scenario: Any, seed: int, **world: Any) -> Any:
    """`price`, but seed 57 kills its worker the first time."""
    time.sleep(0.002)
    if seed == 57 and _trace(seed, "death") == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return price(scenario, seed, **world)


def deadly(scenario: Any, seed: int, **world: Any) -> Any:
    """`price`, but seed 7 always kills its worker where there is no policy."""
    if seed == 7 and not world.get("hooks"):
        _trace(seed, "death")
        os.kill(os.getpid(), signal.SIGKILL)
    return price(scenario, seed, **world)


def faulty(scenario: Any, seed: int, **world: Any) -> Any:
    """`price`, but seed 3 raises."""
    if seed == 3:
        raise ZeroDivisionError("nothing to share")
    return price(scenario, seed, **world)


def slow(scenario: Any, seed: int, **world: Any) -> Any:
    """`counted`, taking a tenth of a second."""
    time.sleep(0.1)
    return counted(scenario, seed, **world)


def deaf(scenario: Any, seed: int, hooks: Any = None, **world: Any) -> Any:
    """`price` in a world where policies change nothing."""
    return price(scenario, seed, **world)


def interrupted(scenario: Any, seed: int, **world: Any) -> Any:
    """`price`, but the third run meets Ctrl-C once."""
    if len(list(Path(os.environ[SCRATCH]).iterdir())) == 2:
        _trace(seed, "stop")
        raise KeyboardInterrupt
    _trace(seed, f"run{'p' if world.get('hooks') else 'b'}")
    return price(scenario, seed, **world)
