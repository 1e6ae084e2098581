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
    from events.plugins import is_ours, points
    from market.policies.load import library as policies
    from market.scenario.load import library as scenarios

    yield "python", sys.version_info[:2] in PYTHONS, f"{platform.python_version()} (3.12 or 3.13 is needed)"
    yield "platform", True, f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    found = packages()
    for name in LIBRARIES:
        yield name, name in found, found.get(name, "missing; install the project anew")
    behaviours = [name for name, point in points("market.behaviours").items() if is_ours(point)]
    for what, names in (("behaviours", behaviours), ("scenarios", scenarios()), ("policies", policies())):
        yield what, bool(names), ", ".join(names) or "none; install the project anew"
    yield from _third_parties()
    yield "code", True, code_hash()[:16]
    yield "folder", *_folder(Path.cwd())


def _third_parties() -> Iterator[tuple[str, bool, str]]:
    """What other packages plug in, each imported to see whether it can be."""
    from events.plugins import origin, third_parties

    for group, point in third_parties():
        kind = {"market.behaviours": "behaviour", "market.mechanisms": "mechanism"}.get(group, "policies")
        head, _, digest = origin(point).partition(" sha256:")
        where = f"{point.name} from {head} (sha256 {digest[:12]})"
        try:
            point.load()
        except Exception as error:
            yield kind, False, f"{where} cannot be imported: {type(error).__name__}: {error}"
        else:
            yield kind, True, where


def _folder(path: Path) -> tuple[bool, str]:
    free = shutil.disk_usage(path).free
    try:
        with tempfile.NamedTemporaryFile(dir=path):
            pass
    except OSError as error:
        return False, f"{path}: {error.strerror}"
    return free >= FREE_BYTES_MIN, f"{path}: {free / 1e9:,.1f} GB free"
