"""Settable numbers by who may read them."""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple


class Settable(NamedTuple):
    """Settable numbers that are no org's own, and by org its own: by their whole names, and by those of traits."""

    public: dict[str, float]
    own: dict[str, dict[str, float]]
    traits: dict[str, dict[str, float]]


_latest: list[tuple[dict[str, float], Settable]] = []


def settable(parameters: dict[str, float]) -> Settable:
    """Part settable numbers by who may read them: anew only where any of them is another, which is seldom."""
    if not _latest or _latest[0][0] != parameters:
        _latest[:] = [(dict(parameters), _parted(parameters))]
    return _latest[0][1]


def _parted(parameters: dict[str, float]) -> Settable:
    public: dict[str, float] = {}
    own: dict[str, dict[str, float]] = defaultdict(dict)
    traits: dict[str, dict[str, float]] = defaultdict(dict)
    for name, x in parameters.items():
        if name.startswith("orgs."):
            _, org, trait = name.split(".", 2)
            own[org][name] = traits[org][trait] = x
        else:
            public[name] = x
    return Settable(public, dict(own), dict(traits))
