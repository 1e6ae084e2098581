"""Packages of others that plug in by an entry point: what is installed, and the hash of the code behind a name.

Nothing here imports a plug-in: a broken package ends only the runs that name it.
"""

from __future__ import annotations

import hashlib
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path

OURS = "compute-market"
GROUPS = ("market.behaviours", "market.mechanisms", "market.policies")
SUFFIXES = (".py", ".yaml", ".yml", ".csv", ".json")


def points(group: str) -> dict[str, EntryPoint]:
    """Entry points of a group by name, in order of their names; ours stand before others of the same name."""
    found = sorted(entry_points(group=group), key=lambda point: (point.name, not is_ours(point), point.value))
    return {point.name: point for point in reversed(found)}


def is_ours(point: EntryPoint) -> bool:
    """Whether this project itself brings an entry point."""
    return point.dist is not None and point.dist.name == OURS


def third_parties() -> list[tuple[str, EntryPoint]]:
    """Entry points that other packages bring, with their groups."""
    return [(group, p) for group in GROUPS for _, p in sorted(points(group).items()) if not is_ours(p)]


def origin(point: EntryPoint) -> str:
    """Name the package that brings an entry point, its version and the hash of its code."""
    dist = f"{point.dist.name} {point.dist.version}" if point.dist is not None else point.module
    return f"{dist} sha256:{code_of(point)}"


def code_of(point: EntryPoint) -> str:
    """Sha256 over the files of the top-level package or module that an entry point names, by path."""
    digest = hashlib.sha256()
    for name, path in _files(point.module.partition(".")[0]):
        content = path.read_bytes()
        digest.update(f"{name} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def _files(module: str) -> list[tuple[str, Path]]:
    spec = find_spec(module)
    if spec is None:
        return []
    if not spec.submodule_search_locations:
        return [(module, Path(spec.origin))] if spec.origin and Path(spec.origin).is_file() else []
    roots = [Path(root) for root in spec.submodule_search_locations]
    return sorted((path.relative_to(root).as_posix(), path) for root in roots for path in root.rglob("*")
                  if path.suffix in SUFFIXES and path.is_file())  # fmt: skip


def used(group: str, names: set[str]) -> dict[str, str]:
    """Of the plug-ins that a run names, those of other packages: `group:name` -> where its code comes from."""
    found = points(group)
    return {f"{group}:{n}": origin(found[n]) for n in sorted(names & set(found)) if not is_ours(found[n])}


def origin_of(key: str) -> str | None:
    """Say where the code behind `group:name` comes from now; None when it is not installed."""
    group, _, name = key.partition(":")
    point = points(group).get(name)
    return None if point is None else origin(point)
