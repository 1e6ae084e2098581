"""Where text for people goes: stdout in colour on a terminal, plain and wide elsewhere."""

from __future__ import annotations

import sys

from rich.console import Console

WIDTH = 130


def console() -> Console:
    """Make a console on stdout; rich itself heeds NO_COLOR."""
    if sys.stdout.isatty():
        return Console(highlight=False)
    return Console(file=sys.stdout, width=WIDTH, highlight=False, color_system=None)
