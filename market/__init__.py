"""The world: what is true now, and every rule.

from market import open_run
run = open_run("runs/frontier-2024-s0-1a2b3c4d")
run.events("LeaseSigned"), run.table("prices"), run.state(until="2025-06-30"), run.plot.prices()
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from market.report.notebook import Run, open_run

__all__ = ["Run", "open_run"]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for."""
    if name not in __all__:
        raise AttributeError(f"module 'market' has no attribute {name!r}")
    from market.report import notebook

    return getattr(notebook, name)
