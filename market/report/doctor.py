"""Whether this machine can run the simulation, and what a run's bytes depend on."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PYTHONS = ((3, 12), (3, 13))
"""Versions that the tests ran on."""
FREE_BYTES_MIN = 100 * 1024**2  # a three-year run takes about 6 MB


def checks() -> list[dict[str, Any]]:
    """Each check: what, whether it is well, what was found."""
    return [{"what": what, "ok": ok, "found": found} for what, ok, found in _checks()]


def _checks() -> Iterator[tuple[str, bool, str]]:
    from events.manifest import LIBRARIES, code_hash, packages

    yield "python", sys.version_info[:2] in PYTHONS, f"{platform.python_version()} (3.12 or 3.13 is needed)"
    yield "platform", True, f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    found = packages()
    for name in LIBRARIES:
        yield name, name in found, found.get(name, "missing; install the project anew")
    behaviours, scenarios = _parts()
    yield "behaviours", bool(behaviours), behaviours or "none; install the project anew"
    yield "scenarios", bool(scenarios), scenarios or "none; install the project anew"
    yield "code", True, code_hash()[:16]
    yield "folder", *_folder(Path.cwd())


def _parts() -> tuple[str, str]:
    from importlib.metadata import entry_points

    from market.scenario.load import library

    names = sorted(point.name for point in entry_points(group="market.behaviours"))
    return ", ".join(names), ", ".join(library())


def _folder(path: Path) -> tuple[bool, str]:
    free = shutil.disk_usage(path).free
    try:
        with tempfile.NamedTemporaryFile(dir=path):
            pass
    except OSError as error:
        return False, f"{path}: {error.strerror}"
    return free >= FREE_BYTES_MIN, f"{path}: {free / 1e9:,.1f} GB free"
